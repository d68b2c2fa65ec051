//! What a kubelet is given: its node, the images, how long things take.

use std::sync::Arc;

use crate::api::Name;
use crate::api::gates::Gates;
use crate::api::labels::Labels;
use crate::api::resource::ResourceList;
use crate::api::storage::csi_node::CsiNodeDriver;
use crate::api::taint::Taint;
use crate::node::eviction::config::{Settings, thresholds};
use crate::node::eviction::threshold::Threshold;
use crate::node::images::Images;
use crate::sim::rng::Rng;
use crate::sim::time::SimDuration;

/// What a kubelet is given.
#[derive(Clone, Debug)]
pub struct Config {
    /// The node.
    pub node: NodeConfig,
    /// How containers behave.
    pub images: Images,
    /// How little of something the node may have.
    pub eviction: Vec<Threshold>,
    /// Whether signs of life are written.
    pub heartbeat: Heartbeat,
    /// From the first look at a pod until its volumes are mounted and its sandbox is made.
    pub mount: Span,
    /// From the start of containers until their state is seen.
    pub settle: Span,
    /// What the end of a pod takes beside the end of its containers.
    pub stop: Span,
    /// From the start of the kubelet until the node is ready.
    pub ready: SimDuration,
    /// Whether the node has been registered and ready since before the run.
    pub is_registered: bool,
    /// The run's seed, from which the beats of its lease follow.
    pub seed: u64,
    /// Its feature gates.
    pub gates: Gates,
    /// The driver of volumes that the node has; none for no driver.
    pub storage: Option<Arc<NodeStorage>>,
}

/// The driver of volumes that a node has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeStorage {
    /// As it is registered.
    pub driver: CsiNodeDriver,
    /// Whether its volumes are attached before they are mounted.
    pub attaches: bool,
    /// How long it takes to mount a volume.
    pub mount: SimDuration,
    /// How long it takes to unmount one.
    pub unmount: SimDuration,
}

/// The node of a kubelet.
#[derive(Clone, Debug, Default)]
pub struct NodeConfig {
    /// Its name.
    pub name: Name,
    /// Labels beside those that the kubelet sets itself.
    pub labels: Labels,
    /// Taints that it registers with.
    pub taints: Vec<Taint>,
    /// What it has; all of it is for pods.
    pub capacity: ResourceList,
    /// Its address.
    pub ip: Name,
    /// The range of its pods' addresses without the host's part: `10.244.3`.
    pub pod_range: Name,
}

/// Whether a kubelet writes signs of life.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Heartbeat {
    /// Leases every 10 s, the node's status at least every 5 min, as the real kubelet does.
    Eager,
    /// Only what changes: whoever reads a lease or a heartbeat computes what it would say.
    #[default]
    Lazy,
}

/// A span drawn between two ends, both included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span(pub SimDuration, pub SimDuration);

impl Span {
    /// Draws one.
    pub fn draw(self, rng: &mut Rng) -> SimDuration {
        SimDuration(rng.between(self.0.0, self.1.0))
    }
}

impl Default for Config {
    /// Times as recorded from real kubelets over a runtime that takes no time of its own.
    fn default() -> Self {
        let span = |low, high| Span(SimDuration::millis(low), SimDuration::millis(high));
        Config {
            node: NodeConfig::default(),
            images: Images::default(),
            eviction: thresholds(&Settings::usual()).unwrap_or_default(),
            heartbeat: Heartbeat::default(),
            mount: span(280, 400),
            settle: span(5, 30),
            stop: span(20, 80),
            ready: SimDuration::millis(200),
            is_registered: false,
            seed: 0,
            gates: Gates::DEFAULT,
            storage: None,
        }
    }
}
