//! Filters, scores and the table of plugins.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use wavetank::api::core::node::Node;
use wavetank::api::core::pod::{NodeAffinity, Pod};
use wavetank::api::gates::{Gate, Gates};
use wavetank::api::taint::ComparisonOperators;
use wavetank::scheduler::cache::Cache;
use wavetank::scheduler::config::{
    PluginArgs, ProfileConfig, QueueConfig, ScoredResources, Shape, Strategy,
};
use wavetank::scheduler::framework::{Attempt, Entry, Plugin, PreFilter, add_weighted};
use wavetank::scheduler::plugins::node_resources_fit::Needed;
use wavetank::scheduler::plugins::taint_toleration::untolerated;
use wavetank::scheduler::plugins::{PLUGINS, PluginId, Point};
use wavetank::scheduler::profile::Profile;

use super::{cluster, list, node, number, only, pod, string, text};
use crate::conformance::{Case, same};

type Done = Result<(), String>;

pub(super) fn plugin(name: &str, args: &PluginArgs) -> Result<Arc<dyn Plugin>, String> {
    let id = PluginId::named(name).ok_or_else(|| format!("no plugin {name}"))?;
    let make = id.row().make.ok_or_else(|| format!("{name} is not modelled"))?;
    Ok(make(args))
}

/// What a filter says of a node: code, reasons, where it was refused, and the names to which
/// nodes were narrowed.
#[derive(Default)]
struct Verdict {
    code: &'static str,
    reasons: Vec<String>,
    in_pre_filter: bool,
    only: Option<Vec<String>>,
}

fn verdict(
    name: &str,
    args: &PluginArgs,
    cache: &Cache,
    pod: &Arc<Pod>,
) -> Result<Verdict, String> {
    let plugin = plugin(name, args)?;
    let mut verdict = Verdict { code: "Success", ..Verdict::default() };
    let filter = match plugin.pre_filter(Attempt { pod, cluster: cache }) {
        PreFilter::Skip => return Ok(verdict),
        PreFilter::Refuse(status) => {
            verdict.code = status.code.name();
            verdict.reasons = vec![status.reason.to_string()];
            verdict.in_pre_filter = true;
            return Ok(verdict);
        }
        PreFilter::Each(filter) => filter,
        PreFilter::Only(names, filter) => {
            verdict.only = Some(names.iter().map(ToString::to_string).collect());
            filter
        }
    };
    let slot = *cache.order().first().ok_or("no node")?;
    if let Err(refused) = filter.filter(slot, cache.at(slot)) {
        verdict.code = refused.code.name();
        verdict.reasons = refused.bits().map(|b| filter.reason(b).to_string()).collect();
    }
    Ok(verdict)
}

/// Raw and normalised scores by node; none when the plugin has nothing to say.
type Scores = Option<(Map<String, Value>, Map<String, Value>)>;

fn scores(name: &str, args: &PluginArgs, cache: &Cache, pod: &Arc<Pod>) -> Result<Scores, String> {
    let plugin = plugin(name, args)?;
    let nodes = cache.order().to_vec();
    let prepared = plugin.pre_score(Attempt { pod, cluster: cache });
    let Some(mut score) = prepared.map_err(|s| s.reason.to_string())? else { return Ok(None) };
    if score.is_silent() {
        return Ok(None);
    }
    let mut all = vec![0; nodes.len()];
    let named = |all: &[i64]| {
        let names = nodes.iter().map(|slot| cache.at(*slot).name().to_string());
        names.zip(all.iter().map(|s| json!(s))).collect()
    };
    score.score(cache, &nodes, &mut all);
    let raw = named(&all);
    score.normalize(&mut all);
    Ok(Some((raw, named(&all))))
}

pub(super) fn nodes_of(input: &Value) -> Result<Vec<Arc<Node>>, String> {
    list(input, "nodes")?.iter().map(node).collect()
}

