//! Whole sequences: pods placed one after another, with all that an attempt finds out.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use wavetank::api::Name;
use wavetank::api::core::pod::Pod;
use wavetank::api::meta::Uid;
use wavetank::api::time::Time;
use wavetank::scheduler::cache::Cache;
use wavetank::scheduler::config::ProfileConfig;
use wavetank::scheduler::cycle::{Evaluation, Nomination, Outcome, Rejected, Search, Verdict};
use wavetank::scheduler::diagnosis;
use wavetank::scheduler::framework::{Attempt, Entry, Failed, PreFilter, Refused, Room, Running};
use wavetank::scheduler::plugins::default_preemption::{best, dry_run, ineligible, potential};
use wavetank::scheduler::plugins::{PluginId, PluginSet, Point};
use wavetank::scheduler::profile::Profile;
use wavetank::sim::rng::Rng;

use super::plugins::nodes_of;
use super::preemption::obstacles;
use super::{cluster, list, node, only, pod, string, surround};
use crate::conformance::{Case, same};

type Done = Result<(), String>;

/// 2026-01-01T00:00:00Z in nanoseconds.
const START: i64 = 1_767_225_600_000_000_000;

/// The cluster of a case, and what has happened.
struct Play {
    cache: Cache,
    profile: Profile,
    naive: Search,
    indexed: Search,
    rng: Rng,
    uids: u128,
    bound: i64,
    pods: BTreeMap<String, Arc<Pod>>,
    /// Pods that wait for their retry: by the step after which it comes.
    held: Vec<(usize, Arc<Pod>)>,
    told: Vec<Value>,
}

pub(crate) fn trace(case: &Case<'_>) -> Done {
    let input = case.input;
    only(input, &["nodes", "steps", "existing_pods", "services", "pdbs", "namespaces"])?;
    let mut cache = cluster(&nodes_of(input)?, list(input, "existing_pods")?)?;
    surround(&mut cache, input)?;
    let mut play = Play {
        cache,
        profile: Profile::new(&ProfileConfig::default()),
        naive: Search::new(Evaluation::Naive),
        indexed: Search::new(Evaluation::AlwaysIndexed),
        rng: Rng::named(1, "scheduler"),
        uids: 1 << 100,
        bound: 0,
        pods: BTreeMap::new(),
        held: Vec::new(),
        told: Vec::new(),
    };
    for slot in play.cache.order().to_vec() {
        for pod in &play.cache.at(slot).pods {
            play.pods.insert(pod.meta.name.to_string(), pod.clone());
        }
    }
    for (number, step) in list(input, "steps")?.iter().enumerate() {
        play.step(number, step)?;
        play.due(number)?;
    }
    play.compare(case.want)
}

impl Play {
    fn step(&mut self, number: usize, step: &Value) -> Done {
        match string(step, "op")? {
            "schedule" => {
                let mut own = Pod::clone(&*pod(&step["pod"])?);
                self.uids += 1;
                own.meta.uid = Uid::random(self.uids);
                let hold = step["hold_for"].as_u64().and_then(|n| usize::try_from(n).ok());
                self.schedule(Arc::new(own), hold.map(|n| number + n), false)
            }
            "delete_pod" => {
                let name = string(step, "name")?;
                let gone = self.pods.remove(name).ok_or("no such pod")?;
                self.cache.remove_pod(gone.meta.uid);
                self.told.push(json!({ "deleted_pod": name }));
                Ok(())
            }
            "set_node" => {
                let node = node(&step["node"])?;
                self.told.push(json!({ "set_node": node.meta.name }));
                self.cache.put_node(&node);
                Ok(())
            }
            other => Err(format!("unknown step {other}")),
        }
    }

    /// Retries whose time has come.
    fn due(&mut self, number: usize) -> Done {
        while let Some(place) = self.held.iter().position(|(at, _)| *at <= number) {
            let (_, pod) = self.held.remove(place);
            self.schedule(pod, None, true)?;
        }
        Ok(())
    }

