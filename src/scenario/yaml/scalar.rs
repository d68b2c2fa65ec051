//! What a scalar means: kubectl's reading, which is YAML 1.1 as Go's library knows it.

use serde_json::Number;
use serde_json::Value;

use crate::scenario::source::Place;
use crate::scenario::yaml::Base;

/// How a scalar was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// Without quotes: may be a number, a truth or nothing.
    Plain,
    /// In quotes, or tagged `!!str`.
    Quoted,
    /// After `|`, its lines in the source from this place on.
    Block(Place),
    /// After `>`.
    Folded,
}

/// A single value as it was written.
#[derive(Clone, PartialEq, Debug)]
pub struct Scalar {
    /// The text, escapes resolved.
    pub text: Box<str>,
    /// How it was written.
    pub style: Style,
}

impl Scalar {
    /// What it means.
    ///
    /// Plain `yes` and `on` are true, `0777` is 511 and `1e3` is 1000, as kubectl reads them.
    ///
    /// Source: kubernetes v1.36 vendor/go.yaml.in/yaml/v2/resolve.go, resolve
    pub fn value(&self) -> Value {
        match self.style {
            Style::Plain => plain(&self.text),
            Style::Quoted | Style::Block(_) | Style::Folded => self.text.to_string().into(),
        }
    }

    /// How to tell places in the text, when the text itself is in some language.
    pub fn base(&self, place: Place) -> Base {
        let written = self.text.chars().count();
        match self.style {
            Style::Block(from) => Base::Block(from),
            Style::Plain if written == place.length => Base::Block(place),
            Style::Quoted if written + 2 == place.length => {
                Base::Block(Place { column: place.column + 1, ..place })
            }
            Style::Plain | Style::Quoted | Style::Folded => Base::Point(place),
        }
    }
}

/// The meaning of a scalar without quotes.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" | "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => {
            return Value::Bool(true);
        }
        "false" | "False" | "FALSE" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        _ => {}
    }
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'));
    let number = if numeric { number(&text.replace('_', "")) } else { None };
    number.map_or_else(|| text.to_owned().into(), Value::Number)
}

/// An integer in any of Go's bases, or a decimal number.
fn number(text: &str) -> Option<Number> {
    integer(text).or_else(|| decimal(text))
}

/// An integer as Go reads one with base 0: `0x`, `0o`, `0b`, and `0` before octal digits.
fn integer(text: &str) -> Option<Number> {
    let negative = text.starts_with('-');
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let based = |prefixes: [&str; 2], radix| {
        let rest = prefixes.iter().find_map(|p| digits.strip_prefix(*p))?;
        Some((rest, radix))
    };
    let octal = || digits.strip_prefix('0').filter(|rest| !rest.is_empty()).map(|rest| (rest, 8));
    let (digits, radix) = based(["0x", "0X"], 16)
        .or_else(|| based(["0o", "0O"], 8))
        .or_else(|| based(["0b", "0B"], 2))
        .or_else(octal)
        .unwrap_or((digits, 10));
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    let magnitude = i128::from_str_radix(digits, radix).ok()?;
    let value = if negative { -magnitude } else { magnitude };
    i64::try_from(value).map(Number::from).or_else(|_| u64::try_from(value).map(Number::from)).ok()
}

/// A decimal number; one without a fraction is an integer, as Go writes it into JSON.
fn decimal(text: &str) -> Option<Number> {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let allowed = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
    let digits = body.trim_start_matches('.');
    if !digits.starts_with(|c: char| c.is_ascii_digit()) || !body.chars().all(allowed) {
        return None;
    }
    let value: f64 = text.strip_prefix('+').unwrap_or(text).parse().ok()?;
    let whole = value.to_string().parse::<i64>().ok().map(Number::from);
    whole.or_else(|| Number::from_f64(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_scalars_mean_what_kubectl_reads() {
        let table = [
            ("", json!(null)),
            ("~", json!(null)),
            ("yes", json!(true)),
            ("off", json!(false)),
            ("3", json!(3)),
            ("-3", json!(-3)),
            ("+3", json!(3)),
            ("0777", json!(511)),
            ("0o17", json!(15)),
            ("0x1F", json!(31)),
            ("0b101", json!(5)),
            ("1_000", json!(1000)),
            ("08", json!(8)),
            ("1.5", json!(1.5)),
            ("1e3", json!(1000)),
            (".5", json!(0.5)),
            ("18446744073709551615", json!(u64::MAX)),
            ("1.36.2", json!("1.36.2")),
            ("1.2.3.4", json!("1.2.3.4")),
            ("25%", json!("25%")),
            ("4Gi", json!("4Gi")),
            ("-", json!("-")),
            (".", json!(".")),
            ("+-3", json!("+-3")),
            ("2026-01-01", json!("2026-01-01")),
        ];
        for (text, expected) in table {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }
}
