//! Quantities: exact numbers with a unit, as resources are counted.
//!
//! Responsible for parsing, the canonical text, rounding and arithmetic, all of them exact and
//! with Kubernetes' own limits: 64 bits at a power of ten while that is enough, wider numbers
//! apart. It never uses floats and never guesses at a unit.

mod decimal;
mod parse;
mod text;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use decimal::Decimal;
pub use parse::QuantityError;

/// An exact number and the form that it is written in: `500m`, `1536Mi`, `1e3`.
///
/// Two quantities are equal when the numbers are, whatever their form: `1` is `1000m`.
/// Compare their texts to tell forms apart.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/apimachinery/pkg/api/resource/quantity.go, `Quantity`
#[derive(Clone, Default)]
pub struct Quantity {
    value: i64,
    scale: i32,
    format: Format,
    odd: Option<Arc<Odd>>,
}

/// How a quantity is written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Format {
    /// `12M`: powers of 1000 by their letter.
    #[default]
    DecimalSi,
    /// `12Mi`: powers of 1024 by their letters.
    BinarySi,
    /// `12e6`: powers of ten.
    DecimalExponent,
}

impl Format {
    /// Kubernetes' name of it.
    pub fn name(self) -> &'static str {
        match self {
            Format::DecimalSi => "DecimalSI",
            Format::BinarySi => "BinarySI",
            Format::DecimalExponent => "DecimalExponent",
        }
    }
}

/// What few quantities have.
enum Odd {
    /// The text that it was read from, which Kubernetes keeps although it is not canonical: `+5`.
    Text(Box<str>),
    /// The number, when it does not fit 64 bits at a power of ten; `value` and `scale` are unused.
    Wide(Decimal),
}

impl Quantity {
    /// A whole number.
    pub fn new(value: i64, format: Format) -> Quantity {
        Quantity { value, scale: 0, format, odd: None }
    }

    /// A number of thousandths, in decimal form.
    pub fn milli(thousandths: i64) -> Quantity {
        Quantity { value: thousandths, scale: -3, format: Format::DecimalSi, odd: None }
    }

    /// How it is written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The whole number, rounded away from zero: `1500m` is 2.
    ///
    /// What does not fit 64 bits comes out as Kubernetes' own overflow.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/resource/quantity.go,
    /// `Quantity.Value`
    pub fn value(&self) -> i64 {
        self.scaled(0)
    }

    /// The number of thousandths, rounded away from zero: `100u` is 1.
    pub fn milli_value(&self) -> i64 {
        self.scaled(-3)
    }

    /// How many `10^scale` there are, rounded away from zero.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/resource/quantity.go,
    /// `Quantity.ScaledValue`
    pub fn scaled(&self, scale: i32) -> i64 {
        match self.wide() {
            Some(wide) => wide.scaled(scale),
            None => decimal::scaled_small(self.value, self.scale, scale),
        }
    }

    /// -1, 0 or 1.
    pub fn sign(&self) -> i32 {
        i32::try_from(self.decimal().unscaled.signum()).unwrap_or_default()
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        self.decimal().unscaled == 0
    }

    /// The sum, in the form of the first; in the form of the second when the first is zero.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/resource/quantity.go,
    /// `Quantity.Add`
    #[must_use]
    pub fn add(&self, other: &Quantity) -> Quantity {
        let format = if self.is_zero() { other.format } else { self.format };
        if self.wide().is_none() && other.wide().is_none() {
            let sum = decimal::add_small((self.value, self.scale), (other.value, other.scale));
            if let Some((value, scale)) = sum {
                return Quantity { value, scale, format, odd: None };
            }
        }
        Quantity::from_wide(self.decimal().plus(other.decimal()), format)
    }

    /// The difference, in the form of the first; in the form of the second when the first is zero.
    #[must_use]
    pub fn sub(&self, other: &Quantity) -> Quantity {
        self.add(&other.negated())
    }

    /// The number of the other sign.
    #[must_use]
    pub fn negated(&self) -> Quantity {
        if let (None, Some(value)) = (self.wide(), self.value.checked_neg()) {
            return Quantity { value, scale: self.scale, format: self.format, odd: None };
        }
        let n = self.decimal();
        let opposite = Decimal { unscaled: n.unscaled.saturating_neg(), scale: n.scale };
        Quantity::from_wide(opposite, self.format)
    }

    fn from_wide(wide: Decimal, format: Format) -> Quantity {
        Quantity { value: 0, scale: 0, format, odd: Some(Arc::new(Odd::Wide(wide))) }
    }

    fn wide(&self) -> Option<Decimal> {
        match self.odd.as_deref() {
            Some(Odd::Wide(wide)) => Some(*wide),
            Some(Odd::Text(_)) | None => None,
        }
    }

    fn decimal(&self) -> Decimal {
        self.wide().unwrap_or(Decimal { unscaled: i128::from(self.value), scale: self.scale })
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Quantity) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Quantity) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By number.
impl Ord for Quantity {
    fn cmp(&self, other: &Quantity) -> Ordering {
        self.decimal().compare(other.decimal())
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Quantity, QuantityError> {
        parse::parse(text)
    }
}

/// The text that goes over the wire.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.odd.as_deref() {
            Some(Odd::Text(text)) => f.write_str(text),
            Some(Odd::Wide(_)) | None => text::canonical(self.decimal(), self.format, f),
        }
    }
}

impl fmt::Debug for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// Texts and numbers are read; nothing is zero.
impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Quantity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quantity")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Quantity, E> {
                text.trim().parse().map_err(E::custom)
            }

            fn visit_i64<E: serde::de::Error>(self, n: i64) -> Result<Quantity, E> {
                self.visit_str(&n.to_string())
            }

            fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<Quantity, E> {
                self.visit_str(&n.to_string())
            }

            fn visit_f64<E: serde::de::Error>(self, n: f64) -> Result<Quantity, E> {
                self.visit_str(&n.to_string())
            }

            fn visit_unit<E: serde::de::Error>(self) -> Result<Quantity, E> {
                Ok(Quantity::default())
            }
        }
        d.deserialize_any(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn q(text: &str) -> Quantity {
        text.parse().expect("it is a quantity")
    }

    #[test]
    fn a_quantity_is_small() {
        assert!(size_of::<Quantity>() <= 24);
    }

    #[test]
    fn the_sum_keeps_the_form_of_the_first() {
        assert_eq!(q("1Ki").add(&q("1024")).to_string(), "2Ki");
        assert_eq!(q("0").sub(&q("1Mi")).to_string(), "-1Mi");
        assert_eq!(q("1"), q("1000m"));
    }

    #[test]
    fn wide_numbers_are_compared_and_added_exactly() {
        let wide = q("9223372036854775808");
        assert!(wide > q("9e18") && wide < q("1e400"));
        assert_eq!(wide.sub(&q("1")).to_string(), "9223372036854775807");
    }

    #[test]
    fn numbers_are_read_from_json() {
        let all: Vec<Quantity> = serde_json::from_str(r#"[2, 0.5, "1Gi", null]"#).expect("json");
        assert_eq!(serde_json::to_string(&all).expect("json"), r#"["2","500m","1Gi","0"]"#);
    }
}