fn names(input: &Value, name: &str) -> Result<Vec<wavetank::api::Name>, String> {
    let all = list(input, name)?.iter();
    all.map(|v| v.as_str().map(Into::into).ok_or_else(|| format!("`{name}`: no text"))).collect()
}

pub(crate) fn fit_filter(case: &Case<'_>) -> Done {
    let input = case.input;
    only(input, &["pod", "node", "existing_pods", "ignored_resources", "ignored_resource_groups"])?;
    let mut args = PluginArgs::default();
    args.fit.ignored_resources = names(input, "ignored_resources")?;
    args.fit.ignored_resource_groups = names(input, "ignored_resource_groups")?;
    let cache = cluster(&[node(&input["node"])?], list(input, "existing_pods")?)?;
    let pod = pod(&input["pod"])?;
    let verdict = verdict("NodeResourcesFit", &args, &cache, &pod)?;
    let needed = Needed::new(&pod, &args.fit);
    let short = needed.insufficient(cache.at(cache.order()[0]));
    let rows = short.iter().zip(&verdict.reasons).map(|(s, reason)| {
        json!({
            "resource": s.resource, "reason": reason, "requested": s.requested,
            "used": s.used, "capacity": s.capacity, "unresolvable": s.is_unresolvable,
        })
    });
    let rows: Vec<Value> = rows.collect();
    same(&json!({ "code": verdict.code, "insufficient": rows }), case.want)
}

fn resources(input: &Value) -> Result<ScoredResources, String> {
    let row = |r: &Value| Ok((string(r, "name")?.into(), number(r, "weight")?));
    list(input, "resources")?.iter().map(row).collect::<Result<_, String>>().map(ScoredResources)
}

fn shape(points: &[Value]) -> Result<Shape, String> {
    let point = |p: &Value| Ok((number(p, "utilization")?, number(p, "score")?));
    points.iter().map(point).collect::<Result<_, String>>().map(Shape)
}

fn scored(case: &Case<'_>, name: &str, args: &PluginArgs) -> Done {
    let input = case.input;
    only(input, &["pod", "nodes", "existing_pods", "resources", "strategy", "shape"])?;
    let cache = cluster(&nodes_of(input)?, list(input, "existing_pods")?)?;
    match scores(name, args, &cache, &pod(&input["pod"])?)? {
        Some((_, scores)) => same(&json!({ "scores": scores }), case.want),
        None => same(&json!({ "skipped": true }), case.want),
    }
}

pub(crate) fn balanced_allocation(case: &Case<'_>) -> Done {
    let balanced_resources = resources(case.input)?;
    let args = PluginArgs { balanced_resources, ..PluginArgs::default() };
    scored(case, "NodeResourcesBalancedAllocation", &args)
}

fn fit_scored(case: &Case<'_>, default: Strategy) -> Done {
    let mut args = PluginArgs::default();
    args.fit.resources = resources(case.input)?;
    let points = shape(list(case.input, "shape")?)?;
    args.fit.strategy = match case.input.get("strategy").and_then(Value::as_str) {
        None => default,
        Some("LeastAllocated") => Strategy::LeastAllocated,
        Some("MostAllocated") => Strategy::MostAllocated,
        Some("RequestedToCapacityRatio") => Strategy::RequestedToCapacityRatio(points),
        Some(other) => return Err(format!("unknown strategy {other}")),
    };
    scored(case, "NodeResourcesFit", &args)
}

pub(crate) fn least_allocated(case: &Case<'_>) -> Done {
    fit_scored(case, Strategy::LeastAllocated)
}

pub(crate) fn most_allocated(case: &Case<'_>) -> Done {
    fit_scored(case, Strategy::MostAllocated)
}

