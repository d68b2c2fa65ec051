//! The parameters of faults of what is used, pulled and measured, as they are written.

use std::collections::BTreeMap;

use crate::fault::parameter::Gap;
use crate::fault::parameter::Pull;
use crate::fault::parameter::Stress;
use crate::fault::parameter::Wrong;
use crate::fault::target::Mode;
use crate::fault::target::PodNames;
use crate::fault::target::Pods;
use crate::scenario::amount::Amount;
use crate::scenario::decode::foreign;
use crate::scenario::decode::foreign_words;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::source::Session;
use crate::scenario::spec::fault::parameter::pods_are_chosen;
use crate::scenario::yaml::Node;
use crate::sim::time::SimDuration;

foreign! {
    Stress as "`stress`", "Stress", "Which pods, and what they use beside their own."
    checked by stress_is_given {
        /// Pods by name: a list, or lists by namespace.
        "pods" => pods: PodNames = PodNames::default();
        /// Pods by label.
        "labelSelectors" => label_selectors: BTreeMap<String, String> = BTreeMap::new();
        /// Only in these namespaces; the scenario's when none is given.
        "namespaces" => namespaces: Vec<String> = Vec::new();
        /// Only on these nodes.
        "nodes" => nodes: Vec<String> = Vec::new();
        /// How many of those that match.
        "mode" => mode: Mode = Mode::All;
        /// The number or percentage that the mode needs.
        "value" => value: Option<u32> = None;
        /// CPU beside their own, as `500m`.
        "cpu" => cpu: Option<Amount> = None;
        /// Memory beside their own, as `256Mi`.
        "memory" => memory: Option<Amount> = None;
    } into Stress {
        of: Pods { pods, label_selectors, namespaces, nodes, mode, value, grace_period: 0 },
        millicores: cpu.map_or(0, |amount| amount.millis),
        bytes: memory.map_or(0, |amount| amount.whole()),
    }
}

foreign! {
    Pull as "`image-pull`", "ImagePull", "Which pulls fail or take longer."
    checked by one_trouble_is_given {
        /// Nodes whose pulls are hit; all when not given.
        "nodes" => nodes: Vec<String> = Vec::new();
        /// Images by glob; all when not given.
        "image" => image: Option<String> = None;
        /// What the registry says; without it that a limit of pulls is reached.
        "error" => error: Option<String> = None;
        /// Pulls do not fail but take so much longer.
        "latency" => latency: Option<SimDuration> = None;
    } into Pull { nodes, image, error, latency }
}

foreign! {
    Gap as "`metrics-gap`", "MetricsGap", "Of which nodes the figures are wrong, and how."
    checked by percent_is_given {
        /// Nodes; all when not given.
        "nodes" => nodes: Vec<String> = Vec::new();
        /// `missing`, `late` for those of before, or `scaled`.
        "how" => how: Wrong = Wrong::Missing;
        /// How many percent of the truth `scaled` figures tell.
        "percent" => percent: Option<u32> = None;
    } into Gap { nodes, how, percent }
}

foreign_words! {
    Wrong as "what is wrong with figures" {
        "missing" => Missing;
        "late" => Late;
        "scaled" => Scaled;
    }
}

fn stress_is_given(it: &Stress, node: &Node, session: &mut Session) {
    if it.millicores == 0 && it.bytes == 0 {
        let message = "nothing is used: `cpu` or `memory` is missing";
        session.report(node.place, Mistake::other(message));
    }
    pods_are_chosen(&it.of, node, session);
}

fn one_trouble_is_given(it: &Pull, node: &Node, session: &mut Session) {
    if it.error.is_some() && it.latency.is_some() {
        session.report(node.place, Mistake::not_together("error", "latency"));
    }
    if let Some(image) = it.image.as_ref().filter(|image| globset::Glob::new(image).is_err()) {
        let place = node.get("image").map_or(node.place, |n| n.place);
        session.report(place, Mistake::bad_value("glob", image, "expected one such as `*/app:v2`"));
    }
}

fn percent_is_given(it: &Gap, node: &Node, session: &mut Session) {
    match (it.how, it.percent) {
        (Wrong::Scaled, None) => {
            session.report(node.place, Mistake::missing_field("`scaled` figures", "percent"));
        }
        (Wrong::Missing | Wrong::Late, Some(_)) => {
            session.report(node.place, Mistake::not_together("percent", "how"));
        }
        (Wrong::Scaled, Some(_)) | (Wrong::Missing | Wrong::Late, None) => {}
    }
}
