//! What catch takes from a saturated service: one load that goes on, catch in every second window of it.
//!
//! Two runs of the same load differ by ten percent on a shared machine, and catch takes one. So the load never ends, a
//! window is as long as catch looks when nobody says how long, and each with catch is held against its two neighbours.
//! Requests are counted by the bytes that the service reads: all are as long as one another. They are counted by the time
//! that the processors were there for: what other programs and other guests of the host took (`elsewhere`) is left out.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::catching::Catching;
use crate::elsewhere::elsewhere;
use crate::payments::{Payments, Service};

/// The load has settled by then.
const SETTLED: Duration = Duration::from_secs(3);

/// The pace in each of `n` windows with catch against those around it.
pub(crate) fn ratios(
    service: &Service,
    load: [&str; 2],
    n: usize,
    window: Duration,
    all: &mut Payments,
) -> anyhow::Result<Vec<f64>> {
    let total = SETTLED + window * (2 * n as u32 + 2);
    let for_ms = format!("{}ms", total.as_millis());
    let mut driving = service.load(&[load[0], load[1], "--for", &for_ms])?;
    std::thread::sleep(SETTLED);
    let ours = [service.pid(), driving.id()];
    let alone = || {
        pace(ours, || {
            std::thread::sleep(window);
            Ok(())
        })
    };
    let mut before = alone()?;
    let mut ratios = Vec::new();
    for number in 0..n {
        let with = pace(ours, || {
            all.alarms += Catching::start(ours[0], window, &[])?.finish()?.races.len();
            Ok(())
        })?;
        let after = alone()?;
        ratios.push(2.0 * with / (before + after));
        eprintln!(
            "window {number}: {before:.0} {with:.0} {after:.0}: {:.3}",
            2.0 * with / (before + after)
        );
        before = after;
    }
    // It may have ended by itself.
    let _ = driving.kill();
    driving.wait()?;
    Ok(ratios)
}

/// Bytes that the first of these processes read meanwhile, for a second of the machine.
fn pace(ours: [u32; 2], meanwhile: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let (began, bytes, gone) = (Instant::now(), bytes_read(ours[0])?, elsewhere(&ours)?);
    meanwhile()?;
    let bytes = bytes_read(ours[0])? - bytes;
    let n_processors = std::thread::available_parallelism()?.get() as f64;
    let gone = (elsewhere(&ours)?.as_secs_f64() - gone.as_secs_f64()) / n_processors;
    Ok(bytes as f64 / (began.elapsed().as_secs_f64() - gone))
}

/// `rchar` of proc_pid_io(5).
fn bytes_read(pid: u32) -> anyhow::Result<u64> {
    let told = fs::read_to_string(format!("/proc/{pid}/io"))?;
    let value = told.lines().find_map(|line| line.strip_prefix("rchar: "));
    Ok(value.context("the kernel counts no bytes read")?.parse()?)
}
