//! `CronJob`: a Job again and again, by the clock.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::api::Name;
use crate::api::batch::job::JobSpec;
use crate::api::core::event::ObjectReference;
use crate::api::meta::{Meta, Rest};
use crate::api::time::Time;

/// The annotation that tells for which time a Job was made.
pub const SCHEDULED_TIMESTAMP: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/// A Job again and again, by the clock.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CronJob {
    /// Its metadata.
    pub meta: Meta,
    /// What is desired.
    pub spec: Arc<CronJobSpec>,
    /// What is observed.
    pub status: CronJobStatus,
}

/// What is desired of a `CronJob`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CronJobSpec {
    /// When: `30 2 * * *`.
    pub schedule: Name,
    /// Whose clock: `Europe/Berlin`; none for UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<Name>,
    /// How late a Job may still be started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starting_deadline_seconds: Option<i64>,
    /// `Allow`, `Forbid` or `Replace`.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub concurrency_policy: Name,
    /// Whether no Jobs are to be started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
    /// What its Jobs are made from.
    pub job_template: Arc<JobTemplate>,
    /// How many complete Jobs are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub successful_jobs_history_limit: Option<i32>,
    /// How many failed Jobs are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_jobs_history_limit: Option<i32>,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

/// What the Jobs of a `CronJob` are made from.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JobTemplate {
    /// Labels and annotations of the Jobs.
    pub metadata: Meta,
    /// The Jobs' spec.
    pub spec: Arc<JobSpec>,
}

/// What is observed of a `CronJob`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CronJobStatus {
    /// Its Jobs that are not over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub active: Vec<ObjectReference>,
    /// For which time a Job was last started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_schedule_time: Option<Time>,
    /// When a Job was last complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_successful_time: Option<Time>,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}
