//! The outcomes of a suite as JUnit XML, which build servers read.

use std::fmt::Write;

use super::{Case, Outcome};
use crate::cli::Status;

/// The whole document.
pub(super) fn text(told: &[(&Case, Outcome)]) -> String {
    let count = |wanted: &[Status]| told.iter().filter(|(_, o)| wanted.contains(&o.status)).count();
    let failures = count(&[Status::Failed]);
    let errors = count(&[Status::Unusable, Status::Bug]);
    let time = seconds(told.iter().map(|(_, outcome)| outcome.wall_ms).sum());
    let counts = format!(
        "tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{time}\"",
        told.len()
    );
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites {counts}>\n  <testsuite name=\"wavetank\" {counts}>");
    told.iter().for_each(|(case, outcome)| one(case, outcome, &mut out));
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

fn one(case: &Case, outcome: &Outcome, out: &mut String) {
    let (class, name) = case.name.rsplit_once('/').unwrap_or(("wavetank", &case.name));
    let (class, name, time) = (escaped(class), escaped(name), seconds(outcome.wall_ms));
    let _ = write!(out, "    <testcase classname=\"{class}\" name=\"{name}\" time=\"{time}\"");
    let element = match outcome.status {
        Status::Held => {
            out.push_str("/>\n");
            return;
        }
        Status::Failed => "failure",
        Status::Unusable | Status::Bug => "error",
    };
    let message = escaped(outcome.detail.lines().next().unwrap_or_default());
    let detail = escaped(&outcome.detail);
    let _ = writeln!(out, ">\n      <{element} message=\"{message}\">{detail}</{element}>");
    out.push_str("    </testcase>\n");
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

/// Text without what XML takes for its own, and without what it cannot hold.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_and_escaped() {
        let case = Case { name: "basics/a<b".to_owned(), path: "x.yaml".into() };
        let detail = "a < b & c\n".to_owned();
        let outcome = Outcome { status: Status::Failed, detail, wall_ms: 1_005 };
        let text = text(&[(&case, outcome)]);
        let wanted = "<testcase classname=\"basics\" name=\"a&lt;b\" time=\"1.005\">";
        assert!(text.contains(wanted), "{text}");
        assert!(
            text.contains("message=\"a &lt; b &amp; c\">a &lt; b &amp; c\n</failure>"),
            "{text}"
        );
        assert!(text.contains("tests=\"1\" failures=\"1\" errors=\"0\""), "{text}");
    }
}
