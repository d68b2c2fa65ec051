//! Zones: whether a failure domain is disrupted, and how fast its nodes may be tainted then.

/// How far a zone is disrupted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ZoneState {
    /// Not looked at yet.
    Initial,
    /// Enough of its nodes are ready.
    Normal,
    /// Not one of its nodes is ready.
    FullDisruption,
    /// At least three of its nodes and too great a share are not ready.
    PartialDisruption,
}

impl ZoneState {
    /// Kubernetes' name of it.
    pub fn name(self) -> &'static str {
        match self {
            ZoneState::Initial => "Initial",
            ZoneState::Normal => "Normal",
            ZoneState::FullDisruption => "FullDisruption",
            ZoneState::PartialDisruption => "PartialDisruption",
        }
    }
}

/// Nodes tainted a second, by the state of their zone.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TaintRates {
    /// `--node-eviction-rate`.
    pub usual: f32,
    /// `--secondary-node-eviction-rate`: of large zones in partial disruption.
    pub reduced: f32,
    /// `--large-cluster-size-threshold`: zones of at most so many nodes are small.
    pub large_zone_threshold: usize,
}

impl TaintRates {
    /// The rate while not one zone of the cluster has a ready node.
    pub const ALL_ZONES_DOWN: f32 = 0.0;

    /// The rate of a zone of `nodes` nodes in a state. Of two small zones the one in partial
    /// disruption stands still, while one in full disruption goes on as usual: its nodes will
    /// hardly come back, and others are there to take the pods.
    ///
    /// Source: kubernetes v1.36 pkg/controller/nodelifecycle/node_lifecycle_controller.go,
    /// `setLimiterInZone`, `ReducedQPSFunc`, `HealthyQPSFunc`
    pub fn rate(&self, state: ZoneState, nodes: usize) -> f32 {
        match state {
            ZoneState::Initial | ZoneState::Normal | ZoneState::FullDisruption => self.usual,
            ZoneState::PartialDisruption if nodes > self.large_zone_threshold => self.reduced,
            ZoneState::PartialDisruption => 0.0,
        }
    }
}

impl Default for TaintRates {
    fn default() -> Self {
        TaintRates { usual: 0.1, reduced: 0.01, large_zone_threshold: 50 }
    }
}

/// The state of a zone with so many nodes that are ready and that are not. Two nodes that are not
/// ready never make a partial disruption: of 3 nodes 2 may fail, of 20 eleven do (11/20 = 0.55).
///
/// Source: kubernetes v1.36 pkg/controller/nodelifecycle/node_lifecycle_controller.go,
/// `ComputeZoneState`
pub fn zone_state(ready: usize, not_ready: usize, unhealthy_threshold: f32) -> ZoneState {
    if ready == 0 && not_ready > 0 {
        return ZoneState::FullDisruption;
    }
    if not_ready > 2 && share(not_ready, ready + not_ready) >= unhealthy_threshold {
        return ZoneState::PartialDisruption;
    }
    ZoneState::Normal
}

#[expect(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "Kubernetes compares the share in this width"
)]
fn share(part: usize, whole: usize) -> f32 {
    part as f32 / whole as f32
}
