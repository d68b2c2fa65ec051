//! The writes that a controller wants.

use crate::api::deletion::Preconditions;
use crate::api::edit::Edit;
use crate::api::meta::Uid;
use crate::api::object::{Object, ObjectKey};
use crate::api::refusal::{Reason, Refusal};
use crate::api::request::{
    Answer, DeleteOptions, EventNote, Patch, Propagation, Subresource, Verb,
};
use crate::api::why::Why;
use crate::sim::time::SimDuration;

/// What a controller wants after one look: writes, things to tell, and when to look again.
///
/// The steps run one after another; a refusal ends the plan unless `recover` says otherwise. The
/// version of an object that a reply brings is used by later writes of the same plan to that
/// object, as the real controllers pass it on.
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The writes, in order.
    pub steps: Vec<Step>,
    /// Events that do not depend on the outcome of a write; told before the first step.
    pub events: Vec<EventNote>,
    /// When the key is to be looked at again, whatever happens; none for not by itself.
    pub look_again: Option<SimDuration>,
    /// Whether looking again is housekeeping: it finds nothing unless something fails to happen.
    pub housekeeping: bool,
    /// Whether the key is to be tried again with a rate limit once the steps are done.
    pub retry: bool,
    /// Whether the key is queued with the rate limit although the look has not failed: its
    /// failures are forgotten at once, so that the limit of the whole queue alone slows it down.
    pub queue_again: bool,
    /// Whether the controller goes on with what came of the steps: `Reconciler::resume` is asked
    /// when they are done, unless a refusal stopped them. For the few whose next request depends
    /// on the answers to the ones before.
    pub resumes: bool,
}

/// A write of a plan that resumes, and what was answered.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The write.
    pub write: Box<Write>,
    /// The answer.
    pub answer: Answer,
}

/// One step of a plan.
#[expect(clippy::large_enum_variant, reason = "a plan has few steps, most of them one write")]
#[derive(Clone, Debug)]
pub enum Step {
    /// One write.
    One(Write),
    /// Writes at once.
    Batch {
        /// The writes.
        writes: Vec<Write>,
        /// Whether they go in batches of 1, 2, 4, …: a batch begins when the one before has ended
        /// well, and after a refusal the rest is left out.
        slow_start: bool,
    },
    /// Nothing: what was left out because of a refusal ends here.
    Landmark,
}

/// A wish to change an object.
#[derive(Clone, Debug)]
pub struct Write {
    /// What is asked of the apiserver.
    pub verb: Verb,
    /// Why.
    pub why: Why,
    /// Told when the apiserver has done it.
    pub on_success: Option<EventNote>,
    /// Told when it refused.
    pub on_refusal: Option<EventNote>,
    /// What the expectations of the plan's key count: a creation or deletion to be seen.
    pub expect: Expect,
}

/// What a controller expects to see in its cache because of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Expect {
    /// Nothing is counted.
    #[default]
    Nothing,
    /// A creation.
    Creation,
    /// The deletion of this incarnation.
    Deletion(Uid),
}

/// What a controller does about a refusal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recovery {
    /// The plan ends; the key is tried again with a rate limit.
    Retry,
    /// The refusal does not matter; the plan goes on.
    GoOn,
    /// The plan ends and the key is forgotten until something changes.
    GiveUp,
    /// The plan goes on, and the key is tried again with a rate limit when it has ended.
    GoOnThenRetry,
    /// The plan goes on behind the next landmark, and the key is tried again when it has ended.
    SkipThenRetry,
    /// The same, and the refusal is not told.
    SkipUntold,
}

impl Plan {
    /// Nothing is wanted.
    pub fn nothing() -> Plan {
        Plan::default()
    }

    /// Adds one write.
    pub fn push(&mut self, write: Write) {
        self.steps.push(Step::One(write));
    }

    /// Adds writes that go at once.
    pub fn push_all(&mut self, writes: Vec<Write>) {
        if !writes.is_empty() {
            self.steps.push(Step::Batch { writes, slow_start: false });
        }
    }

    /// Adds writes in slow-start batches.
    pub fn push_slowly(&mut self, writes: Vec<Write>) {
        if !writes.is_empty() {
            self.steps.push(Step::Batch { writes, slow_start: true });
        }
    }

    /// Sets a landmark: behind it the plan goes on after a refusal that skips what is before it.
    pub fn landmark(&mut self) {
        if !self.steps.is_empty() {
            self.steps.push(Step::Landmark);
        }
    }

