//! Columns, shared texts, and how they are packed: how the page's data stay small.

use crate::sim::index::Map;

/// Texts that are each written once, and named by their number.
#[derive(Default)]
pub(super) struct Texts {
    numbers: Map<String, usize>,
    all: Vec<String>,
}

impl Texts {
    /// The number of a text.
    pub(super) fn number(&mut self, text: &str) -> usize {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.all.len();
        self.all.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        number
    }

    /// All of them, with a NUL between two.
    pub(super) fn joined(&self) -> String {
        let clean = self.all.iter().map(|text| text.replace('\0', "\u{fffd}"));
        clean.collect::<Vec<_>>().join("\0")
    }
}

/// A column of whole numbers: from one to the next the difference, its sign in the lowest bit,
/// seven bits a byte, the lowest first.
#[derive(Default)]
pub(super) struct Column {
    bytes: Vec<u8>,
    last: i64,
    len: usize,
}

impl Column {
    /// Adds a number.
    pub(super) fn push(&mut self, number: i64) {
        let step = number.wrapping_sub(self.last);
        let mut rest = (step.cast_unsigned() << 1) ^ (step >> 63).cast_unsigned();
        while rest >= 128 {
            self.bytes.push(rest.to_le_bytes()[0] | 128);
            rest >>= 7;
        }
        self.bytes.push(rest.to_le_bytes()[0]);
        (self.last, self.len) = (number, self.len + 1);
    }

    /// Adds a place, or -1 for none.
    pub(super) fn push_place(&mut self, place: Option<usize>) {
        self.push(place.map_or(-1, |n| i64::try_from(n).unwrap_or(-1)));
    }

    /// How many numbers it holds.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The numbers as bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Bytes, deflated and in base 64: they may stand inside a script of HTML.
pub(super) fn packed(bytes: &[u8]) -> String {
    const LEVEL: u8 = 6;
    let small = miniz_oxide::deflate::compress_to_vec(bytes, LEVEL);
    let mut out = String::with_capacity(small.len().div_ceil(3) * 4);
    for part in small.chunks(3) {
        let at = |n: usize| u32::from(part.get(n).copied().unwrap_or(0));
        let all = at(0) << 16 | at(1) << 8 | at(2);
        for n in 0..4 {
            out.push(if n <= part.len() { digit(all >> (18 - 6 * n) & 63) } else { '=' });
        }
    }
    out
}

fn digit(number: u32) -> char {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char::from(DIGITS[number as usize])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_written_once() {
        let mut texts = Texts::default();
        assert_eq!([texts.number("a"), texts.number("b"), texts.number("a")], [0, 1, 0]);
        assert_eq!(texts.joined(), "a\0b");
    }

    #[test]
    fn what_is_packed_is_base_64_of_what_was_deflated() {
        let bytes = packed("to and fro, to and fro".as_bytes());
        assert!(bytes.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b)), "{bytes}");
        assert_eq!(packed(&[]).len() % 4, 0);
        assert_eq!(
            [0, 25, 26, 51, 52, 61, 62, 63].map(digit),
            ['A', 'Z', 'a', 'z', '0', '9', '+', '/']
        );
    }

    /// Reads a column as the page does.
    fn numbers(bytes: &[u8]) -> Vec<i64> {
        let (mut out, mut last, mut rest, mut shift) = (Vec::new(), 0_i64, 0_u64, 0);
        for byte in bytes {
            rest |= u64::from(byte & 127) << shift;
            shift += 7;
            if byte & 128 == 0 {
                last = last.wrapping_add((rest >> 1).cast_signed() ^ -((rest & 1).cast_signed()));
                out.push(last);
                (rest, shift) = (0, 0);
            }
        }
        out
    }

    proptest! {
        #[test]
        fn a_column_gives_back_its_numbers(all in proptest::collection::vec(-(1_i64 << 52)..(1_i64 << 52), 0..60)) {
            let mut column = Column::default();
            all.iter().for_each(|n| column.push(*n));
            prop_assert_eq!(column.len(), all.len());
            prop_assert_eq!(numbers(column.bytes()), all);
        }
    }
}
