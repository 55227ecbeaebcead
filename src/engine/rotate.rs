//! `rotate`: smooth weighted round robin, as a schedule made when compiling.
//!
//! The schedule is one full round: every member stands in it as often as its weight says, spread
//! as evenly as can be. The ticket says where in it a request stands.

use crate::bounds::MAX_ROTATE_SCHEDULE;

/// One full round, as positions in the list of members. A weight of 0 leaves a member out.
/// Weights whose sum is over [`MAX_ROTATE_SCHEDULE`] are scaled down, each to 1 at least.
#[must_use]
pub(super) fn schedule(weights: &[u32]) -> Vec<u32> {
    let weights = scaled(weights);
    let total: i64 = weights.iter().sum();
    let mut current = vec![0_i64; weights.len()];
    let mut round = Vec::new();
    for _ in 0..total {
        for (now, weight) in current.iter_mut().zip(&weights) {
            *now += weight;
        }
        let mut best: Option<(usize, i64)> = None;
        for (member, now) in current.iter().enumerate() {
            let weighted = weights.get(member).is_some_and(|weight| *weight > 0);
            if weighted && best.is_none_or(|(_, highest)| *now > highest) {
                best = Some((member, *now));
            }
        }
        let Some((member, _)) = best else { break };
        if let Some(now) = current.get_mut(member) {
            *now -= total;
        }
        round.push(u32::try_from(member).unwrap_or(u32::MAX));
    }
    round
}

/// Weights in their least whole proportion, or scaled to a schedule of bounded length.
fn scaled(weights: &[u32]) -> Vec<i64> {
    let divisor = weights.iter().fold(0, |so_far, weight| greatest_common_divisor(so_far, *weight)).max(1);
    let least: Vec<i64> = weights.iter().map(|weight| i64::from(weight / divisor)).collect();
    let total: i64 = least.iter().sum();
    if total <= MAX_ROTATE_SCHEDULE {
        return least;
    }
    let scale = |weight: i64| (weight.saturating_mul(MAX_ROTATE_SCHEDULE) / total).max(1);
    least.into_iter().map(|weight| if weight == 0 { 0 } else { scale(weight) }).collect()
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
