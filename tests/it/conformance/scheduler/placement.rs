//! Images, affinity to pods, and spread.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use wavetank::api::core::pod::Pod;
use wavetank::scheduler::cache::Cache;
use wavetank::scheduler::config::PluginArgs;
use wavetank::scheduler::framework::{Attempt, PreFilter};
use wavetank::scheduler::plugins::pod_topology_spread::hard;

use super::plugins::{nodes_of, plugin};
use super::{cluster, list, number, only, pod, surround};
use crate::conformance::{Case, same};

type Done = Result<(), String>;

/// Raw and normalised scores of some nodes by name; none when the plugin has nothing to say.
type Scores = Option<(Map<String, Value>, Map<String, Value>)>;

fn scores(
    name: &str,
    args: &PluginArgs,
    cache: &Cache,
    pod: &Arc<Pod>,
    nodes: &[u32],
) -> Result<Scores, String> {
    let made = plugin(name, args)?.pre_score(Attempt { pod, cluster: cache });
    let made = made.map_err(|status| status.code.name().to_owned())?;
    let Some(mut score) = made.filter(|score| !score.is_silent()) else { return Ok(None) };
    let mut all = vec![0; nodes.len()];
    let named = |all: &[i64]| {
        let names = nodes.iter().map(|slot| cache.at(*slot).name().to_string());
        names.zip(all.iter().map(|s| json!(s))).collect()
    };
    score.score(cache, nodes, &mut all);
    let raw = named(&all);
    score.normalize(&mut all);
    Ok(Some((raw, named(&all))))
}

/// Code and reason by node.
fn verdicts(
    name: &str,
    cache: &Cache,
    pod: &Arc<Pod>,
) -> Result<BTreeMap<String, (&'static str, Option<String>)>, String> {
    let mut filter =
        match plugin(name, &PluginArgs::default())?.pre_filter(Attempt { pod, cluster: cache }) {
            PreFilter::Skip => None,
            PreFilter::Each(filter) | PreFilter::Only(_, filter) => Some(filter),
            PreFilter::Refuse(status) => {
                let answer = (status.code.name(), Some(status.reason.to_string()));
                let names = cache.order().iter().map(|slot| cache.at(*slot).name().to_string());
                return Ok(names.map(|name| (name, answer.clone())).collect());
            }
        };
    if let Some(filter) = &mut filter {
        filter.settle();
    }
    let answer = |slot: &u32| match filter.as_ref().map(|f| (f, f.filter(*slot, cache.at(*slot)))) {
        Some((filter, Err(refused))) => {
            let reason = refused.bits().next().map(|bit| filter.reason(bit).to_string());
            (refused.code.name(), reason)
        }
        Some((_, Ok(()))) | None => ("Success", None),
    };
    let one = |slot: &u32| (cache.at(*slot).name().to_string(), answer(slot));
    Ok(cache.order().iter().map(one).collect())
}

pub(crate) fn image_locality(case: &Case<'_>) -> Done {
    only(case.input, &["pod", "nodes"])?;
    let cache = cluster(&nodes_of(case.input)?, &[])?;
    let pod = pod(&case.input["pod"])?;
    let found = scores("ImageLocality", &PluginArgs::default(), &cache, &pod, cache.order())?;
    let (_, normal) = found.ok_or("it has nothing to say")?;
    same(&json!({ "scores": normal }), case.want)
}

pub(crate) fn affinity_filter(case: &Case<'_>) -> Done {
    let input = case.input;
    only(input, &["pod", "nodes", "existing_pods", "namespace_labels"])?;
    let mut cache = cluster(&nodes_of(input)?, list(input, "existing_pods")?)?;
    surround(&mut cache, input)?;
    let found = verdicts("InterPodAffinity", &cache, &pod(&input["pod"])?)?;
    let short = |text: String| match text.as_str() {
        "node(s) didn't match pod affinity rules" => "affinity".to_owned(),
        "node(s) didn't match pod anti-affinity rules" => "anti-affinity".to_owned(),
        "node(s) didn't satisfy existing pods anti-affinity rules" => {
            "existing-anti-affinity".to_owned()
        }
        _ => text,
    };
    let rows = found
        .into_iter()
        .map(|(node, (code, reason))| (node, json!({ "code": code, "reason": reason.map(short) })));
    same(&json!({ "by_node": rows.collect::<Map<_, _>>() }), case.want)
}

pub(crate) fn affinity_score(case: &Case<'_>) -> Done {
    let input = case.input;
    only(
        input,
        &[
            "pod",
            "nodes",
            "existing_pods",
            "namespace_labels",
            "hard_pod_affinity_weight",
            "ignore_preferred_terms_of_existing_pods",
        ],
    )?;
    let mut cache = cluster(&nodes_of(input)?, list(input, "existing_pods")?)?;
    surround(&mut cache, input)?;
    let mut args = PluginArgs::default();
    args.affinity.hard_weight = number(input, "hard_pod_affinity_weight")?;
    args.affinity.ignores_preferred_of_existing =
        input["ignore_preferred_terms_of_existing_pods"] == json!(true);
    let pod = pod(&input["pod"])?;
    let got = match scores("InterPodAffinity", &args, &cache, &pod, cache.order()) {
        Err(code) => json!({ "prescore_error": code }),
        Ok(Some((raw, normal))) => json!({ "raw": raw, "normalized_scores": normal }),
        Ok(None) => json!({ "skipped": true }),
    };
    let mut want = case.want.clone();
    if want["skipped"] == json!(true) {
        want = json!({ "skipped": true });
    }
    same(&got, &want)
}

