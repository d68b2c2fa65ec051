//! The pods of a Job: which are its own, which count as failed, and what a new one looks like.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::api::Name;
use crate::api::batch::job::{
    COMPLETION_INDEX, INDEX_FAILURE_COUNT, INDEX_IGNORED_FAILURE_COUNT, Job, TRACKING_FINALIZER,
};
use crate::api::core::pod::{Pod, PodPhase, PodSpec};
use crate::api::edit::Edit;
use crate::api::meta::Meta;
use crate::api::object::{Kind, Object, controller_reference};
use crate::api::selector::{LabelSelector, Selector};
use crate::api::why::Why;
use crate::client::plan::{Plan, Write};
use crate::client::view::View;
use crate::controllers::claim::{self, Claim};
use crate::controllers::job::indexes;
use crate::controllers::job::why::JobWhy;
use crate::controllers::pod_control::pod_from_template;

/// The longest prefix of a generated name.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/names/generate.go,
/// `MaxGeneratedNameLength`
const LONGEST_PREFIX: usize = 58;

/// Behaviour that came with feature gates, all of which are locked on in 1.36; older releases
/// have some of them off.
///
/// Source: kubernetes v1.36 pkg/features/kube_features.go, `JobPodReplacementPolicy`,
/// `JobManagedBy`, `JobSuccessPolicy`, `JobBackoffLimitPerIndex`
#[expect(clippy::struct_excessive_bools, reason = "each is a gate of its own")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Features {
    /// Pods on their way out are counted, and `podReplacementPolicy` is looked at.
    pub pod_replacement_policy: bool,
    /// The end is declared when the last pod is gone.
    pub managed_by: bool,
    /// `successPolicy` is looked at.
    pub success_policy: bool,
    /// `backoffLimitPerIndex` is looked at.
    pub backoff_limit_per_index: bool,
}

impl Default for Features {
    fn default() -> Features {
        Features {
            pod_replacement_policy: true,
            managed_by: true,
            success_policy: true,
            backoff_limit_per_index: true,
        }
    }
}

impl Features {
    /// Whether an end is announced first and declared when the last pod is gone.
    ///
    /// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `delayTerminalCondition`
    pub fn delays_end(self) -> bool {
        self.managed_by || self.pod_replacement_policy
    }

    /// Whether pods on their way out are counted.
    ///
    /// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `trackTerminatingPods`
    pub fn counts_terminating(self, job: &Job) -> bool {
        self.delays_end() || job.spec.pod_failure_policy.is_some()
    }

    /// Whether each index has a limit of its own.
    pub fn limits_each_index(self, job: &Job) -> bool {
        self.backoff_limit_per_index && job.spec.backoff_limit_per_index.is_some()
    }
}

/// Whether a pod is replaced only once it has failed, not as soon as it is on its way out.
///
/// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `onlyReplaceFailedPods`
pub fn replaces_failed_only(job: &Job, features: Features) -> bool {
    let by_policy = job.spec.pod_replacement_policy.as_deref() == Some("Failed");
    features.pod_replacement_policy && by_policy || job.spec.pod_failure_policy.is_some()
}

/// Whether a pod counts as failed: one that is on its way out may never get there by itself.
///
/// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `isPodFailed`
pub fn is_failed(pod: &Pod, job: &Job, features: Features) -> bool {
    let phase = pod.status.phase;
    phase == PodPhase::Failed
        || !replaces_failed_only(job, features)
            && pod.meta.is_deleting()
            && phase != PodPhase::Succeeded
}

/// Whether a pod is on its way out and not over yet.
///
/// Source: kubernetes v1.36 pkg/controller/controller_utils.go, `IsPodTerminating`
pub fn is_terminating(pod: &Pod) -> bool {
    pod.meta.is_deleting() && !pod.is_terminal()
}

/// Whether a pod has still to be counted.
pub fn is_tracked(pod: &Pod) -> bool {
    pod.meta.has_finalizer(TRACKING_FINALIZER)
}

/// The selector of a Job; none when it cannot be read.
pub(super) fn selector(job: &Job) -> Option<Selector> {
    LabelSelector::to_selector(job.spec.selector.as_deref()).ok()
}

/// The pods of a Job, with the writes by which it takes and drops some. One that it takes counts
/// as if it had the finalizer already.
///
/// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `getPodsForJob`
pub(super) fn claimed(job: &Job, view: View<'_>, plan: &mut Plan) -> Vec<Arc<Pod>> {
    let Some(selector) = selector(job) else { return Vec::new() };
    let mut pods = Vec::new();
    for pod in view.controlled_by::<Pod>(job.meta.uid) {
        match claim::claim(&job.meta, &pod.meta, &selector) {
            Claim::Keep => pods.push(pod.clone()),
            Claim::Release => plan.push(release(&job.meta, pod)),
            Claim::Adopt | Claim::Ignore => {}
        }
    }
    for pod in view.orphans::<Pod>(&job.meta.namespace) {
        if claim::claim(&job.meta, &pod.meta, &selector) == Claim::Adopt {
            let write = adoption(&job.meta, pod);
            let mut adopted = Pod::clone(pod);
            if let Object::Pod(with) = with_edit(&write.1, pod) {
                adopted.meta.finalizers.clone_from(&with.meta.finalizers);
            }
            plan.push(write.0);
            pods.push(Arc::new(adopted));
        }
    }
    pods.sort_by(|a, b| a.meta.name.cmp(&b.meta.name));
    pods
}

