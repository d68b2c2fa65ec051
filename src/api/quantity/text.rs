//! From quantity to text.

use std::fmt;

use super::Format;
use super::decimal::Decimal;
use super::parse::{BINARY, DECIMAL};

/// Writes a number canonically: whole, with the largest unit that keeps it so.
///
/// Binary form is for whole numbers of at least 1024 only; all others are written in decimal form.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/resource/quantity.go,
/// `Quantity.CanonicalizeBytes`
pub(super) fn canonical(
    number: Decimal,
    format: Format,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    if number.unscaled == 0 {
        return f.write_str("0");
    }
    match format {
        Format::BinarySi => match binary(number) {
            Some((n, unit)) => write!(f, "{n}{unit}"),
            None => decimal(number, Format::DecimalSi, f),
        },
        Format::DecimalSi | Format::DecimalExponent => decimal(number, format, f),
    }
}

/// The whole number and its unit, if it can be written in binary form.
fn binary(number: Decimal) -> Option<(i128, &'static str)> {
    let exact = number.reduced();
    if exact.scale < 0 {
        return None;
    }
    let mut n = exact.rounded_to(0).unscaled;
    if exact.scale > 0 && n == exact.unscaled || n.abs() < 1024 {
        return None;
    }
    let mut unit = "";
    for (name, _) in BINARY {
        if n % 1024 != 0 {
            break;
        }
        n /= 1024;
        unit = name;
    }
    Some((n, unit))
}

/// Writes a number with a power of ten that is a multiple of three.
fn decimal(number: Decimal, format: Format, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut n = number.reduced();
    let over = n.scale.rem_euclid(3);
    for _ in 0..over {
        n.unscaled = n.unscaled.saturating_mul(10);
    }
    n.scale -= over;
    write!(f, "{}", n.unscaled)?;
    match format {
        Format::DecimalExponent if n.scale != 0 => write!(f, "e{}", n.scale),
        Format::DecimalExponent => Ok(()),
        // A power without a letter is left out, as Kubernetes does.
        Format::DecimalSi | Format::BinarySi => {
            let unit = DECIMAL.iter().find(|(_, power)| *power == n.scale);
            f.write_str(unit.map_or("", |(name, _)| name))
        }
    }
}
