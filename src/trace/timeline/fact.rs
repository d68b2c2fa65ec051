//! A fact: one thing that happened to one object, in words.

use crate::api::Name;
use crate::api::message::Origin;
use crate::api::object::Object;
use crate::api::why::Why;
use crate::sim::time::SimTime;

/// What a fact is about, for its look and its place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) enum Tone {
    /// Something that happens.
    #[default]
    Plain,
    /// Something good: ready, complete.
    Good,
    /// Something bad: crashed, refused, not ready.
    Bad,
    /// A person's step.
    Step,
    /// The weather.
    Fault,
}

/// One thing that happened to one object.
#[derive(Clone, Debug, Default)]
pub(super) struct Fact {
    /// When.
    pub time: SimTime,
    /// Who did it.
    pub actor: Name,
    /// The kind of the object; empty when it is about no object.
    pub kind: &'static str,
    /// The part of the name that its siblings share: `web-784f4847c4-`.
    pub stem: Name,
    /// The rest of the name.
    pub name: Name,
    /// What happened: `created`, `scaled 3 → 5`.
    pub what: String,
    /// What differs from sibling to sibling: the node.
    pub detail: Name,
    /// A number that changed, for which only the first and the last value count.
    pub span: Option<(usize, usize)>,
    /// Why.
    pub why: Why,
    /// How it looks.
    pub tone: Tone,
}

/// Collects the facts of one write.
pub(super) struct Teller<'a> {
    pub facts: &'a mut Vec<Fact>,
    pub time: SimTime,
    pub origin: &'a Origin,
    pub object: &'a Object,
}

impl Teller<'_> {
    /// Adds a fact; gives it to be filled in.
    pub(super) fn tell(&mut self, tone: Tone, what: impl Into<String>) -> &mut Fact {
        let (stem, name) = split_name(self.object);
        self.facts.push(Fact {
            time: self.time,
            actor: self.origin.user.clone(),
            kind: self.object.kind().name(),
            stem,
            name,
            what: what.into(),
            why: self.origin.why.clone(),
            tone,
            ..Fact::default()
        });
        let last = self.facts.len() - 1;
        &mut self.facts[last]
    }
}

/// The part of a name that siblings share, and the rest: that of the owner for an object that is
/// named after it, all but the digits at the end for a node.
fn split_name(object: &Object) -> (Name, Name) {
    let name = &object.meta().name;
    let at = if let Object::Node(_) = object {
        name.trim_end_matches(|c: char| c.is_ascii_digit()).len()
    } else {
        object.meta().controller().map_or(0, |owner| {
            let rest = name.strip_prefix(owner.name.as_str()).and_then(|n| n.strip_prefix('-'));
            rest.map_or(0, |rest| name.len() - rest.len())
        })
    };
    (name[..at].into(), name[at..].into())
}
