//! What there is to tell of a pod.

use crate::api::Name;
use crate::api::condition::{self, Truth};
use crate::api::core::container::ContainerStatus;
use crate::api::core::pod::{Pod, PodPhase};
use crate::trace::timeline::fact::{Teller, Tone};

/// Tells how a pod has changed.
pub(super) fn changed(teller: &mut Teller<'_>, old: &Pod, new: &Pod) {
    if old.node_name.is_empty() && !new.node_name.is_empty() {
        teller.tell(Tone::Plain, "→").detail = new.node_name.clone();
    }
    unschedulable(teller, old, new);
    disrupted(teller, old, new);
    if !old.meta.is_deleting() && new.meta.is_deleting() {
        let grace = new.meta.deletion_grace_seconds.unwrap_or(0);
        teller.tell(Tone::Plain, format!("terminating, {grace}s grace"));
    }
    if old.spec != new.spec {
        teller.tell(Tone::Plain, "spec changed");
    }
    let unknown = ContainerStatus::default();
    for container in containers(new) {
        let before = containers(old).find(|c| c.name == container.name);
        container_changed(teller, before.unwrap_or(&unknown), container);
    }
    lived(teller, old, new);
}

fn containers(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    pod.status.init_container_statuses.iter().chain(&pod.status.container_statuses)
}

/// Phase and readiness, together when they change together.
fn lived(teller: &mut Teller<'_>, old: &Pod, new: &Pod) {
    let phase = (old.status.phase != new.status.phase).then_some(new.status.phase);
    let ready = (old.is_ready() != new.is_ready()).then_some(new.is_ready());
    let is_ending = new.meta.is_deleting();
    let is_end = matches!(phase, Some(PodPhase::Succeeded | PodPhase::Failed));
    if is_ending && (is_end || (phase.is_none() && ready == Some(false))) {
        // Its containers are made to end: that it is gone tells enough.
        return;
    }
    match (phase, ready) {
        (Some(PodPhase::Running), Some(true)) => teller.tell(Tone::Good, "Running, Ready"),
        (Some(PodPhase::Running), _) => teller.tell(Tone::Plain, "Running"),
        (Some(PodPhase::Succeeded), _) => teller.tell(Tone::Good, "Succeeded"),
        (Some(phase @ (PodPhase::Failed | PodPhase::Unknown)), _) => {
            let (reason, message) = (&new.status.reason, &new.status.message);
            let text = join(&[phase.as_str(), reason, message]);
            teller.tell(Tone::Bad, text)
        }
        (Some(PodPhase::Pending), _) => teller.tell(Tone::Plain, "Pending again"),
        (None, Some(true)) => teller.tell(Tone::Good, "Ready"),
        (None, Some(false)) => teller.tell(Tone::Bad, "not ready"),
        (None, None) => return,
    };
}

fn join(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    parts.join(": ")
}

fn unschedulable(teller: &mut Teller<'_>, old: &Pod, new: &Pod) {
    let found = |pod: &Pod| {
        condition::find(&pod.status.conditions, "PodScheduled")
            .filter(|c| c.status == Truth::False)
            .map(|c| (c.reason.clone(), c.message.clone()))
    };
    if let Some((reason, message)) = found(new).filter(|now| found(old).as_ref() != Some(now)) {
        teller.tell(Tone::Bad, join(&[&reason, &message]));
    }
    if old.status.nominated_node_name != new.status.nominated_node_name
        && !new.status.nominated_node_name.is_empty()
    {
        teller.tell(Tone::Plain, "nominated for").detail = new.status.nominated_node_name.clone();
    }
}

fn disrupted(teller: &mut Teller<'_>, old: &Pod, new: &Pod) {
    let found = |pod: &Pod| {
        condition::find(&pod.status.conditions, "DisruptionTarget")
            .filter(|c| c.is_true())
            .map(|c| c.reason.clone())
    };
    if let Some(reason) = found(new).filter(|_| found(old).is_none()) {
        teller.tell(Tone::Bad, format!("is to be disrupted: {reason}"));
    }
}

fn container_changed(teller: &mut Teller<'_>, old: &ContainerStatus, new: &ContainerStatus) {
    let container = &new.name;
    let ended = |c: &ContainerStatus| {
        let ended = c.state.terminated.as_ref().or(c.last_state.terminated.as_ref());
        ended.map(|t| (t.container_id.clone(), t.exit_code, t.reason.clone()))
    };
    let is_new = |now: &(Name, i32, Name)| ended(old).as_ref() != Some(now);
    // That a container ends whose pod is to go is no news.
    let news = ended(new).filter(|now| is_new(now) && !teller.object.meta().is_deleting());
    if let Some((_, code, reason)) = news {
        let tone = if code == 0 { Tone::Plain } else { Tone::Bad };
        let reason =
            if reason.is_empty() { reason } else { smol_str::format_smolstr!("{reason}, ") };
        teller.tell(tone, format!("container {container} ended: {reason}code {code}"));
    }
    if new.restart_count > old.restart_count {
        let count = new.restart_count;
        teller.tell(Tone::Plain, format!("container {container} restarted, number {count}"));
    }
    let waits = |c: &ContainerStatus| c.state.waiting.as_ref().map(|w| w.reason.clone());
    let is_usual = |reason: &Name| {
        reason.is_empty() || reason == "ContainerCreating" || reason == "PodInitializing"
    };
    if let Some(reason) = waits(new).filter(|r| !is_usual(r) && waits(old).as_ref() != Some(r)) {
        teller.tell(Tone::Bad, format!("container {container} waits: {reason}"));
    }
}
