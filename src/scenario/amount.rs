//! Quantities of cpu, memory and extended resources as a scenario's cluster and images name them.

use crate::api::quantity::Quantity;

/// A quantity that is not negative, exact to a thousandth.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Amount {
    /// As it was written.
    pub text: String,
    /// In thousandths, rounded up: millicores of cpu.
    pub millis: u64,
}

impl Amount {
    /// Reads `250m`, `4`, `1.5`, `8Gi`, `1e3`; `None` when it is none, negative, or too large.
    pub fn parse(text: &str) -> Option<Amount> {
        // A bare suffix is zero to Kubernetes; here it is a slip.
        text.find(|c: char| c.is_ascii_digit())?;
        let quantity: Quantity = text.parse().ok()?;
        // What is larger would not fit in thousandths.
        let fits = quantity.sign() >= 0 && quantity.value() <= i64::MAX / 1_000;
        let millis = if fits { quantity.milli_value() } else { -1 };
        Some(Amount { text: text.to_owned(), millis: u64::try_from(millis).ok()? })
    }

    /// In whole units, rounded up: bytes of memory, cores of cpu.
    pub fn whole(&self) -> u64 {
        self.millis.div_ceil(1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_exactly() {
        let table = [
            ("4", Some(4_000)),
            ("250m", Some(250)),
            ("1.5", Some(1_500)),
            ("8Gi", Some(8_589_934_592_000)),
            ("0.5Gi", Some(536_870_912_000)),
            ("100u", Some(1)),
            ("1e3", Some(1_000_000)),
            ("2k", Some(2_000_000)),
            ("", None),
            ("Gi", None),
            ("4GB", None),
            ("-1", None),
            ("1.2.3", None),
            ("99999999999999999999", None),
        ];
        for (text, expected) in table {
            assert_eq!(Amount::parse(text).map(|a| a.millis), expected, "{text:?}");
        }
        assert_eq!(Amount::parse("1500m").map(|a| a.whole()), Some(2));
    }
}
