//! Calls of a driver: each takes time, may be stuck, is given up and made again.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::Name;
use crate::api::object::ObjectKey;
use crate::api::time::Time;
use crate::sim::time::SimDuration;

/// How long a call is waited for.
///
/// Source: github.com/kubernetes-csi/external-attacher/cmd/csi-attacher/main.go, `timeout`
const TIMEOUT: SimDuration = SimDuration::secs(15);

/// The first pause after a call that was given up; it doubles.
const FIRST_PAUSE: SimDuration = SimDuration::secs(1);

/// The longest pause.
const LONGEST_PAUSE: SimDuration = SimDuration::secs(300);

/// What is said of a call that was given up.
pub(super) const DEADLINE: &str =
    "rpc error: code = DeadlineExceeded desc = context deadline exceeded";

/// A call under way, or a pause before the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// It comes back then.
    Ends(Time),
    /// It does not come back, and is given up then.
    Stuck(Time),
    /// It is made again then.
    Pauses(Time),
}

/// The calls of one sort, by the object that they are about.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    under_way: BTreeMap<ObjectKey, (State, u32)>,
    /// Objects, nodes or volumes whose calls do not come back; `*` for all.
    stuck: BTreeSet<Name>,
}

/// What has become of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    /// It has begun just now, and is to be looked at after this span.
    Begun(SimDuration),
    /// It is to be looked at again after this span.
    Waits(SimDuration),
    /// It has been given up, and is made again after this span.
    Failed(SimDuration),
    /// It has come back.
    Done,
}

impl Calls {
    /// Calls about these names do not come back from now on, or do again.
    pub(super) fn set_stuck(&mut self, name: &Name, on: bool) {
        if on {
            self.stuck.insert(name.clone())
        } else {
            self.stuck.remove(name)
        };
    }

    fn is_stuck(&self, names: &[&Name]) -> bool {
        self.stuck.contains("*") || names.iter().any(|name| self.stuck.contains(*name))
    }

    /// Makes a call about an object, or looks what has become of it. `names` are what it has to do
    /// with; a call that has come back is forgotten.
    pub(super) fn look(
        &mut self,
        key: &ObjectKey,
        length: SimDuration,
        names: &[&Name],
        now: Time,
    ) -> Progress {
        let stuck = self.is_stuck(names);
        let begin = |tries: u32| {
            if stuck {
                return ((State::Stuck(now.plus(TIMEOUT)), tries), TIMEOUT);
            }
            ((State::Ends(now.plus(length)), tries), length)
        };
        let (state, tries) = match self.under_way.get(key) {
            Some(found) => *found,
            None => {
                let (state, span) = begin(0);
                self.under_way.insert(key.clone(), state);
                return Progress::Begun(span);
            }
        };
        match state {
            State::Ends(at) if at <= now => {
                self.under_way.remove(key);
                Progress::Done
            }
            State::Stuck(at) if at <= now => {
                let pause = FIRST_PAUSE.times(1 << tries.min(16)).min(LONGEST_PAUSE);
                self.under_way.insert(key.clone(), (State::Pauses(now.plus(pause)), tries + 1));
                Progress::Failed(pause)
            }
            State::Pauses(at) if at <= now => {
                let (state, span) = begin(tries);
                self.under_way.insert(key.clone(), state);
                Progress::Waits(span)
            }
            State::Ends(at) | State::Stuck(at) | State::Pauses(at) => {
                Progress::Waits(at.since(now))
            }
        }
    }

    /// Nothing is wanted of an object any more.
    pub(super) fn forget(&mut self, key: &ObjectKey) {
        self.under_way.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::object::Kind;
    use crate::api::time::EPOCH;

    #[test]
    fn a_stuck_call_is_given_up_after_15_s_and_made_again_after_a_pause_that_doubles() {
        let mut calls = Calls::default();
        let key = ObjectKey::new(Kind::PERSISTENT_VOLUME_CLAIM, "a", "data");
        let star = Name::new_static("*");
        calls.set_stuck(&star, true);
        let secs = SimDuration::secs;
        let mut now = EPOCH;
        let mut look = |calls: &mut Calls, after: u64| {
            now = now.plus(secs(after));
            calls.look(&key, secs(3), &[], now)
        };
        assert_eq!(look(&mut calls, 0), Progress::Begun(secs(15)));
        assert_eq!(look(&mut calls, 15), Progress::Failed(secs(1)));
        assert_eq!(look(&mut calls, 1), Progress::Waits(secs(15)));
        assert_eq!(look(&mut calls, 15), Progress::Failed(secs(2)));
        calls.set_stuck(&star, false);
        assert_eq!(look(&mut calls, 2), Progress::Waits(secs(3)));
        assert_eq!(look(&mut calls, 3), Progress::Done);
    }
}
