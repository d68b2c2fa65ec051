//! From positioned trees to typed values: what a scenario's fields are, in one table a type.
//!
//! Responsible for collecting every mistake (unknown field, wrong type, unreadable value) and for
//! the JSON Schema of the same types: both come from the tables written with `object!`,
//! `choice!` and `words!`, so that they cannot drift. It never stops at the first mistake.

mod basic;
mod table;

use serde_json::Value;

pub(crate) use table::choice;
pub(crate) use table::foreign;
pub(crate) use table::foreign_choice;
pub(crate) use table::foreign_words;
pub(crate) use table::object;
pub(crate) use table::words;

use crate::scenario::diagnostic::Mistake;
use crate::scenario::schema::Schema;
use crate::scenario::source::Place;
use crate::scenario::source::Session;
use crate::scenario::yaml::Entry;
use crate::scenario::yaml::Node;

/// A type that can be read from a positioned tree.
pub trait Decode: Sized {
    /// Its JSON Schema; named types put theirs into `schema` and give a reference.
    fn shape(schema: &mut Schema) -> Value;

    /// Reads it; `None` when something was wrong, which is then reported.
    fn decode(node: &Node, session: &mut Session) -> Option<Self>;
}

/// A type whose alternatives are told apart by a key: `wait: 10s` or `kubectl: get pods`.
pub trait Choice: Sized {
    /// What it is called in messages: `fault`, `expectation`.
    const WHAT: &'static str;
    /// The keys.
    const NAMES: &'static [&'static str];

    /// Reads the alternative of one of the keys.
    fn variant(name: &str, node: &Node, session: &mut Session) -> Option<Self>;

    /// The alternatives as rows of a schema.
    fn rows(schema: &mut Schema) -> Vec<Row>;
}

/// One field of a type, for its schema.
pub struct Row {
    /// The key in the file.
    pub key: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// The schema of its value.
    pub shape: Value,
    /// Whether it must be there.
    pub required: bool,
}

/// A value together with its place.
#[derive(Clone, PartialEq, Debug)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

impl<T: Decode> Decode for Spanned<T> {
    fn shape(schema: &mut Schema) -> Value {
        T::shape(schema)
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        Some(Spanned { value: T::decode(node, session)?, place: node.place })
    }
}

/// The fields of one mapping while it is read.
pub struct Fields<'n> {
    node: &'n Node,
    what: &'static str,
    entries: &'n [Entry],
}

impl<'n> Fields<'n> {
    /// Begins to read a mapping; fields that are not known are reported.
    pub fn open(
        node: &'n Node,
        what: &'static str,
        known: &[&str],
        session: &mut Session,
    ) -> Option<Self> {
        let Some(entries) = mapping(node) else {
            node.report_type(&format!("a mapping for {what}"), session);
            return None;
        };
        for entry in entries.iter().filter(|entry| !known.contains(&&*entry.key)) {
            if session.is_full() {
                break;
            }
            session.report(entry.key_place, Mistake::unknown_field(what, &entry.key, known));
        }
        Some(Fields { node, what, entries })
    }

    /// Begins to read what stands beside a choice, whose own reading tells unknown fields.
    pub fn beside(node: &'n Node, what: &'static str) -> Option<Self> {
        mapping(node).map(|entries| Fields { node, what, entries })
    }

    /// The value of a field, when there is one other than null.
    pub fn node(&self, key: &str) -> Option<&'n Node> {
        let entry = self.entries.iter().find(|entry| &*entry.key == key)?;
        Some(&entry.value).filter(|node| !node.is_null())
    }

    /// A field that must be there.
    pub fn required<T: Decode>(&self, key: &str, session: &mut Session) -> Option<T> {
        if let Some(node) = self.node(key) {
            return T::decode(node, session);
        }
        session.report(self.node.place, Mistake::missing_field(self.what, key));
        None
    }

    /// A field that has a default.
    pub fn optional<T: Decode>(
        &self,
        key: &str,
        session: &mut Session,
        default: impl FnOnce() -> T,
    ) -> Option<T> {
        match self.node(key) {
            Some(node) => T::decode(node, session),
            None => Some(default()),
        }
    }
}

/// The entries of a mapping; nothing counts as a mapping without any.
fn mapping(node: &Node) -> Option<&[Entry]> {
    if node.is_null() { Some(&[]) } else { node.entries() }
}

/// Reads the one alternative that a mapping names; the keys in `beside` are left alone.
pub fn choose<C: Choice>(node: &Node, beside: &[&str], session: &mut Session) -> Option<C> {
    let Some(entries) = mapping(node) else {
        let known = C::NAMES.join("`, `");
        node.report_type(&format!("a mapping with one of `{known}`"), session);
        return None;
    };
    let mut chosen: Option<&Entry> = None;
    let mut unknown = false;
    for entry in entries.iter().filter(|entry| !beside.contains(&&*entry.key)) {
        if session.is_full() {
            break;
        }
        if !C::NAMES.contains(&&*entry.key) {
            unknown = true;
            let known: Vec<&str> = C::NAMES.iter().chain(beside).copied().collect();
            session.report(entry.key_place, Mistake::unknown_name(C::WHAT, &entry.key, &known));
        } else if let Some(first) = chosen {
            let mistake = Mistake::two_chosen(C::WHAT, &first.key, &entry.key);
            session.report(entry.key_place, mistake);
        } else {
            chosen = Some(entry);
        }
    }
    if chosen.is_none() && !unknown {
        session.report(node.place, Mistake::none_chosen(C::WHAT, C::NAMES));
    }
    let entry = chosen?;
    C::variant(&entry.key, &entry.value, session)
}
