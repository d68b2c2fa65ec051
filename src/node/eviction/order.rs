//! Which pod goes first when a node is short of something.

use std::cmp::Reverse;

use super::threshold::Pressure;

/// What the order of eviction looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Candidate {
    /// The pod's priority.
    pub priority: i32,
    /// What it requests of the resource.
    pub request: i64,
    /// What it uses of it; none when that is not known.
    pub usage: Option<i64>,
}

/// The candidates in the order in which they go, by their places.
///
/// Under memory or disk pressure those that use more than they request go first, then those of
/// lower priority, then those that exceed their request by more: 20Mi used and nothing requested
/// goes before 300Mi used and 300Mi requested. A pod of which nothing is known goes before all
/// others; when process numbers are short only before those of its own priority.
///
/// Source: kubernetes v1.36 pkg/kubelet/eviction/helpers.go, `rankMemoryPressure`,
/// `rankDiskPressureFunc`, `rankPIDPressure`
pub fn order(candidates: &[Candidate], pressure: Pressure) -> Vec<usize> {
    let mut places: Vec<usize> = (0..candidates.len()).collect();
    places.sort_by_key(|place| {
        let it = candidates[*place];
        let known = it.usage.is_some();
        let usage = it.usage.unwrap_or(0);
        match pressure {
            Pressure::Pid => (false, false, it.priority, known, Reverse(usage)),
            Pressure::Memory | Pressure::Disk => {
                let within = usage <= it.request;
                (known, known && within, it.priority, known, Reverse(usage - it.request))
            }
        }
    });
    places
}

/// How readily the kernel kills a container when memory runs out: what is added to its share of
/// the node's memory in thousandths.
///
/// A guaranteed pod gets -997, one that requests nothing 1000, others 1000 less their share.
///
/// Source: kubernetes v1.36 pkg/kubelet/qos/policy.go, `GetContainerOOMScoreAdjust`
pub fn oom_score_adjust(
    qos: crate::api::core::pod::QosClass,
    is_node_critical: bool,
    request: i64,
    capacity: i64,
) -> i64 {
    use crate::api::core::pod::QosClass;
    if is_node_critical || qos == QosClass::Guaranteed {
        return -997;
    }
    if qos == QosClass::BestEffort {
        return 1000;
    }
    let share = request.saturating_mul(1000).checked_div(capacity).unwrap_or(0);
    let adjust = 1000 - share;
    if adjust < 1000 - 997 {
        return 1000 - 997;
    }
    if adjust == 1000 { 999 } else { adjust }
}
