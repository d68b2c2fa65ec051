//! The digest of a run: 128 bits that differ as soon as two runs do.

use std::fmt;

use xxhash_rust::xxh3::Xxh3;

/// What goes into the digest, in one canonical form.
pub trait Canonical {
    /// Writes it.
    fn encode(&self, out: &mut Encoder);
}

/// A buffer for records.
#[derive(Clone, Default)]
pub struct Encoder(Vec<u8>);

impl Encoder {
    /// Writes a number.
    pub fn number(&mut self, n: u64) {
        self.0.extend_from_slice(&n.to_le_bytes());
    }

    /// Writes a text with its length.
    pub fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }
}

/// How many bytes are hashed at once.
const FULL: usize = 2048;

/// The running digest of a run's log.
#[derive(Clone)]
pub struct Digest {
    hasher: Xxh3,
    /// What was taken up and not hashed yet.
    buffer: Encoder,
}

impl Default for Digest {
    fn default() -> Self {
        Digest { hasher: Xxh3::new(), buffer: Encoder::default() }
    }
}

impl Digest {
    /// Takes up one record, whose canonical form `encode` writes.
    pub fn take_up(&mut self, numbers: [u64; 4], encode: impl FnOnce(&mut Encoder)) {
        for number in numbers {
            self.buffer.number(number);
        }
        encode(&mut self.buffer);
        if self.buffer.0.len() >= FULL {
            self.hasher.update(&self.buffer.0);
            self.buffer.0.clear();
        }
    }

    /// The value so far.
    pub fn value(&self) -> DigestValue {
        let mut hasher = self.hasher.clone();
        hasher.update(&self.buffer.0);
        DigestValue(hasher.digest128())
    }
}

/// 128 bits, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DigestValue(pub u128);

impl fmt::Display for DigestValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
