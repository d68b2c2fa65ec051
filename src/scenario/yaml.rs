//! YAML with positions: the only door through which scenarios and manifests come in.
//!
//! Responsible for turning text into trees in which every value and key knows its line and column,
//! and for refusing what would cost too much: texts over [`LARGEST`], nesting over [`DEEPEST`],
//! aliases that unfold to more than [`MOST_NODES`] values. It never knows what a tree means.

mod build;
mod path;
mod scalar;

use serde_json::Value;

pub use path::Segment;
pub use path::parse_path;
pub use scalar::Scalar;
pub use scalar::Style;

use crate::scenario::diagnostic::Mistake;
use crate::scenario::source::Place;
use crate::scenario::source::Session;

/// The longest text that is read, in bytes.
pub const LARGEST: usize = 8 << 20;

/// The deepest nesting of lists and mappings.
pub const DEEPEST: usize = 128;

/// The most values one text may unfold to, aliases counted by what they stand for.
pub const MOST_NODES: usize = 1_000_000;

/// One value with its place.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub data: Data,
}

/// The three shapes of YAML.
#[derive(Clone, PartialEq, Debug)]
pub enum Data {
    /// A single value: text, number, truth, nothing.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order that was written.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// The key as it is written.
    pub key: Box<str>,
    /// What kubectl makes of the key where that differs: `on` is `true`.
    pub meaning: Option<Box<str>>,
    /// Where the key stands.
    pub key_place: Place,
    /// The value.
    pub value: Node,
}

/// How places in a text are to be told: by the text's own lines, or by those of a text around it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Base {
    /// The text is a whole source.
    Source(usize),
    /// The text is a part of a source that begins at this place, each line at the same column.
    Block(Place),
    /// The text has no lines of its own in a source: every place in it is told as this one.
    Point(Place),
}

impl Base {
    /// The place, in a source, of a position in the text.
    pub(crate) fn place(self, line: usize, column: usize, length: usize) -> Place {
        match self {
            Base::Source(source) => Place { source, line, column, length },
            Base::Block(at) => {
                let (line, column) = (at.line + line - 1, at.column + column - 1);
                Place { source: at.source, line, column, length }
            }
            Base::Point(at) => at,
        }
    }
}

/// All documents of a source; what is wrong is reported and then left out.
pub fn parse(session: &mut Session, source: usize) -> Vec<Node> {
    let text = session.text(source);
    parse_text(&text, Base::Source(source), session)
}

/// All documents of a text; empty documents are left out, as kubectl leaves them out.
pub fn parse_text(text: &str, base: Base, session: &mut Session) -> Vec<Node> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > LARGEST {
        session.report(base.place(1, 1, 1), Mistake::too_large(text.len(), LARGEST));
        return Vec::new();
    }
    if let Some((line, column, found)) = control_character(text) {
        session.report(base.place(line, column, 1), Mistake::control_character(found));
        return Vec::new();
    }
    let mut documents = build::documents(text, base, session);
    documents.retain(|document| !document.is_null());
    documents
}

/// Reads bytes as text; what is no UTF-8 is reported at its line and column.
pub fn text_of(name: &str, bytes: Vec<u8>, session: &mut Session) -> Option<String> {
    let bad = match String::from_utf8(bytes) {
        Ok(text) => return Some(text),
        Err(bad) => bad,
    };
    let good = bad.utf8_error().valid_up_to();
    let before = String::from_utf8_lossy(&bad.as_bytes()[..good]).into_owned();
    let byte = bad.as_bytes().get(good).copied().unwrap_or(0);
    let source = session.add(name, &before);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    session.report(Place { source, line, column, length: 1 }, Mistake::not_utf8(byte));
    None
}

/// The first control character other than tab and line ends, with its line and column.
fn control_character(text: &str) -> Option<(usize, usize, char)> {
    let bad = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    let at = text.find(bad)?;
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    text[at..].chars().next().map(|c| (line, column, c))
}

impl Entry {
    /// The key as kubectl sends it.
    pub fn json_key(&self) -> &str {
        self.meaning.as_deref().unwrap_or(&self.key)
    }
}

impl Node {
    /// Whether it is nothing: `null`, `~`, or left empty.
    pub fn is_null(&self) -> bool {
        matches!(&self.data, Data::Scalar(scalar) if scalar.value() == Value::Null)
    }

    /// The entries of a mapping.
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.data {
            Data::Map(entries) => Some(entries),
            Data::Scalar(_) | Data::List(_) => None,
        }
    }

    /// The items of a list.
    pub fn items(&self) -> Option<&[Node]> {
        match &self.data {
            Data::List(items) => Some(items),
            Data::Scalar(_) | Data::Map(_) => None,
        }
    }

    /// The single value.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.data {
            Data::Scalar(scalar) => Some(scalar),
            Data::List(_) | Data::Map(_) => None,
        }
    }

    /// The text, when it is one and no number or truth.
    pub fn text(&self) -> Option<&str> {
        self.scalar().filter(|scalar| scalar.value().is_string()).map(|scalar| &*scalar.text)
    }

    /// The value of a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries()?.iter().find(|entry| &*entry.key == key).map(|entry| &entry.value)
    }

    /// The same as JSON, as kubectl would send it.
    pub fn to_json(&self) -> Value {
        match &self.data {
            Data::Scalar(scalar) => scalar.value(),
            Data::List(items) => items.iter().map(Node::to_json).collect(),
            Data::Map(entries) => {
                let pair = |entry: &Entry| (entry.json_key().to_owned(), entry.value.to_json());
                Value::Object(entries.iter().map(pair).collect())
            }
        }
    }

    /// What stands there, in words for a message: `number 3`, `a list`.
    pub fn describe(&self) -> String {
        match &self.data {
            Data::List(_) => "a list".to_owned(),
            Data::Map(_) => "a mapping".to_owned(),
            Data::Scalar(scalar) => match scalar.value() {
                Value::Null => "nothing".to_owned(),
                Value::Bool(_) => format!("`{}`", scalar.text),
                Value::Number(_) => format!("the number `{}`", scalar.text),
                Value::String(_) | Value::Array(_) | Value::Object(_) => {
                    format!("the text `{}`", scalar.text)
                }
            },
        }
    }

    /// Reports a value of another type than expected.
    pub fn report_type(&self, expected: &str, session: &mut Session) {
        session.report(self.place, Mistake::wrong_type(expected, &self.describe()));
    }
}

#[cfg(test)]
mod tests;
