//! Why the autoscaler asks and writes.

use crate::api::Name;
use crate::api::why::Why;

/// Why the autoscaler asks and writes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HpaWhy {
    /// A pass is due.
    Period,
    /// The replicas follow from the metrics.
    Measure,
    /// The target is to have another number of replicas.
    Rescale {
        /// So many now.
        from: i32,
        /// So many from now on.
        to: i32,
        /// What speaks for it.
        reason: Name,
    },
    /// The status says how it stands.
    Counted {
        /// So many replicas are wanted of the target.
        have: i32,
        /// So many should be.
        want: i32,
    },
}

impl From<HpaWhy> for Why {
    fn from(why: HpaWhy) -> Why {
        match why {
            HpaWhy::Period => Why::new("a pass of the autoscaler is due"),
            HpaWhy::Measure => Why::new("the replicas follow from the metrics"),
            HpaWhy::Rescale { from, to, reason } => {
                Why::three("from {} to {} replicas: {}", from, to, reason)
            }
            HpaWhy::Counted { have, want } => Why::two("{} replicas, {} are desired", have, want),
        }
    }
}
