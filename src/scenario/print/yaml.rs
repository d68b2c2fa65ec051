//! YAML as kubectl writes it: members sorted, lists not indented, texts quoted where needed.
//!
//! Responsible for the form alone. It never leaves anything out of what it is given.

use std::cmp::Ordering;
use std::fmt::Write as _;

use serde_json::Value;

use super::look::sorted;

/// Where lines are folded, at the next space.
const WIDTH: usize = 80;

/// A document with its members in the order in which they are given.
pub fn as_given(value: &Value) -> String {
    let mut out = String::new();
    if is_block(value) {
        block(value, 0, &mut out);
    }
    out
}

/// A document.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/cli-runtime/pkg/printers/yaml.go, `PrintObj`
pub fn text(value: &Value) -> String {
    let mut out = String::new();
    let value = sorted(value, before);
    if is_block(&value) {
        block(&value, 0, &mut out);
    } else {
        scalar(&value, 0, &mut out);
        out.push('\n');
    }
    out
}

/// Writes a map or list that is not empty, its lines at an indent; the first indent is written.
fn block(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(map) => {
            for (at, (key, value)) in map.iter().enumerate() {
                if at > 0 {
                    pad(indent, out);
                }
                scalar(&Value::String(key.clone()), indent, out);
                out.push(':');
                member(value, indent, out);
            }
        }
        Value::Array(items) => {
            for (at, value) in items.iter().enumerate() {
                if at > 0 {
                    pad(indent, out);
                }
                out.push_str("- ");
                if is_block(value) {
                    block(value, indent + 2, out);
                } else {
                    scalar(value, indent + 2, out);
                    out.push('\n');
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Writes what stands behind a key's colon: a list is not indented, a map is.
fn member(value: &Value, indent: usize, out: &mut String) {
    if is_block(value) {
        let indent = if value.is_array() { indent } else { indent + 2 };
        out.push('\n');
        pad(indent, out);
        block(value, indent, out);
    } else {
        out.push(' ');
        scalar(value, indent + 2, out);
        out.push('\n');
    }
}

fn is_block(value: &Value) -> bool {
    match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn pad(indent: usize, out: &mut String) {
    let _ = write!(out, "{:indent$}", "");
}

/// Writes a value that takes no lines of its own.
fn scalar(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(_) | Value::Number(_) => {
            let _ = write!(out, "{value}");
        }
        Value::String(text) => string(text, indent, out),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
    }
}

/// Writes a text in the simplest style that keeps it a text.
///
/// Source: kubernetes v1.36 vendor/sigs.k8s.io/yaml/goyaml.v2/encode.go, `encoder.stringv`
fn string(text: &str, indent: usize, out: &mut String) {
    let printable = text.chars().all(|c| !c.is_control() || c == '\n');
    let space_at_break =
        text.contains(" \n") || text.starts_with([' ', '\n']) && text.contains('\n');
    if !printable || space_at_break || means_something_else(text) {
        double_quoted(text, indent, out);
    } else if text.contains('\n') {
        literal(text, indent, out);
    } else if is_plain(text) {
        folded(text, indent, out);
    } else {
        out.push('\'');
        folded(&text.replace('\'', "''"), indent, out);
        out.push('\'');
    }
}

/// Writes a text of several lines as it is, behind a bar.
fn literal(text: &str, indent: usize, out: &mut String) {
    let body = text.trim_end_matches('\n');
    let breaks = text.len() - body.len();
    out.push_str(match breaks {
        0 => "|-",
        1 => "|",
        _ => "|+",
    });
    let kept = breaks.saturating_sub(1);
    for line in body.split('\n').chain(std::iter::repeat_n("", kept)) {
        out.push('\n');
        if !line.is_empty() {
            pad(indent, out);
            out.push_str(line);
        }
    }
}

/// Writes a text, with a break in place of each single space beyond the width.
fn folded(text: &str, indent: usize, out: &mut String) {
    let mut column = out.rsplit('\n').next().map_or(0, |line| line.chars().count());
    let chars: Vec<char> = text.chars().collect();
    for (at, c) in chars.iter().enumerate() {
        let inner = at > 0 && at + 1 < chars.len();
        let single = inner && chars[at - 1] != ' ' && chars[at + 1] != ' ';
        if *c == ' ' && single && column > WIDTH {
            out.push('\n');
            pad(indent, out);
            column = indent;
        } else {
            out.push(*c);
            column += 1;
        }
    }
}

fn double_quoted(text: &str, indent: usize, out: &mut String) {
    out.push('"');
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push_str("\\t"),
            '\r' => escaped.push_str("\\r"),
            c if c.is_control() => {
                let _ = write!(escaped, "\\x{:02X}", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    folded(&escaped, indent, out);
    out.push('"');
}

/// Whether a text may stand without quotes: nothing in it is a mark of YAML.
///
/// Source: kubernetes v1.36 vendor/sigs.k8s.io/yaml/goyaml.v2/emitterc.go,
/// `yaml_emitter_analyze_scalar`
fn is_plain(text: &str) -> bool {
    const NOT_FIRST: &str = "#,[]{}&*!|>'\"%@`";
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return false };
    let blank_second = chars.next().is_none_or(|c| c == ' ');
    let marks = text.starts_with("---") || text.starts_with("...");
    !(marks
        || NOT_FIRST.contains(first)
        || matches!(first, '-' | '?' | ':') && blank_second
        || text.starts_with(' ')
        || text.ends_with([' ', ':'])
        || text.contains(": ")
        || text.contains(" #"))
}

/// Whether a text without quotes would be read as a number, a truth, an instant or nothing.
///
/// Source: kubernetes v1.36 vendor/sigs.k8s.io/yaml/goyaml.v2/resolve.go, `resolve`
fn means_something_else(text: &str) -> bool {
    const WORDS: [&str; 12] =
        ["", "~", "null", "true", "false", "y", "n", "yes", "no", "on", "off", "<<"];
    let lower = text.to_ascii_lowercase();
    let mut cased = lower.clone();
    if let Some(first) = cased.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let usual_case = text == lower || text == cased || text == text.to_ascii_uppercase();
    usual_case && WORDS.contains(&lower.as_str())
        || is_number(text)
        || is_base_sixty(text)
        || is_instant(text)
}

/// Source: kubernetes v1.36 vendor/sigs.k8s.io/yaml/goyaml.v2/resolve.go, `yamlStyleFloat`
fn is_number(text: &str) -> bool {
    let plain = text.replace('_', "");
    let body = plain.strip_prefix(['+', '-']).unwrap_or(&plain);
    if matches!(body, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let all = |text: &str, radix| !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
    if body.strip_prefix("0x").is_some_and(|t| all(t, 16))
        || body.strip_prefix("0b").is_some_and(|t| all(t, 2))
        || body.strip_prefix("0o").is_some_and(|t| all(t, 8))
    {
        return true;
    }
    let (digits, exponent) = body.split_once(['e', 'E']).unwrap_or((body, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let decimal = whole.chars().chain(fraction.chars()).all(|c| c.is_ascii_digit());
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    decimal && whole.len() + fraction.len() > 0 && all(exponent, 10)
}

/// Source: kubernetes v1.36 vendor/sigs.k8s.io/yaml/goyaml.v2/encode.go, `isBase60Float`
fn is_base_sixty(text: &str) -> bool {
    let body = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = body.split(':');
    let digits = |t: &str| !t.is_empty() && t.chars().all(|c| c.is_ascii_digit() || c == '_');
    let starts = body.starts_with(|c: char| c.is_ascii_digit());
    let first = parts.next().is_some_and(digits);
    let rest: Vec<&str> = parts.collect();
    let sixty = |t: &&str| {
        let t = t.split_once('.').map_or(*t, |(whole, _)| whole);
        digits(t) && t.parse::<u8>().is_ok_and(|n| n < 60)
    };
    starts && first && !rest.is_empty() && rest.iter().all(sixty)
}

/// Source: kubernetes v1.36 vendor/sigs.k8s.io/yaml/goyaml.v2/resolve.go, `parseTimestamp`
fn is_instant(text: &str) -> bool {
    let year = text.bytes().take_while(u8::is_ascii_digit).count();
    if year != 4 || text.as_bytes().get(4) != Some(&b'-') {
        return false;
    }
    text.parse::<jiff::Timestamp>().is_ok() || text.parse::<jiff::civil::DateTime>().is_ok()
}

/// The order of keys: runs of digits count as numbers, and letters come after all else.
///
/// Source: kubernetes v1.36 vendor/sigs.k8s.io/yaml/goyaml.v2/sorter.go, `keyList.Less`
fn before(one: &str, other: &str) -> Ordering {
    let ours: Vec<char> = one.chars().collect();
    let theirs: Vec<char> = other.chars().collect();
    let Some(at) = ours.iter().zip(&theirs).position(|(a, b)| a != b) else {
        return ours.len().cmp(&theirs.len());
    };
    match (ours[at].is_alphabetic(), theirs[at].is_alphabetic()) {
        (true, true) => ours[at].cmp(&theirs[at]),
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => {
            let count = |t: &[char]| t[at..].iter().take_while(|c| c.is_ascii_digit()).count();
            let number = |t: &[char]| -> u128 {
                t[at..][..count(t)].iter().collect::<String>().parse().unwrap_or(0)
            };
            let by_length = || count(&ours).cmp(&count(&theirs));
            let by_number = number(&ours).cmp(&number(&theirs));
            by_number.then_with(by_length).then_with(|| ours[at].cmp(&theirs[at]))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_written_as_kubectl_does() {
        let value = json!({
            "kind": "Pod", "metadata": {"name": "a", "labels": {"v": "1", "ok": "true", "x": "y z"},
            "creationTimestamp": "2026-01-01T00:00:00Z", "annotations": {}},
            "list": [{"b": 2, "a": [1, "x: y"]}, [], "- x", "it's", "#c", ""],
            "script": "one\n two\n", "cut": "one\ntwo", "n": null, "time": "12:30", "size": "1e3",
            "image": "registry/app:v1", "cpu": "100m", "ip": "10.0.0.1",
        });
        let want = r#"cpu: 100m
cut: |-
  one
  two
image: registry/app:v1
ip: 10.0.0.1
kind: Pod
list:
- a:
  - 1
  - 'x: y'
  b: 2
- []
- '- x'
- it's
- '#c'
- ""
metadata:
  annotations: {}
  creationTimestamp: "2026-01-01T00:00:00Z"
  labels:
    ok: "true"
    v: "1"
    x: y z
  name: a
"n": null
script: |
  one
   two
size: "1e3"
time: "12:30"
"#;
        assert_eq!(text(&value), want);
    }

    #[test]
    fn a_long_line_is_folded_at_the_first_space_behind_the_width() {
        let words = "word ".repeat(20);
        let got = text(&json!({"m": words.trim()}));
        let first = "word ".repeat(16);
        assert_eq!(got, format!("m: {}\n  {}\n", first.trim(), "word ".repeat(4).trim()));
    }
}
