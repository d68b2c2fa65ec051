//! What was worked out about a pod, kept for others like it.
//!
//! Pods with the same scheduling signature share an [`Entry`]: their filters and scores, which
//! follow the pods that come and go, and the answers by node of those that look at nothing but the
//! node; an answer is good while the node's version stays. Whatever else changes makes an entry
//! useless, and it is made anew. Holding on to it never changes an outcome: that is what
//! `the_index_never_changes_an_outcome` in tests/it/scheduler.rs proves on random clusters.

use std::borrow::Cow;
use std::sync::Arc;

use crate::api::Name;
use crate::api::core::pod::{Pod, PodSpec};
use crate::api::core::pod_requests;
use crate::api::selector::Selector;
use crate::scheduler::cache::Cache;
use crate::scheduler::cycle::prepare::{Prepared, prepare};
use crate::scheduler::cycle::{Evaluation, add_weighted, filter_node, first_refusal};
use crate::scheduler::framework::{Attempt, Refused, Running, Scope, Score};
use crate::scheduler::plugins::Point;
use crate::scheduler::profile::Profile;
use crate::sim::index::Map;

/// Smaller clusters are evaluated anew each time: that costs less.
const FEW_NODES: usize = 64;

/// So many answers by node are kept at most, over all entries.
const MOST_ANSWERS: usize = 8_000_000;

/// So many entries are kept at most.
const MOST_ENTRIES: usize = 4096;

/// The entries. A clone is empty: it works everything out anew, to the same end.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: Map<u64, Vec<Entry>>,
    /// The signatures of the entries, the one used longest ago first.
    used: std::collections::VecDeque<u64>,
    count: usize,
}

impl Clone for Index {
    fn clone(&self) -> Self {
        Index::default()
    }
}

/// What was worked out about pods of one signature.
pub(super) struct Entry {
    pub(super) prepared: Prepared,
    /// The filters that look at pods elsewhere and do not let all nodes pass, by their numbers.
    wide: Vec<u8>,
    scores: Option<Vec<Ranked>>,
    kept: Option<Kept>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("kept", &self.kept.is_some()).finish_non_exhaustive()
    }
}

/// A score in force, with its weight.
struct Ranked {
    weight: i64,
    score: Box<dyn Score>,
    /// By slot: its raw scores, where they are kept and not part of the common sum.
    raw: Vec<i64>,
}

/// What makes an entry useful for a later pod.
struct Kept {
    signature: u64,
    scheduler_name: Name,
    pod: Arc<Pod>,
    epoch: u64,
    workloads: u64,
    premises: Vec<Selector>,
    /// The number of the first move of pods that it has not followed.
    followed: u64,
    /// By slot: the answer of the filters that look at the node alone.
    answers: Vec<Answer>,
    /// By slot: the version of the node that the kept scores are of, and the weighted sum of those
    /// that need no others.
    sums: Vec<(u32, i64)>,
}

/// The answer about one node.
#[derive(Clone, Copy)]
struct Answer {
    version: u32,
    /// The filter that refuses it; none does.
    number: u8,
    refused: Refused,
}

/// No filter refuses.
const NONE: u8 = u8::MAX;

/// What no version of a node is before it has changed that often.
const NEVER: u32 = u32::MAX;

impl Index {
    /// What was worked out about pods like this one, brought up to date, or made for them now.
    /// None when nothing is to be kept.
    pub(super) fn take(
        &mut self,
        profile: &Profile,
        attempt: Attempt<'_>,
        evaluation: Evaluation,
    ) -> Option<Entry> {
        let (pod, cluster) = (attempt.pod, attempt.cluster);
        let is_small = evaluation == Evaluation::Indexed && cluster.len() < FEW_NODES;
        if evaluation == Evaluation::Naive
            || is_small
            || !matches!(pod_requests::of_pod(pod), Cow::Borrowed(_))
            || !profile.is_shareable(pod)
        {
            return None;
        }
        let signature = signature(profile, pod);
        if let Some(mut entry) = self.find(signature, profile, pod)
            && entry.catch_up(profile, attempt)
        {
            return Some(entry);
        }
        let mut entry = Entry::new(prepare(profile, attempt).ok()?);
        entry.kept = Some(Kept::new(signature, profile, attempt));
        Some(entry)
    }

