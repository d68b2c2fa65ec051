//! What must hold in every run, whoever wrote the scenario.
//!
//! An invariant is a row of the table `invariants!` and a file: it sees every change of the store
//! and says when one must not have been. What must hold once nothing is left to do is in
//! [`end`], what goes round in circles in [`lasso`], what was reached in [`marks`]. Nothing here
//! changes anything, and no component knows of it.

mod binding;
mod collector;
pub mod end;
mod generation;
mod incarnation;
mod job;
pub mod lasso;
mod leader;
pub mod marks;
mod overcreation;
pub mod state;
mod store;

use std::fmt;

use crate::api::Name;
use crate::api::message::{Origin, StoreChange};
use crate::api::note::RefusedNote;
use crate::api::object::Kind;
use crate::cluster::Cluster;
use crate::sim::time::SimTime;

/// Something that must not have been.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Breach {
    /// The property, as the list of them names it: `S4`.
    pub id: &'static str,
    /// The kind of the object that it is about.
    pub kind: Option<Kind>,
    /// What is wrong, in words.
    pub what: String,
    /// When it was seen.
    pub at: SimTime,
}

impl Breach {
    /// What tells one failure from another, whatever the names and numbers in it.
    pub fn fingerprint(&self) -> String {
        format!("{}/{}", self.id, self.kind.map_or("", Kind::name))
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: {}", self.id, self.at, self.what)
    }
}

/// A change, as an invariant sees it.
pub struct Look<'a> {
    /// The change.
    pub change: &'a StoreChange,
    /// Who asked for it.
    pub origin: &'a Origin,
    /// The cluster right after it.
    pub cluster: &'a Cluster,
    /// When.
    pub now: SimTime,
}

/// Something that must hold at every change of the store.
trait Invariant {
    /// Looks at a change; what must not have been is the error.
    fn look(&mut self, look: &Look<'_>) -> Result<(), String>;
}

/// Declares the invariants: their number in the list of properties, and what they say.
macro_rules! invariants {
    ($( $(#[doc = $doc:literal])* $id:literal => $field:ident: $Type:path; )*) => {
        /// All invariants, and what each remembers of the run.
        #[derive(Clone, Default)]
        pub struct Invariants {
            $( $field: $Type, )*
            breaches: Vec<Breach>,
        }

        impl Invariants {
            /// The invariants: number and meaning.
            pub const ALL: &'static [(&'static str, &'static str)] =
                &[$( ($id, concat!($($doc),*)), )*];

            /// Looks at a change of the store.
            pub fn look(&mut self, look: &Look<'_>) {
                $(
                    if let Err(what) = self.$field.look(look) {
                        self.note($id, look, what);
                    }
                )*
            }
        }
    };
}

invariants! {
    /// Revisions grow, no uid is used again, what is fixed stays, nothing goes with finalizers.
    "S1" => store: store::Store;
    /// A pod is bound once.
    "S4" => binding: binding::Binding;
    /// At most one pod of an ordinal of a StatefulSet runs.
    "S6" => incarnation: incarnation::Incarnation;
    /// A controller has no more pods than it was ever to have.
    "S10" => overcreation: overcreation::Overcreation;
    /// The garbage collector deletes nothing that has a living owner.
    "S11" => collector: collector::Collector;
    /// A leader's lease changes hands only when it has run out or was given back.
    "S12" => leader: leader::Leader;
    /// A Job counts no pod twice, and a CronJob that forbids it runs no two jobs.
    "S15" => job: job::Jobs;
    /// The generation counts changes of the spec, and what was observed of it only grows.
    "S18" => generation: generation::Generation;
}

impl Invariants {
    /// The store was set back to what it was: its revisions begin again from there.
    pub fn restored(&mut self) {
        self.store.restored();
    }

    /// A request was refused, or nobody knows what became of it.
    pub fn refused(&mut self, refused: &RefusedNote) {
        self.overcreation.refused(refused);
    }

    /// Faults have kept from clients what became of so many of the pods that they asked for.
    pub fn kept_from(&mut self, unsure_of: impl Fn(&str) -> u32) {
        self.overcreation.kept_from(unsure_of);
    }

    fn note(&mut self, id: &'static str, look: &Look<'_>, what: String) {
        // One of a kind is enough to know.
        if self.breaches.iter().filter(|b| b.id == id).count() >= 4 {
            return;
        }
        let kind = Some(look.change.object.kind());
        self.breaches.push(Breach { id, kind, what, at: look.now });
    }

    /// What was found so far.
    pub fn breaches(&self) -> &[Breach] {
        &self.breaches
    }
}

/// The name of an object in sentences: `Pod default/web-1`.
fn named(change: &StoreChange) -> String {
    let meta = change.object.meta();
    let kind = change.object.kind().name();
    if meta.namespace.is_empty() {
        return format!("{kind} {}", meta.name);
    }
    format!("{kind} {}/{}", meta.namespace, meta.name)
}

/// The key of a name within a namespace.
type Place = (Name, Name);