    fn schedule(&mut self, pod: Arc<Pod>, hold: Option<usize>, retry: bool) -> Done {
        let entry = Entry { pod: &pod, is_preempting: false };
        if let Err((plugin, status)) = self.profile.pre_enqueue(entry) {
            let why = json!({
                "code": status.code.name(), "plugin": plugin.name(), "reasons": [status.reason],
            });
            let name = &pod.meta.name;
            self.told.push(json!({ "pod": name, "result": "gated", "pre_enqueue": why }));
            return Ok(());
        }
        let verdict = self.naive.explain(&self.profile, 100, &self.cache, &pod);
        let mut told = described(&verdict);
        told.insert("pod".into(), json!(pod.meta.name));
        if retry {
            told.insert("retry".into(), json!(true));
            told.insert("nominated_node".into(), json!(pod.status.nominated_node_name));
        }
        let run = |search: &mut Search| {
            let mut rng = self.rng.clone();
            search.run(&self.profile, 100, &self.cache, &pod, &mut rng)
        };
        let (outcome, indexed) = (run(&mut self.naive), run(&mut self.indexed));
        if outcome != indexed {
            return Err(format!("{}: {outcome:?} is not {indexed:?}", pod.meta.name));
        }
        match outcome {
            Outcome::Found(_) => {
                self.bind(&pod, &verdict, &mut told);
                self.told.push(told.into());
                Ok(())
            }
            Outcome::Rejected(rejected) => self.rejected(&pod, hold, &rejected, told),
            Outcome::Error(why) => Err(why),
        }
    }

    /// The pod goes to the first of the best nodes.
    fn bind(&mut self, pod: &Arc<Pod>, verdict: &Verdict, told: &mut Map<String, Value>) {
        let chosen = best_nodes(verdict).into_iter().next().expect("a node was found");
        told.insert("result".into(), json!("scheduled"));
        told.insert("chosen".into(), json!(chosen));
        self.bound += 1;
        let mut placed = Pod::clone(pod);
        placed.node_name = chosen;
        Arc::make_mut(&mut placed.status).start_time =
            Some(Time(START + self.bound * 1_000_000_000));
        let placed = Arc::new(placed);
        self.cache.put_pod(&placed);
        self.pods.insert(placed.meta.name.to_string(), placed);
    }

    fn rejected(
        &mut self,
        pod: &Arc<Pod>,
        hold: Option<usize>,
        rejected: &Rejected,
        mut told: Map<String, Value>,
    ) -> Done {
        told.insert("result".into(), json!("unschedulable"));
        told.insert("message".into(), json!(rejected.message));
        if !self.cache.is_empty() {
            told.insert("event_note".into(), json!(diagnosis::note(&rejected.message)));
            let preemption = self.preemption(pod, rejected)?;
            told.insert("preemption".into(), preemption);
        }
        let found = match &rejected.nomination {
            Nomination::Room(_) => self.room(pod)?,
            Nomination::Cleared | Nomination::Stays => None,
        };
        let Some(room) = found else {
            self.told.push(told.into());
            return Ok(());
        };
        let cleared = self.clear(pod, &room);
        if !cleared.is_empty() {
            told.insert("cleared_nominations".into(), json!(cleared));
        }
        self.told.push(told.into());
        for victim in &room.victims {
            self.cache.remove_pod(victim.meta.uid);
            self.pods.remove(victim.meta.name.as_str());
        }
        let mut own = Pod::clone(pod);
        Arc::make_mut(&mut own.status).nominated_node_name = room.node.clone();
        // The pods of the recordings have no uid, and none counts before another of the same uid
        // (runtime/framework.go, `addGENominatedPods`): nominations hold no room here.
        let own = Arc::new(own);
        match hold {
            Some(at) => self.held.push((at, own)),
            None => self.schedule(own, None, true)?,
        }
        Ok(())
    }

    /// Pods of lower priority lose their nomination to the node.
    fn clear(&mut self, pod: &Arc<Pod>, room: &Room) -> Vec<String> {
        let mut names = Vec::new();
        for (_, held) in &mut self.held {
            if held.status.nominated_node_name == room.node && held.priority() < pod.priority() {
                names.push(held.meta.name.to_string());
                let mut own = Pod::clone(held);
                Arc::make_mut(&mut own.status).nominated_node_name = Name::default();
                *held = Arc::new(own);
            }
        }
        names
    }

