//! Why the `CronJob` controller wrote something.

use crate::api::Name;
use crate::api::time::Time;
use crate::api::why::Why;

/// Why the `CronJob` controller wrote something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CronJobWhy {
    /// Its time has come.
    Due {
        /// Which time.
        time: Time,
        /// Jobs that are not over.
        active: usize,
    },
    /// Its time has come, and only one Job may be active.
    Replace {
        /// Which time.
        time: Time,
    },
    /// More ended Jobs are kept than the limit allows.
    History {
        /// How many there are.
        have: usize,
        /// How many are kept.
        keep: i32,
    },
    /// A Job is looked up past the cache.
    LookUp {
        /// Its name.
        job: Name,
    },
    /// The status follows what became of its Jobs.
    Status {
        /// Jobs that are not over.
        active: usize,
    },
}

impl From<CronJobWhy> for Why {
    fn from(why: CronJobWhy) -> Why {
        let text = |time: Time| smol_str::format_smolstr!("{time}");
        match why {
            CronJobWhy::Due { time, active } => {
                Why::two("it is due since {}, {} Jobs are active", text(time), active)
            }
            CronJobWhy::Replace { time } => {
                Why::one("it is due since {}, and the Job before is to be replaced", text(time))
            }
            CronJobWhy::History { have, keep } => {
                Why::two("{} ended Jobs of this kind are there, {} are kept", have, keep)
            }
            CronJobWhy::LookUp { job } => Why::one("is Job {} really (not) there?", job),
            CronJobWhy::Status { active } => Why::one("{} Jobs are active", active),
        }
    }
}
