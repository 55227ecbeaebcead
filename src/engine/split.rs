//! Which arm of a `split` a caller belongs to: weighted rendezvous hashing.
//!
//! Each arm draws a number u in (0, 1) from xxh3-64 of the caller's value, seeded by route, rule
//! and arm; the arm with the greatest ln(u) / share wins. An arm's draw depends on nothing but
//! its own seed, so an arm that grows only wins callers, and an arm that shrinks only loses some.
//! An arm is known by what it leads to, not by its position: arms may be put in another order.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// One arm, ready to draw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArmSeed {
    /// from route, rule and arm
    pub seed: u64,
    /// its share, 0 to 100
    pub percent: f64,
}

impl ArmSeed {
    /// The arm of a rule that leads to `arm`.
    #[must_use]
    pub fn new(route: &str, rule: &str, arm: &str, percent: f64) -> Self {
        Self { seed: xxh3_64(format!("{route}/{rule}/{arm}").as_bytes()), percent }
    }

    /// What the arm draws for a caller: 0 or less, the greatest wins. `libm` makes every machine
    /// agree on the logarithm.
    #[must_use]
    pub fn draw(&self, value: &str) -> f64 {
        if self.percent <= 0.0 {
            return f64::NEG_INFINITY;
        }
        libm::log(unit(xxh3_64_with_seed(value.as_bytes(), self.seed))) / self.percent
    }
}

/// The arm that a caller belongs to; ties go to list order. None when no arm has a share.
#[must_use]
pub fn pick(arms: &[ArmSeed], value: &str) -> Option<usize> {
    let mut best = None;
    let mut highest = f64::NEG_INFINITY;
    for (number, arm) in arms.iter().enumerate() {
        let drawn = arm.draw(value);
        if drawn > highest {
            (best, highest) = (Some(number), drawn);
        }
    }
    best
}

/// The upper 53 bits as a number that is neither 0 nor 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
fn unit(hash: u64) -> f64 {
    ((hash >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}
