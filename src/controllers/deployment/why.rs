//! Why the Deployment controller wrote something.

use crate::api::why::Why;

/// Why the Deployment controller wrote something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DeploymentWhy {
    /// No `ReplicaSet` has the present template.
    NewTemplate {
        /// Its revision.
        revision: i64,
        /// Its first size.
        replicas: i32,
    },
    /// The name of the new `ReplicaSet` is taken by another template.
    NameCollision {
        /// Collisions by now.
        count: i32,
    },
    /// The new `ReplicaSet` could not be created.
    CreationFailed,
    /// The `ReplicaSet` of the present template gets the Deployment's annotations and revision.
    Annotate {
        /// The revision that it should have at least.
        revision: i64,
    },
    /// The Deployment takes over the revision of its new `ReplicaSet`.
    Revision,
    /// Its rollout was paused.
    Paused,
    /// Its rollout goes on.
    Resumed,
    /// Everything is selected, which is refused.
    SelectsAll,
    /// There is one active `ReplicaSet`, and the Deployment was scaled.
    Scaled {
        /// The size before.
        from: i32,
        /// The size after.
        to: i32,
    },
    /// The Deployment was scaled during a rollout: each `ReplicaSet` gets its share.
    Share {
        /// The size before.
        from: i32,
        /// The size after.
        to: i32,
        /// The desired number of pods.
        want: i32,
    },
    /// The new `ReplicaSet` has all pods available: old ones are not needed.
    Saturated {
        /// The size before.
        from: i32,
    },
    /// The new `ReplicaSet` may grow.
    Surge {
        /// The size before.
        from: i32,
        /// The size after.
        to: i32,
        /// How many pods there may be in all.
        most: i32,
    },
    /// The new `ReplicaSet` is larger than desired.
    TooLarge {
        /// The size before.
        from: i32,
        /// The size after.
        to: i32,
    },
    /// An old `ReplicaSet` loses pods that are not available.
    Unhealthy {
        /// How many go.
        count: i32,
        /// The size after.
        to: i32,
    },
    /// More pods are available than must be: an old `ReplicaSet` shrinks.
    Spare {
        /// The size after.
        to: i32,
        /// Available pods.
        available: i32,
        /// How many must be.
        least: i32,
    },
    /// `Recreate`: all old pods go first.
    Recreate {
        /// The size before.
        from: i32,
    },
    /// The history is too long.
    History {
        /// Old `ReplicaSets`.
        have: usize,
        /// How many are kept.
        keep: i32,
    },
    /// The numbers or conditions of the status have changed.
    Counted {
        /// Pods of the new template.
        updated: i32,
        /// Available pods.
        available: i32,
        /// Desired pods.
        want: i32,
    },
}

impl From<DeploymentWhy> for Why {
    fn from(why: DeploymentWhy) -> Why {
        use DeploymentWhy as D;
        match why {
            D::NewTemplate { revision, replicas } => {
                Why::two("a new template: revision {} begins with {} pods", revision, replicas)
            }
            D::NameCollision { count } => {
                Why::one("another template has this name: collision number {}", count)
            }
            D::CreationFailed => Why::new("the new ReplicaSet could not be created"),
            D::Annotate { revision } => {
                Why::one("the ReplicaSet of this template becomes revision {}", revision)
            }
            D::Revision => Why::new("the revision is that of the new ReplicaSet"),
            D::Paused => Why::new("the rollout was paused"),
            D::Resumed => Why::new("the rollout was resumed"),
            D::SelectsAll => Why::new("the selector matches all pods"),
            D::Scaled { from, to } => Why::two("scaled from {} to {} pods", from, to),
            D::Share { from, to, want } => {
                Why::three("from {} to {} pods, its share of {}", from, to, want)
            }
            D::Saturated { from } => {
                Why::one("the new ReplicaSet has all its pods: {} old ones are not needed", from)
            }
            D::Surge { from, to, most } => {
                Why::three("from {} to {} pods, for there may be {} in all", from, to, most)
            }
            D::TooLarge { from, to } => Why::two("{} pods are there, {} are wanted", from, to),
            D::Unhealthy { count, to } => {
                Why::two("{} old pods that are not available go first: {} stay", count, to)
            }
            D::Spare { to, available, least } => Why::three(
                "down to {} pods, for {} are available and {} must be",
                to,
                available,
                least,
            ),
            D::Recreate { from } => Why::one("{} old pods end before new ones begin", from),
            D::History { have, keep } => {
                Why::two("{} old ReplicaSets are there, {} are kept", have, keep)
            }
            D::Counted { updated, available, want } => {
                Why::three("{} new pods, {} available, {} wanted", updated, available, want)
            }
        }
    }
}