fn with_edit(edit: &Edit, pod: &Arc<Pod>) -> Object {
    let mut object = Object::Pod(pod.clone());
    edit.apply(&mut object);
    object
}

fn adoption(job: &Meta, pod: &Arc<Pod>) -> (Write, Edit) {
    let owner = Box::new(controller_reference(Kind::JOB, job));
    let finalizer = Edit::AddFinalizer(Name::new_static(TRACKING_FINALIZER));
    let edit = Edit::All([Edit::AddOwner(owner), finalizer].into());
    let key = Object::Pod(pod.clone()).key();
    (Write::edit(key, edit.clone(), JobWhy::Adopt), edit)
}

fn release(job: &Meta, pod: &Arc<Pod>) -> Write {
    let finalizer = Edit::RemoveFinalizer(Name::new_static(TRACKING_FINALIZER));
    let edit = Edit::All([Edit::RemoveOwners([job.uid].into()), finalizer].into());
    Write::edit(Object::Pod(pod.clone()).key(), edit, JobWhy::Release)
}

/// The write by which a pod is let go once it is counted.
pub(super) fn untracking(pod: &Arc<Pod>, why: impl Into<Why>) -> Write {
    let edit = Edit::RemoveFinalizer(Name::new_static(TRACKING_FINALIZER));
    Write::edit(Object::Pod(pod.clone()).key(), edit, why)
}

/// What a new pod of a Job is made from; the same for all pods of one sync.
pub(super) struct Mould<'a> {
    job: &'a Job,
    pod: Pod,
    features: Features,
}

impl<'a> Mould<'a> {
    /// For the pods of a Job.
    pub(super) fn new(job: &'a Job, features: Features) -> Mould<'a> {
        let owner = controller_reference(Kind::JOB, &job.meta);
        let mut pod = pod_from_template(&job.spec.template, &job.meta, owner);
        if !is_tracked(&pod) {
            let tracking = Name::new_static(TRACKING_FINALIZER);
            let all = pod.meta.finalizers().iter().cloned().chain([tracking]).collect();
            pod.meta.set_finalizers(all);
        }
        if job.spec.is_indexed() {
            pod.spec = with_index_variable(&pod.spec);
        }
        Mould { job, pod, features }
    }

    /// A pod without an index.
    pub(super) fn plain(&self) -> Pod {
        self.pod.clone()
    }

    /// The pod of an index; `replaced` is the failed one in whose place it comes.
    ///
    /// Source: kubernetes v1.36 pkg/controller/job/indexed_job_utils.go,
    /// `addCompletionIndexAnnotation`, `addCompletionIndexLabel`, `addIndexFailureCountAnnotation`
    pub(super) fn of_index(&self, index: i32, replaced: Option<&Arc<Pod>>) -> Pod {
        let mut pod = self.pod.clone();
        let text = smol_str::format_smolstr!("{index}");
        pod.meta.annotations = pod.meta.annotations.with(COMPLETION_INDEX, &text);
        pod.meta.labels = pod.meta.labels.with(COMPLETION_INDEX, &text);
        if self.features.limits_each_index(self.job) {
            let (counted, ignored) = indexes::next_failure_counts(self.job, replaced);
            let notes = pod.meta.annotations.with(INDEX_FAILURE_COUNT, &counted.to_string());
            pod.meta.annotations = match ignored {
                0 => notes,
                n => notes.with(INDEX_IGNORED_FAILURE_COUNT, &n.to_string()),
            };
        }
        pod.meta.generate_name = index_prefix(&self.job.meta.name, index);
        let mut raw = (*pod.spec.raw).clone();
        raw.insert("hostname".into(), format!("{}-{index}", self.job.meta.name).into());
        pod.spec = PodSpec::parse(raw).unwrap_or(pod.spec);
        pod
    }
}

/// The prefix of the name of an index's pod.
///
/// Source: kubernetes v1.36 pkg/controller/job/indexed_job_utils.go, `podGenerateNameWithIndex`
pub fn index_prefix(job: &str, index: i32) -> Name {
    let end = format!("-{index}-");
    let most = LONGEST_PREFIX.saturating_sub(end.len());
    let start = if job.len() > most { &job[..most] } else { job };
    smol_str::format_smolstr!("{start}{end}")
}

/// A pod's spec whose containers know their index, unless they have a variable of that name.
///
/// Source: kubernetes v1.36 pkg/controller/job/indexed_job_utils.go,
/// `addCompletionIndexEnvVariables`
fn with_index_variable(spec: &Arc<PodSpec>) -> Arc<PodSpec> {
    const VARIABLE: &str = "JOB_COMPLETION_INDEX";
    let mut raw = (*spec.raw).clone();
    for list in ["initContainers", "containers"] {
        let containers = raw.get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
            let path = format!("metadata.labels['{COMPLETION_INDEX}']");
            let reference = json!({ "apiVersion": "v1", "fieldPath": path });
            let variable = json!({ "name": VARIABLE, "valueFrom": { "fieldRef": reference } });
            push_variable(container, variable);
        }
    }
    PodSpec::parse(raw).unwrap_or_else(|_| spec.clone())
}

fn push_variable(container: &mut Map<String, Value>, variable: Value) {
    let all = container.entry("env").or_insert_with(|| json!([]));
    let Some(all) = all.as_array_mut() else { return };
    if !all.iter().any(|v| v["name"] == variable["name"]) {
        all.push(variable);
    }
}
