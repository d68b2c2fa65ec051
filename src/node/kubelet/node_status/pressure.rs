//! The conditions of a node that is short of something.

use super::{COMPUTED_EVERY, NodeKeeper, Row};
use crate::client::component::Moment;
use crate::node::eviction::threshold::Pressure;
use crate::node::kubelet::host::Host;
use crate::sim::time::SimDuration;

impl NodeKeeper {
    /// The node is short of these from now on: its next status says so.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/nodestatus/setters.go, `MemoryPressureCondition`,
    /// `DiskPressureCondition`
    pub(in crate::node::kubelet) fn set_pressure(
        &mut self,
        pressure: &[Pressure],
        host: &mut Host,
        moment: &mut Moment<'_>,
    ) {
        self.pressure = pressure.to_vec();
        host.read_clock(moment);
        let beat = (moment.now + SimDuration(1)).next_beat(COMPUTED_EVERY, self.phase);
        self.post_at = self.post_at.min(beat);
    }

    /// Whether a condition holds now, as (type, whether, reason, sentence).
    pub(super) fn now(&self, row: &Row) -> Row {
        const SHORT: [(&str, &str, &str); 3] = [
            (
                "MemoryPressure",
                "KubeletHasInsufficientMemory",
                "kubelet has insufficient memory available",
            ),
            ("DiskPressure", "KubeletHasDiskPressure", "kubelet has disk pressure"),
            ("PIDPressure", "KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
        ];
        let is_short = self.pressure.iter().any(|p| p.name() == row.0);
        let short = SHORT.iter().find(|s| s.0 == row.0).filter(|_| is_short);
        short.map_or(*row, |(kind, reason, message)| (*kind, true, *reason, *message))
    }
}
