//! Lease: a sign of life, and who leads.

use serde::{Deserialize, Serialize};

use crate::api::Name;
use crate::api::core::event::micro;
use crate::api::meta::{Meta, Rest};
use crate::api::time::Time;
use crate::sim::rng::keyed;
use crate::sim::time::{SimTime, Start};

/// A sign of life of a node, or the record of who leads.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lease {
    /// Its metadata.
    pub meta: Meta,
    /// The record.
    pub spec: LeaseSpec,
    /// By which the renewals are computed when somebody looks; none when they are written.
    pub beat: Option<Beat>,
}

/// The renewals of a lease, computed instead of written: the `n`-th comes `n` times 10.2 s after
/// the beginning, give or take 0.2 s that follow from the holder's name and `n`.
///
/// Source: kubernetes v1.36 pkg/kubelet/kubelet.go, `nodeLeaseRenewIntervalFraction`, and
/// staging/src/k8s.io/component-helpers/apimachinery/lease/controller.go (10 s and up to 4 % more)
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Beat {
    key: u64,
    since: SimTime,
}

const MEAN_INTERVAL: u64 = 10_200_000_000;
const JITTER: u64 = 200_000_000;

impl Beat {
    /// The renewals of a holder that begin at an instant, in a run of a seed.
    pub fn of(seed: u64, holder: &str, since: SimTime) -> Beat {
        Beat { key: keyed(seed ^ 0xbea7, holder.as_bytes()), since }
    }

    /// The renewals of a holder that has renewed since before the run.
    pub fn from_before(seed: u64, holder: &str) -> Beat {
        let beat = Beat::of(seed, holder, SimTime::ZERO);
        Beat { since: SimTime(beat.key % MEAN_INTERVAL), ..beat }
    }

    /// The instant of the `n`-th renewal; the 0-th is the beginning.
    fn nth(self, n: u64) -> SimTime {
        if n == 0 {
            return self.since;
        }
        let jitter = keyed(self.key, &n.to_le_bytes()) % (2 * JITTER + 1);
        SimTime(self.since.0 + n * MEAN_INTERVAL + jitter - JITTER)
    }

    /// The last renewal at or before an instant.
    pub fn at(self, now: SimTime) -> SimTime {
        let n = (now.0.saturating_sub(self.since.0) + JITTER) / MEAN_INTERVAL;
        let at = self.nth(n);
        if at <= now || n == 0 { at } else { self.nth(n - 1) }
    }

    /// The first renewal after an instant.
    pub fn after(self, now: SimTime) -> SimTime {
        let mut n = (now.0.saturating_sub(self.since.0)) / MEAN_INTERVAL;
        while self.nth(n) <= now {
            n += 1;
        }
        self.nth(n)
    }
}

impl Lease {
    /// When the holder last renewed it, as far as the store knows at an instant.
    pub fn renewed_at(&self, start: Start, now: SimTime) -> Option<Time> {
        match self.beat {
            Some(beat) => Some(Time::wall(start, beat.at(now))),
            None => self.spec.renew_time,
        }
    }
}

/// The record of a lease.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LeaseSpec {
    /// Who holds it; empty for nobody.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub holder_identity: Name,
    /// How long it holds without a renewal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_duration_seconds: Option<i32>,
    /// When the holder took it.
    #[serde(skip_serializing_if = "Option::is_none", with = "micro")]
    pub acquire_time: Option<Time>,
    /// When the holder last renewed it.
    #[serde(skip_serializing_if = "Option::is_none", with = "micro")]
    pub renew_time: Option<Time>,
    /// How often it changed hands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_transitions: Option<i32>,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}
