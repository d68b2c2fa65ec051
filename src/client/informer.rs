//! One informer of a process: a reflector, and what it has under way.

use crate::api::Name;
use crate::api::gates::Gates;
use crate::api::object::{Kind, Object};
use crate::api::request::{ListOptions, Verb, WatchOptions};
use crate::api::selector::{FieldSelector, Selector};
use crate::client::reflector::{Reflector, Revision, Start};
use crate::sim::time::SimTime;

/// What an informer watches.
#[derive(Clone, PartialEq, Debug)]
pub struct Interest {
    /// The kind.
    pub kind: Kind,
    /// The namespace; empty for all.
    pub namespace: Name,
    /// Only objects with these fields.
    pub fields: FieldSelector,
}

impl Interest {
    /// All objects of a kind.
    pub fn all(kind: Kind) -> Interest {
        Interest { kind, namespace: Name::default(), fields: FieldSelector::default() }
    }

    /// Objects of a kind with a field.
    pub fn with_field(kind: Kind, field: &str, value: &str) -> Interest {
        Interest { fields: FieldSelector::equals(field, value), ..Interest::all(kind) }
    }
}

/// One informer: a reflector and what it has under way.
#[derive(Clone, Debug)]
pub struct Informer {
    /// What it watches.
    pub interest: Interest,
    /// What it does about what happens.
    pub reflector: Reflector,
    /// The request of the list under way; 0 for none.
    pub list: u64,
    /// The request of the watch under way; 0 for none.
    pub watch: u64,
    /// Pages of the list under way.
    pub pages: Vec<Object>,
    /// Where its next page begins.
    pub continue_token: Name,
    /// When its reflector wants to hear that a wait is over.
    pub timer: SimTime,
    /// The turn of the last change that it saw.
    pub last_cause: u64,
}

impl Informer {
    /// An informer that has done nothing yet.
    pub fn new(interest: Interest, gates: Gates, now: SimTime) -> Informer {
        let mut reflector = Reflector::new(Start::List, 0, now);
        reflector.gates = gates;
        Informer {
            interest,
            reflector,
            list: 0,
            watch: 0,
            pages: Vec::new(),
            continue_token: Name::default(),
            timer: SimTime::NEVER,
            last_cause: 0,
        }
    }

    /// The LIST at a revision.
    pub fn list_verb(&self, revision: Revision, limit: u32) -> Verb {
        let text = revision_text(revision);
        let paged = !self.continue_token.is_empty();
        Verb::List(Box::new(ListOptions {
            kind: self.interest.kind,
            namespace: self.interest.namespace.clone(),
            labels: Selector::default(),
            fields: self.interest.fields.clone(),
            resource_version: if paged { Name::default() } else { text },
            version_match: None,
            limit: limit as usize,
            continue_token: self.continue_token.clone(),
        }))
    }

    /// The WATCH after a revision.
    pub fn watch_verb(&self, revision: Revision, initial: bool) -> Verb {
        Verb::Watch(Box::new(WatchOptions {
            kind: self.interest.kind,
            namespace: self.interest.namespace.clone(),
            labels: Selector::default(),
            fields: self.interest.fields.clone(),
            resource_version: revision_text(revision),
            bookmarks: true,
            send_initial_events: initial,
        }))
    }
}

fn revision_text(revision: Revision) -> Name {
    match revision {
        Revision::Any => Name::new_static("0"),
        Revision::Latest => Name::default(),
        Revision::At(n) => smol_str::format_smolstr!("{n}"),
    }
}