    fn find(&mut self, signature: u64, profile: &Profile, pod: &Arc<Pod>) -> Option<Entry> {
        let bucket = self.entries.get_mut(&signature)?;
        let is_it = |entry: &Entry| {
            let kept = entry.kept.as_ref();
            kept.is_some_and(|k| {
                k.scheduler_name == profile.scheduler_name && is_alike(&k.pod, pod)
            })
        };
        let place = bucket.iter().position(is_it)?;
        self.count -= 1;
        Some(bucket.swap_remove(place))
    }

    /// Keeps an entry for the next pod like it.
    pub(super) fn give_back(&mut self, entry: Entry, attempt: Attempt<'_>) {
        let Some(kept) = &entry.kept else { return };
        let signature = kept.signature;
        self.entries.entry(signature).or_default().push(entry);
        self.count += 1;
        if self.used.back() != Some(&signature) {
            self.used.push_back(signature);
        }
        let most = (MOST_ANSWERS / attempt.cluster.slots().max(1)).clamp(8, MOST_ENTRIES);
        while self.count > most {
            let Some(oldest) = self.used.pop_front() else { return };
            if !self.used.contains(&oldest)
                && let Some(bucket) = self.entries.remove(&oldest)
            {
                self.count -= bucket.len();
            }
        }
        if self.used.len() > 4 * MOST_ENTRIES {
            let mut seen = crate::sim::index::Set::default();
            let mut last: Vec<u64> =
                self.used.iter().rev().copied().filter(|s| seen.insert(*s)).collect();
            last.reverse();
            self.used = last.into();
        }
    }
}

/// A number that pods of one signature have in common.
fn signature(profile: &Profile, pod: &Pod) -> u64 {
    let mut bytes = Vec::with_capacity(256);
    let mut add = |text: &str| {
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
    };
    add(&profile.scheduler_name);
    add(&pod.meta.namespace);
    for (key, value) in pod.meta.labels.iter() {
        add(key);
        add(value);
    }
    let requests = &pod.spec.requests;
    bytes.extend_from_slice(&requests.milli_cpu.to_le_bytes());
    bytes.extend_from_slice(&requests.memory.to_le_bytes());
    bytes.extend_from_slice(&pod.priority().to_le_bytes());
    crate::sim::rng::keyed(0, &bytes)
}

/// Whether two pods are alike as far as any shareable plugin can tell.
fn is_alike(a: &Pod, b: &Pod) -> bool {
    let owner = |p: &Pod| p.meta.controller().map(|o| (o.kind.clone(), o.name.clone()));
    a.meta.namespace == b.meta.namespace
        && (a.meta.labels.is_same_copy(&b.meta.labels) || a.meta.labels == b.meta.labels)
        && (Arc::ptr_eq(&a.spec, &b.spec) || is_alike_spec(&a.spec, &b.spec))
        && owner(a) == owner(b)
}

fn is_alike_spec(a: &PodSpec, b: &PodSpec) -> bool {
    let images = |s: &PodSpec| s.all_containers().map(|c| c.image.clone()).collect::<Vec<_>>();
    let raw = |s: &PodSpec, name: &str| s.raw.get(name).cloned();
    a.requests == b.requests
        && a.scoring_requests == b.scoring_requests
        && a.host_ports == b.host_ports
        && a.priority == b.priority
        && a.node_selector == b.node_selector
        && a.affinity == b.affinity
        && a.tolerations == b.tolerations
        && a.spread == b.spread
        && images(a) == images(b)
        && ["volumes", "resourceClaims"].iter().all(|name| raw(a, name) == raw(b, name))
}

