//! The digest of a run: 128 bits that differ as soon as two runs do.

use std::fmt;

use xxhash_rust::xxh3::Xxh3;

/// What goes into the digest, in one canonical form.
pub trait Canonical {
    /// Writes it.
    fn encode(&self, out: &mut Encoder);
}

/// How many bytes are hashed at once.
const FULL: usize = 2048;

/// Takes up records: what is written is gathered, and hashed when there is enough of it.
#[derive(Clone)]
pub struct Encoder {
    hasher: Xxh3,
    gathered: Box<[u8; FULL]>,
    count: usize,
}

impl Encoder {
    /// Writes a number.
    pub fn number(&mut self, n: u64) {
        if self.count + 8 > FULL {
            self.hash();
        }
        let room = self.gathered[self.count..].first_chunk_mut().expect("eight bytes are free");
        *room = n.to_le_bytes();
        self.count += 8;
    }

    /// Writes a text with its length.
    pub fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        let mut rest = text.as_bytes();
        while rest.len() > FULL - self.count {
            let (now, later) = rest.split_at(FULL - self.count);
            self.gathered[self.count..].copy_from_slice(now);
            self.count = FULL;
            self.hash();
            rest = later;
        }
        self.gathered[self.count..self.count + rest.len()].copy_from_slice(rest);
        self.count += rest.len();
    }

    #[inline(never)]
    fn hash(&mut self) {
        self.hasher.update(&self.gathered[..self.count]);
        self.count = 0;
    }
}

/// The running digest of a run's log.
#[derive(Clone)]
pub struct Digest(Encoder);

impl Default for Digest {
    fn default() -> Self {
        Digest(Encoder { hasher: Xxh3::new(), gathered: Box::new([0; FULL]), count: 0 })
    }
}

impl Digest {
    /// Takes up one record, whose canonical form `encode` writes.
    pub fn take_up(&mut self, numbers: [u64; 4], encode: impl FnOnce(&mut Encoder)) {
        for number in numbers {
            self.0.number(number);
        }
        encode(&mut self.0);
    }

    /// The value so far.
    pub fn value(&self) -> DigestValue {
        let mut hasher = self.0.hasher.clone();
        hasher.update(&self.0.gathered[..self.0.count]);
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
