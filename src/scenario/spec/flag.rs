//! The real components' own flags.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;

use crate::scenario::decode::Decode;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::duration;
use crate::scenario::schema::Schema;
use crate::scenario::source::Session;
use crate::scenario::spec::FeatureGates;
use crate::scenario::yaml::Node;

/// The components that have flags.
pub const COMPONENTS: &[&str] = &[
    "cluster-autoscaler",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubelet",
];

/// What the value of a flag is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlagKind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// A decimal number.
    Number,
    /// A Go duration.
    Duration,
    /// Any text.
    Text,
    /// Feature gates: `A=true,B=false`.
    Gates,
}

/// One known flag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlagRow {
    /// Whose flag it is.
    pub component: &'static str,
    /// Its name without dashes.
    pub name: &'static str,
    /// What its value is.
    pub kind: FlagKind,
}

/// Rows of one component.
macro_rules! flags {
    ($($component:literal { $($name:literal $kind:ident),* $(,)? })*) => {
        &[$($(FlagRow { component: $component, name: $name, kind: FlagKind::$kind }),*),*]
    };
}

/// The flags that a scenario may set.
///
/// Source: kubernetes v1.36
/// cmd/kube-controller-manager/app/options, cmd/kube-apiserver/app/options,
/// cmd/kube-scheduler/app/options, cmd/kubelet/app/options; autoscaler cluster-autoscaler-1.36
/// cluster-autoscaler/config/flags/flags.go
pub const FLAGS: &[FlagRow] = flags! {
    "cluster-autoscaler" {
        "cordon-node-before-terminating" Bool,
        "daemonset-eviction-for-empty-nodes" Bool,
        "daemonset-eviction-for-occupied-nodes" Bool,
        "enforce-node-group-min-size" Bool,
        "expander" Text,
        "expendable-pods-priority-cutoff" Int,
        "ignore-daemonsets-utilization" Bool,
        "initial-node-group-backoff-duration" Duration,
        "max-bulk-soft-taint-count" Int,
        "max-drain-parallelism" Int,
        "max-graceful-termination-sec" Int,
        "max-node-group-backoff-duration" Duration,
        "max-node-provision-time" Duration,
        "max-nodes-per-scaleup" Int,
        "max-nodes-total" Int,
        "max-pod-eviction-time" Duration,
        "max-scale-down-parallelism" Int,
        "max-total-unready-percentage" Number,
        "min-replica-count" Int,
        "new-pod-scale-up-delay" Duration,
        "node-delete-delay-after-taint" Duration,
        "node-group-backoff-reset-timeout" Duration,
        "ok-total-unready-count" Int,
        "scale-down-delay-after-add" Duration,
        "scale-down-delay-after-delete" Duration,
        "scale-down-delay-after-failure" Duration,
        "scale-down-enabled" Bool,
        "scale-down-unneeded-time" Duration,
        "scale-down-unready-enabled" Bool,
        "scale-down-unready-time" Duration,
        "scale-down-utilization-threshold" Number,
        "scan-interval" Duration,
        "skip-nodes-with-custom-controller-pods" Bool,
        "skip-nodes-with-local-storage" Bool,
        "skip-nodes-with-system-pods" Bool,
        "unremovable-node-recheck-timeout" Duration,
        "write-status-configmap" Bool,
    }
    "kube-controller-manager" {
        "concurrent-cron-job-syncs" Int,
        "concurrent-daemonset-syncs" Int,
        "concurrent-deployment-syncs" Int,
        "concurrent-endpoint-syncs" Int,
        "concurrent-gc-syncs" Int,
        "concurrent-horizontal-pod-autoscaler-syncs" Int,
        "concurrent-job-syncs" Int,
        "concurrent-namespace-syncs" Int,
        "concurrent-rc-syncs" Int,
        "concurrent-replicaset-syncs" Int,
        "concurrent-resource-quota-syncs" Int,
        "concurrent-service-endpoint-syncs" Int,
        "concurrent-statefulset-syncs" Int,
        "concurrent-ttl-after-finished-syncs" Int,
        "controllers" Text,
        "enable-garbage-collector" Bool,
        "feature-gates" Gates,
        "horizontal-pod-autoscaler-cpu-initialization-period" Duration,
        "horizontal-pod-autoscaler-downscale-stabilization" Duration,
        "horizontal-pod-autoscaler-initial-readiness-delay" Duration,
        "horizontal-pod-autoscaler-sync-period" Duration,
        "horizontal-pod-autoscaler-tolerance" Number,
        "kube-api-burst" Int,
        "kube-api-qps" Number,
        "large-cluster-size-threshold" Int,
        "leader-elect" Bool,
        "leader-elect-lease-duration" Duration,
        "leader-elect-renew-deadline" Duration,
        "leader-elect-retry-period" Duration,
        "min-resync-period" Duration,
        "namespace-sync-period" Duration,
        "node-eviction-rate" Number,
        "node-monitor-grace-period" Duration,
        "node-monitor-period" Duration,
        "node-startup-grace-period" Duration,
        "resource-quota-sync-period" Duration,
        "secondary-node-eviction-rate" Number,
        "terminated-pod-gc-threshold" Int,
        "unhealthy-zone-threshold" Number,
    }
    "kube-scheduler" {
        "feature-gates" Gates,
        "kube-api-burst" Int,
        "kube-api-qps" Number,
        "leader-elect" Bool,
        "leader-elect-lease-duration" Duration,
        "leader-elect-renew-deadline" Duration,
        "leader-elect-retry-period" Duration,
        "pod-max-in-unschedulable-pods-duration" Duration,
    }
    "kube-apiserver" {
        "default-not-ready-toleration-seconds" Int,
        "default-unreachable-toleration-seconds" Int,
        "disable-admission-plugins" Text,
        "enable-admission-plugins" Text,
        "enable-priority-and-fairness" Bool,
        "etcd-compaction-interval" Duration,
        "event-ttl" Duration,
        "feature-gates" Gates,
        "max-mutating-requests-inflight" Int,
        "max-requests-inflight" Int,
        "min-request-timeout" Int,
        "request-timeout" Duration,
        "watch-cache" Bool,
    }
    "kubelet" {
        "eviction-hard" Text,
        "eviction-minimum-reclaim" Text,
        "eviction-soft" Text,
        "eviction-soft-grace-period" Text,
        "event-burst" Int,
        "event-qps" Int,
        "feature-gates" Gates,
        "kube-api-burst" Int,
        "kube-api-qps" Int,
        "max-pods" Int,
        "node-status-report-frequency" Duration,
        "node-status-update-frequency" Duration,
        "serialize-image-pulls" Bool,
        "sync-frequency" Duration,
    }
    "kube-proxy" {
        "feature-gates" Gates,
        "iptables-min-sync-period" Duration,
        "iptables-sync-period" Duration,
    }
    "etcd" {
        "auto-compaction-mode" Text,
        "auto-compaction-retention" Text,
        "election-timeout" Int,
        "heartbeat-interval" Int,
        "quota-backend-bytes" Int,
    }
};

