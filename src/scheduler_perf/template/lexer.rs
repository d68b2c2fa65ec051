//! The words of a template's actions, with their places.

use crate::scenario::diagnostic::Mistake;
use crate::scenario::source::{Place, Session};

/// A part of a template's text.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Part {
    /// As it stands.
    Text(String),
    /// The words between `{{` and `}}`.
    Action(Vec<Word>),
}

/// A word of an action.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Word {
    /// Where it stands.
    pub(super) place: Place,
    /// It, a quoted text with its first quote.
    pub(super) text: String,
}

/// Where one is in a text.
struct Cursor<'t> {
    rest: &'t str,
    source: usize,
    line: usize,
    column: usize,
}

impl Cursor<'_> {
    fn place(&self) -> Place {
        Place { source: self.source, line: self.line, column: self.column, length: 1 }
    }

    fn skip(&mut self, bytes: usize) {
        for c in self.rest[..bytes].chars() {
            if c == '\n' {
                (self.line, self.column) = (self.line + 1, 1);
            } else {
                self.column += 1;
            }
        }
        self.rest = &self.rest[bytes..];
    }
}

/// The parts of a source; none when an action does not end.
pub(super) fn parts(source: usize, session: &mut Session) -> Option<Vec<Part>> {
    let whole = session.text(source);
    let mut cursor = Cursor { rest: &whole, source, line: 1, column: 1 };
    let mut parts = Vec::new();
    let mut trims = false;
    loop {
        let at = cursor.rest.find("{{");
        let text = &cursor.rest[..at.unwrap_or(cursor.rest.len())];
        let mut kept = if trims { text.trim_start() } else { text };
        let opened = &cursor.rest[text.len()..];
        if opened.strip_prefix("{{-").is_some_and(|rest| rest.starts_with(char::is_whitespace)) {
            kept = kept.trim_end();
        }
        parts.push(Part::Text(kept.to_owned()));
        cursor.skip(text.len());
        if at.is_none() {
            return Some(parts);
        }
        let Some(end) = cursor.rest.find("}}") else {
            session.report(cursor.place(), Mistake::other("`{{` without `}}`"));
            return None;
        };
        trims = cursor.rest[..end].ends_with(" -");
        parts.push(Part::Action(action(&mut cursor, end, session)?));
    }
}

/// The words of one action, which ends so many bytes on.
fn action(cursor: &mut Cursor<'_>, end: usize, session: &mut Session) -> Option<Vec<Word>> {
    let inner = cursor.rest[2..end].to_owned();
    let without = inner.strip_prefix('-').filter(|i| i.starts_with(char::is_whitespace));
    cursor.skip(2 + usize::from(without.is_some()));
    let mut left = without.unwrap_or(&inner);
    if left.ends_with(" -") {
        left = &left[..left.len() - 2];
    }
    let mut words = Vec::new();
    if left.trim().starts_with("/*") && left.trim().ends_with("*/") {
        left = "";
    }
    while let Some(c) = left.chars().next() {
        let length = match c {
            c if c.is_whitespace() => c.len_utf8(),
            '(' | ')' | '|' => 1,
            '"' | '`' => match left[1..].find(c) {
                Some(at) => at + 2,
                None => {
                    session.report(cursor.place(), Mistake::other("a text without its end"));
                    return None;
                }
            },
            _ => {
                let ends = |c: char| c.is_whitespace() || "()|".contains(c);
                left.find(ends).unwrap_or(left.len())
            }
        };
        if !c.is_whitespace() {
            let text = left[..length].to_owned();
            let place = Place { length: text.chars().count(), ..cursor.place() };
            words.push(Word { place, text });
        }
        cursor.skip(length);
        left = &left[length..];
    }
    let close = cursor.rest.find("}}").unwrap_or(0);
    cursor.skip(close + 2);
    Some(words)
}
