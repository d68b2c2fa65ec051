//! Everything that an attempt found out, for people who ask: which filter refused which node, and
//! what each plugin said of those that were left.
//!
//! Works it all out a second time, so that attempts nobody asks about pay nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::scheduler::cache::Cache;
use crate::scheduler::cycle::index::Entry;
use crate::scheduler::cycle::prepare::prepare;
use crate::scheduler::cycle::{Evaluation, Search, nodes_to_find};
use crate::scheduler::framework::{Attempt, Code};
use crate::scheduler::plugins::{PluginId, PluginSet, Point};
use crate::scheduler::profile::Profile;

/// What an attempt found out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    /// The nodes that were looked at and would do, in the order in which they were found.
    pub feasible: Vec<Name>,
    /// The nodes that were refused.
    pub refused: BTreeMap<Name, RefusedNode>,
    /// The nodes that alone were looked at, when plugins narrowed them down, and which did.
    pub narrowed: Option<(Vec<Name>, PluginSet)>,
    /// Why no node was looked at.
    pub pre_filter: Option<String>,
    /// The filters that had something to say, in their order.
    pub filters: Vec<PluginId>,
    /// What the plugins said of the nodes that would do; empty when only one would.
    pub scores: Vec<ScoredBy>,
    /// Plugins that rank nodes and had nothing to say.
    pub silent: Vec<PluginId>,
    /// The weighted sums, by the place of the node in `feasible`.
    pub totals: Vec<i64>,
}

/// A node that was refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefusedNode {
    /// The filter that did it; the ones before it let the node pass.
    pub plugin: PluginId,
    /// How.
    pub code: Code,
    /// Why.
    pub reasons: Vec<Name>,
}

/// What one plugin said of the nodes that would do, by their places.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScoredBy {
    /// The plugin.
    pub plugin: PluginId,
    /// The weight of its scores.
    pub weight: i64,
    /// As it counts.
    pub raw: Vec<i64>,
    /// From 0 to 100.
    pub normal: Vec<i64>,
}

impl Search {
    /// What an attempt on this pod would find out now. Changes nothing.
    pub fn explain(
        &self,
        profile: &Profile,
        percentage: i32,
        cluster: &Cache,
        pod: &Arc<Pod>,
    ) -> Verdict {
        let mut verdict = Verdict::default();
        if cluster.is_empty() {
            return verdict;
        }
        let attempt = Attempt { pod, cluster };
        let mut entry = match prepare(profile, attempt) {
            Ok(prepared) => Entry::new(prepared),
            Err(refusal) => {
                verdict.pre_filter = Some(refusal.message);
                return verdict;
            }
        };
        entry.settle();
        let mut own = Search {
            next_start: self.next_start,
            evaluation: Evaluation::Naive,
            ..Search::default()
        };
        let some = entry.prepared.only.as_ref().map_or(cluster.len(), Vec::len);
        let enough = nodes_to_find(profile.percentage_of_nodes_to_score, percentage, some);
        own.find(attempt, &mut entry, enough);
        verdict.take_filters(&own, &entry, cluster);
        if own.feasible.len() > 1 {
            verdict.take_scores(profile, attempt, &own.feasible);
        }
        verdict
    }
}

impl Verdict {
    fn take_filters(&mut self, search: &Search, entry: &Entry, cluster: &Cache) {
        let prepared = &entry.prepared;
        let name = |slot: &u32| cluster.at(*slot).name().clone();
        self.feasible = search.feasible.iter().map(name).collect();
        self.filters =
            prepared.filters.iter().filter(|(_, f)| !f.is_idle()).map(|(id, _)| *id).collect();
        self.narrowed = prepared.only.clone().map(|names| (names, prepared.narrowing));
        for (slot, number, why) in &search.refused {
            let (plugin, filter) = &prepared.filters[usize::from(*number)];
            let reasons = why.bits().map(|bit| filter.reason(bit)).collect();
            let refused = RefusedNode { plugin: *plugin, code: why.code, reasons };
            self.refused.insert(name(slot), refused);
        }
    }

