//! What the kubelet tells the apiserver of a pod, and when.

use std::sync::Arc;

use crate::api::condition::{self, Condition, Truth};
use crate::api::core::container::ContainerStatus;
use crate::api::core::pod::{PodPhase, PodStatus};
use crate::api::deletion::{DeleteOptions, Preconditions};
use crate::api::edit::Edit;
use crate::api::object::{Kind, ObjectKey};
use crate::api::refusal::Reason;
use crate::api::request::{Answer, Patch, Subresource, Verb};
use crate::api::why::Why;
use crate::client::component::Moment;
use crate::node::kubelet::host::{Host, Sent};
use crate::node::kubelet::probing::results;
use crate::node::kubelet::text::DEADLINE_TEXT;
use crate::node::kubelet::worker::{Deletion, Stage, Worker};
use crate::node::pod_lifecycle::conditions::{ConditionView, conditions};
use crate::node::pod_lifecycle::container_status::{StatusView, init_statuses, statuses};
use crate::node::pod_lifecycle::phase::{PodView, phase};
use crate::node::runtime::Sandbox;
use crate::sim::time::SimTime;

impl Worker {
    fn key(&self) -> ObjectKey {
        let meta = &self.pod.meta;
        ObjectKey { kind: Kind::POD, namespace: meta.namespace.clone(), name: meta.name.clone() }
    }

    /// Puts the status together anew; answers the phase that the containers come to.
    ///
    /// Until all containers are known to have ended the status keeps the phase of before.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/kubelet_pods.go, `generateAPIPodStatus`, and
    /// pkg/kubelet/status/status_manager.go, `mergePodStatus`
    pub(super) fn generate(&mut self, host: &Host, moment: &Moment<'_>) -> PodPhase {
        let now = moment.now;
        let pod = &self.pod;
        let sandbox = host.runtime.sandbox(pod.meta.uid);
        let view = StatusView {
            pod,
            sandbox,
            old: &self.status,
            waiting: &self.waiting,
            restarts_all: self.restarts_all,
            probes: &|place, run| {
                let (started, ready) = results(&self.probes, &pod.spec, place, run);
                (started, ready && !host.unready.contains(&pod.meta.uid))
            },
            now,
            clock: &|at| host.clock(at),
        };
        let (init, containers) = (init_statuses(view), statuses(view));
        let (reached, keeps) = self.phases(&init, &containers, sandbox, now);
        let conditions = conditions(ConditionView {
            pod,
            old: &self.status.conditions,
            has_sandbox: sandbox.is_some_and(|s| s.is_ready),
            init: &init,
            containers: &containers,
            phase: reached,
            restarts_all: self.restarts_all,
            now: host.clock(now),
        });
        let phase = if keeps { self.status.phase } else { reached };
        let mut status = self.status_without_containers(phase, sandbox, host, now);
        status.conditions = conditions;
        self.add_disruption(&mut status, host, now);
        status.init_container_statuses = init;
        status.container_statuses = containers;
        if status != *self.status {
            self.status = Arc::new(status);
        }
        reached
    }

    /// A pod that the kubelet evicts says so in a condition.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/eviction/eviction_manager.go, `synchronize`
    fn add_disruption(&self, status: &mut PodStatus, host: &Host, now: SimTime) {
        const KIND: &str = "DisruptionTarget";
        let Some((text, _)) = &self.eviction else { return };
        let old = condition::find(&self.status.conditions, KIND);
        let since = old.and_then(|c| c.last_transition_time);
        status.conditions.retain(|c| c.kind != KIND);
        status.conditions.push(Condition {
            message: text.clone(),
            last_transition_time: since.or(Some(host.clock(now).whole_seconds())),
            observed_generation: Some(self.pod.meta.generation).filter(|g| *g > 0),
            ..Condition::new(KIND, Truth::True, "TerminationByKubelet")
        });
    }

    /// The phase that the containers come to, and whether the one of before is still told.
    fn phases(
        &self,
        init: &[ContainerStatus],
        containers: &[ContainerStatus],
        sandbox: Option<&Sandbox>,
        now: SimTime,
    ) -> (PodPhase, bool) {
        let (pod, old) = (&self.pod, &self.status);
        let is_terminal = !matches!(self.stage, Stage::Syncing | Stage::Stopping);
        let first = pod.spec.init_containers.len();
        let has_initialized =
            sandbox.is_some_and(|s| s.containers.iter().skip(first).any(Option::is_some));
        let mut reached = phase(PodView {
            spec: &pod.spec,
            init,
            containers,
            is_terminal: is_terminal || sandbox.is_none() && pod.meta.is_deleting(),
            has_initialized,
        });
        if self.failed {
            reached = PodPhase::Failed;
        }
        let over = |p| matches!(p, PodPhase::Succeeded | PodPhase::Failed);
        if let Some(said) = [old.phase, pod.status.phase].into_iter().find(|p| over(*p)) {
            reached = said;
        }
        // Also a pod whose containers have ended keeps its phase until that is confirmed.
        let may_run = sandbox
            .is_some_and(|s| s.is_ready || s.containers.iter().flatten().any(|r| r.runs(now)));
        (reached, over(reached) && !over(old.phase) && !is_terminal && may_run)
    }

