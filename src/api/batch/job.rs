//! `Job`: pods that are to end well, so many times.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::api::Name;
use crate::api::apps::pod_template::PodTemplate;
use crate::api::condition::{self, Condition, Truth};
use crate::api::meta::{Meta, Rest, Uid};
use crate::api::selector::LabelSelector;
use crate::api::time::Time;

/// The finalizer that keeps a pod until its Job has counted it.
pub const TRACKING_FINALIZER: &str = "batch.kubernetes.io/job-tracking";
/// The annotation and label that tell which completion a pod of an indexed Job works on.
pub const COMPLETION_INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// The annotation that counts the failures of an index that came before a pod.
pub const INDEX_FAILURE_COUNT: &str = "batch.kubernetes.io/job-index-failure-count";
/// The annotation that counts the failures of an index that a policy ignored.
pub const INDEX_IGNORED_FAILURE_COUNT: &str = "batch.kubernetes.io/job-index-ignored-failure-count";
/// The controller that a Job without `managedBy` belongs to.
pub const JOB_CONTROLLER: &str = "kubernetes.io/job-controller";

/// Its pods have ended as they should.
pub const COMPLETE: &str = "Complete";
/// It was given up.
pub const FAILED: &str = "Failed";
/// It will be given up when its pods are gone.
pub const FAILURE_TARGET: &str = "FailureTarget";
/// It will be complete when its pods are gone.
pub const SUCCESS_CRITERIA_MET: &str = "SuccessCriteriaMet";
/// It was told to run no pods.
pub const SUSPENDED: &str = "Suspended";

/// Pods that are to end well, so many times.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Job {
    /// Its metadata.
    pub meta: Meta,
    /// What is desired.
    pub spec: Arc<JobSpec>,
    /// What is observed.
    pub status: JobStatus,
}

/// What is desired of a `Job`; what is absent was not given and has no default.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobSpec {
    /// How many pods run at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<i32>,
    /// How many pods are to end well; none for "one that says that the work is done".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completions: Option<i32>,
    /// How long it may be active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_deadline_seconds: Option<i64>,
    /// What a failure of a pod means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_failure_policy: Option<Arc<PodFailurePolicy>>,
    /// Which completions are enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success_policy: Option<Arc<SuccessPolicy>>,
    /// How many failures it bears.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_limit: Option<i32>,
    /// How many failures each index bears.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_limit_per_index: Option<i32>,
    /// How many failed indexes it bears.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_failed_indexes: Option<i32>,
    /// Which pods are its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<Arc<LabelSelector>>,
    /// Whether the user chose the selector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manual_selector: Option<bool>,
    /// What its pods are made from.
    pub template: Arc<PodTemplate>,
    /// How long it is kept after its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_seconds_after_finished: Option<i32>,
    /// `NonIndexed` or `Indexed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_mode: Option<Name>,
    /// Whether it is to run no pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
    /// When pods are replaced: `Failed` or `TerminatingOrFailed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_replacement_policy: Option<Name>,
    /// Who looks after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<Name>,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

/// What a failure of a pod means: the first rule that matches decides.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PodFailurePolicy {
    /// The rules.
    pub rules: Vec<PodFailureRule>,
}

/// What one kind of failure means.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodFailureRule {
    /// `FailJob`, `FailIndex`, `Ignore` or `Count`.
    pub action: Name,
    /// Exit codes that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_exit_codes: Option<OnExitCodes>,
    /// Conditions that it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on_pod_conditions: Vec<OnPodCondition>,
}

/// Exit codes that a rule is about.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OnExitCodes {
    /// Of this container only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_name: Option<Name>,
    /// `In` or `NotIn`.
    pub operator: Name,
    /// The codes.
    pub values: Vec<i32>,
}

/// A condition that a rule is about.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OnPodCondition {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Name,
    /// Its status.
    pub status: Truth,
}

/// Which completions are enough: any rule will do.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SuccessPolicy {
    /// The rules.
    pub rules: Vec<SuccessRule>,
}

/// Completions that are enough.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SuccessRule {
    /// These indexes: `0,2-4`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub succeeded_indexes: Option<Name>,
    /// So many, of the indexes if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub succeeded_count: Option<i32>,
}

/// What is observed of a `Job`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobStatus {
    /// What is true of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Since when it is active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When it was complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// Pods that are neither ended nor on their way out.
    #[serde(skip_serializing_if = "is_zero")]
    pub active: i32,
    /// Pods that ended well.
    #[serde(skip_serializing_if = "is_zero")]
    pub succeeded: i32,
    /// Pods that ended badly.
    #[serde(skip_serializing_if = "is_zero")]
    pub failed: i32,
    /// Pods on their way out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminating: Option<i32>,
    /// Indexes that are done: `0,2-4`.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub completed_indexes: Name,
    /// Indexes that were given up, if each has a limit of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_indexes: Option<Name>,
    /// Pods that have ended, are not yet in the counters, and may still have the finalizer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uncounted_terminated_pods: Option<UncountedTerminatedPods>,
    /// Active pods that are ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<i32>,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Pods that have ended and are not yet in the counters.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UncountedTerminatedPods {
    /// Those that ended well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub succeeded: Vec<Uid>,
    /// Those that ended badly.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Uid>,
}

impl JobSpec {
    /// Whether each completion has a number.
    pub fn is_indexed(&self) -> bool {
        self.completion_mode.as_deref() == Some("Indexed")
    }

    /// Whether it is to run no pods.
    pub fn is_suspended(&self) -> bool {
        self.suspend == Some(true)
    }

    /// The controller that looks after it, when it is not the cluster's own.
    ///
    /// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `managedByExternalController`
    pub fn external_controller(&self) -> Option<&Name> {
        self.managed_by.as_ref().filter(|by| *by != JOB_CONTROLLER)
    }
}

impl Job {
    /// Its condition `Complete` or `Failed`, if one holds.
    ///
    /// Source: kubernetes v1.36 pkg/controller/job/util/utils.go, `FinishedCondition`
    pub fn finished(&self) -> Option<&Condition> {
        let ends = |c: &&Condition| c.is_true() && (c.kind == COMPLETE || c.kind == FAILED);
        self.status.conditions.iter().find(ends)
    }

    /// Whether it is over.
    pub fn is_finished(&self) -> bool {
        self.finished().is_some()
    }

    /// Whether it is complete.
    pub fn is_complete(&self) -> bool {
        condition::is_true(&self.status.conditions, COMPLETE)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(n: &i32) -> bool {
    *n == 0
}
