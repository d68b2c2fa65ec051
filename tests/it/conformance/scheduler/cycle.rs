//! Normalisation, the order of nodes, how many are found and which is taken.

use std::sync::Arc;

use serde_json::{Value, json};
use wavetank::api::core::pod::Pod;
use wavetank::scheduler::config::ProfileConfig;
use wavetank::scheduler::cycle::{Outcome, Search, best, nodes_to_find};
use wavetank::scheduler::framework::{Order, default_normalize};
use wavetank::scheduler::node_order::NodeOrder;
use wavetank::scheduler::profile::Profile;
use wavetank::sim::rng::Rng;

use super::{cluster, list, node, number, only, pod};
use crate::conformance::{Case, same};

type Done = Result<(), String>;

pub(crate) fn normalize(case: &Case<'_>) -> Done {
    only(case.input, &["scores", "reverse", "max"])?;
    let scores = list(case.input, "scores")?.iter().map(|s| s.as_i64().ok_or("no number"));
    let mut scores = scores.collect::<Result<Vec<i64>, _>>()?;
    let order = match case.input["reverse"].as_bool() {
        Some(true) => Order::Reversed,
        Some(false) => Order::Straight,
        None => return Err("`reverse` is missing".into()),
    };
    default_normalize(number(case.input, "max")?, order, &mut scores);
    same(&json!({ "scores": scores }), case.want)
}

pub(crate) fn node_order(case: &Case<'_>) -> Done {
    only(case.input, &["ops"])?;
    let mut order = NodeOrder::default();
    for op in list(case.input, "ops")? {
        let parts = op.as_array().ok_or("an operation is a list")?;
        match (parts.first().and_then(Value::as_str), &parts[1..]) {
            (Some("add"), [new]) => order.add(&*node(new)?),
            (Some("remove"), [old]) => order.remove(&node(old)?.meta.name),
            (Some("update"), [_, new]) => {
                order.update(&*node(new)?);
            }
            _ => return Err(format!("unknown operation {op}")),
        }
    }
    same(&json!({ "order": order.list() }), case.want)
}

pub(crate) fn schedule_one(case: &Case<'_>) -> Done {
    match case.whole["kind"].as_str() {
        Some(kind) if kind.starts_with("feasible-nodes") => feasible_nodes(case),
        Some("select-host") => select_host(case),
        Some("select-host-order") => host_order(case),
        Some("nominated-node") => nominated_node(case),
        other => Err(format!("unknown kind {other:?}")),
    }
}

fn feasible_nodes(case: &Case<'_>) -> Done {
    only(case.input, &["nodes", "percentage_of_nodes_to_score", "profile_percentage"])?;
    let nodes = usize::try_from(number(case.input, "nodes")?).map_err(super::text)?;
    let percentage =
        |name| number(case.input, name).and_then(|n| i32::try_from(n).map_err(super::text));
    let profile = case.input.get("profile_percentage").filter(|v| !v.is_null());
    let profile = profile.map(|_| percentage("profile_percentage")).transpose()?;
    let found = nodes_to_find(profile, percentage("percentage_of_nodes_to_score")?, nodes);
    same(&json!({ "nodes_to_find": found }), case.want)
}

/// Name, score and lot of each host.
fn scored(case: &Case<'_>) -> Result<Vec<(String, (i64, u64))>, String> {
    let row = |r: &Value| {
        let name = r[0].as_str().ok_or("a host has a name")?.to_owned();
        let score = r[1].as_i64().ok_or("a host has a score")?;
        Ok((name, (score, r[2].as_u64().unwrap_or(0))))
    };
    list(case.input, "scores")?.iter().map(row).collect()
}

fn scores(hosts: &[(String, (i64, u64))]) -> Vec<i64> {
    hosts.iter().map(|host| host.1.0).collect()
}

/// Those that are taken by some lot.
fn possible(hosts: &[(String, (i64, u64))]) -> Vec<String> {
    let mut taken = Vec::new();
    for lucky in 0..hosts.len() {
        let place = best(&scores(hosts), |place| u64::from(place == lucky));
        taken.extend(place.map(|place| hosts[place].0.clone()));
    }
    taken.sort();
    taken.dedup();
    taken
}

fn select_host(case: &Case<'_>) -> Done {
    let hosts = scored(case)?;
    let none = best(&scores(&hosts), |place| hosts[place].1.1).is_none();
    same(&json!({ "one_of": possible(&hosts), "error": none }), case.want)
}

fn host_order(case: &Case<'_>) -> Done {
    let mut hosts = scored(case)?;
    let (one_of, mut order) = (possible(&hosts), Vec::new());
    while let Some(place) = best(&scores(&hosts), |place| hosts[place].1.1) {
        order.push(hosts.remove(place).0);
    }
    same(&json!({ "order": order, "one_of": one_of }), case.want)
}

fn nominated_node(case: &Case<'_>) -> Done {
    only(case.input, &["nodes", "nominated_node", "node1_filter"])?;
    let fits = match case.input["node1_filter"].as_str() {
        Some("Success") => true,
        Some("Unschedulable") => false,
        other => return Err(format!("unknown verdict {other:?}")),
    };
    let names = list(case.input, "nodes")?.iter().filter_map(Value::as_str);
    let make = |name: &str| {
        let pods = if name == "node1" && !fits { "0" } else { "10" };
        node(
            &json!({ "metadata": { "name": name }, "status": { "allocatable": { "pods": pods } } }),
        )
    };
    let nodes = names.map(make).collect::<Result<Vec<_>, _>>()?;
    let cache = cluster(&nodes, &[])?;
    let mut own = Pod::clone(&*pod(&json!({ "metadata": { "name": "p" }, "spec": {} }))?);
    if let Some(name) = case.input["nominated_node"].as_str() {
        Arc::make_mut(&mut own.status).nominated_node_name = name.into();
    }
    let profile = Profile::new(&ProfileConfig::default());
    let mut rng = Rng::named(1, "scheduler");
    match Search::default().run(&profile, 0, &cache, &Arc::new(own), &mut rng) {
        Outcome::Found(found) => same(&json!({ "filter_calls": found.evaluated }), case.want),
        other => Err(format!("no node was found: {other:?}")),
    }
}
