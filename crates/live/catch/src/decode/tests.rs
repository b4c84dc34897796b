#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use super::*;
use photofinish_sys::trace::{Register, Registers};

fn accesses(code: &[u8]) -> Vec<(u64, MemoryAccess)> {
    let of = |(at, found)| match found {
        Found::Access(access) => (at, access),
        Found::Call(_) => panic!("no call here"),
    };
    scan(code, 0x1000).into_iter().map(of).collect()
}

fn registers(values: &[(Register, u64)]) -> Registers {
    let mut registers = Registers::default();
    for (register, value) in values {
        registers.set(*register, *value);
    }
    registers
}

#[test]
fn loads_stores_and_atomics_are_told_apart() {
    // mov [rax],rcx; mov rdx,[rax+8]; lock inc [rax]; xchg [rax],rcx; mov [rsp],rax; test [rax],al
    let code = [
        0x48, 0x89, 0x08, 0x48, 0x8b, 0x50, 0x08, 0xf0, 0x48, 0xff, 0x00, 0x48, 0x87, 0x08, 0x48,
        0x89, 0x04, 0x24, 0x84, 0x00,
    ];
    let found: Vec<(u64, bool)> =
        accesses(&code).into_iter().map(|(at, access)| (at, access.writes)).collect();
    assert_eq!(found, [(0x1000, true), (0x1003, false)]);
    let [(at, lock)] = ending_at(&code, 0x1000, 0x100b)[..] else { panic!("one") };
    assert!(lock.atomic == Some("Add") && lock.writes && at == 0x1007);
    assert_eq!(ending_at(&code, 0x1000, 0x100e)[0].1.atomic, Some("Store"), "xchg");
    assert_eq!(ending_at(&code, 0x1000, 0x1005), [], "inside an instruction");
    assert_eq!(ending_at(&code, 0x1000, 0x1014), [], "a nil check");
}

#[test]
fn a_global_is_named_by_the_instruction_itself() {
    // inc qword [rip+0x10]
    let code = [0x48, 0xff, 0x05, 0x10, 0, 0, 0];
    let [(_, access)] = accesses(&code)[..] else { panic!("one access") };
    assert_eq!(access.global(), Some(0x1017));
    assert_eq!(access.address(&Registers::default(), 0x10_0000), Some(0x10_1017));
    assert!(access.writes && access.size == 8 && access.atomic.is_none());
}

#[test]
fn a_repeated_move_reads_one_range_and_writes_another() {
    // rep movsq; rep stosq
    let code = [0xf3, 0x48, 0xa5, 0xf3, 0x48, 0xab];
    let registers =
        registers(&[(Register::Rsi, 0x5000), (Register::Rdi, 0x6000), (Register::Rcx, 16)]);
    let ranges: Vec<(u64, bool, u64, u64)> = accesses(&code)
        .into_iter()
        .map(|(at, access)| {
            let address = access.address(&registers, 0).unwrap();
            (at, access.writes, address, access.len(&registers))
        })
        .collect();
    assert_eq!(
        ranges,
        [(0x1000, true, 0x6000, 128), (0x1000, false, 0x5000, 128), (0x1003, true, 0x6000, 128)]
    );
}

#[test]
fn a_repeated_move_that_is_not_done_is_met_at_its_own_address() {
    // mov [rax],rcx; rep movsq
    let code = [0x48, 0x89, 0x08, 0xf3, 0x48, 0xa5];
    let found = ending_at(&code, 0x1000, 0x1003);
    let at: Vec<(u64, bool)> = found.iter().map(|(at, access)| (*at, access.repeated)).collect();
    assert_eq!(at, [(0x1000, false), (0x1003, true), (0x1003, true)]);
    // After one of many: RDI and RSI are one further, RAX is elsewhere.
    let after = registers(&[
        (Register::Rax, 0x9000),
        (Register::Rsi, 0x5008),
        (Register::Rdi, 0x6008),
        (Register::Rcx, 15),
    ]);
    let touched: Vec<bool> =
        found.iter().map(|(_, access)| access.has_touched(&after, 0, 0x6000, 8)).collect();
    assert_eq!(touched, [false, true, false], "it wrote 0x6000");
}

