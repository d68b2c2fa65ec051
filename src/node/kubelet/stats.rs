//! What the kubelet tells of the usage of its node, at its own beat.

use super::Kubelet;
use crate::api::autoscaling::metric::{ContainerSample, NodeSample, PodSample};
use crate::sim::rng::keyed;
use crate::sim::time::{SimDuration, SimTime};

/// From one look at the containers to the next.
///
/// Differs: the real interval grows up to 15 s while nothing changes.
///
/// Source: kubernetes v1.36 pkg/kubelet/cadvisor/cadvisor_linux.go, `defaultHousekeepingInterval`
const HOUSEKEEPING: SimDuration = SimDuration::secs(10);

impl Kubelet {
    /// The last look at or before an instant.
    fn looked(&self, at: SimTime) -> SimTime {
        let name = &self.host.config.node.name;
        let phase = keyed(self.host.config.seed ^ 0x57a7, name.as_bytes()) % HOUSEKEEPING.0;
        let next = (at + SimDuration(1)).next_beat(HOUSEKEEPING, SimDuration(phase));
        SimTime(next.0.saturating_sub(HOUSEKEEPING.0))
    }

    /// The usage of the node and its pods, as the last look before an instant found it.
    pub(super) fn sample(&self, at: SimTime) -> NodeSample {
        let at = self.looked(at);
        let runtime = &self.host.runtime;
        let mut sample = NodeSample {
            node: self.host.config.node.name.clone(),
            at,
            cpu: runtime.retired(),
            ..NodeSample::default()
        };
        for (uid, worker) in &self.workers {
            let Some(sandbox) = runtime.sandbox(*uid) else { continue };
            let mut containers = Vec::new();
            for (run, container) in sandbox.containers.iter().zip(worker.pod.spec.all_containers())
            {
                let Some(run) = run.as_ref().filter(|r| r.started <= at) else { continue };
                let sight = run.sight(&sandbox.shares, runtime.loads());
                let cpu = sight.cpu(at.min(run.ends));
                sample.cpu += cpu;
                if run.runs(at) {
                    let (name, started) = (container.name.clone(), run.started);
                    let memory = sight.memory(at);
                    sample.memory += memory;
                    containers.push(ContainerSample { name, started, cpu, memory });
                }
            }
            let meta = &worker.pod.meta;
            if !containers.is_empty() {
                let (namespace, name) = (meta.namespace.clone(), meta.name.clone());
                sample.pods.push(PodSample { namespace, name, containers });
            }
        }
        sample
    }
}
