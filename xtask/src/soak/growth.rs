//! `cargo xtask soak proxy-growth [--requests 100m]`: as many requests as one has patience for, and memory that stays.
//!
//! Canary and mirror are on, for they are what could leak. Resident memory is looked at every second; what it grows by in the
//! second half is the slope of a line through those looks (least squares), so that one look more or less decides nothing.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::stage::{Proxy, Service, Stage, amount, errors, loaded, option};
use crate::Outcome;

/// Growth that the allocator makes by itself.
const ALLOWED_KIB: f64 = 2048.0;
/// How often a line is printed.
const SAY: Duration = Duration::from_secs(30);

pub(super) fn growth(arguments: &[String]) -> Outcome {
    let requests = option(arguments, "--requests").unwrap_or("100m");
    let requests = amount(requests, &[('k', 1_000), ('m', 1_000_000)])?;
    let stage = Stage::new()?;
    let services = ["stable", "canary", "mirror"].map(|name| Service::new(name, "0s"));
    let _running: Vec<_> =
        services.iter().map(|service| stage.service(service)).collect::<Result<_, _>>()?;
    let [stable, canary, mirror] = &services;
    let proxy = stage.proxy(&format!(
        "stable = \"{}\"\n[proxy.canary]\nto = \"{}\"\n\
         [[proxy.mirror]]\nto = \"{}\"\nrules = [{{ methods = [\"PUT\"], copy = true }}]\n",
        stable.address, canary.address, mirror.address
    ))?;
    let targets = stage.targets(&proxy.address)?;
    let count = requests.to_string();
    let mut load =
        stage.load(&["--targets", &targets, "--concurrency", "64", "--requests", &count])?;
    let mut looks = Vec::new();
    let (begun, mut said) = (Instant::now(), Instant::now());
    while load.try_wait().is_ok_and(|end| end.is_none()) {
        std::thread::sleep(Duration::from_secs(1));
        looks.push(look(&proxy));
        if said.elapsed() >= SAY {
            said = Instant::now();
            let status = stage.status(&proxy)?;
            let done = &status["variants"][0]["requests"];
            println!(
                "{:>6} s: {done} requests by stable, {}",
                begun.elapsed().as_secs(),
                shown(&looks)
            );
        }
    }
    let load = loaded(load)?;
    let second_half: Vec<f64> = looks[looks.len() / 2..].iter().map(|(kib, _)| *kib).collect();
    let (grown, noise) = trend(&second_half);
    let failed = errors(&load);
    println!(
        "{} requests, {failed} errors, {:.0} a second",
        load["completed"],
        load["rps"].as_f64().unwrap_or(0.0)
    );
    println!(
        "at the end {}; in the second half memory grew by {grown:.0} KiB, give or take {noise:.0}",
        shown(&looks)
    );
    let is_steady = looks.len() >= 20 && grown <= ALLOWED_KIB.max(3.0 * noise);
    Ok(if is_steady && failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Resident memory in KiB, and open files.
fn look(proxy: &Proxy) -> (f64, usize) {
    let files = std::fs::read_dir(format!("/proc/{}/fd", proxy.program.pid()));
    (proxy.program.memory_kib("VmRSS") as f64, files.map_or(0, Iterator::count))
}

fn shown(looks: &[(f64, usize)]) -> String {
    let (kib, files) = looks.last().copied().unwrap_or_default();
    format!("{kib:.0} KiB resident, {files} files open")
}

/// What a line through `values` rises from first to last, and how far the values are from it (standard deviation).
fn trend(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let middle = (n - 1.0) / 2.0;
    let from_middle = |idx: usize| idx as f64 - middle;
    let spread: f64 = (0..values.len()).map(|idx| from_middle(idx).powi(2)).sum();
    let slope = values
        .iter()
        .enumerate()
        .map(|(idx, value)| from_middle(idx) * (value - mean))
        .sum::<f64>()
        / spread.max(1.0);
    let off = |(idx, value): (usize, &f64)| (value - mean - slope * from_middle(idx)).powi(2);
    let noise = (values.iter().enumerate().map(off).sum::<f64>() / n).sqrt();
    (slope * (n - 1.0), noise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_rises_evenly_has_a_trend_and_no_noise() {
        let (grown, noise) = trend(&[10.0, 12.0, 14.0, 16.0]);
        assert!((grown - 6.0).abs() < 1e-9 && noise < 1e-9, "{grown} {noise}");
    }

    #[test]
    fn memory_that_goes_up_and_down_has_noise_and_no_trend() {
        let (grown, noise) = trend(&[10.0, 12.0, 12.0, 10.0]);
        assert!(grown.abs() < 1e-9 && (noise - 1.0).abs() < 1e-9, "{grown} {noise}");
    }
}
