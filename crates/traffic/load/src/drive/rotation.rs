//! Whose turn it is, of requests with weights.
//!
//! Turns are worked out once and repeated, not drawn: with weights 3 and 1, four requests are
//! three of the first and one of the second, always.

use crate::LoadError;
use crate::plan::Request;

/// The weights of all requests together may not need a longer rotation than this.
const LONGEST_ROTATION: u64 = 1 << 20;

/// Request numbers in an order that spreads each as evenly as its weight allows: every turn
/// goes to the one that is furthest behind its share.
pub(crate) fn rotation(requests: &[Request]) -> Result<Vec<u32>, LoadError> {
    let wrong = |problem: &str| LoadError::Plan { problem: problem.to_owned() };
    let divisor = requests.iter().fold(0, |divisor, request| gcd(divisor, request.weight));
    if divisor == 0 {
        return Err(wrong("there is no request to send"));
    }
    let weights: Vec<i64> = requests.iter().map(|r| i64::from(r.weight / divisor)).collect();
    let turns: i64 = weights.iter().sum();
    if turns as u64 > LONGEST_ROTATION {
        return Err(wrong("the weights of the requests are too far apart: use smaller ones"));
    }
    if weights.iter().all(|weight| *weight == 1) {
        return Ok((0..weights.len() as u32).collect());
    }
    let mut behind = vec![0; weights.len()];
    let mut rotation = Vec::with_capacity(turns as usize);
    for _ in 0..turns {
        behind.iter_mut().zip(&weights).for_each(|(behind, weight)| *behind += weight);
        let most = behind.iter().enumerate().max_by_key(|(at, b)| (**b, std::cmp::Reverse(*at)));
        let Some(next) = most.map(|(at, _)| at) else { break };
        if let Some(behind) = behind.get_mut(next) {
            *behind -= turns;
        }
        rotation.push(next as u32);
    }
    Ok(rotation)
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(weights: &[u32]) -> Vec<u32> {
        let request = |weight: &u32| Request::get("http://127.0.0.1/").weight(*weight);
        rotation(&weights.iter().map(request).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn turns_are_spread_by_weight() {
        assert_eq!(turns(&[1, 1, 1]), [0, 1, 2]);
        assert_eq!(turns(&[50, 50]), [0, 1]);
        assert_eq!(turns(&[3, 1]), [0, 0, 1, 0]);
        assert_eq!(turns(&[0, 2]), [1]);
    }

    #[test]
    fn no_weight_at_all_is_refused() {
        assert!(rotation(&[Request::get("/").weight(0)]).is_err());
        assert!(rotation(&[]).is_err());
    }
}
