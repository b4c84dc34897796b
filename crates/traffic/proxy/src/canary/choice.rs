//! Which requests are the canary's.
//!
//! The choice keeps no state: a hash of what marks a caller lies in the canary's share or not, the same
//! before and after a restart, in every replica of the proxy, and a share that grows keeps who was in it.
//! A tester's header beats it. A request that has no mark is counted out instead (`ticket`).

use crate::plan::{self, Sticky};
use http::{HeaderMap, HeaderValue, header};
use std::net::IpAddr;

/// What the request itself says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A tester asks for the canary.
    Always,
    /// A tester asks for stable.
    Never,
    /// The caller's place, evenly spread over all of `u64`.
    Place(u64),
    /// Nothing.
    None,
}

/// What `headers` and the caller's address say about the choice.
pub(crate) fn mark(plan: &plan::Canary, headers: &HeaderMap, caller: IpAddr) -> Mark {
    if let Some(asked) = headers.get(&plan.tester) {
        match asked.as_bytes() {
            asked if asked.eq_ignore_ascii_case(b"always") => return Mark::Always,
            asked if asked.eq_ignore_ascii_case(b"never") => return Mark::Never,
            _ => {}
        }
    }
    for sticky in &plan.sticky {
        let place = match sticky {
            Sticky::Cookie(name) => {
                cookie(headers, name).map(|value| place(b"cookie", name.as_bytes(), value))
            }
            Sticky::Header(name) => headers
                .get(name)
                .map(|value| place(b"header", name.as_str().as_bytes(), value.as_bytes())),
            Sticky::Address => {
                Some(place(b"address", b"", caller.to_canonical().to_string().as_bytes()))
            }
        };
        if let Some(place) = place {
            return Mark::Place(place);
        }
    }
    Mark::None
}

/// The value of the cookie `name`.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    headers.get_all(header::COOKIE).iter().flat_map(pairs).find_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        (pair[..at].trim_ascii() == name.as_bytes()).then(|| pair[at + 1..].trim_ascii())
    })
}

fn pairs(line: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    line.as_bytes().split(|byte| *byte == b';')
}

/// Where a value lies in all of `u64`: FNV-1a over its parts, then SplitMix64's finaliser, since FNV
/// alone leaves the high bits of short values close together. Part of what is promised: changing it
/// would move callers from one side to the other.
fn place(kind: &[u8], name: &[u8], value: &[u8]) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for part in [kind, b":", name, b"=", value] {
        for byte in part {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Canary, Share};

    const CALLER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    fn plan(sticky: &[Sticky]) -> Canary {
        let mut plan = Canary::new("127.0.0.1:9002".parse().unwrap());
        plan.sticky = sticky.to_vec();
        plan
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_caller_keeps_its_place_for_ever() {
        // These numbers are a promise: they hold across versions.
        assert_eq!(place(b"cookie", b"session", b"abc"), 17_475_464_148_073_447_549);
        assert_eq!(place(b"address", b"", b"192.0.2.7"), 5_210_496_804_194_230_729);
    }

    #[test]
    fn a_hash_of_many_callers_fills_the_share() {
        let share = Share::ppm(20_000);
        let held = (0..200_000_u32)
            .filter(|n| share.holds(place(b"cookie", b"session", n.to_string().as_bytes())))
            .count();
        assert!((3_850..4_150).contains(&held), "{held} of 200,000");
    }

    #[test]
    fn the_first_mark_that_a_request_has_decides() {
        let plan =
            plan(&[Sticky::Cookie("id".into()), Sticky::Header(http::header::AUTHORIZATION)]);
        let with_both = headers(&[("cookie", "a=1; id=x;b=2"), ("authorization", "t")]);
        assert_eq!(mark(&plan, &with_both, CALLER), Mark::Place(place(b"cookie", b"id", b"x")));
        let with_one = headers(&[("cookie", "idx=x"), ("authorization", "t")]);
        assert_eq!(
            mark(&plan, &with_one, CALLER),
            Mark::Place(place(b"header", b"authorization", b"t"))
        );
        assert_eq!(mark(&plan, &headers(&[]), CALLER), Mark::None);
    }

    #[test]
    fn the_testers_header_beats_the_cookie() {
        let plan = plan(&[Sticky::Cookie("id".into())]);
        let asked = headers(&[("cookie", "id=x"), ("x-photofinish-canary", "Always")]);
        assert_eq!(mark(&plan, &asked, CALLER), Mark::Always);
        let nonsense = headers(&[("cookie", "id=x"), ("x-photofinish-canary", "please")]);
        assert!(matches!(mark(&plan, &nonsense, CALLER), Mark::Place(_)));
    }
}
