//! Why the `ReplicaSet` controller wrote something.

use crate::api::why::Why;

/// Why the `ReplicaSet` controller wrote something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplicaSetWhy {
    /// Pods are missing.
    TooFew {
        /// Active pods.
        have: usize,
        /// Desired pods.
        want: i32,
    },
    /// There are more pods than desired.
    TooMany {
        /// Active pods.
        have: usize,
        /// Desired pods.
        want: i32,
    },
    /// The numbers of the status have changed.
    Counted {
        /// Active pods.
        replicas: i32,
        /// Ready ones.
        ready: i32,
        /// Available ones.
        available: i32,
    },
}

impl From<ReplicaSetWhy> for Why {
    fn from(why: ReplicaSetWhy) -> Why {
        match why {
            ReplicaSetWhy::TooFew { have, want } => Why::two("{} of {} pods are there", have, want),
            ReplicaSetWhy::TooMany { have, want } => {
                Why::two("{} pods are there, {} are wanted", have, want)
            }
            ReplicaSetWhy::Counted { replicas, ready, available } => {
                Why::three("{} pods, {} ready, {} available", replicas, ready, available)
            }
        }
    }
}
