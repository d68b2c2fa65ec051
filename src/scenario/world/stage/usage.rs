//! What containers use, what services carry, and who measures it.

use std::sync::Arc;

use crate::api::Name;
use crate::cluster::ClusterConfig;
use crate::metrics::adapter::{Of, Series};
use crate::metrics::server::Options;
use crate::metrics::traffic::Target;
use crate::node::usage::{Load, Nature};
use crate::scenario::kubectl::Command;
use crate::scenario::load::Described;
use crate::scenario::spec::{Action, Course, Image, Metric, Scenario};

/// What containers of an image use; none when nothing is said.
pub(super) fn nature(image: &Image) -> Option<Arc<Nature>> {
    if image.cpu.is_none() && image.memory.is_none() && image.disk.is_none() {
        return None;
    }
    let usual = Nature::default();
    Some(Arc::new(Nature {
        cpu: image.cpu.as_ref().map_or(usual.cpu, Course::in_thousandths),
        memory: image.memory.as_ref().map_or(usual.memory, Course::in_units),
        disk: image.disk.as_ref().map_or(usual.disk, Course::in_units),
    }))
}

/// Sets up what is measured, and who measures it.
pub(super) fn set(described: &Described, config: &mut ClusterConfig) {
    let scenario = &described.scenario;
    let namespace = Name::new(&scenario.namespace);
    config.loads = scenario
        .load
        .iter()
        .map(|load| {
            let service = Name::new(&load.service);
            let curve = |c: &Option<Course>, read: fn(&Course) -> _| {
                c.as_ref().map(read).unwrap_or_default()
            };
            let load = Load {
                cpu: curve(&load.cpu, Course::in_thousandths),
                memory: curve(&load.memory, Course::in_units),
            };
            (Target { namespace: namespace.clone(), service }, load)
        })
        .collect();
    config.series = scenario.metrics.iter().map(|m| series(m, &namespace)).collect();
    config.metrics_server = match &scenario.cluster.metrics_server {
        Some(server) => server
            .enabled
            .then_some(Options { resolution: server.resolution, misses_percent: server.misses }),
        None => is_asked(described).then(Options::default),
    };
}

fn series(metric: &Metric, namespace: &Name) -> Series {
    let of = match (&metric.object, &metric.pods) {
        (Some(object), _) => {
            let (kind, name) = object.split_once('/').unwrap_or(("", object));
            Of::Object(namespace.clone(), kind.into(), name.into())
        }
        (None, Some(pods)) if metric.shared => Of::AllPods(namespace.clone(), pods.clone()),
        (None, Some(pods)) => Of::EachPod(namespace.clone(), pods.clone()),
        (None, None) => Of::Outside,
    };
    Series {
        metric: Name::new(&metric.name),
        of,
        labels: metric.labels.iter().map(|(k, v)| (Name::new(k), Name::new(v))).collect(),
        value: metric.value.in_thousandths(),
        delay: metric.delay,
    }
}

/// The kind whose controller asks for metrics.
const KIND: &str = "HorizontalPodAutoscaler";

/// Whether anything could ask what pods and nodes use.
fn is_asked(described: &Described) -> bool {
    let scenario: &Scenario = &described.scenario;
    let files = described.files.values().flat_map(|f| f.iter()).any(|m| m.kind == KIND);
    let steps = scenario.steps.iter().any(|step| match &step.action {
        Action::Apply(apply) => apply.manifests.iter().any(|m| m.kind == KIND),
        Action::Kubectl(line) => {
            matches!(line.command.command, Command::Autoscale(_) | Command::Top(_))
        }
        Action::Inject(_) | Action::Wait(_) | Action::Until(_) => false,
    });
    files || steps
}
