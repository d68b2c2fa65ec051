//! S5: the pods that run on a node ask for no more than it has.
//!
//! What counts is what the kubelet has let in: a scheduler with an old cache may bind one too many,
//! and the kubelet then refuses it.

use std::collections::BTreeMap;

use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::pod::{Pod, PodPhase};
use crate::api::core::pod_requests::of_pod;
use crate::api::meta::Uid;
use crate::api::object::{Kind, ObjectKey};
use crate::check::incarnation::runs;
use crate::check::{Invariant, Look, named};
use crate::sim::index::Map;

/// From this priority on a pod is let in by ending others.
///
/// Source: kubernetes v1.36 pkg/apis/scheduling/types.go, `SystemCriticalPriority`
const CRITICAL: i32 = 2_000_000_000;

/// What the pods that run on each node ask for: CPU in thousandths and bytes of memory.
#[derive(Clone, Default)]
pub(super) struct Overcommit {
    running: Map<Name, BTreeMap<Uid, (i64, i64)>>,
}

impl Invariant for Overcommit {
    fn look(&mut self, look: &Look<'_>) -> Result<(), String> {
        let change = look.change;
        let Some(pod) = change.object.as_a::<Pod>() else { return Ok(()) };
        if pod.node_name.is_empty() {
            return Ok(());
        }
        let runs_now =
            pod.status.phase == PodPhase::Running && !change.deleted && !pod.meta.is_deleting();
        if !runs_now {
            if let Some(pods) = self.running.get_mut(&pod.node_name) {
                pods.remove(&pod.meta.uid);
            }
            return Ok(());
        }
        let asks = of_pod(pod);
        let pods = self.running.entry(pod.node_name.clone()).or_default();
        let before = pods.insert(pod.meta.uid, (asks.milli_cpu, asks.memory));
        if before.is_some() || pod.priority() >= CRITICAL {
            return Ok(());
        }
        let key = ObjectKey::new(Kind::NODE, "", &pod.node_name);
        let node = look.cluster.store().get(&key).and_then(|o| o.as_a::<Node>());
        let Some(node) = node else { return Ok(()) };
        let most = (node.allocatable.milli_cpu, node.allocatable.memory);
        let fits = |(cpu, memory): (i64, i64)| cpu <= most.0 && memory <= most.1;
        let sum = |all: &mut dyn Iterator<Item = &(i64, i64)>| {
            all.fold((0, 0), |(cpu, memory), one| (cpu + one.0, memory + one.1))
        };
        if fits(sum(&mut pods.values())) {
            return Ok(());
        }
        // The store may not know yet that one of them has ended.
        let own = pod.meta.uid;
        let alive = |uid: Uid| uid == own || runs(look.cluster, uid, look.now);
        let (cpu, memory) =
            sum(&mut pods.iter().filter(|(uid, _)| alive(**uid)).map(|(_, asks)| asks));
        if fits((cpu, memory)) {
            return Ok(());
        }
        Err(format!(
            "{} runs on {}, whose pods now ask for {cpu}m and {memory} bytes of {}m and {}",
            named(change),
            pod.node_name,
            most.0,
            most.1
        ))
    }
}
