//! Lease: a sign of life, and who leads.

use serde::{Deserialize, Serialize};

use crate::api::Name;
use crate::api::core::event::micro;
use crate::api::meta::{Meta, Rest};
use crate::api::time::Time;

/// A sign of life of a node, or the record of who leads.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lease {
    /// Its metadata.
    pub meta: Meta,
    /// The record.
    pub spec: LeaseSpec,
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

impl Lease {
    /// When its holder last renewed it, as it is known at `now`.
    pub fn renewed_at(&self, now: Time) -> Option<Time> {
        let _ = now;
        self.spec.renew_time
    }
}
