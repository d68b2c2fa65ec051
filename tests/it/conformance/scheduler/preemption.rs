//! Preemption: victims by node, the choice of the node, and who may preempt.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use wavetank::api::Name;
use wavetank::api::core::pod::Pod;
use wavetank::scheduler::cache::{Cache, NodeInfo};
use wavetank::scheduler::config::PluginArgs;
use wavetank::scheduler::framework::{Attempt, Failed, Filter, PreFilter, Refused, Running};
use wavetank::scheduler::plugins::PluginId;
use wavetank::scheduler::plugins::default_preemption::{
    Candidate, DryRun, best, dry_run, importance, ineligible, potential,
};
use wavetank::sim::rng::Rng;

use super::plugins::{nodes_of, plugin};
use super::{cluster, list, number, only, pod, surround};
use crate::conformance::{Case, same};

type Done = Result<(), String>;

pub(crate) fn preemption(case: &Case<'_>) -> Done {
    match case.whole["kind"].as_str() {
        Some("eligible") => eligible(case),
        Some("more-important") => more_important(case),
        Some("pick-node") => pick_node(case),
        Some("none" | "victims" | "pdb" | "limits") => dry(case),
        Some(kind) if kind.starts_with("computed-") => computed(case),
        other => Err(format!("unknown kind {other:?}")),
    }
}

/// The plugins of upstream's tests.
#[derive(Clone)]
enum Test {
    RejectAll,
    AcceptAll,
    NameEqualsPod(Name),
}

impl Filter for Test {
    fn filter(&self, _: u32, node: &NodeInfo) -> Result<(), Refused> {
        let good = match self {
            Test::RejectAll => false,
            Test::AcceptAll => true,
            Test::NameEqualsPod(name) => node.name() == name,
        };
        if good { Ok(()) } else { Err(Refused::unschedulable(0)) }
    }

    fn reason(&self, _: u32) -> Name {
        "injecting failure".into()
    }

    fn boxed_clone(&self) -> Box<dyn Filter> {
        Box::new(self.clone())
    }
}

fn filters(input: &Value, cache: &Cache, pod: &Arc<Pod>) -> Result<Vec<Running>, String> {
    let mut all: Vec<Running> = Vec::new();
    for name in list(input, "filter_plugins")?.iter().filter_map(Value::as_str) {
        let own = PluginId(u8::try_from(31 - all.len()).expect("few"));
        match name {
            "RejectAll" => all.push((own, Box::new(Test::RejectAll))),
            "AcceptAll" => all.push((own, Box::new(Test::AcceptAll))),
            "NodeNameEqualsPodName" => {
                all.push((own, Box::new(Test::NameEqualsPod(pod.meta.name.clone()))));
            }
            _ => {
                let plugin = plugin(name, &PluginArgs::default())?;
                let id = PluginId::named(name).expect("a plugin has a row");
                match plugin.pre_filter(Attempt { pod, cluster: cache }) {
                    PreFilter::Each(filter) | PreFilter::Only(_, filter) => all.push((id, filter)),
                    PreFilter::Skip => {}
                    PreFilter::Refuse(status) => return Err(status.reason.to_string()),
                }
            }
        }
    }
    all.iter_mut().for_each(|(_, f)| f.settle());
    Ok(all)
}

/// The nodes that refuse the pod, each with its first reason. Upstream's tests take all nodes as
/// refused.
fn refused(cache: &Cache, filters: &[Running]) -> Vec<(u32, u8, Refused)> {
    let first = |slot: u32| {
        let mut rows = (0..).zip(filters);
        rows.find_map(|(n, (_, f))| Some((n, f.filter(slot, cache.at(slot)).err()?)))
    };
    let row = |slot: &u32| {
        let (number, why) = first(*slot).unwrap_or((0, Refused::unschedulable(0)));
        (*slot, number, why)
    };
    cache.order().iter().map(row).collect()
}

struct Tried {
    codes: Map<String, Value>,
    ineligible: Option<&'static str>,
    message: String,
    filters: Vec<Running>,
    run: DryRun,
    potential: Vec<String>,
}