pub(crate) fn spread_filter(case: &Case<'_>) -> Done {
    let input = case.input;
    only(input, &["pod", "nodes", "existing_pods"])?;
    let cache = cluster(&nodes_of(input)?, list(input, "existing_pods")?)?;
    let pod = pod(&input["pod"])?;
    let alone = verdicts("PodTopologySpread", &cache, &pod)?;
    let codes: Map<String, Value> =
        alone.iter().map(|(node, (code, _))| (node.clone(), json!(code))).collect();
    let counts = hard(Attempt { pod: &pod, cluster: &cache }, &PluginArgs::default());
    let counts = counts.map(|hard| hard.counts()).unwrap_or_default();
    let by_name = |all: &Vec<(wavetank::api::Name, i64)>| -> Map<String, Value> {
        all.iter().map(|(name, n)| (name.to_string(), json!(n))).collect()
    };
    let mut got = json!({});
    for (name, want) in case.want.as_object().into_iter().flatten() {
        got[name] = match name.as_str() {
            "code_by_node" | "code_by_node_spread_only" => json!(codes),
            "match_count_by_constraint" => counts.iter().map(|(all, _)| by_name(all)).collect(),
            "global_min" => counts.iter().map(|(_, least)| *least).collect(),
            "candidate_nodes" => json!(candidates(&cache, &pod)?),
            // The constraints of these cases have one topology key each.
            "match_count_by_topology_key" => keyed(input, &counts, want)?,
            other => return Err(format!("unknown outcome {other}")),
        };
    }
    same(&got, case.want)
}

/// The nodes that the filters for taints, node affinity and spread leave.
fn candidates(cache: &Cache, pod: &Arc<Pod>) -> Result<Vec<String>, String> {
    let mut left: Option<Vec<String>> = None;
    for name in ["TaintToleration", "NodeAffinity", "PodTopologySpread"] {
        let found = verdicts(name, cache, pod)?;
        let good = |node: &String| found[node].0 == "Success";
        left = Some(match left {
            None => found.keys().filter(|n| good(n)).cloned().collect(),
            Some(nodes) => nodes.into_iter().filter(good).collect(),
        });
    }
    Ok(left.unwrap_or_default())
}

fn keyed(
    input: &Value,
    counts: &[(Vec<(wavetank::api::Name, i64)>, i64)],
    want: &Value,
) -> Result<Value, String> {
    let constraints = list(&input["pod"]["spec"], "topologySpreadConstraints")?;
    let hard = constraints.iter().filter(|c| c["whenUnsatisfiable"] == "DoNotSchedule");
    let mut got = json!({});
    for (constraint, (all, _)) in hard.zip(counts) {
        let key = constraint["topologyKey"].as_str().unwrap_or_default();
        let mut by_name = Map::new();
        for (name, n) in all {
            by_name.insert(name.to_string(), json!(n));
        }
        if want.get(key).is_some() {
            got[key] = by_name.into();
        }
    }
    Ok(got)
}

pub(crate) fn spread_score(case: &Case<'_>) -> Done {
    let input = case.input;
    only(
        input,
        &[
            "pod",
            "feasible_nodes",
            "infeasible_nodes",
            "existing_pods",
            "services",
            "defaulting_type",
        ],
    )?;
    let all = ["feasible_nodes", "infeasible_nodes"];
    let nodes: Vec<Value> =
        all.iter().map(|name| list(input, name)).collect::<Result<Vec<_>, _>>()?.concat();
    let nodes = nodes_of(&json!({ "nodes": nodes }))?;
    let mut cache = cluster(&nodes, list(input, "existing_pods")?)?;
    surround(&mut cache, input)?;
    let feasible = list(input, "feasible_nodes")?.iter();
    let feasible = feasible.filter_map(|n| n["metadata"]["name"].as_str());
    let slots: Vec<u32> = feasible.filter_map(|n| cache.slot_of(&n.into())).collect();
    let pod = pod(&input["pod"])?;
    let got = match scores("PodTopologySpread", &PluginArgs::default(), &cache, &pod, &slots)? {
        Some((raw, normal)) => json!({ "raw": raw, "normalized_scores": normal }),
        None => json!({ "skipped": true }),
    };
    let mut want = case.want.clone();
    if want.get("raw").is_none() && want.get("skipped").is_none() {
        want["raw"] = got["raw"].clone();
    }
    same(&got, &want)
}
