//! Thresholds: how little of something a node may have.

use crate::api::quantity::{Format, Quantity};
use crate::sim::time::SimDuration;

/// What is observed of a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Signal {
    /// Memory that is not in use.
    MemoryAvailable,
    /// Disk for containers and logs that is free.
    NodefsAvailable,
    /// Inodes of that disk that are free.
    NodefsInodesFree,
    /// Disk for images that is free.
    ImagefsAvailable,
    /// Inodes of that disk that are free.
    ImagefsInodesFree,
    /// Disk for the writable layers of containers that is free, where it is one of its own.
    ContainerfsAvailable,
    /// Inodes of that disk that are free.
    ContainerfsInodesFree,
    /// Memory for pods that is not in use.
    AllocatableMemoryAvailable,
    /// Process numbers that are free.
    PidAvailable,
}

const SIGNALS: [(Signal, &str); 9] = [
    (Signal::MemoryAvailable, "memory.available"),
    (Signal::NodefsAvailable, "nodefs.available"),
    (Signal::NodefsInodesFree, "nodefs.inodesFree"),
    (Signal::ImagefsAvailable, "imagefs.available"),
    (Signal::ImagefsInodesFree, "imagefs.inodesFree"),
    (Signal::ContainerfsAvailable, "containerfs.available"),
    (Signal::ContainerfsInodesFree, "containerfs.inodesFree"),
    (Signal::AllocatableMemoryAvailable, "allocatableMemory.available"),
    (Signal::PidAvailable, "pid.available"),
];

impl Signal {
    /// The signal of a name.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/eviction/api/types.go, `OpForSignal`
    pub fn named(name: &str) -> Option<Signal> {
        SIGNALS.iter().find(|(_, n)| *n == name).map(|(s, _)| *s)
    }

    /// Its name in the kubelet's settings.
    pub fn name(self) -> &'static str {
        SIGNALS.iter().find(|(s, _)| *s == self).map_or("", |(_, n)| n)
    }

    /// The condition of the node that it brings about.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/eviction/helpers.go, `signalToNodeCondition`
    pub fn condition(self) -> Pressure {
        match self {
            Signal::MemoryAvailable | Signal::AllocatableMemoryAvailable => Pressure::Memory,
            Signal::PidAvailable => Pressure::Pid,
            Signal::NodefsAvailable
            | Signal::NodefsInodesFree
            | Signal::ImagefsAvailable
            | Signal::ImagefsInodesFree
            | Signal::ContainerfsAvailable
            | Signal::ContainerfsInodesFree => Pressure::Disk,
        }
    }

    /// The resource that the node is low on.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/eviction/helpers.go, `signalToResource`
    pub fn resource(self) -> &'static str {
        match self {
            Signal::MemoryAvailable | Signal::AllocatableMemoryAvailable => "memory",
            Signal::NodefsAvailable | Signal::ImagefsAvailable | Signal::ContainerfsAvailable => {
                "ephemeral-storage"
            }
            Signal::NodefsInodesFree
            | Signal::ImagefsInodesFree
            | Signal::ContainerfsInodesFree => "inodes",
            Signal::PidAvailable => "pids",
        }
    }
}

/// A condition of a node that is short of something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Pressure {
    /// Memory.
    Memory,
    /// Disk.
    Disk,
    /// Process numbers.
    Pid,
}

impl Pressure {
    /// The type of the node's condition.
    pub fn name(self) -> &'static str {
        match self {
            Pressure::Memory => "MemoryPressure",
            Pressure::Disk => "DiskPressure",
            Pressure::Pid => "PIDPressure",
        }
    }
}

/// An amount, or a share of what there is.
#[derive(Clone, PartialEq, Debug)]
pub enum ThresholdValue {
    /// An amount.
    Quantity(Quantity),
    /// A share, 0 to 1: a float32, as Kubernetes keeps it.
    Percentage(f32),
}

impl ThresholdValue {
    /// The amount, given what there is.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/eviction/api/types.go, `GetThresholdQuantity`
    #[expect(clippy::float_arithmetic, reason = "as Kubernetes computes it")]
    #[expect(clippy::cast_possible_truncation, reason = "as Kubernetes converts it")]
    #[expect(clippy::cast_precision_loss, reason = "as Kubernetes converts it")]
    pub fn of(&self, capacity: i64) -> Quantity {
        match self {
            ThresholdValue::Quantity(amount) => amount.clone(),
            ThresholdValue::Percentage(share) => {
                let amount = capacity as f64 * f64::from(*share);
                Quantity::new(amount as i64, Format::BinarySi)
            }
        }
    }
}

/// How little of something a node may have before it acts.
#[derive(Clone, PartialEq, Debug)]
pub struct Threshold {
    /// What is observed.
    pub signal: Signal,
    /// Less than this is too little.
    pub value: ThresholdValue,
    /// For how long it may be too little; zero for a hard threshold.
    pub grace: SimDuration,
    /// How much more than the value has to be there before it is enough again.
    pub min_reclaim: Option<ThresholdValue>,
}

/// What was observed of a signal.
#[derive(Clone, PartialEq, Debug)]
pub struct Observation {
    /// What is.
    pub signal: Signal,
    /// What is available.
    pub available: Quantity,
    /// What there is in all.
    pub capacity: i64,
}

impl Threshold {
    /// Whether it is met: whether there is too little, or not enough again.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/eviction/helpers.go, `thresholdsMet`
    pub fn is_met(&self, observations: &[Observation], enforce_min_reclaim: bool) -> bool {
        let Some(seen) = observations.iter().find(|o| o.signal == self.signal) else {
            return false;
        };
        let mut wanted = self.value.of(seen.capacity);
        if let Some(more) = self.min_reclaim.as_ref().filter(|_| enforce_min_reclaim) {
            wanted = wanted.add(&more.of(seen.capacity));
        }
        wanted.sub(&seen.available).sign() > 0
    }
}

/// The conditions that thresholds bring about, each once, in the order of the thresholds.
///
/// Source: kubernetes v1.36 pkg/kubelet/eviction/helpers.go, `nodeConditions`
pub fn conditions<'a>(met: impl IntoIterator<Item = &'a Threshold>) -> Vec<Pressure> {
    let mut all = Vec::new();
    for threshold in met {
        let condition = threshold.signal.condition();
        if !all.contains(&condition) {
            all.push(condition);
        }
    }
    all
}
