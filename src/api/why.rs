//! The reason of a write: a sentence with numbers, put together only when somebody reads it.

use std::fmt;

use crate::api::Name;
use crate::sim::time::SimDuration;

/// Why something was written: a sentence with holes `{}`, and what fills them.
///
/// A rule has its own enum of reasons and turns each variant into one of these.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Why {
    text: &'static str,
    args: [Arg; 3],
}

/// What fills a hole of a [`Why`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Arg {
    /// Nothing: the hole does not exist.
    #[default]
    None,
    /// A number.
    Int(i64),
    /// A name.
    Name(Name),
    /// A span of time.
    Span(SimDuration),
}

impl Why {
    /// A reason without numbers.
    pub const fn new(text: &'static str) -> Why {
        Why { text, args: [Arg::None, Arg::None, Arg::None] }
    }

    /// A reason with one hole.
    pub fn one(text: &'static str, a: impl Into<Arg>) -> Why {
        Why { text, args: [a.into(), Arg::None, Arg::None] }
    }

    /// A reason with two holes.
    pub fn two(text: &'static str, a: impl Into<Arg>, b: impl Into<Arg>) -> Why {
        Why { text, args: [a.into(), b.into(), Arg::None] }
    }

    /// A reason with three holes.
    pub fn three(
        text: &'static str,
        a: impl Into<Arg>,
        b: impl Into<Arg>,
        c: impl Into<Arg>,
    ) -> Why {
        Why { text, args: [a.into(), b.into(), c.into()] }
    }

    /// The sentence with its holes: the same for all writes of one reason.
    pub fn text(&self) -> &'static str {
        self.text
    }

    /// Whether no reason was given.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

impl From<i64> for Arg {
    fn from(n: i64) -> Self {
        Arg::Int(n)
    }
}

impl From<i32> for Arg {
    fn from(n: i32) -> Self {
        Arg::Int(n.into())
    }
}

impl From<usize> for Arg {
    fn from(n: usize) -> Self {
        Arg::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }
}

impl From<&Name> for Arg {
    fn from(n: &Name) -> Self {
        Arg::Name(n.clone())
    }
}

impl From<Name> for Arg {
    fn from(n: Name) -> Self {
        Arg::Name(n)
    }
}

impl From<&'static str> for Arg {
    fn from(n: &'static str) -> Self {
        Arg::Name(Name::new_static(n))
    }
}

impl From<SimDuration> for Arg {
    fn from(span: SimDuration) -> Self {
        Arg::Span(span)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut args = self.args.iter();
        let mut parts = self.text.split("{}");
        let mut before = parts.next().unwrap_or_default();
        f.write_str(before)?;
        for part in parts {
            let arg = args.next();
            // Of many there may be one: `0 of 1 pods`, but `1 pod`.
            let one = matches!(arg, Some(Arg::Int(1))) && !before.ends_with(" of ");
            match arg {
                Some(Arg::Int(n)) => write!(f, "{n}")?,
                Some(Arg::Name(n)) => f.write_str(n)?,
                Some(Arg::Span(s)) => write!(f, "{s}")?,
                Some(Arg::None) | None => f.write_str("{}")?,
            }
            match ONE.iter().find(|(many, _)| one && part.starts_with(many)) {
                Some((many, single)) => write!(f, "{single}{}", &part[many.len()..])?,
                None => f.write_str(part)?,
            }
            before = part;
        }
        Ok(())
    }
}

/// How a text goes on after a number, and how after the number one.
const ONE: [(&str, &str); 3] =
    [(" pods are ", " pod is "), (" pods have ", " pod has "), (" pods", " pod")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holes_are_filled_in_order() {
        let why = Why::two("{} of {} pods", 2, 3);
        assert_eq!(why.to_string(), "2 of 3 pods");
    }

    #[test]
    fn one_is_not_told_as_many() {
        let told = |text, n| Why::one(text, n).to_string();
        assert_eq!(told("down to {} pods, for more", 1), "down to 1 pod, for more");
        assert_eq!(told("{} pods are there", 1), "1 pod is there");
        assert_eq!(told("{} pods have succeeded", 1), "1 pod has succeeded");
        assert_eq!(told("{} pods are there", 11), "11 pods are there");
        assert_eq!(Why::two("{} of {} pods are there", 0, 1).to_string(), "0 of 1 pods are there");
    }
}
