//! Why the `StatefulSet` controller wrote something.

use crate::api::Name;
use crate::api::why::Why;

/// Why the `StatefulSet` controller wrote something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StatefulSetWhy {
    /// The template is one that the history does not hold.
    NewRevision {
        /// The revision's number.
        number: i64,
    },
    /// The template is one that the history holds already.
    OldRevision {
        /// The number that it gets.
        number: i64,
    },
    /// A revision is beyond the limit of the history.
    Forgotten {
        /// How many old ones are kept.
        limit: i32,
    },
    /// The pod of an ordinal is missing.
    Missing {
        /// The revision that it is made from.
        revision: Name,
    },
    /// The pod of an ordinal is missing, and those before it are available.
    Next {
        /// The revision that it is made from.
        revision: Name,
    },
    /// A claim of a pod is missing.
    ClaimMissing {
        /// The pod.
        pod: Name,
    },
    /// The owners of a claim are not those that the retention policy asks for.
    Retention,
    /// The pod has ended.
    Ended,
    /// There are more pods than desired.
    TooMany {
        /// Desired pods.
        want: i32,
    },
    /// The pod has another revision than the one that is rolled out.
    Outdated {
        /// The revision that is rolled out.
        revision: Name,
    },
    /// The pod's labels do not tell who it is.
    Identity,
    /// The numbers of the status have changed.
    Counted {
        /// Pods that are there.
        replicas: i32,
        /// Ready ones.
        ready: i32,
        /// Those of the revision that is rolled out.
        updated: i32,
    },
}

impl From<StatefulSetWhy> for Why {
    fn from(why: StatefulSetWhy) -> Why {
        match why {
            StatefulSetWhy::NewRevision { number } => {
                Why::one("the template is new: revision {}", number)
            }
            StatefulSetWhy::OldRevision { number } => {
                Why::one("the template was there before: it becomes revision {}", number)
            }
            StatefulSetWhy::Forgotten { limit } => {
                Why::one("of the revisions without pods {} are kept", limit)
            }
            StatefulSetWhy::Missing { revision } => Why::one("it is missing; from {}", revision),
            StatefulSetWhy::Next { revision } => {
                Why::one("it is missing, all before it are available; from {}", revision)
            }
            StatefulSetWhy::ClaimMissing { pod } => Why::one("{} has no such claim yet", pod),
            StatefulSetWhy::Retention => {
                Why::new("the retention policy asks for other owners of the claim")
            }
            StatefulSetWhy::Ended => Why::new("it has ended, and its name has to be free again"),
            StatefulSetWhy::TooMany { want } => Why::one("{} pods are wanted", want),
            StatefulSetWhy::Outdated { revision } => {
                Why::one("it is not of revision {}, all behind it are", revision)
            }
            StatefulSetWhy::Identity => Why::new("its labels do not tell who it is"),
            StatefulSetWhy::Counted { replicas, ready, updated } => {
                Why::three("{} pods, {} ready, {} of the new revision", replicas, ready, updated)
            }
        }
    }
}
