//! Conformance units: `DaemonSets`.

mod trace;

use serde_json::{Value, json};
use wavetank::api::apps::daemon_set::DaemonSet;
use wavetank::api::apps::pod_template::PodTemplate;
use wavetank::api::core::node::Node;
use wavetank::api::object::{Kind, Object};
use wavetank::api::taint::ComparisonOperators;
use wavetank::controllers::daemon_set::fit::{Fit, tolerations};
use wavetank::controllers::daemon_set::rolling::limits;

use super::replicaset::int;
use super::{Case, Differs, Unit, same};

/// The units of this area, and the function that runs a case of each.
pub(crate) const UNITS: &[Unit] = &[
    ("daemonset.daemonset-node-fit", node_fit),
    ("daemonset.daemonset-tolerations", added_tolerations),
    ("daemonset.daemonset-unavailable-numbers", unavailable_numbers),
    ("daemonset.daemonset-trace", trace::run),
];

/// Cases that are known to differ, with the reason.
pub(crate) const DIFFERS: &[Differs] = &[];

fn read(kind: Kind, value: &Value) -> Result<Object, String> {
    Object::from_value(kind, value.clone()).map_err(|e| e.to_string())
}

fn node_fit(case: &Case<'_>) -> Result<(), String> {
    let facts = &case.input["node"];
    let node = read(
        Kind::NODE,
        &json!({
            "metadata": { "name": facts["name"], "labels": facts["labels"] },
            "spec": { "taints": facts["taints"], "unschedulable": facts["unschedulable"] },
        }),
    )?;
    let node = node.as_a::<Node>().ok_or("no node")?.clone();
    let mut spec = case.input["podSpec"].clone();
    if spec["containers"].is_null() {
        spec["containers"] = json!([]);
    }
    let template: PodTemplate =
        serde_json::from_value(json!({ "spec": spec })).map_err(|e| e.to_string())?;
    let fits = Fit::of(&template.spec, &template.node_name).on(&node, ComparisonOperators::Off);
    let got =
        json!({ "shouldContinueRunning": fits.should_continue, "shouldRun": fits.should_run });
    same(&got, case.want)
}

fn added_tolerations(case: &Case<'_>) -> Result<(), String> {
    let host_network = case.input["hostNetwork"].as_bool().ok_or("no hostNetwork")?;
    same(&json!({ "tolerations": tolerations(host_network) }), case.want)
}

fn unavailable_numbers(case: &Case<'_>) -> Result<(), String> {
    let set = read(Kind::DAEMON_SET, &case.input["daemonSet"])?;
    let set = set.as_a::<DaemonSet>().ok_or("no DaemonSet")?;
    let desired = i32::try_from(int(&case.input["desiredNumberScheduled"])?);
    let limits = limits(set, desired.map_err(|e| e.to_string())?);
    let got = json!({ "maxSurge": limits.surge, "maxUnavailable": limits.unavailable });
    same(&got, case.want)
}
