//! Random streams, each named by its consumer.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A stream of random numbers that belongs to one consumer.
///
/// The numbers follow from the run's seed and the stream's name alone: one more draw in one stream
/// moves nothing in another. The mapping from bits to ranges is our own, so that no dependency can
/// change it.
#[derive(Clone, Debug)]
pub struct Rng(ChaCha8Rng);

impl Rng {
    /// The stream of a name in a run of a seed.
    pub fn named(seed: u64, name: &str) -> Rng {
        Rng(ChaCha8Rng::seed_from_u64(xxh3_64_with_seed(name.as_bytes(), seed)))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from 0 to `n` − 1, all equally likely.
    ///
    /// # Panics
    /// When `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "a range has at least one number");
        let fair = u64::MAX - u64::MAX % n;
        loop {
            let bits = self.bits();
            if bits < fair {
                return bits % n;
            }
        }
    }

    /// A number from `low` to `high`, both ends included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        match high.saturating_sub(low).checked_add(1) {
            None => self.bits(),
            Some(n) => low + self.below(n),
        }
    }

    /// True in `hits` of `of` cases.
    pub fn chance(&mut self, hits: u64, of: u64) -> bool {
        hits > 0 && self.below(of) < hits
    }
}

/// 64 bits that follow from a seed and a key alone: for numbers that are drawn without a stream,
/// because nobody knows in which order they are asked for.
pub fn keyed(seed: u64, key: &[u8]) -> u64 {
    xxh3_64_with_seed(key, seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_follows_from_seed_and_name_alone() {
        let draw = |seed, name| {
            let mut rng = Rng::named(seed, name);
            [rng.between(1, 6), rng.between(1, 6), rng.between(1, 6), rng.below(1000)]
        };
        assert_eq!(draw(1, "link"), draw(1, "link"));
        assert_ne!(draw(1, "link"), draw(1, "kubelet"));
        assert_ne!(draw(1, "link"), draw(2, "link"));
    }
}
