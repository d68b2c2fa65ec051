//! A node as it is registered.

use std::sync::Arc;

use serde_json::json;

use super::{CONDITIONS, LEASE_SECONDS, LEASES};
use crate::api::Name;
use crate::api::condition::{Condition, Truth};
use crate::api::coordination::lease::{Beat, Lease, LeaseSpec};
use crate::api::core::node::{Node, NodeSpec, NodeStatus};
use crate::api::meta::{Meta, Rest};
use crate::api::time::Time;
use crate::node::kubelet::config::{Config, Heartbeat};

/// A node that has been registered and ready since before the run.
pub fn registered(config: &Config, since: Time) -> Node {
    let mut node = blank(config);
    let conditions = CONDITIONS.iter().map(|(kind, holds, reason, message)| Condition {
        last_heartbeat_time: Some(since.whole_seconds()),
        last_transition_time: Some(since.whole_seconds()),
        message: Name::new_static(message),
        ..Condition::new(kind, Truth::from(*holds), reason)
    });
    Arc::make_mut(&mut node.status).conditions = conditions.collect();
    node.refresh();
    node
}

/// The lease of a node that has been registered since before the run.
pub fn registered_lease(config: &Config, since: Time) -> Lease {
    let name = &config.node.name;
    let mut lease = Lease { meta: Meta::named(LEASES, name), ..Lease::default() };
    lease.spec = LeaseSpec {
        holder_identity: name.clone(),
        lease_duration_seconds: Some(LEASE_SECONDS),
        renew_time: Some(since.whole_micros()),
        ..LeaseSpec::default()
    };
    lease.beat =
        (config.heartbeat == Heartbeat::Lazy).then(|| Beat::from_before(config.seed, name));
    lease
}

/// The node as it is registered, without conditions.
///
/// Source: kubernetes v1.36 pkg/kubelet/kubelet_node_status.go, `initialNode`
pub(super) fn blank(config: &Config) -> Node {
    let own = &config.node;
    let labels = own
        .labels
        .with("beta.kubernetes.io/arch", "amd64")
        .with("beta.kubernetes.io/os", "linux")
        .with("kubernetes.io/arch", "amd64")
        .with("kubernetes.io/hostname", &own.name)
        .with("kubernetes.io/os", "linux");
    let rest = json!({
        "addresses": [
            {"type": "InternalIP", "address": own.ip.as_str()},
            {"type": "Hostname", "address": own.name.as_str()},
        ],
        "nodeInfo": {
            "architecture": "amd64", "operatingSystem": "linux", "kubeletVersion": "v1.36.2",
            "containerRuntimeVersion": "fakeRuntime://0.1.0",
        },
    });
    let rest = Rest(rest.as_object().cloned().map(Arc::new));
    Node {
        meta: Meta { labels, ..Meta::named("", &own.name) },
        spec: NodeSpec {
            taints: own.taints.clone(),
            pod_cidr: smol_str::format_smolstr!("{}.0/24", own.pod_range),
            ..NodeSpec::default()
        },
        status: Arc::new(NodeStatus {
            capacity: own.capacity.clone(),
            allocatable: own.capacity.clone(),
            rest,
            ..NodeStatus::default()
        }),
        ..Node::default()
    }
}
