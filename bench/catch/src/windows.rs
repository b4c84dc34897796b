//! What catch takes from a saturated service: one load that goes on, catch in every second window of it.
//!
//! Two runs of the same load differ by ten percent on a shared machine, and catch takes one. So the load never ends, windows
//! are as short as is fair to what catch does once, at its beginning, and each with catch is held against its two neighbours.
//! Requests are counted by the bytes that the service reads: all are as long as one another.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::catching::Catching;
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
    let pid = service.pid();
    let mut before = alone(pid, window)?;
    let mut ratios = Vec::new();
    for number in 0..n {
        let with = pace(pid, || {
            all.alarms += Catching::start(pid, window, &[])?.finish()?.races.len();
            Ok(())
        })?;
        let after = alone(pid, window)?;
        ratios.push(2.0 * with / (before + after));
        eprintln!("window {number}: {:.3}", 2.0 * with / (before + after));
        before = after;
    }
    // It may have ended by itself.
    let _ = driving.kill();
    driving.wait()?;
    Ok(ratios)
}

fn alone(pid: u32, window: Duration) -> anyhow::Result<f64> {
    pace(pid, || {
        std::thread::sleep(window);
        Ok(())
    })
}

/// Bytes that the process read in a second meanwhile.
fn pace(pid: u32, meanwhile: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let (began, before) = (Instant::now(), bytes_read(pid)?);
    meanwhile()?;
    Ok((bytes_read(pid)? - before) as f64 / began.elapsed().as_secs_f64())
}

/// `rchar` of proc_pid_io(5).
fn bytes_read(pid: u32) -> anyhow::Result<u64> {
    let told = fs::read_to_string(format!("/proc/{pid}/io"))?;
    let value = told.lines().find_map(|line| line.strip_prefix("rchar: "));
    Ok(value.context("the kernel counts no bytes read")?.parse()?)
}
