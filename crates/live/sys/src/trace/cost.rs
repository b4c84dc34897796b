//! What an arrival at a breakpoint costs the thread that arrives: measured on ourselves, since it is a microsecond on
//! one machine and twenty on a virtual one.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::Breakpoint;

/// Where that cannot be measured.
const ASSUMED: Duration = Duration::from_micros(15);
const N_ARRIVALS: usize = 15;

/// The cost of one arrival.
pub fn trap_cost() -> Duration {
    // SAFETY: takes nothing, and cannot fail.
    let tid = unsafe { libc::gettid() };
    let address = landing as fn(u32) -> u32 as usize as u64;
    let Ok(mut breakpoint) = Breakpoint::counting(tid as u32, address) else {
        return ASSUMED;
    };
    // The median: the machine may do something else meanwhile.
    let run = || {
        let mut all = [Duration::ZERO; N_ARRIVALS];
        for (number, took) in all.iter_mut().enumerate() {
            let began = Instant::now();
            black_box(black_box(landing as fn(u32) -> u32)(number as u32));
            *took = began.elapsed();
        }
        all.sort_unstable();
        all[N_ARRIVALS / 2]
    };
    let without = run();
    if breakpoint.wake().is_err() {
        return ASSUMED;
    }
    run().saturating_sub(without)
}

#[inline(never)]
fn landing(number: u32) -> u32 {
    black_box(number) + 1
}
