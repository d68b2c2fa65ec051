//! Chance in whole numbers: the same on every machine.

use crate::sim::rng::Rng;
use crate::sim::time::SimDuration;

/// One, in the fixed point of [`exponential`].
const ONE: u64 = 1 << 32;

/// An exponential variate of mean 1, in units of 2⁻³².
///
/// Von Neumann's way needs no logarithm: of uniform draws, the length of the first run that falls
/// decides; each run of even length adds one.
fn exponential(rng: &mut Rng) -> u64 {
    let mut whole = 0;
    loop {
        let first = rng.below(ONE);
        let (mut last, mut length) = (first, 1_u64);
        loop {
            let next = rng.below(ONE);
            if next > last {
                break;
            }
            (last, length) = (next, length + 1);
        }
        if length % 2 == 1 {
            return whole * ONE + first;
        }
        whole += 1;
    }
}

/// A span that is exponentially distributed about a mean.
pub(super) fn span(rng: &mut Rng, mean: SimDuration) -> SimDuration {
    let product = u128::from(exponential(rng)) * u128::from(mean.0) / u128::from(ONE);
    SimDuration(u64::try_from(product).unwrap_or(u64::MAX))
}

/// A number from 1 on, geometrically distributed about a mean.
pub(super) fn count(rng: &mut Rng, mean: u64) -> u64 {
    let mut n = 1;
    while !rng.chance(1, mean) {
        n += 1;
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_and_the_tail_are_those_of_an_exponential() {
        let mut rng = Rng::named(1, "test");
        let draws: Vec<u64> = (0..100_000).map(|_| exponential(&mut rng)).collect();
        let mean = draws.iter().map(|d| u128::from(*d)).sum::<u128>() / 100_000;
        assert!(mean.abs_diff(u128::from(ONE)) < u128::from(ONE / 50), "mean {mean}");
        // e⁻¹ = 0.3679 of them are above the mean, e⁻² = 0.1353 above twice the mean.
        let above = |n: u64| draws.iter().filter(|d| **d > n * ONE).count();
        assert!(above(1).abs_diff(36_788) < 700, "{}", above(1));
        assert!(above(2).abs_diff(13_534) < 500, "{}", above(2));
    }

    #[test]
    fn the_mean_of_a_count_is_the_one_that_was_asked_for() {
        let mut rng = Rng::named(1, "test");
        let sum: u64 = (0..20_000).map(|_| count(&mut rng, 8)).sum();
        assert!(sum.abs_diff(160_000) < 4_000, "{sum}");
    }
}
