//! A resource quantity as Go holds it, which the template hash shows and strict decoding refuses.
//!
//! It must never be used to compute: [`crate::api::quantity`] is for that.

use std::cmp::Ordering;

/// The parts of Go's `resource.Quantity`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GoQuantity {
    pub(super) amount: Amount,
    /// The text that it was read from, if that was canonical.
    pub(super) cached: String,
    pub(super) format: &'static str,
}

/// Its number: small ones as `value * 10^scale`, others as an arbitrary decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Amount {
    Small {
        value: i64,
        scale: i32,
    },
    /// `unscaled * 10^-scale`, negative or not.
    Decimal {
        negative: bool,
        unscaled: u128,
        scale: i32,
    },
}

/// Why a text is no quantity, in Kubernetes' words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoQuantity {
    Format,
    Suffix,
    Numeric,
}

impl NoQuantity {
    pub(super) fn message(self) -> &'static str {
        match self {
            NoQuantity::Format => {
                "quantities must match the regular expression \
                 '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
            }
            NoQuantity::Suffix => "unable to parse quantity's suffix",
            NoQuantity::Numeric => "unable to parse numeric part of quantity",
        }
    }
}

struct Scanned<'a> {
    negative: bool,
    whole: &'a str,
    decimals: &'a str,
    suffix: &'a str,
}

const DECIMAL_SI: &str = "DecimalSI";
const BINARY_SI: &str = "BinarySI";
const DECIMAL_EXPONENT: &str = "DecimalExponent";
/// Go's `maxInt64Factors`: so many decimal digits surely fit.
const DIGITS: i64 = 18;
const NANO: i32 = -9;

/// Reads a quantity as Go does.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/resource/quantity.go,
/// `ParseQuantity`
pub(super) fn parse(text: &str) -> Result<GoQuantity, NoQuantity> {
    if text == "0" {
        let amount = Amount::Small { value: 0, scale: 0 };
        return Ok(GoQuantity { amount, cached: text.to_owned(), format: DECIMAL_SI });
    }
    let scanned = scan(text)?;
    let (exponent, format) = suffix(scanned.suffix).ok_or(NoQuantity::Suffix)?;
    match small(&scanned, exponent, format, text) {
        Some(quantity) => Ok(quantity),
        None => decimal(&scanned, exponent, format),
    }
}

fn scan(text: &str) -> Result<Scanned<'_>, NoQuantity> {
    if text.is_empty() {
        return Err(NoQuantity::Format);
    }
    let negative = text.starts_with('-');
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let body = body.trim_start_matches('0');
    let (whole, rest) = digits(body);
    let whole = if whole.is_empty() { "0" } else { whole };
    let (decimals, suffix) = rest.strip_prefix('.').map_or(("", rest), digits);
    let tail = suffix.trim_start_matches(|c| "eEinumkKMGTP".contains(c));
    let tail = tail.strip_prefix(['-', '+']).unwrap_or(tail);
    if tail.chars().all(|c| c.is_ascii_digit()) {
        return Ok(Scanned { negative, whole, decimals, suffix });
    }
    Err(NoQuantity::Format)
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// The exponent (of 2 for `BinarySI`, else of 10) and the format.
fn suffix(text: &str) -> Option<(i32, &'static str)> {
    let known = [
        ("", 0, DECIMAL_SI),
        ("n", -9, DECIMAL_SI),
        ("u", -6, DECIMAL_SI),
        ("m", -3, DECIMAL_SI),
        ("k", 3, DECIMAL_SI),
        ("M", 6, DECIMAL_SI),
        ("G", 9, DECIMAL_SI),
        ("T", 12, DECIMAL_SI),
        ("P", 15, DECIMAL_SI),
        ("E", 18, DECIMAL_SI),
        ("Ki", 10, BINARY_SI),
        ("Mi", 20, BINARY_SI),
        ("Gi", 30, BINARY_SI),
        ("Ti", 40, BINARY_SI),
        ("Pi", 50, BINARY_SI),
        ("Ei", 60, BINARY_SI),
    ];
    if let Some((_, exponent, format)) = known.iter().find(|k| k.0 == text) {
        return Some((*exponent, format));
    }
    let number = text.strip_prefix(['e', 'E'])?;
    number.parse().ok().map(|exponent| (exponent, DECIMAL_EXPONENT))
}

