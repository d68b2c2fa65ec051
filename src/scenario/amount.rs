//! Quantities of cpu, memory and extended resources as a scenario's cluster and images name them.

/// A quantity that is not negative, exact to a thousandth.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Amount {
    /// As it was written.
    pub text: String,
    /// In thousandths, rounded up: millicores of cpu.
    pub millis: u64,
}

/// The suffixes of quantities with the power of ten or of two that they stand for.
const SUFFIXES: [(&str, Scale); 15] = [
    ("", Scale::Ten(0)),
    ("n", Scale::Ten(-9)),
    ("u", Scale::Ten(-6)),
    ("m", Scale::Ten(-3)),
    ("k", Scale::Ten(3)),
    ("M", Scale::Ten(6)),
    ("G", Scale::Ten(9)),
    ("T", Scale::Ten(12)),
    ("P", Scale::Ten(15)),
    ("Ki", Scale::Two(10)),
    ("Mi", Scale::Two(20)),
    ("Gi", Scale::Two(30)),
    ("Ti", Scale::Two(40)),
    ("Pi", Scale::Two(50)),
    ("Ei", Scale::Two(60)),
];

#[derive(Clone, Copy)]
enum Scale {
    Ten(i32),
    Two(u32),
}

impl Amount {
    /// Reads `250m`, `4`, `1.5`, `8Gi`, `1e3`; `None` when it is none, negative, or too large.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/resource/quantity.go,
    /// `ParseQuantity`
    pub fn parse(text: &str) -> Option<Amount> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let scale = scale_of(suffix)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return None;
        }
        let fraction = &fraction[..fraction.len().min(12)];
        let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
        let millis = scaled(digits, i32::try_from(fraction.len()).ok()?, scale)?;
        Some(Amount { text: text.to_owned(), millis: u64::try_from(millis).ok()? })
    }

    /// In whole units, rounded up: bytes of memory, cores of cpu.
    pub fn whole(&self) -> u64 {
        self.millis.div_ceil(1_000)
    }
}

/// The scale that a suffix stands for; `e3` and `E3` are powers of ten.
fn scale_of(suffix: &str) -> Option<Scale> {
    if suffix == "E" {
        return Some(Scale::Ten(18));
    }
    if let Some(power) = suffix.strip_prefix(['e', 'E']).and_then(|p| p.parse::<i32>().ok()) {
        return (-9..=18).contains(&power).then_some(Scale::Ten(power));
    }
    SUFFIXES.iter().find(|(name, _)| *name == suffix).map(|(_, scale)| *scale)
}

/// `digits` with so many decimals at a scale, in thousandths rounded up.
fn scaled(digits: u128, decimals: i32, scale: Scale) -> Option<u128> {
    let (digits, power) = match scale {
        Scale::Two(bits) => (digits.checked_mul(1_u128 << bits)?, 3 - decimals),
        Scale::Ten(power) => (digits, power + 3 - decimals),
    };
    let factor = 10_u128.checked_pow(power.unsigned_abs())?;
    if power < 0 { Some(digits.div_ceil(factor)) } else { digits.checked_mul(factor) }
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
