//! Which share of a node is asked for.

use std::sync::Arc;

use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::core::pod_requests;
use crate::api::time::Time;

use super::drainability::{is_long_terminating, is_of_daemon_set};

/// The shares of CPU and memory that are asked for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Utilization {
    /// Of CPU.
    pub cpu: f64,
    /// Of memory.
    pub memory: f64,
}

impl Utilization {
    /// The greater of both.
    pub fn greatest(self) -> f64 {
        self.cpu.max(self.memory)
    }
}

/// Which share of a node its pods ask for; none when it has no CPU or no memory.
///
/// A node with 4 CPU and pods that ask for 1 and 500m is asked for 1.5 / 4 = 0.375 of its CPU.
///
/// Source: autoscaler cluster-autoscaler-1.36
/// cluster-autoscaler/simulator/utilization/info.go, `Calculate`,
/// `CalculateUtilizationOfResource`
#[expect(clippy::float_arithmetic, reason = "as the autoscaler computes it")]
#[expect(clippy::cast_precision_loss, reason = "as the autoscaler converts it")]
pub fn utilization<'p>(
    node: &Node,
    pods: impl Iterator<Item = &'p Arc<Pod>>,
    ignore_daemon_sets: bool,
    now: Time,
) -> Option<Utilization> {
    let (mut cpu, mut memory) = (0, 0);
    let (mut cpu_there, mut memory_there) = (node.allocatable.milli_cpu, node.allocatable.memory);
    if cpu_there == 0 || memory_there == 0 {
        return None;
    }
    for pod in pods {
        let asked = pod_requests::of_pod(pod);
        if ignore_daemon_sets && is_of_daemon_set(pod) {
            cpu_there -= asked.milli_cpu;
            memory_there -= asked.memory;
        } else if !is_long_terminating(pod, now) {
            cpu += asked.milli_cpu;
            memory += asked.memory;
        }
    }
    let share = |asked: i64, there: i64| asked as f64 / there as f64;
    Some(Utilization { cpu: share(cpu, cpu_there), memory: share(memory, memory_there) })
}
