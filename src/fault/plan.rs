//! Which faults come, and when: a value.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::api::Name;
use crate::api::object::{Kind, Object};
use crate::api::request::Verb;
use crate::fault::Fault;
use crate::sim::time::SimDuration;

/// Faults and when they come.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Plan {
    /// The faults, in no particular order.
    pub entries: Vec<Entry>,
}

/// One fault and when it comes.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// When.
    pub trigger: Trigger,
    /// What, and for how long.
    pub inject: Inject,
}

/// A fault with how long it lasts.
#[derive(Clone, PartialEq, Debug)]
pub struct Inject {
    /// What is done, and to whom.
    pub fault: Fault,
    /// After which it is healed; without it, never.
    pub duration: Option<SimDuration>,
}

/// When a fault comes.
#[derive(Clone, PartialEq, Debug)]
pub enum Trigger {
    /// At an instant, from the beginning of the run.
    At(SimDuration),
    /// When something has occurred so many times, from 1.
    When(Occurrence, u32),
}

/// Something that occurs in a run, and that a fault can wait for.
#[derive(Clone, PartialEq, Debug)]
pub enum Occurrence {
    /// An actor's write arrives at an apiserver: the fault comes before anything is done.
    BeforeWrite(Writes),
    /// An actor's write is in the store, and its answer is not back yet.
    AfterWrite(Writes),
    /// A change that a client watches reaches it.
    Event(Events),
    /// A field of an object changes.
    Change(Changes),
}

/// Which writes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Writes {
    /// Whose, by the name that the trace shows.
    pub actor: String,
    /// Only writes of this kind; events and leases count only when they are named.
    pub kind: Option<String>,
    /// Only `create`, `update`, `patch` or `delete`.
    pub verb: Option<String>,
}

/// Which changes of which watch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Events {
    /// Who watches: a component, `kubelet/NODE` or an operator.
    pub actor: String,
    /// The kind that is watched.
    pub kind: String,
    /// Only `ADDED`, `MODIFIED` or `DELETED`.
    pub change: Option<String>,
}

/// Which changes of which objects.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Changes {
    /// The kind of the object.
    pub kind: String,
    /// Its name; any when not given.
    pub name: Option<String>,
    /// The field, as `spec.replicas`; without it every change counts.
    pub field: Option<String>,
    /// The value that it takes, as text; any when not given.
    pub becomes: Option<String>,
}

impl Writes {
    /// Whether a write is meant.
    pub fn matches(&self, user: &str, kind: Kind, verb: &str) -> bool {
        let quiet = matches!(kind, Kind::EVENT | Kind::LEASE);
        self.actor == user
            && self.kind.as_deref().map_or(!quiet, |k| k == kind.name())
            && self.verb.as_deref().is_none_or(|v| v == verb)
    }

    /// Whether a request is meant.
    pub fn is_of(&self, user: &str, verb: &Verb) -> bool {
        !verb.is_read_only() && self.matches(user, verb.key().kind, verb.name())
    }
}

impl Events {
    /// Whether a change is meant that a client is told of.
    pub fn matches(&self, actor: &str, kind: Kind, change: &str) -> bool {
        self.actor == actor
            && self.kind == kind.name()
            && self.change.as_deref().is_none_or(|c| c == change)
    }
}

impl Changes {
    /// Whether a change of the store is meant.
    pub fn matches(&self, old: Option<&Object>, new: &Object) -> bool {
        let meta = new.meta();
        if new.kind().name() != self.kind
            || self.name.as_deref().is_some_and(|name| name != meta.name.as_str())
        {
            return false;
        }
        let Some(field) = &self.field else { return true };
        let before = old.map(|o| at(&o.to_value(), field)).unwrap_or_default();
        let after = at(&new.to_value(), field);
        before != after && self.becomes.as_deref().is_none_or(|text| text == shown(&after))
    }
}