impl Kept {
    fn new(signature: u64, profile: &Profile, attempt: Attempt<'_>) -> Kept {
        let (pod, cluster) = (attempt.pod, attempt.cluster);
        let refused = Refused::unschedulable(0);
        Kept {
            signature,
            scheduler_name: profile.scheduler_name.clone(),
            pod: pod.clone(),
            epoch: cluster.epoch(),
            workloads: cluster.workloads.version(),
            premises: profile.premises(attempt),
            followed: cluster.journal().end(),
            answers: vec![Answer { version: NEVER, number: NONE, refused }; cluster.slots()],
            sums: vec![(NEVER, 0); cluster.slots()],
        }
    }
}

impl Entry {
    /// What was worked out for one attempt.
    pub(super) fn new(prepared: Prepared) -> Entry {
        Entry { prepared, wide: Vec::new(), scores: None, kept: None }
    }

    /// Follows what has happened; false when it cannot.
    fn catch_up(&mut self, profile: &Profile, attempt: Attempt<'_>) -> bool {
        let cluster = attempt.cluster;
        let Some(kept) = &mut self.kept else { return false };
        if kept.epoch != cluster.epoch() || kept.answers.len() != cluster.slots() {
            return false;
        }
        if kept.workloads != cluster.workloads.version() {
            if kept.premises != profile.premises(attempt) {
                return false;
            }
            kept.workloads = cluster.workloads.version();
        }
        let Some(moves) = cluster.journal().since(kept.followed) else {
            let scopes = self.prepared.filters.iter().map(|(_, f)| f.scope());
            let scored = self.scores.iter().flatten().map(|r| r.score.scope());
            if scopes.chain(scored).any(|scope| scope == Scope::Cluster) {
                return false;
            }
            kept.followed = cluster.journal().end();
            return true;
        };
        for moved in moves {
            for (_, filter) in &mut self.prepared.filters {
                filter.follow(moved, cluster);
            }
            for ranked in self.scores.iter_mut().flatten() {
                ranked.score.follow(moved, cluster);
            }
        }
        kept.followed = cluster.journal().end();
        true
    }

    /// An attempt begins: nothing comes or goes any more.
    pub(super) fn settle(&mut self) {
        let filters = &mut self.prepared.filters;
        filters.iter_mut().for_each(|(_, filter)| filter.settle());
        let is_wide = |(_, filter): &Running| filter.scope() == Scope::Cluster && !filter.is_idle();
        let wide = (0..).zip(filters.iter()).filter(|(_, filter)| is_wide(filter));
        self.wide.clear();
        self.wide.extend(wide.map(|(number, _): (u8, _)| number));
    }

    /// Whether a node would do.
    ///
    /// # Errors
    /// The filter that refuses it, and why.
    pub(super) fn verdict(&mut self, attempt: Attempt<'_>, slot: u32) -> Result<(), (u8, Refused)> {
        let (pod, cluster) = (attempt.pod, attempt.cluster);
        let filters = &self.prepared.filters;
        if !cluster.nominations.is_empty() {
            return filter_node(cluster, pod, filters, slot, cluster.at(slot));
        }
        let Some(kept) = &mut self.kept else {
            return first_refusal(filters, slot, cluster.at(slot));
        };
        let answer = &mut kept.answers[slot as usize];
        let version = cluster.version(slot);
        if answer.version != version {
            answer.version = version;
            answer.number = NONE;
            for (number, (_, filter)) in (0..).zip(filters) {
                if filter.scope() == Scope::Node
                    && let Err(why) = filter.filter(slot, cluster.at(slot))
                {
                    (answer.number, answer.refused) = (number, why);
                    break;
                }
            }
        }
        for number in self.wide.iter().copied().take_while(|number| *number < answer.number) {
            let (_, filter) = &filters[usize::from(number)];
            filter.filter(slot, cluster.at(slot)).map_err(|why| (number, why))?;
        }
        if answer.number == NONE { Ok(()) } else { Err((answer.number, answer.refused)) }
    }

