//! Another schedule: messages take longer, each by its own span, so that others overtake them.
//!
//! Messages from one process to another keep their order, as on one connection.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::api::Name;
use crate::fault::plan::span;
use crate::fault::stage::{Began, Stage};
use crate::fault::tap::{Filter, What};
use crate::sim::engine::ActorId;
use crate::sim::rng::keyed;
use crate::sim::time::{SimDuration, SimTime};

/// How long it lasts when nobody says.
const USUAL: SimDuration = SimDuration::secs(60);

/// Which schedule.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Shuffle {
    /// What the spans follow from.
    pub seed: u64,
    /// The longest that a message is held up.
    #[serde(serialize_with = "span")]
    pub most: SimDuration,
    /// Each process has a rank of its own, and the messages of one in two are not held up at all,
    /// as a schedule by priorities; otherwise each message has its own span.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ranks: bool,
}

#[expect(clippy::unnecessary_wraps, reason = "all faults begin alike")]
pub(super) fn begin(it: &Shuffle, stage: &mut Stage<'_>) -> Result<Began, String> {
    let until = stage.until(USUAL);
    let what = What::Shuffle { how: it.clone(), last: BTreeMap::new(), count: 0 };
    let filter = Filter::new(what, until, None);
    let hit = vec![Name::new_static("messages")];
    Ok(Began { hit, filter: Some(filter), usual: Some(USUAL), ..Began::default() })
}

/// When a message arrives between two ends that does not arrive now; `last` is when the one
/// before it does. All that were held up have arrived before `until`: who comes after it meets
/// nobody that was sent earlier.
pub(super) fn shuffled(
    how: &Shuffle,
    last: &mut BTreeMap<(ActorId, ActorId), SimTime>,
    count: u64,
    ends: (ActorId, ActorId),
    (at, until): (SimTime, SimTime),
) -> Option<SimTime> {
    let most = u128::from(how.most.0) + 1;
    let scaled = |bits: u64| u64::try_from((u128::from(bits) * most) >> 64).unwrap_or(0);
    let wait = if how.ranks {
        // One change of rank a second, so that no process is behind for good.
        let second = at.0 / 1_000_000_000;
        let key = [ends.1.0.to_le_bytes().as_slice(), &second.to_le_bytes()].concat();
        let bits = keyed(how.seed, &key);
        if bits & 1 == 0 { 0 } else { scaled(bits) }
    } else {
        scaled(keyed(how.seed, &count.to_le_bytes()))
    };
    let earliest = last.get(&ends).copied();
    let latest = SimTime(until.0.saturating_sub(1)).max(at);
    let to = (at + SimDuration(wait)).min(latest).max(earliest.unwrap_or_default());
    last.insert(ends, to);
    // What was put off to this very instant comes first.
    (to > at || earliest == Some(at)).then_some(to)
}