fn tried(input: &Value, cache: &Cache, pod: &Arc<Pod>, all: bool) -> Result<Tried, String> {
    let filters = filters(input, cache, pod)?;
    let mut refused = refused(cache, &filters);
    let code = |slot: &u32| {
        let mut all = filters.iter();
        let why = all.find_map(|(_, f)| f.filter(*slot, cache.at(*slot)).err());
        why.map_or("Success", |why| why.code.name())
    };
    let codes = cache.order().iter();
    let codes = codes.map(|s| (cache.at(*s).name().to_string(), json!(code(s)))).collect();
    if !all {
        refused.retain(|(slot, ..)| {
            filters.iter().any(|(_, f)| f.filter(*slot, cache.at(*slot)).is_err())
        });
    }
    let mut rng = Rng::named(1, "scheduler");
    let attempt = Attempt { pod, cluster: cache };
    let failed = Failed { attempt, filters: &filters, refused: &refused, rng: &mut rng };
    let nodes = if all { cache.order().to_vec() } else { potential(&failed) };
    let may = all || ineligible(&failed).is_none();
    let run = if may { dry_run(&failed, &nodes, 0, nodes.len()) } else { DryRun::default() };
    let mut names: Vec<String> = nodes.iter().map(|s| cache.at(*s).name().to_string()).collect();
    names.sort();
    let ineligible = ineligible(&failed);
    let message = match ineligible {
        Some(why) => format!("preemption: {why}"),
        None => format!("preemption: {}", run.text(&failed)),
    };
    Ok(Tried { codes, ineligible, message, filters, run, potential: names })
}

fn by_node(candidates: &[Candidate], sorted: bool, key: &str) -> Map<String, Value> {
    let row = |c: &Candidate| {
        let mut names: Vec<String> = c.victims.iter().map(|p| p.meta.name.to_string()).collect();
        if sorted {
            names.sort();
        }
        (c.node.to_string(), json!({ key: names, "pdb_violations": c.violations }))
    };
    candidates.iter().map(row).collect()
}

fn dry(case: &Case<'_>) -> Done {
    let input = case.input;
    only(
        input,
        &[
            "nodes",
            "pods_to_schedule",
            "existing_pods",
            "filter_plugins",
            "pdbs",
            "extra_filter_rejects_every_node",
            "args",
            "limits",
            "disable_parallelism",
            "candidate_nodes_percentage",
            "candidate_nodes_absolute",
        ],
    )?;
    let mut cache = cluster(&nodes_of(input)?, list(input, "existing_pods")?)?;
    surround(&mut cache, input)?;
    let mut cycles = Vec::new();
    for value in list(input, "pods_to_schedule")? {
        let pod = pod(value)?;
        let tried = tried(input, &cache, &pod, true)?;
        cycles.push(Value::from(by_node(&tried.run.candidates, true, "victims")));
    }
    if case.whole["kind"] == "limits" {
        return limits(case, &cache, &cycles);
    }
    same(&json!({ "candidates_by_cycle": cycles }), case.want)
}

/// With a limit as many candidates are tried as it says, whichever come first.
fn limits(case: &Case<'_>, cache: &Cache, cycles: &[Value]) -> Done {
    let input = case.input;
    let args = &input["args"];
    let number = |name: &str| usize::try_from(number(args, name)?).map_err(super::text);
    let share = number("minCandidateNodesPercentage")?;
    let least = number("minCandidateNodesAbsolute")?;
    let mut counts = Vec::new();
    for value in list(input, "pods_to_schedule")? {
        let pod = pod(value)?;
        let filters = filters(input, cache, &pod)?;
        let refused = refused(cache, &filters);
        let mut rng = Rng::named(1, "scheduler");
        let attempt = Attempt { pod: &pod, cluster: cache };
        let failed = Failed { attempt, filters: &filters, refused: &refused, rng: &mut rng };
        let nodes = cache.order();
        let enough = (nodes.len() * share / 100).max(least);
        let mut found = std::collections::BTreeSet::new();
        for offset in 0..nodes.len() {
            found.insert(dry_run(&failed, nodes, offset, enough).candidates.len());
        }
        counts.push(found);
    }
    let got = json!({ "candidate_counts_by_cycle": counts, "all_possible": cycles });
    let wanted: Vec<Value> =
        list(case.want, "candidate_counts_by_cycle")?.iter().map(|n| json!([n])).collect();
    let want = json!({
        "candidate_counts_by_cycle": wanted,
        "all_possible": [case.want["all_possible"]],
    });
    same(&got, &want)
}

fn pick_node(case: &Case<'_>) -> Done {
    let input = case.input;
    only(input, &["nodes", "pod", "existing_pods", "filter_plugins", "pdbs"])?;
    let mut cache = cluster(&nodes_of(input)?, list(input, "existing_pods")?)?;
    surround(&mut cache, input)?;
    let tried = tried(input, &cache, &pod(&input["pod"])?, true)?;
    same(&json!({ "one_of": best_names(&tried.run.candidates) }), case.want)
}

fn best_names(candidates: &[Candidate]) -> Vec<String> {
    let mut names: Vec<String> =
        best(candidates).iter().map(|i| candidates[*i].node.to_string()).collect();
    names.sort();
    names
}