    /// The first of the best nodes by name, with its victims.
    fn room(&mut self, pod: &Arc<Pod>) -> Result<Option<Room>, String> {
        let (filters, refused) = self.failed(pod)?;
        let mut rng = self.rng.clone();
        let attempt = Attempt { pod, cluster: &self.cache };
        let failed = Failed { attempt, filters: &filters, refused: &refused, rng: &mut rng };
        let nodes = potential(&failed);
        let run = dry_run(&failed, &nodes, 0, nodes.len());
        let candidates = best(&run.candidates).into_iter().map(|i| run.candidates[i].clone());
        let first = candidates.min_by(|a, b| a.node.cmp(&b.node));
        Ok(first.map(|c| Room { node: c.node, victims: c.victims }))
    }

    /// The filters that are in force, and the nodes that they refuse.
    fn failed(&self, pod: &Arc<Pod>) -> Result<(Vec<Running>, Vec<(u32, u8, Refused)>), String> {
        let attempt = Attempt { pod, cluster: &self.cache };
        let mut filters: Vec<Running> = Vec::new();
        for p in self.profile.at(Point::Filter) {
            match p.plugin.pre_filter(attempt) {
                PreFilter::Each(filter) | PreFilter::Only(_, filter) => {
                    filters.push((p.id, filter));
                }
                PreFilter::Skip => {}
                PreFilter::Refuse(_) => return Ok((Vec::new(), Vec::new())),
            }
        }
        filters.iter_mut().for_each(|(_, f)| f.settle());
        let verdict = self.naive.explain(&self.profile, 100, &self.cache, pod);
        let mut refused = Vec::new();
        for name in verdict.refused.keys() {
            let slot = self.cache.slot_of(name).expect("a node that is there");
            let filter = |slot| {
                let node = self.cache.at(slot);
                wavetank::scheduler::cycle::filter_node(&self.cache, pod, &filters, slot, node)
            };
            let (number, why) = filter(slot).expect_err("it was refused");
            refused.push((slot, number, why));
        }
        Ok((filters, refused))
    }

    fn preemption(&self, pod: &Arc<Pod>, rejected: &Rejected) -> Result<Value, String> {
        let (filters, refused) = self.failed(pod)?;
        let mut rng = self.rng.clone();
        let attempt = Attempt { pod, cluster: &self.cache };
        let failed = Failed { attempt, filters: &filters, refused: &refused, rng: &mut rng };
        if let Some(why) = ineligible(&failed) {
            let status = json!({
                "code": "Unschedulable", "plugin": "DynamicResources",
                "reasons": ["no new claims to deallocate", format!("preemption: {why}")],
            });
            return Ok(json!({ "eligible": false, "reason": why, "status": status }));
        }
        let nodes = potential(&failed);
        let run = dry_run(&failed, &nodes, 0, nodes.len());
        let mut names: Vec<Name> =
            nodes.iter().map(|slot| self.cache.at(*slot).name().clone()).collect();
        names.sort();
        let rows = run.candidates.iter().map(|c| {
            let victims: Vec<&Name> = c.victims.iter().map(|p| &p.meta.name).collect();
            (c.node.to_string(), json!({ "victims": victims, "pdb_violations": c.violations }))
        });
        let mut got = json!({
            "eligible": true, "potential_nodes": names,
        });
        if !nodes.is_empty() {
            got["candidates"] = rows.collect::<Map<_, _>>().into();
        }
        let obstacles = obstacles(&self.cache, &run, &filters);
        if !obstacles.is_empty() {
            got["not_candidates"] = obstacles.into();
        }
        let mut best: Vec<&Name> =
            best(&run.candidates).into_iter().map(|i| &run.candidates[i].node).collect();
        best.sort();
        if let Some(first) = best.first() {
            got["nominated_node"] = json!(first);
            got["best_nodes"] = json!(best);
        } else {
            let (_, text) =
                rejected.message.split_once("claims to deallocate, ").unwrap_or_default();
            got["status"] = json!({
                "code": "Unschedulable", "plugin": "DynamicResources",
                "reasons": ["no new claims to deallocate", text],
            });
        }
        Ok(got)
    }

