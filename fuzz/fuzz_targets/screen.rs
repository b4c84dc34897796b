//! Bytes screened in pieces get the verdict they get whole, and no piece gets past a refusal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use photofinish_proxy::screen::{Limits, Reason, Screen};

fuzz_target!(|input: (u8, bool, &[u8])| {
    let (size, upgraded, bytes) = input;
    let (whole, reason) = read(bytes, bytes.len().max(1), upgraded);
    let (pieces, same_reason) = read(bytes, usize::from(size).max(1), upgraded);
    assert_eq!(reason, same_reason);
    match reason {
        None => assert_eq!((whole, pieces), (bytes.len(), bytes.len())),
        // Of a head or a chunk's line that came in pieces the start may have gone, never the end.
        Some(_) => {
            assert!(whole <= pieces && pieces < bytes.len());
            assert_eq!(ends(&bytes[..whole], upgraded), ends(&bytes[..pieces], upgraded));
        }
    }
});

/// How many bytes were handed on, and why no more.
fn read(bytes: &[u8], size: usize, upgraded: bool) -> (usize, Option<Reason>) {
    let mut screen = small();
    let mut passed = 0;
    while passed < bytes.len() {
        let end = bytes.len().min(passed + size);
        match screen.feed(&bytes[passed..end]) {
            Ok(progress) => {
                passed += progress.pass;
                assert!(passed == end || screen.is_waiting());
            }
            Err(refused) => {
                assert!(passed + refused.pass < end);
                assert_eq!(screen.feed(b"x").map_err(|again| again.reason), Err(refused.reason));
                return (passed + refused.pass, Some(refused.reason));
            }
        }
        answer(&mut screen, upgraded);
    }
    (passed, None)
}

/// How many requests were seen whole.
fn ends(bytes: &[u8], upgraded: bool) -> usize {
    let mut screen = small();
    let mut n_requests = 0;
    for byte in bytes.chunks(1) {
        assert!(screen.feed(byte).is_ok(), "what was handed on is good");
        answer(&mut screen, upgraded);
        n_requests += usize::from(screen.is_between_requests());
    }
    n_requests
}

fn answer(screen: &mut Screen, upgraded: bool) {
    if upgraded {
        screen.upgraded();
    } else {
        screen.not_upgraded();
    }
}

/// Limits that short inputs reach.
fn small() -> Screen {
    let [head_bytes, chunk_line_bytes, trailer_bytes] = [200, 16, 32];
    Screen::new(Limits { head_bytes, header_lines: 6, chunk_line_bytes, trailer_bytes })
}