fn computed(case: &Case<'_>) -> Done {
    let input = case.input;
    only(input, &["nodes", "pod", "existing_pods", "filter_plugins", "pdbs"])?;
    let mut input = input.clone();
    if input.get("filter_plugins").is_none() {
        let names = [
            "NodeUnschedulable",
            "NodeName",
            "TaintToleration",
            "NodeAffinity",
            "NodePorts",
            "NodeResourcesFit",
            "PodTopologySpread",
            "InterPodAffinity",
        ];
        input["filter_plugins"] = json!(names);
    }
    let mut cache = cluster(&nodes_of(&input)?, list(&input, "existing_pods")?)?;
    surround(&mut cache, &input)?;
    let tried = tried(&input, &cache, &pod(&input["pod"])?, false)?;
    let mut got = json!({});
    for (name, _) in case.want.as_object().into_iter().flatten() {
        got[name] = match name.as_str() {
            "candidates" => {
                let key = if case.want["candidates"].to_string().contains("victims_by_importance") {
                    "victims_by_importance"
                } else {
                    "victims"
                };
                by_node(&tried.run.candidates, false, key).into()
            }
            "filter_code_by_node" => tried.codes.clone().into(),
            "eligible" => json!(tried.ineligible.is_none()),
            "message" => json!(tried.message),
            "reason" => json!(tried.ineligible.unwrap_or_default()),
            "one_of" | "best_nodes" => json!(best_names(&tried.run.candidates)),
            "potential_nodes" => json!(tried.potential),
            "not_candidates" => not_candidates(&cache, &tried),
            other => return Err(format!("unknown outcome {other}")),
        };
    }
    same(&got, case.want)
}

fn not_candidates(cache: &Cache, tried: &Tried) -> Value {
    let mut rows = obstacles(cache, &tried.run, &tried.filters);
    for row in rows.values_mut().filter_map(Value::as_object_mut) {
        row.remove("plugin");
    }
    rows.into()
}

/// Why there is no room to be made, by node, as the recordings write it.
pub(super) fn obstacles(cache: &Cache, run: &DryRun, filters: &[Running]) -> Map<String, Value> {
    let mut rows: BTreeMap<String, Value> = BTreeMap::new();
    for (slot, why) in &run.obstacles {
        let row = match why {
            None => json!({
                "code": "UnschedulableAndUnresolvable",
                "reasons": ["No preemption victims found for incoming pod"],
            }),
            Some((number, refused)) => {
                let (id, filter) = &filters[usize::from(*number)];
                let reasons: Vec<Name> = refused.bits().map(|b| filter.reason(b)).collect();
                json!({ "code": refused.code.name(), "plugin": id.name(), "reasons": reasons })
            }
        };
        rows.insert(cache.at(*slot).name().to_string(), row);
    }
    rows.into_iter().collect()
}

fn eligible(case: &Case<'_>) -> Done {
    let input = case.input;
    only(input, &["pod", "nodes", "existing_pods", "nominated_node_filter_status"])?;
    let names = list(input, "nodes")?.iter();
    let nodes: Vec<Value> = names.map(|n| json!({ "metadata": { "name": n } })).collect();
    let cache = cluster(&nodes_of(&json!({ "nodes": nodes }))?, list(input, "existing_pods")?)?;
    let pod = pod(&input["pod"])?;
    let slot = cache.slot_of(&pod.status.nominated_node_name);
    let refused = match (input["nominated_node_filter_status"].as_str(), slot) {
        (Some("Unschedulable"), Some(slot)) => vec![(slot, 0, Refused::unschedulable(0))],
        (Some("UnschedulableAndUnresolvable"), Some(slot)) => {
            vec![(slot, 0, Refused::unresolvable(0))]
        }
        (Some(other), Some(_)) => return Err(format!("unknown status {other}")),
        (_, None) | (None, _) => Vec::new(),
    };
    let mut rng = Rng::named(1, "scheduler");
    let attempt = Attempt { pod: &pod, cluster: &cache };
    let failed = Failed { attempt, filters: &[], refused: &refused, rng: &mut rng };
    let mut got = json!({ "eligible": ineligible(&failed).is_none() });
    if case.want.get("reason").is_some() {
        got["reason"] = json!(ineligible(&failed).unwrap_or_default());
    }
    same(&got, case.want)
}

fn more_important(case: &Case<'_>) -> Done {
    let one = |name: &str| -> Result<Arc<Pod>, String> {
        let short = &case.input[name];
        pod(&json!({
            "metadata": { "name": name }, "spec": { "priority": number(short, "priority")? },
            "status": { "startTime": number(short, "start")? },
        }))
    };
    let more = importance(&one("p1")?) < importance(&one("p2")?);
    same(&json!({ "p1_more_important": more }), case.want)
}
