//! Conformance units: nodes.

mod health_trace;

use serde::Deserialize;
use serde_json::{Value, json};
use wavetank::api::Name;
use wavetank::api::core::node::Node;
use wavetank::api::object::{Kind, Object, ObjectKey};
use wavetank::api::taint::{ComparisonOperators, Taint, Toleration};
use wavetank::api::time::{EPOCH, Time};
use wavetank::client::reconciler::Reconciler;
use wavetank::client::view::{Caches, View};
use wavetank::controllers::node_lifecycle::{
    NodeLifecycle, Options, TaintRates, ZoneState, zone_state,
};
use wavetank::controllers::taint_eviction::{Evictions, Stay, Work, shortest, stay};
use wavetank::sim::time::SimDuration;

use super::{Case, Differs, Unit, same};

/// The units of this area, and the function that runs a case of each.
pub(crate) const UNITS: &[Unit] = &[
    ("nodes.min-toleration-time", min_toleration_time),
    ("nodes.node-condition-taints", condition_taints),
    ("nodes.node-health-trace", health_trace::run),
    ("nodes.taint-eviction-delay", eviction_delay),
    ("nodes.taint-eviction-reschedule", eviction_reschedule),
    ("nodes.zone-eviction-rate", zone_eviction_rate),
    ("nodes.zone-state", zone_states),
];

/// Cases that are known to differ, with the reason.
pub(crate) const DIFFERS: &[Differs] = &[];

/// A list that may be null.
fn list<T: for<'de> Deserialize<'de>>(value: &Value) -> Result<Vec<T>, String> {
    let all = Option::<Vec<T>>::deserialize(value).map_err(|e| e.to_string())?;
    Ok(all.unwrap_or_default())
}

fn count(value: &Value) -> Result<usize, String> {
    value.as_u64().and_then(|n| usize::try_from(n).ok()).ok_or(format!("no count: {value}"))
}

#[expect(clippy::cast_possible_truncation, reason = "the figures are those of float32")]
fn figure(value: &Value) -> Result<f32, String> {
    value.as_f64().map(|f| f as f32).ok_or(format!("no figure: {value}"))
}

fn second(n: u64) -> Time {
    EPOCH.plus(SimDuration::secs(n))
}

fn min_toleration_time(case: &Case<'_>) -> Result<(), String> {
    let tolerations: Vec<Toleration> = list(&case.input["tolerations"])?;
    let text = match shortest(&tolerations) {
        Stay::Forever => "-1ns".to_owned(),
        Stay::For(span) => go_seconds(span.as_secs()),
        Stay::No => return Err("the shortest time is never a refusal".into()),
    };
    same(&json!({"time": text}), case.want)
}

/// Whole seconds as Go writes a duration: `5m0s`.
fn go_seconds(all: u64) -> String {
    let (hours, minutes, seconds) = (all / 3600, all / 60 % 60, all % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, m) => format!("{m}m{seconds}s"),
        (h, m) => format!("{h}h{m}m{seconds}s"),
    }
}

fn condition_taints(case: &Case<'_>) -> Result<(), String> {
    let object = Object::from_value(Kind::NODE, case.input["node"].clone());
    let mut caches = Caches::default();
    caches.of_mut(Kind::NODE).put(object.map_err(|e| e.to_string())?);
    let name = case.input["node"]["metadata"]["name"].as_str().ok_or("no name")?;
    let key = ObjectKey::new(Kind::NODE, "", name);
    let mut controller = NodeLifecycle::new(Options::default());
    health_trace::settle(&mut controller, &key, &mut caches, EPOCH)?;
    let node = View::new(&caches, EPOCH).get::<Node>("", name).ok_or("the node is gone")?.clone();
    let plain = node.spec.taints.iter().map(|t| Taint { time_added: None, ..t.clone() });
    let taints: Vec<Taint> = plain.collect();
    same(&json!({"taints": taints}), case.want)
}

fn eviction_delay(case: &Case<'_>) -> Result<(), String> {
    let taints: Vec<Taint> = list(&case.input["taints"])?;
    let tolerations: Vec<Toleration> = list(&case.input["tolerations"])?;
    let got = match stay(&taints, &tolerations, ComparisonOperators::Off) {
        Stay::No => json!({"evict": "now"}),
        Stay::For(span) => json!({"evict": "after", "seconds": span.as_secs()}),
        Stay::Forever => json!({"evict": "never"}),
    };
    same(&got, case.want)
}

fn eviction_reschedule(case: &Case<'_>) -> Result<(), String> {
    let tolerations: Vec<Toleration> = list(&case.input["tolerations"])?;
    let pod = (Name::new("default"), Name::new("p"));
    let mut evictions = Evictions::default();
    let mut rows = Vec::new();
    for update in case.input["nodeUpdates"].as_array().ok_or("no nodeUpdates")? {
        let at = second(update["at"].as_u64().ok_or("no at")?);
        let taints: Vec<Taint> = list(&update["taints"])?;
        let has_all = stay(&taints, &tolerations, ComparisonOperators::Off) != Stay::No;
        let outcome =
            evictions.consider(&pod, &taints, (&tolerations, ComparisonOperators::Off), at);
        rows.push(match evictions.get(&pod) {
            _ if outcome.evict && !has_all => json!({"evictNow": true}),
            Some(Work::Scheduled { at, .. }) => json!({"scheduledAt": at.since(EPOCH).as_secs()}),
            Some(Work::Begun | Work::Refused) | None => json!({"scheduledAt": null}),
        });
    }
    same(&json!({"afterEachUpdate": rows}), case.want)
}

fn zone_eviction_rate(case: &Case<'_>) -> Result<(), String> {
    let input = case.input;
    let nodes = count(&input["zoneNodes"])?;
    let rates = TaintRates {
        usual: figure(&input["evictionRate"])?,
        reduced: figure(&input["secondaryEvictionRate"])?,
        large_zone_threshold: count(&input["largeClusterThreshold"])?,
    };
    let got = [
        ("allZonesFullyDisrupted", TaintRates::ALL_ZONES_DOWN),
        ("fullDisruptionOfThisZoneOnly", rates.rate(ZoneState::FullDisruption, nodes)),
        ("normal", rates.rate(ZoneState::Normal, nodes)),
        ("partialDisruption", rates.rate(ZoneState::PartialDisruption, nodes)),
    ];
    let want = case.want.as_object().ok_or("want is no map")?;
    if want.len() != got.len() {
        return Err(format!("four rates, not {}", want.len()));
    }
    for (name, rate) in got {
        let wanted = figure(&case.want[name])?;
        if wanted.to_bits() != rate.to_bits() {
            return Err(format!("{name}: want {wanted}, got {rate}"));
        }
    }
    Ok(())
}

fn zone_states(case: &Case<'_>) -> Result<(), String> {
    let (ready, not_ready) =
        (count(&case.input["readyNodes"])?, count(&case.input["notReadyNodes"])?);
    let state = zone_state(ready, not_ready, figure(&case.input["unhealthyZoneThreshold"])?);
    same(&json!({"state": state.name(), "unhealthy": not_ready}), case.want)
}

#[test]
fn a_controller_is_named_as_in_an_audit_log() {
    assert_eq!(NodeLifecycle::new(Options::default()).name(), "node-controller");
}
