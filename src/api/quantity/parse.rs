//! From text to quantity.

use std::fmt;
use std::sync::Arc;

use super::decimal::{Decimal, power_of_ten};
use super::{Format, Odd, Quantity};

/// Why a text is no quantity, in Kubernetes' words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QuantityError {
    /// It is not made like one.
    Format,
    /// Its number cannot be read.
    Number,
    /// Its unit is not known.
    Suffix,
}

impl fmt::Display for QuantityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            QuantityError::Format => {
                "quantities must match the regular expression \
                 '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
            }
            QuantityError::Number => "unable to parse numeric part of quantity",
            QuantityError::Suffix => "unable to parse quantity's suffix",
        })
    }
}

impl std::error::Error for QuantityError {}

/// The letters of units and their power of ten.
pub(super) const DECIMAL: [(&str, i32); 10] = [
    ("", 0),
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];

/// The letters of units and their power of two.
pub(super) const BINARY: [(&str, i32); 6] =
    [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];

/// The parts of a quantity's text.
struct Parts<'a> {
    is_negative: bool,
    /// The digits before the point, without leading zeros; `0` when none is left.
    num: &'a str,
    /// The digits after the point.
    denom: &'a str,
    suffix: &'a str,
}

/// A unit: its form and its power, of two for [`Format::BinarySi`] and else of ten.
type Unit = (Format, i32);

/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/resource/quantity.go,
/// `ParseQuantity`
pub(super) fn parse(text: &str) -> Result<Quantity, QuantityError> {
    if text.is_empty() {
        return Err(QuantityError::Format);
    }
    let parts = split(text)?;
    let unit = interpret(parts.suffix).ok_or(QuantityError::Suffix)?;
    match small(&parts, unit) {
        Some((value, scale, keeps_text)) => {
            let plain = Quantity { value, scale, format: unit.0, odd: None };
            if keeps_text && plain.to_string() != text {
                return Ok(Quantity { odd: Some(Arc::new(Odd::Text(text.into()))), ..plain });
            }
            Ok(plain)
        }
        None => wide(&parts, unit),
    }
}

/// Cuts a text into its parts. A lone sign or unit counts as zero, as in Kubernetes.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/resource/quantity.go,
/// `parseQuantityString`
fn split(text: &str) -> Result<Parts<'_>, QuantityError> {
    let is_negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (num, rest) = digits(unsigned.trim_start_matches('0'));
    let num = if num.is_empty() { "0" } else { num };
    let (denom, suffix) = rest.strip_prefix('.').map_or(("", rest), digits);
    let after = suffix.trim_start_matches(|c| "eEinumkKMGTP".contains(c));
    let (_, after) = digits(after.strip_prefix(['-', '+']).unwrap_or(after));
    if !after.is_empty() {
        return Err(QuantityError::Format);
    }
    Ok(Parts { is_negative, num, denom, suffix })
}

/// The digits at the start, and the rest.
fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/resource/suffix.go,
/// `suffixHandler.interpret`
fn interpret(suffix: &str) -> Option<Unit> {
    let find = |all: &[(&str, i32)]| all.iter().find(|(s, _)| *s == suffix).map(|(_, n)| *n);
    if let Some(n) = find(&DECIMAL) {
        return Some((Format::DecimalSi, n));
    }
    if let Some(n) = find(&BINARY) {
        return Some((Format::BinarySi, n));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?;
    exponent.parse().ok().map(|n| (Format::DecimalExponent, n))
}

/// The number as `(value, scale)` if it surely fits 64 bits, and whether Kubernetes keeps the text
/// that it was read from.
fn small(parts: &Parts<'_>, (format, power): Unit) -> Option<(i64, i32, bool)> {
    let len = i32::try_from(parts.num.len() + parts.denom.len()).ok()?;
    let is_binary = format == Format::BinarySi;
    let (precision, scale, factor) = if is_binary {
        let whole = i32::try_from(parts.num.len()).ok()?;
        let free = if parts.denom.is_empty() { 15 - whole - power * 3 / 10 - 1 } else { -1 };
        (free, 0, 1_i64 << power)
    } else {
        (18 - len, power.checked_sub(i32::try_from(parts.denom.len()).ok()?)?, 1)
    };
    if precision < 0 || scale < -9 {
        return None;
    }
    let shifted = [parts.num, parts.denom].concat();
    let number: i64 = shifted.parse().ok()?;
    let value = number.checked_mul(factor)?;
    let keeps_text = if is_binary {
        number & 7 != 0
    } else {
        scale % 3 == 0 && !shifted.ends_with("000") && !shifted.starts_with('0')
    };
    Some((if parts.is_negative { -value } else { value }, scale, keeps_text))
}

/// The number at up to 128 bits, rounded up to billionths.
///
/// Differs: a number of more than 38 digits is refused, Kubernetes has no limit there.
fn wide(parts: &Parts<'_>, (format, power): Unit) -> Result<Quantity, QuantityError> {
    let number = || -> Option<Decimal> {
        let unscaled: i128 = [parts.num, parts.denom].concat().parse().ok()?;
        let after = i32::try_from(parts.denom.len()).ok()?;
        if format != Format::BinarySi {
            return Some(Decimal { unscaled, scale: power.checked_sub(after)? });
        }
        Some(Decimal { unscaled: unscaled.checked_mul(1 << power)?, scale: -after })
    };
    let mut amount = number().ok_or(QuantityError::Number)?.rounded_to(-9);
    let mut format = format;
    if format == Format::BinarySi {
        let most = Decimal { unscaled: i128::from(i64::MAX), scale: 0 };
        if amount.compare(most).is_gt() {
            amount = most;
        }
        let is_fraction = amount.unscaled != 0 && amount.scale < 0 && {
            power_of_ten(-i64::from(amount.scale)).is_none_or(|one| amount.unscaled < one)
        };
        if is_fraction {
            format = Format::DecimalSi;
        }
    }
    if parts.is_negative {
        amount.unscaled = -amount.unscaled;
    }
    Ok(Quantity::from_wide(amount, format))
}