#[test]
fn wide_moves_conditional_moves_and_floats_are_accesses() {
    for (code, size, writes) in [
        // movups [rax],xmm0; vmovdqu ymm0,[rax]; vmovdqu64 zmm0,[rax]; movsd xmm0,[rax]
        (&[0x0f, 0x11, 0x00][..], 16, true),
        (&[0xc5, 0xfe, 0x6f, 0x00], 32, false),
        (&[0x62, 0xf1, 0xfe, 0x48, 0x6f, 0x00], 64, false),
        (&[0xf2, 0x0f, 0x10, 0x00], 8, false),
        // cmovne rcx,[rax]; add [rax],ecx; mov byte [rax+rcx*4+1],1
        (&[0x48, 0x0f, 0x45, 0x08], 8, false),
        (&[0x01, 0x08], 4, true),
        (&[0xc6, 0x44, 0x88, 0x01, 0x01], 1, true),
    ] {
        let [(_, access)] = accesses(code)[..] else { panic!("one access: {code:x?}") };
        assert_eq!((access.size, access.writes), (size, writes), "{code:x?}");
        assert!(!access.repeated && access.atomic.is_none());
    }
}

#[test]
fn addresses_that_registers_do_not_tell_are_none() {
    for code in [
        // mov eax,[eax]; vpgatherqq ymm0,[rax+ymm1],ymm2; mov rax,fs:[-8]; mov rax,[rbp+8]; call [rax]
        &[0x67, 0x8b, 0x00][..],
        &[0xc4, 0xe2, 0xed, 0x91, 0x04, 0x08],
        &[0x64, 0x48, 0x8b, 0x04, 0x25, 0xf8, 0xff, 0xff, 0xff],
        &[0x48, 0x8b, 0x45, 0x08],
    ] {
        assert_eq!(accesses(code), [], "{code:x?}");
    }
}

#[test]
fn an_access_elsewhere_did_not_touch_what_is_watched() {
    // mov rcx,[rax+8]; mov rax,[rax]
    let code = [0x48, 0x8b, 0x48, 0x08, 0x48, 0x8b, 0x00];
    let found = accesses(&code);
    let after = registers(&[(Register::Rax, 0x5000)]);
    let touched = |access: &MemoryAccess, at| access.has_touched(&after, 0, at, 8);
    let (field, chased) = (&found[0].1, &found[1].1);
    assert!(touched(field, 0x5008) && touched(field, 0x500c) && !touched(field, 0x5010));
    assert_eq!(field.touched(&after, 0), Some(0x5008));
    assert!(touched(chased, 0x7000), "its address is lost: the processor is believed");
    assert_eq!(chased.touched(&after, 0), None);
}

#[test]
fn a_jump_into_duffcopy_writes_what_is_left_of_it() {
    // movups xmm0,[rsi]; add rsi,16; movups [rdi],xmm0; add rdi,16
    let block =
        [0x0f, 0x10, 0x06, 0x48, 0x83, 0xc6, 0x10, 0x0f, 0x11, 0x07, 0x48, 0x83, 0xc7, 0x10];
    let code = [block, block, block].concat();
    assert_eq!(stores_of_duff(&code), Some((0, 48)));
    assert_eq!(stores_of_duff(&code[block.len()..]), Some((0, 32)));
    assert_eq!(stores_of_duff(&[0xc3]), None);
    // duffzero, entered in the middle: movups [rdi+0x20],xmm15; movups [rdi+0x30],xmm15; ret
    let zero = [0x44, 0x0f, 0x11, 0x7f, 0x20, 0x44, 0x0f, 0x11, 0x7f, 0x30, 0xc3];
    assert_eq!(stores_of_duff(&zero), Some((0x20, 32)));
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_decoded_without_harm(
        code in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
        after in 0_u64..220,
        words in proptest::array::uniform16(proptest::num::u64::ANY),
    ) {
        let mut registers = Registers::default();
        for (number, word) in words.into_iter().enumerate() {
            registers.set(Register::ALL[number], word);
        }
        let found = scan(&code, 0x1000);
        for (at, found) in found {
            assert!(at >= 0x1000 && at < 0x1000 + code.len() as u64);
            if let Found::Access(access) = found {
                let _ = (access.address(&registers, u64::MAX), access.len(&registers));
            }
        }
        for (at, access) in ending_at(&code, 0x1000, 0x1000 + after) {
            assert!(at <= 0x1000 + after);
            let _ = access.has_touched(&registers, words[0], words[1], words[2]);
        }
        let _ = (stores_of_duff(&code), compared_with_zero(&code, words[3]));
    }
}