/// The fast path of Go: numbers that surely fit.
fn small(s: &Scanned<'_>, exponent: i32, format: &'static str, text: &str) -> Option<GoQuantity> {
    let (whole, decimals) =
        (i64::try_from(s.whole.len()).ok()?, i32::try_from(s.decimals.len()).ok()?);
    let binary = format == BINARY_SI;
    let precision = if !binary {
        DIGITS - whole - i64::from(decimals)
    } else if decimals == 0 {
        14 - whole - i64::from(exponent * 3 / 10)
    } else {
        -1
    };
    let scale = if binary { 0 } else { exponent } - decimals;
    if precision < 0 || scale < NANO {
        return None;
    }
    let shifted = format!("{}{}", s.whole, s.decimals);
    let digits: i64 = shifted.parse().ok()?;
    let value = if binary { digits.checked_mul(1 << exponent)? } else { digits };
    let canonical = if binary {
        digits & 7 != 0
    } else {
        scale % 3 == 0 && !shifted.ends_with("000") && !shifted.starts_with('0')
    };
    let value = if s.negative { -value } else { value };
    let cached = if canonical { text.to_owned() } else { String::new() };
    Some(GoQuantity { amount: Amount::Small { value, scale }, cached, format })
}

/// The slow path of Go: rounded away from zero to nanos, and capped if it is binary.
fn decimal(s: &Scanned<'_>, exponent: i32, format: &'static str) -> Result<GoQuantity, NoQuantity> {
    let too_long = NoQuantity::Numeric;
    let digits = format!("{}{}", s.whole, s.decimals);
    let mut unscaled: u128 = digits.parse().map_err(|_| too_long)?;
    let mut scale = i32::try_from(s.decimals.len()).map_err(|_| too_long)?;
    if format == BINARY_SI {
        unscaled = unscaled.checked_mul(1 << exponent).ok_or(too_long)?;
    } else {
        scale = scale.saturating_sub(exponent);
    }
    if unscaled != 0 {
        let power = |n: i32| 10u128.checked_pow(n.unsigned_abs()).ok_or(too_long);
        unscaled = match scale.cmp(&-NANO) {
            Ordering::Less => unscaled.checked_mul(power(-NANO - scale)?).ok_or(too_long)?,
            Ordering::Equal => unscaled,
            Ordering::Greater => power(scale + NANO).map_or(1, |p| unscaled.div_ceil(p)),
        };
        scale = -NANO;
    }
    let most = u128::from(i64::MAX.unsigned_abs());
    let one = 10u128.pow(NANO.unsigned_abs());
    let mut format = format;
    if format == BINARY_SI && unscaled > most * one {
        (unscaled, scale) = (most, 0);
    } else if format == BINARY_SI && unscaled < one && unscaled > 0 {
        format = DECIMAL_SI;
    }
    let amount = Amount::Decimal { negative: s.negative && unscaled != 0, unscaled, scale };
    Ok(GoQuantity { amount, cached: String::new(), format })
}

impl GoQuantity {
    /// Whether both are the same number.
    pub(super) fn equals(&self, other: &GoQuantity) -> bool {
        self.amount.normal() == other.amount.normal()
    }
}

impl Amount {
    /// Sign, digits without trailing zeros, and exponent of ten.
    fn normal(self) -> (bool, u128, i32) {
        let (negative, mut digits, mut exponent) = match self {
            Amount::Small { value, scale } => (value < 0, u128::from(value.unsigned_abs()), scale),
            Amount::Decimal { negative, unscaled, scale } => (negative, unscaled, -scale),
        };
        if digits == 0 {
            return (false, 0, 0);
        }
        while digits % 10 == 0 {
            digits /= 10;
            exponent += 1;
        }
        (negative, digits, exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_texts_are_kept_and_others_are_not() {
        for (text, cached) in
            [("1", "1"), ("100m", "100m"), ("64Mi", ""), ("1Gi", "1Gi"), ("1000m", "")]
        {
            assert_eq!(parse(text).map(|q| q.cached), Ok(cached.to_owned()), "{text}");
        }
    }

    #[test]
    fn one_number_has_many_texts() {
        for (a, b) in
            [("1", "1000m"), ("1Gi", "1024Mi"), ("1.5Gi", "1536Mi"), ("1e3", "1k"), ("0", "0Mi")]
        {
            let (a, b) = (parse(a).expect("a quantity"), parse(b).expect("a quantity"));
            assert!(a.equals(&b), "{a:?} {b:?}");
        }
        assert_eq!(parse("1x"), Err(NoQuantity::Format));
        assert_eq!(parse("1mm"), Err(NoQuantity::Suffix));
    }
}
