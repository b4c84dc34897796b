//! Free ports for builds that run side by side.
//!
//! A build that is killed and started again must find its port free. The kernel gives the source ports of
//! connections out of a range of its own, and a proxy that keeps asking for a dead canary makes many; so
//! ports are taken from below that range, where nobody gets one by chance.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::TcpListener;

/// Where ports are taken from: below it live services that are known by their port.
const FROM: u16 = 15_000;
/// How often another one is tried.
const TRIES: usize = 256;

/// A port of `host` where nothing listens and that is none of `taken`.
pub(crate) fn free_port(host: &str, taken: &[u16]) -> io::Result<u16> {
    let host = host.trim_matches(['[', ']']);
    let below = first_of_the_kernels().max(FROM + 1);
    let mut free = (0..TRIES)
        .map(|_| FROM + (random() % u64::from(below - FROM)) as u16)
        .filter(|port| !taken.contains(port) && TcpListener::bind((host, *port)).is_ok());
    match free.next() {
        Some(port) => Ok(port),
        None => Ok(TcpListener::bind((host, 0))?.local_addr()?.port()),
    }
}

/// Where the range of source ports begins (`ip_local_port_range`, Documentation/networking/ip-sysctl.rst).
fn first_of_the_kernels() -> u16 {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let first = range.ok().and_then(|range| range.split_whitespace().next()?.parse().ok());
    first.unwrap_or(32_768)
}

fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_is_none_that_a_connection_gets_by_chance() {
        let mut taken = Vec::new();
        for _ in 0..3 {
            let port = free_port("127.0.0.1", &taken).unwrap();
            assert!(!taken.contains(&port) && port < first_of_the_kernels(), "{port}");
            taken.push(port);
        }
    }

    #[test]
    fn a_host_of_another_machine_has_no_port_for_us() {
        assert!(free_port("192.0.2.1", &[]).is_err());
    }
}
