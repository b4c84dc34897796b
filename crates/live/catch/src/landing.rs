//! The instructions before a site: a thread stopped by a probe at one of them stands at the site.
//!
//! A signal sent at a probe is delivered when the probed instruction has been run (`probes` of `sys`). So the
//! instruction just before the site is probed, and the jumps that lead to it (where the garbage collector may be at work,
//! Go jumps over a piece of code to most writes of pointers). One that calls, or does nothing at all, is not probed: the
//! thread would not come out at the site.

use iced_x86::{Code, Decoder, DecoderOptions, FlowControl, Instruction};

/// Where a probe goes by which a thread comes to stand at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Landing {
    pub(crate) address: u64,
    /// It may lead elsewhere, too, so it may be run more often than the site.
    pub(crate) is_branch: bool,
    /// It is in a loop, so it may be run more often than the function.
    pub(crate) is_in_loop: bool,
}

/// Probed for one site at most.
const MOST_LANDINGS: usize = 4;

/// For each address of `sites`, the instructions before it in `code`, which lies at `start`.
pub(crate) fn landings(code: &[u8], start: u64, sites: &[u64]) -> Vec<Vec<Landing>> {
    let mut found = vec![Vec::new(); sites.len()];
    let loops = loops(code, start);
    for instruction in Decoder::with_ip(64, code, start, DecoderOptions::NONE).iter() {
        if !may_be_probed(&instruction) {
            continue;
        }
        let address = instruction.ip();
        let flow = instruction.flow_control();
        let target = (flow != FlowControl::Next).then(|| instruction.near_branch_target());
        let next = (flow != FlowControl::UnconditionalBranch).then(|| instruction.next_ip());
        let is_branch = target.is_some() && next.is_some();
        let is_in_loop = loops.iter().any(|(first, last)| (*first..=*last).contains(&address));
        for (site, landings) in sites.iter().zip(&mut found) {
            let leads_there = target == Some(*site) || next == Some(*site);
            if leads_there && landings.len() < MOST_LANDINGS {
                landings.push(Landing { address, is_branch, is_in_loop });
            }
        }
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
    let goes_on = match instruction.flow_control() {
        FlowControl::Next => true,
        FlowControl::ConditionalBranch => instruction.is_jcc_short_or_near(),
        FlowControl::UnconditionalBranch => instruction.is_jmp_short_or_near(),
        _ => false,
    };
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
        let landing = Landing { address: 0x1000, is_branch: false, is_in_loop: false };
        assert_eq!(found, [vec![], vec![landing], vec![], vec![]]);
        // The same between a no-op and a jump back over it.
        let looped = [&[0x90], &code[..], &[0xeb, 0xeb]].concat();
        let landing = Landing { address: 0x1001, is_in_loop: true, ..landing };
        assert_eq!(landings(&looped, 0x1000, &[0x1004]), [vec![landing]]);
    }

    #[test]
    fn who_jumps_to_a_site_is_probed_too() {
        // je +3; mov [r11],rax; mov [rcx],rax
        let code = [0x74, 0x03, 0x49, 0x89, 0x03, 0x48, 0x89, 0x01];
        let jump = Landing { address: 0x1000, is_branch: true, is_in_loop: false };
        let before = Landing { address: 0x1002, is_branch: false, is_in_loop: false };
        assert_eq!(landings(&code, 0x1000, &[0x1005]), [vec![jump, before]]);
    }
}