    /// Whether the answer about a node is that of the filters which look at the node alone.
    pub(super) fn is_plain(&self, cluster: &Cache) -> bool {
        self.wide.is_empty() && cluster.nominations.is_empty() && self.kept.is_some()
    }

    /// Whether it is known of a node that it would do, where that is plain.
    pub(super) fn is_known_to_do(&self, cluster: &Cache, slot: u32) -> bool {
        let answer = self.kept.as_ref().map(|kept| &kept.answers[slot as usize]);
        answer.is_some_and(|a| a.number == NONE && a.version == cluster.version(slot))
    }

    /// Asks the plugins how nodes are to be ranked, if they have not been asked.
    ///
    /// # Errors
    /// What went wrong.
    pub(super) fn prepare_scores(
        &mut self,
        profile: &Profile,
        attempt: Attempt<'_>,
    ) -> Result<(), String> {
        if self.scores.is_some() {
            return Ok(());
        }
        let mut scores = Vec::new();
        for p in profile.at(Point::Score) {
            let failed = |why| format!("running PreScore plugin {:?}: {why}", p.id.name());
            let made = p.plugin.pre_score(attempt).map_err(|status| failed(status.reason))?;
            if let Some(score) = made {
                let is_kept =
                    self.kept.is_some() && score.scope() == Scope::Node && score.is_relative();
                let slots = if is_kept { attempt.cluster.slots() } else { 0 };
                scores.push(Ranked { weight: p.weight, score, raw: vec![0; slots] });
            }
        }
        self.scores = Some(scores);
        Ok(())
    }

    /// Adds the scores of nodes to their totals; `own` is a list to work with, of the same length.
    pub(super) fn add_scores(
        &mut self,
        cluster: &Cache,
        nodes: &[u32],
        totals: &mut [i64],
        own: &mut [i64],
    ) {
        let scores = self.scores.as_mut().expect("scores were prepared");
        let Some(kept) = &mut self.kept else {
            for ranked in scores.iter_mut().filter(|r| !r.score.is_silent()) {
                ranked.score.score(cluster, nodes, own);
                ranked.score.normalize(own);
                add_weighted(totals, own, ranked.weight);
            }
            return;
        };
        for (total, slot) in totals.iter_mut().zip(nodes) {
            let (version, sum) = &mut kept.sums[*slot as usize];
            if *version != cluster.version(*slot) {
                *version = cluster.version(*slot);
                *sum = sum_of(scores, cluster, *slot);
            }
            *total += *sum;
        }
        for ranked in scores.iter_mut() {
            if ranked.score.scope() == Scope::Cluster {
                if ranked.score.is_silent() {
                    continue;
                }
                ranked.score.score(cluster, nodes, own);
            } else if ranked.score.is_relative() {
                for (score, slot) in own.iter_mut().zip(nodes) {
                    *score = ranked.raw[*slot as usize];
                }
            } else {
                continue;
            }
            ranked.score.normalize(own);
            add_weighted(totals, own, ranked.weight);
        }
    }
}

/// Scores a node anew by the scores that look at nothing else: the weighted sum of those that need
/// no others; the raw scores of the rest are put where they are kept.
fn sum_of(scores: &mut [Ranked], cluster: &Cache, slot: u32) -> i64 {
    let mut sum = 0;
    for ranked in scores.iter_mut().filter(|r| r.score.scope() == Scope::Node) {
        let mut one = [0];
        ranked.score.score(cluster, &[slot], &mut one);
        if ranked.score.is_relative() {
            ranked.raw[slot as usize] = one[0];
        } else {
            sum += ranked.weight * one[0];
        }
    }
    sum
}