/// The value of a field by its path: `spec.replicas`, `metadata.labels.app`, `spec.taints[0].key`.
fn at(value: &Value, path: &str) -> Value {
    let pointer: String = path
        .split(['.', '['])
        .filter(|part| !part.is_empty())
        .map(|part| format!("/{}", part.trim_end_matches(']')))
        .collect();
    value.pointer(&pointer).cloned().unwrap_or_default()
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Plan {
    /// A plan of one fault.
    pub fn one(entry: Entry) -> Plan {
        Plan { entries: vec![entry] }
    }

    /// Whether nothing is to happen.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether signs of life can be computed although it comes.
    pub fn is_calm(&self) -> bool {
        self.entries.iter().all(|entry| entry.inject.fault.is_calm())
    }

    /// The plan with one more fault.
    #[must_use]
    pub fn with(&self, entry: Entry) -> Plan {
        let mut entries = self.entries.clone();
        entries.push(entry);
        Plan { entries }
    }

    /// The plan as the `faults:` of a scenario.
    pub fn to_value(&self) -> Value {
        self.entries.iter().map(Entry::to_value).collect()
    }
}

impl Entry {
    /// A fault at an instant.
    pub fn at(at: SimDuration, fault: Fault, duration: Option<SimDuration>) -> Entry {
        Entry { trigger: Trigger::At(at), inject: Inject { fault, duration } }
    }

    /// A fault at the n-th occurrence of something.
    pub fn when(what: Occurrence, n: u32, fault: Fault, duration: Option<SimDuration>) -> Entry {
        Entry { trigger: Trigger::When(what, n), inject: Inject { fault, duration } }
    }

    /// The entry as a row of the `faults:` of a scenario.
    pub fn to_value(&self) -> Value {
        let mut inject = serde_json::to_value(&self.inject.fault).unwrap_or_default();
        if let (Some(span), Value::Object(inject)) = (self.inject.duration, &mut inject) {
            inject.insert("duration".into(), json!(span.to_string()));
        }
        match &self.trigger {
            Trigger::At(at) => json!({ "at": at.to_string(), "inject": inject }),
            Trigger::When(what, n) => json!({ "when": what.to_value(*n), "inject": inject }),
        }
    }
}

impl Occurrence {
    /// The occurrence as a `when:` of a scenario.
    pub fn to_value(&self, n: u32) -> Value {
        let given = |pairs: &[(&str, Option<&String>)]| -> Map<String, Value> {
            let pairs = pairs.iter().filter_map(|(k, v)| Some(((*k).to_owned(), json!((*v)?))));
            pairs.chain([("n".to_owned(), json!(n))]).collect()
        };
        let writes = |w: &Writes| {
            let fields = [("actor", Some(&w.actor)), ("kind", w.kind.as_ref())];
            given(&[&fields[..], &[("verb", w.verb.as_ref())]].concat())
        };
        match self {
            Occurrence::BeforeWrite(w) => json!({ "before-write": writes(w) }),
            Occurrence::AfterWrite(w) => json!({ "after-write": writes(w) }),
            Occurrence::Event(e) => json!({ "event": given(&[
                ("actor", Some(&e.actor)),
                ("kind", Some(&e.kind)),
                ("type", e.change.as_ref()),
            ]) }),
            Occurrence::Change(c) => json!({ "change": given(&[
                ("kind", Some(&c.kind)),
                ("name", c.name.as_ref()),
                ("field", c.field.as_ref()),
                ("becomes", c.becomes.as_ref()),
            ]) }),
        }
    }

    /// The occurrence in words.
    pub fn words(&self, n: u32) -> Name {
        let of = |w: &Writes| match &w.kind {
            Some(kind) => format!("write of a {kind} by {}", w.actor),
            None => format!("write by {}", w.actor),
        };
        let text = match self {
            Occurrence::BeforeWrite(w) => format!("before the {} {}", nth(n), of(w)),
            Occurrence::AfterWrite(w) => format!("after the {} {}", nth(n), of(w)),
            Occurrence::Event(e) => format!("at the {} {} that {} sees", nth(n), e.kind, e.actor),
            Occurrence::Change(c) => match &c.field {
                Some(field) => format!("at the {} change of {field} of a {}", nth(n), c.kind),
                None => format!("at the {} change of a {}", nth(n), c.kind),
            },
        };
        text.into()
    }
}

fn nth(n: u32) -> String {
    match (n % 10, n % 100) {
        (_, 11..=13) => format!("{n}th"),
        (1, _) => format!("{n}st"),
        (2, _) => format!("{n}nd"),
        (3, _) => format!("{n}rd"),
        _ => format!("{n}th"),
    }
}

/// Writes a span as a scenario has it: `1.5s`.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
pub(super) fn span<S: Serializer>(it: &SimDuration, serializer: S) -> Result<S::Ok, S::Error> {
    it.to_string().serialize(serializer)
}
