//! Style that can be a test is one: what no test enforces decays.
//!
//! Each file below holds one group of rules with its table of exceptions. A rule reads the
//! repository as text; it never builds or runs anything.

mod documents;
mod fidelity;
mod levels;
mod manual;
mod scenarios;
mod shape;
mod source;
mod words;

/// Fails with one line for each complaint.
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