pub(crate) fn requested_to_capacity_ratio(case: &Case<'_>) -> Done {
    if let Some(raw) = case.input.get("shape_raw") {
        only(case.input, &["shape_raw", "at"])?;
        let points = shape(raw.as_array().ok_or("`shape_raw` is no list")?)?;
        return same(&json!({ "value": points.at(number(case.input, "at")?) }), case.want);
    }
    let points = shape(list(case.input, "shape")?)?;
    fit_scored(case, Strategy::RequestedToCapacityRatio(points))
}

pub(crate) fn taint_toleration(case: &Case<'_>) -> Done {
    let input = case.input;
    let (args, pod) = (PluginArgs::default(), pod(&input["pod"])?);
    if input.get("nodes").is_some() {
        only(input, &["pod", "nodes"])?;
        let cache = cluster(&nodes_of(input)?, &[])?;
        let (raw, normal) =
            scores("TaintToleration", &args, &cache, &pod)?.ok_or("it was skipped")?;
        let got = json!({ "normalized_scores": normal, "raw_intolerable_count": raw });
        return same(&got, case.want);
    }
    only(input, &["pod", "node"])?;
    let node = node(&input["node"])?;
    let verdict =
        verdict("TaintToleration", &args, &cluster(std::slice::from_ref(&node), &[])?, &pod)?;
    let found = untolerated(&node, &pod.spec.tolerations, ComparisonOperators::Off);
    let mut got = json!({ "code": verdict.code, "first_untolerated_taint": found });
    if let Some(reason) = verdict.reasons.first() {
        got["reason"] = json!(reason);
    }
    let mut want = case.want.clone();
    if let Some(taint) = want["first_untolerated_taint"].as_object_mut() {
        taint.retain(|_, v| v != "");
    }
    same(&got, &want)
}

pub(crate) fn node_affinity(case: &Case<'_>) -> Done {
    let input = case.input;
    only(input, &["pod", "node", "nodes", "added_affinity"])?;
    let pod = pod(&input["pod"])?;
    let added = input.get("added_affinity").filter(|v| !v.is_null());
    let added = added.map(NodeAffinity::deserialize).transpose().map_err(text)?;
    let args = PluginArgs { added_affinity: added, ..PluginArgs::default() };
    if input.get("nodes").is_some() {
        let cache = cluster(&nodes_of(input)?, &[])?;
        let got = match scores("NodeAffinity", &args, &cache, &pod)? {
            Some((raw, normal)) => json!({ "normalized_scores": normal, "raw": raw }),
            None => json!({ "skipped": true }),
        };
        return same(&got, case.want);
    }
    let verdict = verdict("NodeAffinity", &args, &cluster(&[node(&input["node"])?], &[])?, &pod)?;
    let reason = verdict.reasons.first().map(|reason| match reason.as_str() {
        "node(s) didn't match scheduler-enforced node affinity" => "enforced",
        "node(s) didn't match Pod's node affinity/selector" => "pod",
        other => other,
    });
    let mut got = json!({ "code": verdict.code, "reason": reason });
    if let Some(names) = verdict.only {
        got["prefilter_node_names"] = json!(names);
    }
    if verdict.in_pre_filter {
        got["rejected_in"] = json!("PreFilter");
    }
    same(&got, case.want)
}

/// Compares code and reason; cases of older tables state only the code.
fn same_verdict(verdict: &Verdict, want: &Value) -> Done {
    let mut got = json!({ "code": verdict.code });
    if let (Some(reason), Some(_)) = (verdict.reasons.first(), want.get("reason")) {
        got["reason"] = json!(reason);
    }
    same(&got, want)
}

pub(crate) fn node_name_unschedulable(case: &Case<'_>) -> Done {
    only(case.input, &["pod", "node"])?;
    let name = match case.whole["kind"].as_str() {
        Some(kind) if kind.starts_with("node-name") => "NodeName",
        Some(kind) if kind.starts_with("node-unschedulable") => "NodeUnschedulable",
        other => return Err(format!("unknown kind {other:?}")),
    };
    let cache = cluster(&[node(&case.input["node"])?], &[])?;
    let pod = pod(&case.input["pod"])?;
    same_verdict(&verdict(name, &PluginArgs::default(), &cache, &pod)?, case.want)
}