    /// The fields that do not follow from the containers.
    ///
    /// Differs: hostIPs and podIPs are left to whoever writes the object out; they repeat hostIP
    /// and podIP.
    fn status_without_containers(
        &self,
        phase: PodPhase,
        sandbox: Option<&Sandbox>,
        host: &Host,
        now: SimTime,
    ) -> PodStatus {
        let (pod, old) = (&self.pod, &self.status);
        let has_failed = self.failed && phase == PodPhase::Failed;
        let (reason, message) = if let Some((text, _)) = &self.eviction {
            ("Evicted".into(), text.clone())
        } else if has_failed {
            ("DeadlineExceeded".into(), DEADLINE_TEXT.into())
        } else {
            (old.reason.clone(), old.message.clone())
        };
        let ip = sandbox.map(|s| &s.ip).filter(|ip| !ip.is_empty()).unwrap_or(&old.pod_ip);
        let node_ip = &host.config.node.ip;
        PodStatus {
            observed_generation: Some(pod.meta.generation).filter(|g| *g > 0),
            phase,
            message,
            reason,
            nominated_node_name: pod.status.nominated_node_name.clone(),
            host_ip: node_ip.clone(),
            pod_ip: if pod.spec.host_network { node_ip.clone() } else { ip.clone() },
            start_time: old.start_time.or(Some(host.clock(now).whole_seconds())),
            qos_class: Some(pod.spec.qos_class),
            rest: pod.status.rest.clone(),
            ..PodStatus::default()
        }
    }

    /// Somebody has changed what is found of its readiness: that is told at once.
    pub(super) fn readiness_changed(&mut self, host: &mut Host, moment: &mut Moment<'_>) {
        self.generate(host, moment);
        self.post(host, moment);
    }

    /// Sends the status if it says something new and nothing is under way.
    pub(super) fn post(&mut self, host: &mut Host, moment: &mut Moment<'_>) {
        if self.is_gone || self.in_flight.is_some() || Arc::ptr_eq(&self.status, &self.accepted) {
            return;
        }
        if self.status == self.accepted {
            self.accepted = self.status.clone();
            return;
        }
        self.in_flight = Some(self.status.clone());
        let patch = Patch::Edit(Edit::PodStatus(self.status.clone()));
        let verb =
            Verb::Patch { key: self.key(), part: Subresource::Status, patch, dry_run: false };
        let why = Why::one("the containers of the pod are {}", self.status.phase.as_str());
        host.send(Sent::PodStatus(self.pod.meta.uid), verb, why, moment);
    }

    /// The status was stored or refused.
    pub(super) fn status_answered(
        &mut self,
        answer: &Answer,
        host: &mut Host,
        moment: &mut Moment<'_>,
    ) {
        let sent = self.in_flight.take();
        match answer {
            Answer::Refused(refusal) if refusal.reason == Reason::NotFound => {
                self.accepted = self.status.clone();
            }
            Answer::Refused(_) => {
                self.resend_at = self.resend_at.min(host.status_pass(moment.now));
                return;
            }
            Answer::Object(_)
            | Answer::List(_)
            | Answer::Watching
            | Answer::Deleted(_)
            | Answer::Done => {
                if let Answer::Object(object) = answer {
                    self.revision = object.meta().resource_version;
                }
                if let Some(sent) = sent {
                    self.accepted = sent;
                }
            }
        }
        self.post(host, moment);
        self.delete(host, moment);
    }

    /// Deletes the object for good, once the apiserver has the last status.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/status/status_manager.go, `syncPod`, `canBeDeleted`
    pub(super) fn delete(&mut self, host: &mut Host, moment: &mut Moment<'_>) {
        let told = self.in_flight.is_none() && Arc::ptr_eq(&self.status, &self.accepted);
        if self.deletion != Deletion::Wanted || self.is_gone || !told {
            return;
        }
        self.deletion = Deletion::Sent;
        let uid = self.pod.meta.uid;
        let options = DeleteOptions {
            grace_period_seconds: Some(0),
            preconditions: Some(Preconditions { uid: Some(uid), ..Preconditions::default() }),
            ..DeleteOptions::default()
        };
        let verb = Verb::Delete { key: self.key(), options };
        let why = Why::new("its containers have ended and its deletion was asked for");
        host.send(Sent::PodDelete(uid), verb, why, moment);
    }

    /// The last deletion was done or refused.
    pub(super) fn delete_answered(&mut self, answer: &Answer, host: &Host, moment: &Moment<'_>) {
        let Answer::Refused(refusal) = answer else { return };
        if !matches!(refusal.reason, Reason::NotFound | Reason::Conflict) {
            self.deletion = Deletion::Wanted;
            self.resend_at = self.resend_at.min(host.status_pass(moment.now));
        }
    }
}
