//! A whole number or a percentage of another, as in `maxSurge: 25%`; also a port by number or name.

use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::api::Name;

/// A number or a text: Kubernetes' `IntOrString`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/intstr/intstr.go
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IntOrPercent {
    /// A number.
    Int(i32),
    /// `25%`, or the name of a port.
    Text(Name),
}

/// Which way a share of a whole is rounded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rounding {
    /// To the next whole number, as for `maxSurge`.
    Up,
    /// To the whole number before, as for `maxUnavailable`.
    Down,
}

impl IntOrPercent {
    /// The number, or so many percent of `total`: `25%` of 3 is 1 up and 0 down.
    ///
    /// # Errors
    ///
    /// Any text that is no percentage, in Kubernetes' words.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/intstr/intstr.go,
    /// `GetScaledValueFromIntOrPercent`
    pub fn scaled(&self, total: i32, rounding: Rounding) -> Result<i32, String> {
        let text = match self {
            IntOrPercent::Int(n) => return Ok(*n),
            IntOrPercent::Text(text) => text,
        };
        let percent = percent(text).map_err(|e| format!("invalid value for IntOrString: {e}"))?;
        let hundredths = i64::from(percent) * i64::from(total);
        let down = hundredths.div_euclid(100);
        let is_cut = hundredths.rem_euclid(100) != 0;
        let share = down + i64::from(is_cut && rounding == Rounding::Up);
        i32::try_from(share).map_err(|_| format!("{text} of {total} is out of range"))
    }

    /// The number; a text that is a number counts, any other is zero.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/intstr/intstr.go,
    /// `IntOrString.IntValue`
    pub fn int_value(&self) -> i32 {
        match self {
            IntOrPercent::Int(n) => *n,
            IntOrPercent::Text(text) => text.parse().unwrap_or(0),
        }
    }
}

fn percent(text: &str) -> Result<i32, String> {
    let number = text.strip_suffix('%').ok_or("invalid type: string is not a percentage")?;
    let error =
        || format!("invalid value {text:?}: strconv.Atoi: parsing {number:?}: invalid syntax");
    number.parse().map_err(|_| error())
}

impl Default for IntOrPercent {
    fn default() -> Self {
        IntOrPercent::Int(0)
    }
}

impl From<i32> for IntOrPercent {
    fn from(n: i32) -> Self {
        IntOrPercent::Int(n)
    }
}

impl From<&str> for IntOrPercent {
    fn from(text: &str) -> Self {
        IntOrPercent::Text(text.into())
    }
}

impl fmt::Display for IntOrPercent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IntOrPercent::Int(n) => write!(f, "{n}"),
            IntOrPercent::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for IntOrPercent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IntOrPercent::Int(n) => write!(f, "{n}"),
            IntOrPercent::Text(text) => write!(f, "{text:?}"),
        }
    }
}

impl Serialize for IntOrPercent {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            IntOrPercent::Int(n) => s.serialize_i32(*n),
            IntOrPercent::Text(text) => s.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for IntOrPercent {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = IntOrPercent;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of 32 bits or a text")
            }

            fn visit_i64<E: serde::de::Error>(self, n: i64) -> Result<IntOrPercent, E> {
                i32::try_from(n).map(IntOrPercent::Int).map_err(|_| {
                    E::custom(format!("`{n}` does not fit the 32 bits of a number or percentage"))
                })
            }

            fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<IntOrPercent, E> {
                self.visit_i64(i64::try_from(n).unwrap_or(i64::MAX))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<IntOrPercent, E> {
                Ok(IntOrPercent::Text(text.into()))
            }
        }
        d.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_either_way() {
        let of_three = |text: &str, way| IntOrPercent::from(text).scaled(3, way);
        assert_eq!(of_three("25%", Rounding::Up), Ok(1));
        assert_eq!(of_three("25%", Rounding::Down), Ok(0));
        assert_eq!(
            of_three("%", Rounding::Up).unwrap_err(),
            r#"invalid value for IntOrString: invalid value "%": strconv.Atoi: parsing "": invalid syntax"#
        );
        assert!(of_three("90", Rounding::Up).is_err());
    }
}