pub(crate) fn node_ports(case: &Case<'_>) -> Done {
    only(case.input, &["pod", "existing_pods"])?;
    let only_node = node(&json!({ "metadata": { "name": "m1" } }))?;
    let cache = cluster(&[only_node], list(case.input, "existing_pods")?)?;
    let pod = pod(&case.input["pod"])?;
    same_verdict(&verdict("NodePorts", &PluginArgs::default(), &cache, &pod)?, case.want)
}

pub(crate) fn gates_and_table(case: &Case<'_>) -> Done {
    let input = case.input;
    match case.whole["kind"].as_str() {
        Some("gates") => gates(case),
        Some("weighted-sum") => weighted_sum(case),
        Some("plugins") => {
            let names: Vec<&str> =
                PLUGINS.iter().filter(|row| row.is_default).map(|row| row.name).collect();
            let weights: BTreeMap<&str, i64> =
                PLUGINS.iter().filter_map(|row| Some((row.name, row.weight?))).collect();
            same(&json!({ "plugins": names, "score_weights": weights }), case.want)
        }
        Some("plugins-per-point") => {
            let point = string(input, "extension_point")?;
            let known = Point::ALL.iter().find(|p| p.name() == point);
            let point = *known.ok_or_else(|| format!("unknown point {point}"))?;
            let all = PluginId::all().filter(|id| id.row().is_default && id.acts_at(point));
            let names: Vec<&str> = all.map(PluginId::name).collect();
            same(&json!({ "plugins": names }), case.want)
        }
        Some("queue-defaults") => {
            let config = QueueConfig::default();
            let go =
                |s: u64| if s < 60 { format!("{s}s") } else { format!("{}m{}s", s / 60, s % 60) };
            let got = json!({
                "initial": go(config.initial_backoff.as_secs()),
                "max": go(config.max_backoff.as_secs()),
                "max_in_unschedulable": go(config.max_in_unschedulable.as_secs()),
            });
            same(&got, case.want)
        }
        Some("gates-default") => {
            let wanted = case.want.as_object().ok_or("no gates")?;
            let of = |name: &String| {
                let gate = Gate::named(name).map(|gate| Gates::DEFAULT.is_on(gate));
                (name.clone(), json!(gate))
            };
            same(&wanted.keys().map(of).collect(), case.want)
        }
        other => Err(format!("unknown kind {other:?}")),
    }
}

fn gates(case: &Case<'_>) -> Done {
    let gates = names(case.input, "scheduling_gates")?;
    let gates: Vec<Value> = gates.iter().map(|name| json!({ "name": name })).collect();
    let pod = pod(&json!({ "spec": { "schedulingGates": gates } }))?;
    let got = match plugin("SchedulingGates", &PluginArgs::default())?
        .pre_enqueue(Entry { pod: &pod, is_preempting: false })
    {
        Ok(()) => json!({ "pre_enqueue": "Success" }),
        Err(status) => json!({ "pre_enqueue": status.code.name(), "reason": status.reason }),
    };
    same(&got, case.want)
}

fn weighted_sum(case: &Case<'_>) -> Done {
    let scores = case.input["normalized_scores"].as_object().ok_or("no scores")?;
    let mut total = [0];
    for (name, score) in scores {
        let id = PluginId::named(name).ok_or_else(|| format!("no plugin {name}"))?;
        let score = score.as_i64().ok_or("a score is a number")?;
        let profile = Profile::new(&ProfileConfig::default());
        let weight = profile.get(id).map_or_else(|| id.row().weight.unwrap_or(1), |p| p.weight);
        add_weighted(&mut total, &[score], weight);
    }
    same(&json!({ "total": total[0] }), case.want)
}