    fn compare(&self, want: &Value) -> Done {
        let steps = list(want, "steps")?;
        for (number, (got, want)) in self.told.iter().zip(steps).enumerate() {
            let names: std::collections::BTreeSet<&String> =
                got.as_object().into_iter().chain(want.as_object()).flat_map(Map::keys).collect();
            for name in names {
                same(&got[name], &want[name])
                    .map_err(|why| format!("step {number}, `{name}`: {why}\n      of {got}"))?;
            }
        }
        if self.told.len() != steps.len() {
            return Err(format!("{} steps, not {}", self.told.len(), steps.len()));
        }
        let on_nodes = self.pods.iter().map(|(name, p)| (name.clone(), json!(p.node_name)));
        let got: Map<String, Value> = on_nodes.collect();
        let wanted = want["final_placement"].as_object().ok_or("no placement")?;
        for (name, node) in wanted {
            same(got.get(name).unwrap_or(&Value::Null), node)
                .map_err(|why| format!("in the end {name}: {why}"))?;
        }
        Ok(())
    }
}

/// The best nodes by name.
fn best_nodes(verdict: &Verdict) -> Vec<Name> {
    let most = verdict.totals.iter().max();
    let is_best = |place: &usize| verdict.totals.get(*place) == most;
    let places = (0..verdict.feasible.len()).filter(|place| most.is_none() || is_best(place));
    let mut names: Vec<Name> = places.map(|place| verdict.feasible[place].clone()).collect();
    names.sort();
    names
}

fn plugin_names(set: PluginSet) -> Vec<&'static str> {
    let mut names: Vec<&str> = set.iter().map(PluginId::name).collect();
    names.sort_unstable();
    names
}

/// What an attempt found out, as the recordings write it.
fn described(verdict: &Verdict) -> Map<String, Value> {
    let mut told = Map::new();
    let mut feasible = verdict.feasible.clone();
    feasible.sort();
    let looked = !verdict.refused.is_empty() || verdict.narrowed.is_some();
    if !feasible.is_empty() || looked || verdict.pre_filter.is_some() {
        told.insert("feasible_nodes".into(), json!(feasible));
    }
    let rejected_by = verdict.rejected_by();
    if !rejected_by.is_empty() {
        told.insert("unschedulable_plugins".into(), json!(plugin_names(rejected_by)));
    }
    if !verdict.refused.is_empty() {
        let rows = verdict.refused.iter().map(|(node, r)| {
            let row = json!({
                "code": r.code.name(), "plugin": r.plugin.name(), "reasons": r.reasons,
            });
            (node.to_string(), row)
        });
        told.insert("rejected".into(), rows.collect::<Map<_, _>>().into());
    }
    if let Some((_, by)) = &verdict.narrowed {
        let names: Vec<&str> = by.iter().map(PluginId::name).collect();
        let why = format!("node(s) didn't satisfy plugin(s) [{}]", names.join(" "));
        let row = json!({ "code": "UnschedulableAndUnresolvable", "reasons": [why] });
        told.insert("other_nodes".into(), row);
    }
    if verdict.feasible.len() == 1 {
        told.insert("scoring".into(), json!("not run: one feasible node"));
    }
    if verdict.feasible.len() > 1 {
        let by_place = |place: usize| -> Map<String, Value> {
            let rows = verdict.scores.iter();
            rows.map(|s| (s.plugin.name().to_owned(), json!(s.normal[place]))).collect()
        };
        let rows = verdict.feasible.iter().enumerate();
        let scores = rows.clone().map(|(place, node)| (node.to_string(), by_place(place).into()));
        let totals = rows.map(|(place, node)| (node.to_string(), json!(verdict.totals[place])));
        told.insert("scores".into(), scores.collect::<Map<_, _>>().into());
        told.insert("totals".into(), totals.collect::<Map<_, _>>().into());
        told.insert("best_nodes".into(), json!(best_nodes(verdict)));
        let mut silent: Vec<&str> = verdict.silent.iter().map(|id| id.name()).collect();
        let unknown = PluginId::all().filter(|id| id.row().is_default && id.row().make.is_none());
        silent.extend(unknown.filter(|id| id.acts_at(Point::Score)).map(PluginId::name));
        silent.sort_unstable();
        told.insert("skipped_score_plugins".into(), json!(silent));
    }
    told
}