    /// Asks to look again after `span` at the latest.
    pub fn look_again_in(&mut self, span: SimDuration) {
        self.look_again = Some(self.look_again.map_or(span, |s| s.min(span)));
    }

    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.writes().next().is_none() && self.events.is_empty()
    }

    /// All writes, in order.
    pub fn writes(&self) -> impl Iterator<Item = &Write> {
        self.steps.iter().flat_map(|step| match step {
            Step::One(write) => std::slice::from_ref(write).iter(),
            Step::Batch { writes, .. } => writes.iter(),
            Step::Landmark => [].iter(),
        })
    }
}

impl Extend<Write> for Plan {
    fn extend<T: IntoIterator<Item = Write>>(&mut self, writes: T) {
        self.steps.extend(writes.into_iter().map(Step::One));
    }
}

impl Write {
    /// Asks for something.
    pub fn of(verb: Verb, why: impl Into<Why>) -> Write {
        Write { verb, why: why.into(), on_success: None, on_refusal: None, expect: Expect::Nothing }
    }

    /// Asks for something whose answer the controller needs itself, by
    /// [`Reconciler::answered`](crate::client::reconciler::Reconciler::answered).
    pub fn ask(verb: Verb, why: impl Into<Why>) -> Write {
        Write::of(verb, why)
    }

    /// Creates an object.
    pub fn create(object: impl Into<Object>, why: impl Into<Why>) -> Write {
        Write::of(Verb::Create { object: object.into(), dry_run: false }, why)
    }

    /// Updates an object, if its version is still the current one.
    pub fn update(object: impl Into<Object>, why: impl Into<Why>) -> Write {
        Write::of(Verb::Update { object: object.into(), part: Subresource::Main }, why)
    }

    /// Updates the status of an object, if its version is still the current one.
    pub fn update_status(object: impl Into<Object>, why: impl Into<Why>) -> Write {
        Write::of(Verb::Update { object: object.into(), part: Subresource::Status }, why)
    }

    /// Changes an object, whatever version it has.
    pub fn edit(key: ObjectKey, edit: Edit, why: impl Into<Why>) -> Write {
        Write::of(
            Verb::Patch { key, part: Subresource::Main, patch: Patch::Edit(edit), dry_run: false },
            why,
        )
    }

    /// Changes the status of an object, whatever version it has.
    pub fn edit_status(key: ObjectKey, edit: Edit, why: impl Into<Why>) -> Write {
        Write::of(
            Verb::Patch {
                key,
                part: Subresource::Status,
                patch: Patch::Edit(edit),
                dry_run: false,
            },
            why,
        )
    }

    /// Deletes one incarnation of an object.
    pub fn delete(object: &Object, why: impl Into<Why>) -> Write {
        let preconditions =
            Some(Preconditions { uid: Some(object.meta().uid), resource_version: None });
        let options = DeleteOptions { preconditions, ..DeleteOptions::default() };
        Write::of(Verb::Delete { key: object.key(), options }, why)
    }

    /// Reads an object anew, past the caches.
    pub fn read(key: ObjectKey, why: impl Into<Why>) -> Write {
        Write::of(Verb::Get(key), why)
    }

    /// With this propagation, for a deletion.
    #[must_use]
    pub fn propagating(mut self, propagation: Propagation) -> Write {
        if let Verb::Delete { options, .. } = &mut self.verb {
            options.propagation_policy = Some(propagation);
        }
        self
    }

    /// With an event that tells its success.
    #[must_use]
    pub fn telling(mut self, event: EventNote) -> Write {
        self.on_success = Some(event);
        self
    }

    /// With an event that tells its refusal.
    #[must_use]
    pub fn telling_refusal(mut self, event: EventNote) -> Write {
        self.on_refusal = Some(event);
        self
    }

    /// With what its controller expects to see.
    #[must_use]
    pub fn expecting(mut self, expect: Expect) -> Write {
        self.expect = expect;
        self
    }
}

impl Recovery {
    /// The usual answer: what is gone or already there does not matter to a deletion or creation
    /// that asked for it, everything else is tried again.
    pub fn usual(write: &Write, refusal: &Refusal) -> Recovery {
        match (&write.verb, refusal.reason) {
            (Verb::Delete { .. }, Reason::NotFound) => Recovery::GoOn,
            _ => Recovery::Retry,
        }
    }
}
