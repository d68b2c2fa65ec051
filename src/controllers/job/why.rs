//! Why the Job controller wrote something.

use crate::api::Name;
use crate::api::why::Why;

/// Why the Job controller wrote something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JobWhy {
    /// Pods are missing.
    TooFew {
        /// Active pods.
        have: i32,
        /// As many are to be active.
        want: i32,
        /// Pods that ended well.
        succeeded: i32,
    },
    /// There are more pods than there is work.
    TooMany {
        /// Active pods.
        have: i32,
        /// As many are to be active.
        want: i32,
    },
    /// It is suspended: no pod is to run.
    Suspended {
        /// Active pods.
        have: i32,
    },
    /// It is over for another reason than its pods' work: the rest of the pods go.
    Over {
        /// `BackoffLimitExceeded`, `SuccessPolicy`, …
        reason: Name,
        /// Active pods.
        have: i32,
    },
    /// Pods have ended; they are noted before they are let go, so that none is counted twice.
    Noted {
        /// Pods that ended well and are not in the counters.
        succeeded: usize,
        /// Pods that ended badly and are not in the counters.
        failed: usize,
        /// Active pods.
        active: i32,
    },
    /// The pod is noted in the status, so it may go.
    Counted,
    /// The pods that were noted are let go and in the counters now.
    Counters {
        /// Pods that ended well.
        succeeded: i32,
        /// Pods that ended badly.
        failed: i32,
        /// Active pods.
        active: i32,
    },
    /// Its last pod is gone.
    Finished {
        /// `Complete` or `Failed`.
        condition: Name,
        /// `CompletionsReached`, `BackoffLimitExceeded`, …
        reason: Name,
    },
    /// The pod matches the selector and belongs to nobody.
    Adopt,
    /// The pod does not match the selector any more.
    Release,
    /// The pod's Job is over or gone: nobody will count it.
    Orphan,
}

impl From<JobWhy> for Why {
    fn from(why: JobWhy) -> Why {
        match why {
            JobWhy::TooFew { have, want, succeeded } => {
                Why::three("{} of {} pods are active, {} have succeeded", have, want, succeeded)
            }
            JobWhy::TooMany { have, want } => {
                Why::two("{} pods are active, {} are wanted", have, want)
            }
            JobWhy::Suspended { have } => {
                Why::one("the Job is suspended and {} pods are active", have)
            }
            JobWhy::Over { reason, have } => {
                Why::two("the Job is over ({}) and {} pods are active", reason, have)
            }
            JobWhy::Noted { succeeded, failed, active } => Why::three(
                "{} succeeded and {} failed pods are noted, {} are active",
                succeeded,
                failed,
                active,
            ),
            JobWhy::Counted => Why::new("its end is noted in the Job's status"),
            JobWhy::Counters { succeeded, failed, active } => Why::three(
                "{} pods have succeeded, {} have failed, {} are active",
                succeeded,
                failed,
                active,
            ),
            JobWhy::Finished { condition, reason } => {
                Why::two("the Job is {}: {}", condition, reason)
            }
            JobWhy::Adopt => Why::new("it matches the selector and belongs to nobody"),
            JobWhy::Release => Why::new("it does not match the selector any more"),
            JobWhy::Orphan => Why::new("its Job is over or gone, and nobody will count it"),
        }
    }
}