/// The flags that are set: by component and name, the value as text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Flags(pub BTreeMap<String, BTreeMap<String, String>>);

impl Decode for Flags {
    fn shape(_: &mut Schema) -> Value {
        let of = |component: &&str| {
            let rows = FLAGS.iter().filter(|row| row.component == *component);
            let names: serde_json::Map<String, Value> =
                rows.map(|row| (row.name.to_owned(), shape_of(row.kind))).collect();
            let shape = json!({
                "type": "object", "additionalProperties": false, "properties": names,
            });
            ((*component).to_owned(), shape)
        };
        let components: serde_json::Map<String, Value> = COMPONENTS.iter().map(of).collect();
        json!({ "type": "object", "additionalProperties": false, "properties": components })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let Some(entries) = node.entries() else {
            node.report_type("a mapping from components to flags", session);
            return None;
        };
        let mut flags = Flags::default();
        for entry in entries {
            if !COMPONENTS.contains(&&*entry.key) {
                let mistake = Mistake::unknown_name("component", &entry.key, COMPONENTS);
                session.report(entry.key_place, mistake);
                continue;
            }
            let of_component = component_flags(&entry.key, &entry.value, session);
            flags.0.insert(entry.key.to_string(), of_component);
        }
        Some(flags)
    }
}

/// The flags of one component.
fn component_flags(
    component: &str,
    node: &Node,
    session: &mut Session,
) -> BTreeMap<String, String> {
    let mut flags = BTreeMap::new();
    let Some(entries) = node.entries() else {
        node.report_type("a mapping from flags to values", session);
        return flags;
    };
    let rows = || FLAGS.iter().filter(|row| row.component == component);
    for entry in entries {
        let name = entry.key.trim_start_matches('-');
        let Some(row) = rows().find(|row| row.name == name) else {
            let known: Vec<&str> = rows().map(|row| row.name).collect();
            let what = format!("flag of {component}");
            session.report(entry.key_place, Mistake::unknown_name(&what, name, &known));
            continue;
        };
        match entry.value.scalar().map(|scalar| &*scalar.text) {
            Some(text) if row.kind == FlagKind::Gates => {
                for mistake in FeatureGates::parse(text).err().into_iter().flatten() {
                    session.report(entry.value.place, mistake);
                }
                flags.insert(name.to_owned(), text.to_owned());
            }
            Some(text) if reads_as(row.kind, text) => {
                flags.insert(name.to_owned(), text.to_owned());
            }
            Some(text) => {
                let expected = format!("`--{name}` is {}", describe(row.kind));
                session.report(
                    entry.value.place,
                    Mistake::bad_value("value of this flag", text, &expected),
                );
            }
            None => entry.value.report_type(describe(row.kind), session),
        }
    }
    flags
}

fn reads_as(kind: FlagKind, text: &str) -> bool {
    match kind {
        FlagKind::Bool => matches!(text, "true" | "false"),
        FlagKind::Int => text.parse::<i64>().is_ok(),
        FlagKind::Number => text.parse::<f64>().is_ok_and(f64::is_finite),
        FlagKind::Duration => duration::parse_signed(text).is_some(),
        FlagKind::Text | FlagKind::Gates => true,
    }
}

fn describe(kind: FlagKind) -> &'static str {
    match kind {
        FlagKind::Bool => "true or false",
        FlagKind::Int => "a whole number",
        FlagKind::Number => "a number",
        FlagKind::Duration => "a duration such as `40s`",
        FlagKind::Text => "a text",
        FlagKind::Gates => "feature gates such as `A=true,B=false`",
    }
}

fn shape_of(kind: FlagKind) -> Value {
    match kind {
        FlagKind::Bool => json!({ "enum": [true, false, "true", "false"] }),
        FlagKind::Int => json!({ "type": ["integer", "string"] }),
        FlagKind::Number => json!({ "type": ["number", "string"] }),
        FlagKind::Duration | FlagKind::Text | FlagKind::Gates => {
            json!({ "type": ["string", "number", "boolean"] })
        }
    }
}
