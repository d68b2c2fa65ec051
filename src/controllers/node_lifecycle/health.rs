//! The health of one node: when it last gave a sign of life, and what its silence makes of its
//! conditions.

use std::sync::Arc;

use crate::api::condition::{self, Condition, Truth};
use crate::api::core::node::{Node, NodeStatus};
use crate::api::time::Time;
use crate::sim::time::SimDuration;

/// The conditions that a silent node loses. `NetworkUnavailable` is not the kubelet's to say.
const LOST: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/// What the monitor remembers of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Health {
    /// When a pass last noticed a sign of life.
    pub(super) probe: Time,
    /// The heartbeat of the Ready condition that was seen last; none without such a condition.
    #[expect(clippy::option_option, reason = "a condition may lack the time")]
    heartbeat: Option<Option<Time>>,
    /// The renewal that was seen last.
    renewal: Option<Time>,
    /// When a heartbeat made the monitor forget the renewal, as it does in Kubernetes.
    forgot_renewal: Option<Time>,
    /// The version of the node that the monitor's own status write was made from: while the cache
    /// still shows it, the write is not seen yet.
    pub(super) written_over: Option<u64>,
}

/// The instants of the passes, by which one finds when a pass noticed a sign of life.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beats {
    /// The first pass.
    pub(super) first: Time,
    /// The last pass that looked at all nodes; none before the first.
    pub(super) last: Option<Time>,
    /// The present pass.
    pub(super) now: Time,
    /// The span between two.
    pub(super) period: SimDuration,
}

impl Beats {
    /// The first pass at or after an instant.
    pub(super) fn at_or_after(self, at: Time) -> Time {
        if at <= self.first {
            return self.first;
        }
        let span = at.since(self.first).0;
        self.first.plus(self.period.times(span.div_ceil(self.period.0)))
    }

    /// The first pass after an instant.
    pub(super) fn after(self, at: Time) -> Time {
        self.at_or_after(Time(at.0.saturating_add(1)))
    }

    /// When a pass noticed what happened at `at` and was not seen by the last pass that looked.
    fn noticed(self, at: Time) -> Time {
        let earliest = self.last.map_or(self.now, |last| last.plus(self.period));
        self.at_or_after(at).max(earliest).min(self.now)
    }
}

/// What a pass finds of a node.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    /// The Ready condition as it was found; a node without one counts as `Unknown`.
    pub(super) observed: Truth,
    /// The Ready condition as it is to be; none when the node has none and is not overdue.
    pub(super) current: Option<Truth>,
    /// The status to write; none when nothing changes.
    pub(super) status: Option<Arc<NodeStatus>>,
    /// How long the node had been silent.
    pub(super) silence: SimDuration,
    /// The first instant at which the node is overdue unless it gives a sign of life.
    pub(super) overdue_at: Time,
}

/// How long a node may be silent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grace {
    /// `--node-monitor-grace-period`.
    pub usual: SimDuration,
    /// `--node-startup-grace-period`: before its first status.
    pub startup: SimDuration,
}

impl Default for Grace {
    fn default() -> Self {
        Grace { usual: SimDuration::secs(50), startup: SimDuration::secs(60) }
    }
}

/// Looks at one node: notes signs of life, and makes its conditions `Unknown` when it was silent
/// for longer than its grace.
///
/// Source: kubernetes v1.36 pkg/controller/nodelifecycle/node_lifecycle_controller.go,
/// `tryUpdateNodeHealth`
pub(super) fn look(
    known: Option<Health>,
    node: &Node,
    renewal: Option<Time>,
    grace: Grace,
    beats: Beats,
) -> (Health, Finding) {
    let ready = condition::find(&node.status.conditions, "Ready");
    let mut health = noted(known, node, ready, beats);
    note_renewal(&mut health, renewal, beats);
    let grace = if ready.is_some() { grace.usual } else { grace.startup };
    let overdue_at = Time(health.probe.plus(grace).0.saturating_add(1));
    let observed = ready.map_or(Truth::Unknown, |c| c.status);
    let mut finding = Finding {
        observed,
        current: ready.map(|c| c.status),
        status: None,
        silence: beats.now.since(health.probe),
        overdue_at,
    };
    if beats.now >= overdue_at {
        finding.current = Some(Truth::Unknown);
        if ready.is_none_or(|c| c.status != Truth::Unknown) {
            finding.status = Some(lost_status(node, beats.now));
            health.written_over = Some(node.meta.resource_version);
        }
    }
    (health, finding)
}

/// The memory after a look at the Ready condition.
fn noted(known: Option<Health>, node: &Node, ready: Option<&Condition>, beats: Beats) -> Health {
    let heartbeat = ready.map(|c| c.last_heartbeat_time);
    let fresh = |probe| Health {
        probe,
        heartbeat,
        renewal: None,
        forgot_renewal: None,
        written_over: None,
    };
    match (known, heartbeat) {
        (None, None) => fresh(node.meta.creation.unwrap_or(beats.now)),
        (None, Some(_)) => fresh(beats.now),
        (Some(health), None) => Health { heartbeat, ..health },
        (Some(health), Some(beat)) if health.heartbeat != heartbeat => {
            let since = if health.heartbeat.is_some() { beat } else { None };
            let noticed = beats.noticed(since.unwrap_or(beats.now));
            let renewal = health.renewal;
            let written_over = health.written_over;
            let forgot_renewal = Some(noticed);
            Health { probe: noticed, renewal, forgot_renewal, written_over, ..fresh(noticed) }
        }
        (Some(health), Some(_)) => health,
    }
}

/// Notes a renewal of the lease. After a heartbeat the last renewal is forgotten, so that the pass
/// after it takes the same renewal for a new one.
fn note_renewal(health: &mut Health, renewal: Option<Time>, beats: Beats) {
    let Some(renewed) = renewal else { return };
    let is_newer = health.renewal.is_none_or(|seen| seen < renewed);
    let is_first = health.renewal.is_none();
    if is_newer {
        let noticed = if is_first { beats.now } else { beats.noticed(renewed) };
        health.probe = health.probe.max(noticed);
        health.renewal = Some(renewed);
        health.forgot_renewal = None;
        return;
    }
    if let Some(forgot) = health.forgot_renewal.filter(|at| *at < beats.now) {
        let again = beats.after(forgot).min(beats.now);
        health.probe = health.probe.max(again);
        health.forgot_renewal = None;
    }
}

/// The status of a node that was silent for too long.
fn lost_status(node: &Node, now: Time) -> Arc<NodeStatus> {
    let mut status = NodeStatus::clone(&node.status);
    for kind in LOST {
        match status.conditions.iter_mut().find(|c| c.kind == kind) {
            None => status.conditions.push(Condition {
                last_heartbeat_time: node.meta.creation,
                last_transition_time: Some(now.whole_seconds()),
                message: "Kubelet never posted node status.".into(),
                ..Condition::new(kind, Truth::Unknown, "NodeStatusNeverUpdated")
            }),
            Some(condition) if condition.status != Truth::Unknown => {
                condition.status = Truth::Unknown;
                condition.reason = "NodeStatusUnknown".into();
                condition.message = "Kubelet stopped posting node status.".into();
                condition.last_transition_time = Some(now.whole_seconds());
            }
            Some(_) => {}
        }
    }
    Arc::new(status)
}
