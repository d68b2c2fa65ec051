//! The texts that were read, and places in them.
//!
//! Responsible for turning a place (text, line, column) into what a person is shown: the file's
//! name and the line itself. It never reads files; texts are handed to it.

use std::sync::Arc;

use crate::api::Name;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::diagnostic::Problem;

/// So many problems are collected; a text that holds more is not worth a longer list.
const MOST_PROBLEMS: usize = 500;

/// Where something stands: a text of the session, a line and a column, both from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Place {
    /// The number of the text in [`Session`].
    pub source: usize,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// How many characters it covers on its line; at least one is shown.
    pub length: usize,
}

/// One text, with its lines found once.
#[derive(Clone, Debug)]
struct Source {
    name: Arc<str>,
    text: Arc<str>,
    line_starts: Vec<usize>,
}

/// All texts of one loading, and every problem found in them.
#[derive(Clone, Debug, Default)]
pub struct Session {
    sources: Vec<Source>,
    problems: Vec<Problem>,
    left_out: usize,
    /// Processes beside the usual ones that a scenario may name.
    pub operators: Operators,
}

/// Operators of the user's own, as a scenario may name them.
#[derive(Clone, Debug)]
pub enum Operators {
    /// These.
    Named(Vec<Name>),
    /// Whatever is named: the text was written by the program, for a world that has it.
    Any,
}

impl Default for Operators {
    fn default() -> Self {
        Operators::Named(Vec::new())
    }
}

impl Operators {
    /// Whether a name may be that of an operator.
    pub fn has(&self, text: &str) -> bool {
        match self {
            Operators::Named(names) => names.iter().any(|name| name == text),
            Operators::Any => true,
        }
    }
}

impl Session {
    /// Takes a text under the name that people know it by; gives its number.
    pub fn add(&mut self, name: &str, text: &str) -> usize {
        let ends = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(ends).collect();
        self.sources.push(Source { name: name.into(), text: text.into(), line_starts });
        self.sources.len() - 1
    }

    /// The whole of a text.
    pub fn text(&self, source: usize) -> Arc<str> {
        self.sources.get(source).map_or_else(|| "".into(), |s| s.text.clone())
    }

    /// The name of a text.
    pub fn name(&self, source: usize) -> Arc<str> {
        self.sources.get(source).map_or_else(|| "".into(), |s| s.name.clone())
    }

    /// One line of a text, from 1, without its end.
    pub fn line(&self, source: usize, line: usize) -> &str {
        let Some(source) = self.sources.get(source) else { return "" };
        let Some(start) = line.checked_sub(1).and_then(|n| source.line_starts.get(n)) else {
            return "";
        };
        let end = source.line_starts.get(line).map_or(source.text.len(), |next| next - 1);
        source.text[*start..end].trim_end_matches('\r')
    }

    /// Records a mistake at its place.
    pub fn report(&mut self, place: Place, mistake: Mistake) {
        if self.is_full() {
            self.left_out += 1;
            return;
        }
        let text = clip_around(self.line(place.source, place.line), place.column);
        let file = self.name(place.source);
        self.problems.push(Problem::new(file, place, text, mistake));
    }

    /// Whether no further problem would be shown, so that looking for more is in vain.
    pub fn is_full(&self) -> bool {
        self.problems.len() >= MOST_PROBLEMS
    }

    /// How many problems there are by now, those left out included.
    pub fn count(&self) -> usize {
        self.problems.len() + self.left_out
    }

    /// Every problem so far, in the order of the texts; the session goes on with none.
    pub fn take_problems(&mut self) -> Vec<Problem> {
        let mut problems = std::mem::take(&mut self.problems);
        problems.sort_by(|a, b| (a.place, &a.message).cmp(&(b.place, &b.message)));
        problems.dedup();
        if let (true, Some(last)) = (self.left_out > 0, problems.last_mut()) {
            last.notes.push(format!("{} more problems are not shown", self.left_out));
        }
        self.left_out = 0;
        problems
    }
}

/// The part of a very long line that stands around a column, and how much was cut before it.
fn clip_around(line: &str, column: usize) -> (String, usize) {
    const SIDE: usize = 400;
    let from = column.saturating_sub(SIDE);
    (line.chars().skip(from).take(2 * SIDE).collect(), from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_given_without_its_end() {
        let mut session = Session::default();
        let source = session.add("x", "one\r\ntwo\n\nfour");
        let lines: Vec<&str> = (0..6).map(|n| session.line(source, n)).collect();
        assert_eq!(lines, ["", "one", "two", "", "four", ""]);
    }
}
