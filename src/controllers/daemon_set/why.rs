//! Why the `DaemonSet` controller wrote something.

use crate::api::Name;
use crate::api::why::Why;

/// Why the `DaemonSet` controller wrote something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DaemonSetWhy {
    /// A node that fits has no pod.
    Missing {
        /// The node.
        node: Name,
    },
    /// A node gets the new pod beside the old one.
    Surge {
        /// The node.
        node: Name,
        /// How many nodes may have two.
        limit: i32,
    },
    /// The node does not fit, or does not any more.
    Misplaced {
        /// The node.
        node: Name,
    },
    /// The node is not there any more, and the pod was never bound to it.
    NoNode {
        /// The node.
        node: Name,
    },
    /// The pod has ended.
    Ended {
        /// The node.
        node: Name,
    },
    /// The node has another pod already.
    Surplus {
        /// The node.
        node: Name,
    },
    /// The new pod of the node takes over.
    Succeeded {
        /// The node.
        node: Name,
    },
    /// The pod has an old template.
    Outdated {
        /// Nodes without an available pod.
        unavailable: i32,
        /// How many there may be.
        limit: i32,
    },
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
    /// The history holds the template twice.
    TwiceHeld,
    /// Another template has the name that the present one would get.
    Collision {
        /// How many there were.
        count: i32,
    },
    /// A revision is beyond the limit of the history.
    Forgotten {
        /// How many old ones are kept.
        limit: i32,
    },
    /// The numbers of the status have changed.
    Counted {
        /// Nodes that should have a pod.
        desired: i32,
        /// Those with a ready one.
        ready: i32,
        /// Those with one of the newest template.
        updated: i32,
    },
}

impl From<DaemonSetWhy> for Why {
    fn from(why: DaemonSetWhy) -> Why {
        match why {
            DaemonSetWhy::Missing { node } => Why::one("{} has no pod and should have one", node),
            DaemonSetWhy::Surge { node, limit } => {
                Why::two("{} gets the new pod beside the old one, {} nodes may", node, limit)
            }
            DaemonSetWhy::Misplaced { node } => Why::one("{} should not have one", node),
            DaemonSetWhy::NoNode { node } => Why::one("{} is not there any more", node),
            DaemonSetWhy::Ended { node } => Why::one("it has ended, {} gets another", node),
            DaemonSetWhy::Surplus { node } => Why::one("{} has an older one", node),
            DaemonSetWhy::Succeeded { node } => Why::one("the new pod of {} takes over", node),
            DaemonSetWhy::Outdated { unavailable, limit } => {
                Why::two("it is of an old template; {} nodes lack one, {} may", unavailable, limit)
            }
            DaemonSetWhy::NewRevision { number } => {
                Why::one("the template is new: revision {}", number)
            }
            DaemonSetWhy::OldRevision { number } => {
                Why::one("the template was there before: it becomes revision {}", number)
            }
            DaemonSetWhy::TwiceHeld => Why::new("a newer revision holds the same template"),
            DaemonSetWhy::Collision { count } => {
                Why::one("the name belongs to another template: collision {}", count)
            }
            DaemonSetWhy::Forgotten { limit } => {
                Why::one("of the revisions without pods {} are kept", limit)
            }
            DaemonSetWhy::Counted { desired, ready, updated } => {
                Why::three("{} nodes wanted, {} ready, {} updated", desired, ready, updated)
            }
        }
    }
}