    fn take_scores(&mut self, profile: &Profile, attempt: Attempt<'_>, feasible: &[u32]) {
        self.totals = vec![0; feasible.len()];
        for p in profile.at(Point::Score) {
            let made = p.plugin.pre_score(attempt).unwrap_or(None);
            let Some(mut score) = made.filter(|score| !score.is_silent()) else {
                self.silent.push(p.id);
                continue;
            };
            let mut raw = vec![0; feasible.len()];
            score.score(attempt.cluster, feasible, &mut raw);
            let mut normal = raw.clone();
            score.normalize(&mut normal);
            for (total, score) in self.totals.iter_mut().zip(&normal) {
                *total += p.weight * score;
            }
            self.scores.push(ScoredBy { plugin: p.id, weight: p.weight, raw, normal });
        }
    }

    /// The plugins whose refusals count, those too that narrowed the nodes down.
    pub fn rejected_by(&self) -> PluginSet {
        let mut set = self.narrowed.as_ref().map_or(PluginSet::NONE, |(_, by)| *by);
        self.refused.values().for_each(|refused| set.insert(refused.plugin));
        set
    }

    /// The verdict as kube-scheduler-simulator writes it on pods: an annotation a step, each with
    /// JSON as its text. `selected` is the node that was drawn among the best. The keys are those
    /// of kube-scheduler-simulator's `simulator/scheduler/plugin/annotation`.
    pub fn annotations(&self, selected: Option<&str>) -> BTreeMap<Name, String> {
        let mut all = BTreeMap::new();
        let mut put = |step: &str, value: &Value| {
            let key = format!("kube-scheduler-simulator.sigs.k8s.io/{step}");
            all.insert(Name::from(key), value.to_string());
        };
        put("prefilter-result-status", &self.pre_filter_status());
        put("prefilter-result", &self.pre_filter_result());
        put("filter-result", &self.filter_result());
        put("prescore-result", &self.pre_score_result());
        put("score-result", &self.by_node(|s, place| s.raw[place]));
        put("finalscore-result", &self.by_node(|s, place| s.weight * s.normal[place]));
        if let Some(node) = selected {
            put("bind-result", &json!({ "DefaultBinder": "success" }));
            let key = Name::new_static("kube-scheduler-simulator.sigs.k8s.io/selected-node");
            all.insert(key, node.to_owned());
        }
        all
    }

    fn pre_filter_status(&self) -> Value {
        if let Some(why) = &self.pre_filter {
            return json!({ "PreFilter": why });
        }
        let passed = self.filters.iter().filter(|id| id.acts_at(Point::PreFilter));
        passed.map(|id| (id.name().to_owned(), json!("success"))).collect::<Map<_, _>>().into()
    }

    fn pre_filter_result(&self) -> Value {
        let Some((names, by)) = &self.narrowed else { return json!({}) };
        by.iter().map(|id| (id.name().to_owned(), json!(names))).collect::<Map<_, _>>().into()
    }

    fn filter_result(&self) -> Value {
        let passed = |until: Option<PluginId>| -> Map<String, Value> {
            let before = self.filters.iter().take_while(|id| Some(**id) != until);
            before.map(|id| (id.name().to_owned(), json!("passed"))).collect()
        };
        let mut all = Map::new();
        for node in &self.feasible {
            all.insert(node.to_string(), passed(None).into());
        }
        for (node, refused) in &self.refused {
            let mut row = passed(Some(refused.plugin));
            let reasons: Vec<&str> = refused.reasons.iter().map(Name::as_str).collect();
            row.insert(refused.plugin.name().to_owned(), json!(reasons.join(", ")));
            all.insert(node.to_string(), row.into());
        }
        all.into()
    }

    fn pre_score_result(&self) -> Value {
        let asked = self.scores.iter().filter(|s| s.plugin.acts_at(Point::PreScore));
        let rows = asked.map(|s| (s.plugin.name().to_owned(), json!("success")));
        rows.collect::<Map<_, _>>().into()
    }

    fn by_node(&self, number: impl Fn(&ScoredBy, usize) -> i64) -> Value {
        let mut all = Map::new();
        for (place, node) in self.feasible.iter().enumerate() {
            let row = self
                .scores
                .iter()
                .map(|s| (s.plugin.name().to_owned(), json!(number(s, place).to_string())));
            let row: Map<String, Value> = row.collect();
            if !row.is_empty() {
                all.insert(node.to_string(), row.into());
            }
        }
        all.into()
    }
}
