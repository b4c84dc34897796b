//! The instruction before a site: a thread stopped by a probe there stands at the site.
//!
//! A signal sent at a probe is delivered when the probed instruction has been run (`probes` of `sys`). So the
//! instruction just before the site is probed, whatever jumps elsewhere passes by unseen. One that calls, jumps
//! away for good, or does nothing at all is not probed: the thread would not come out at the site.

use iced_x86::{Code, Decoder, DecoderOptions, FlowControl, Instruction};

/// Where the probe goes by which a thread comes to stand at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Landing {
    pub(crate) address: u64,
    /// It branches, or is in a loop: it may be run far more often than the site, or the function.
    pub(crate) may_be_often: bool,
}

/// For each address of `sites`, the instruction before it in `code`, which lies at `start`.
pub(crate) fn landings(code: &[u8], start: u64, sites: &[u64]) -> Vec<Option<Landing>> {
    let mut found = vec![None; sites.len()];
    let loops = loops(code, start);
    let mut before = Instruction::default();
    for instruction in Decoder::with_ip(64, code, start, DecoderOptions::NONE).iter() {
        if before.next_ip() == instruction.ip() && may_be_probed(&before) {
            for (site_at, site) in sites.iter().enumerate() {
                if *site == instruction.ip() {
                    let address = before.ip();
                    let may_be_often = before.flow_control() == FlowControl::ConditionalBranch
                        || loops.iter().any(|(first, last)| (*first..=*last).contains(&address));
                    found[site_at] = Some(Landing { address, may_be_often });
                }
            }
        }
        before = instruction;
    }
    found
}

/// What is jumped back over: from the target to the jump. Where a stack has grown, Go jumps to the very beginning.
fn loops(code: &[u8], start: u64) -> Vec<(u64, u64)> {
    Decoder::with_ip(64, code, start, DecoderOptions::NONE)
        .iter()
        .filter(|jump| jump.is_jmp_short_or_near() || jump.is_jcc_short_or_near())
        .map(|jump| (jump.near_branch_target(), jump.ip()))
        .filter(|(target, jump)| start < *target && target <= jump)
        .collect()
}

fn may_be_probed(instruction: &Instruction) -> bool {
    let goes_on =
        matches!(instruction.flow_control(), FlowControl::Next | FlowControl::ConditionalBranch);
    let does_something = !matches!(
        instruction.code(),
        Code::Nopw | Code::Nopd | Code::Nopq | Code::Nop_rm16 | Code::Nop_rm32 | Code::Nop_rm64
    );
    let is_repeated = instruction.has_rep_prefix() || instruction.has_repne_prefix();
    !instruction.is_invalid() && goes_on && does_something && !is_repeated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instruction_before_is_probed_unless_it_leads_elsewhere() {
        // mov [rax],rcx; mov rdx,[rax+8]; call +0; mov rdx,[rax]; nop; mov rdx,[rax]
        let code = [
            0x48, 0x89, 0x08, 0x48, 0x8b, 0x50, 0x08, 0xe8, 0, 0, 0, 0, 0x48, 0x8b, 0x10, 0x90,
            0x48, 0x8b, 0x10,
        ];
        let found = landings(&code, 0x1000, &[0x1000, 0x1003, 0x100c, 0x1010]);
        let landing = Landing { address: 0x1000, may_be_often: false };
        assert_eq!(found, [None, Some(landing), None, None]);
        // The same between a no-op and a jump back over it.
        let looped = [&[0x90], &code[..], &[0xeb, 0xeb]].concat();
        let landing = Landing { address: 0x1001, may_be_often: true };
        assert_eq!(landings(&looped, 0x1000, &[0x1004]), [Some(landing)]);
    }
}
