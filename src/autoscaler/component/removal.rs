//! Removing nodes: which may go, and each one's way out.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::drainability::{Budgets, Rules, pods_to_move};
use super::super::drains::{
    Drain, EVICTION_RETRY, Eviction, EvictionState, GONE_CHECK, HEADROOM, Stage, TAINT_RETRY,
    begin, grace,
};
use super::super::planner::{TO_BE_DELETED, is_to_be_deleted, to_be_deleted};
use super::{ClusterAutoscaler, Purpose};
use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::deletion::DeleteOptions;
use crate::api::edit::Edit;
use crate::api::meta::Uid;
use crate::api::object::{Kind, Object};
use crate::api::refusal::Reason;
use crate::api::request::{Answer, Patch, Subresource, Verb};
use crate::api::taint::{Taint, TaintEffect};
use crate::api::why::Why;
use crate::client::component::Moment;
use crate::sim::time::SimDuration;

/// The taint of a node that may go.
const CANDIDATE: &str = "DeletionCandidateOfClusterAutoscaler";

fn node_key(name: &Name) -> crate::api::object::ObjectKey {
    crate::api::object::ObjectKey::new(Kind::NODE, "", name)
}

impl ClusterAutoscaler {
    /// Finds nodes that are not needed, and lets those go that have not been for long enough.
    pub(super) fn shrink(&mut self, nodes: &[Name], is_allowed: bool, moment: &mut Moment<'_>) {
        let stays = |name: &&Name| !self.drains.contains_key(*name);
        let nodes: Vec<Name> = nodes.iter().filter(stays).cloned().collect();
        let candidates: Vec<Name> = nodes.iter().filter(|n| self.may_shrink(n)).cloned().collect();
        let mut planner = std::mem::take(&mut self.planner);
        let mut picture = std::mem::take(&mut self.picture);
        planner.update(&candidates, &nodes, &mut picture, &self.sight(moment));
        (self.planner, self.picture) = (planner, picture);
        let options = self.options.clone();
        let now = moment.now;
        let waits = [
            (self.last_scale_up, options.scale_down_delay_after_add),
            (self.last_delete, options.scale_down_delay_after_delete),
            (self.last_failure, options.scale_down_delay_after_failure),
        ];
        let is_waiting =
            waits.into_iter().any(|(at, delay)| ClusterAutoscaler::is_in_delay(at, delay, now));
        if !is_allowed || candidates.is_empty() || is_waiting {
            return;
        }
        if !self.begin_removals(moment) {
            self.mark_candidates(&nodes, moment);
        }
    }

    /// Whether a node's group may become smaller.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/processors/nodes/pre_filtering_processor.go,
    /// `PreFilteringScaleDownNodeProcessor.GetScaleDownCandidates`
    fn may_shrink(&self, name: &Name) -> bool {
        self.provider
            .group_of(name)
            .is_some_and(|group| self.provider.target(group) > self.provider.groups()[group].min)
    }

    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/core/scaledown/actuation/actuator.go, `Actuator.StartDeletion`
    fn begin_removals(&mut self, moment: &mut Moment<'_>) -> bool {
        let mut planner = std::mem::take(&mut self.planner);
        let leaving = |group| self.drains.values().filter(|d| d.group == group).count();
        let (empty, drained) = planner.ripe(leaving, &self.sight(moment));
        self.planner = planner;
        let (empty, drained) = begin(empty, drained, &self.drains, &self.options);
        let has_begun = !empty.is_empty() || !drained.is_empty();
        for (name, with_pods) in
            empty.into_iter().map(|n| (n, false)).chain(drained.into_iter().map(|n| (n, true)))
        {
            let Some(group) = self.provider.group_of(&name) else { continue };
            let stage = Stage::Tainting(moment.now, None);
            self.drains.insert(name.clone(), Drain { group, with_pods, stage });
            self.tell_begun(&name, with_pods, moment);
            self.taint(&name, moment);
            self.planner.unneeded.remove(&name);
            self.last_delete = Some(moment.now);
        }
        has_begun
    }

    fn tell_begun(&mut self, name: &Name, with_pods: bool, moment: &mut Moment<'_>) {
        let text = if with_pods {
            let known = self.planner.unneeded.get(name);
            let pods = known.map(|u| u.pods.iter().map(|p| p.meta.name.as_str()).collect());
            let pods: Vec<&str> = pods.unwrap_or_default();
            format!("Scale-down: removing node {name}, pods to reschedule: {}", pods.join(","))
        } else {
            format!("Scale-down: removing empty node {name:?}")
        };
        let reason = if with_pods { "ScaleDown" } else { "ScaleDownEmpty" };
        self.tell_status(false, reason, &text, moment);
    }

    /// Source: autoscaler cluster-autoscaler-1.36 cluster-autoscaler/utils/taints/taints.go,
    /// `MarkToBeDeleted`, `AddTaints`
    fn taint(&mut self, name: &Name, moment: &mut Moment<'_>) {
        let Some(node) = ClusterAutoscaler::known_node(name, moment) else {
            self.drains.remove(name);
            return;
        };
        let mut marked = Node::clone(&node);
        if !is_to_be_deleted(&marked) {
            marked.spec.taints.push(to_be_deleted(moment.time));
        }
        marked.spec.unschedulable |= self.options.cordon_node_before_terminating;
        let object = Object::Node(Arc::new(marked));
        let verb = Verb::Update { object, part: Subresource::Main };
        let why = Why::one("the node has not been needed for {}", self.spare_time(name, moment));
        self.send(Purpose::Taint(name.clone()), verb, why, moment);
    }

    fn spare_time(&self, name: &Name, moment: &Moment<'_>) -> SimDuration {
        let known = self.planner.unneeded.get(name);
        known.map_or(SimDuration::ZERO, |u| moment.now.since(u.since))
    }

    pub(super) fn tainted(&mut self, name: &Name, answer: &Answer, moment: &mut Moment<'_>) {
        let Some(drain) = self.drains.get_mut(name) else { return };
        let Stage::Tainting(since, again) = &mut drain.stage else { return };
        let Answer::Refused(refusal) = answer else {
            drain.stage = Stage::Tainted(moment.now + self.options.node_delete_delay_after_taint);
            let text = "marked the node as toBeDeleted/unschedulable";
            return self.tell_node(name, (false, "ScaleDown"), text, moment);
        };
        let (retry, most) = TAINT_RETRY;
        if refusal.reason == Reason::Conflict && moment.now < *since + most {
            *again = Some(moment.now + retry);
            return;
        }
        let text =
            format!("failed to mark the node as toBeDeleted/unschedulable: {}", refusal.message);
        self.tell_node(name, (true, "ScaleDownFailed"), &text, moment);
        self.last_failure = Some(moment.now);
        self.drains.remove(name);
    }

    /// Takes the next step with every node on its way out whose time has come.
    pub(super) fn advance(&mut self, moment: &mut Moment<'_>) {
        let due = |d: &Drain| d.due().is_some_and(|at| at <= moment.now);
        let names: Vec<Name> =
            self.drains.iter().filter(|(_, d)| due(d)).map(|(name, _)| name.clone()).collect();
        let unmarking = self.unmarking.iter().filter(|(_, at)| **at <= moment.now);
        let unmarking: Vec<Name> = unmarking.map(|(name, _)| name.clone()).collect();
        unmarking.iter().for_each(|name| self.unmark(name, moment));
        for name in names {
            match self.drains.get(&name).map(|d| d.stage.clone()) {
                Some(Stage::Tainting(since, _)) => {
                    if let Some(drain) = self.drains.get_mut(&name) {
                        drain.stage = Stage::Tainting(since, None);
                    }
                    self.taint(&name, moment);
                }
                Some(Stage::Tainted(_)) => self.empty(&name, moment),
                Some(Stage::Evicting(..)) => self.evict_again(&name, moment),
                Some(Stage::Emptying(..)) => self.look_for_rest(&name, moment),
                Some(Stage::Deleting) | None => {}
            }
        }
    }

    /// Everybody has seen the taint: pods are asked to leave.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/core/scaledown/actuation/actuator.go, `Actuator.deleteNodesAsync`
    fn empty(&mut self, name: &Name, moment: &mut Moment<'_>) {
        let pods: Vec<Arc<Pod>> = self.pods_on(name, moment);
        let budgets = Budgets::read(moment.caches);
        let (options, caches) = (self.options.clone(), moment.caches);
        let rules = Rules { options: &options, caches, budgets: &budgets, now: moment.time };
        let Some(with_pods) = self.drains.get(name).map(|d| d.with_pods) else { return };
        let (moving, of_daemons) = match pods_to_move(&pods, &rules) {
            Ok(both) => both,
            Err(blocking) => {
                let text =
                    format!("GetPodsToMove for {name:?} returned error: {}", blocking.message());
                return self.fail(name, &text, moment);
            }
        };
        if !with_pods && !moving.is_empty() {
            let text = format!("failed to delete empty node {name:?}, new pods scheduled");
            return self.fail(name, &text, moment);
        }
        let evicts_daemons = if with_pods {
            options.daemonset_eviction_for_occupied_nodes
        } else {
            options.daemonset_eviction_for_empty_nodes
        };
        let of_daemons = of_daemons.into_iter().filter(|_| evicts_daemons).map(|p| (p, false));
        let evictions = moving.into_iter().map(|p| (p, true)).chain(of_daemons);
        let evictions: BTreeMap<Uid, Eviction> = evictions
            .map(|(pod, counts)| {
                (pod.meta.uid, Eviction { pod, counts, state: EvictionState::Asked })
            })
            .collect();
        for eviction in evictions.values() {
            let text = "deleting pod for node scale down";
            self.tell_pod(&eviction.pod, "ScaleDown", text, moment);
            self.evict(name, &eviction.pod, moment);
        }
        if let Some(drain) = self.drains.get_mut(name) {
            drain.stage = Stage::Evicting(moment.now + options.max_pod_eviction_time, evictions);
        }
        self.check_evictions(name, moment);
    }

    fn pods_on(&self, name: &Name, moment: &Moment<'_>) -> Vec<Arc<Pod>> {
        let cutoff = self.options.expendable_pods_priority_cutoff;
        let pods = moment.caches.of(Kind::POD).on_node(name).filter_map(|o| o.as_a::<Pod>());
        pods.filter(|p| !p.is_terminal() && p.priority() >= cutoff).cloned().collect()
    }

    fn evict(&mut self, node: &Name, pod: &Arc<Pod>, moment: &mut Moment<'_>) {
        let grace_period_seconds = Some(grace(pod, &self.options));
        let options = DeleteOptions { grace_period_seconds, ..DeleteOptions::default() };
        let verb = Verb::Evict { key: Object::Pod(pod.clone()).key(), options };
        let why = Why::one("node {} is not needed", node);
        self.send(Purpose::Evict(node.clone(), pod.meta.uid), verb, why, moment);
    }

    pub(super) fn evicted(
        &mut self,
        node: &Name,
        pod: Uid,
        answer: &Answer,
        moment: &mut Moment<'_>,
    ) {
        let Some(drain) = self.drains.get_mut(node) else { return };
        let Stage::Evicting(until, all) = &mut drain.stage else { return };
        let Some(eviction) = all.get_mut(&pod) else { return };
        eviction.state = match answer {
            Answer::Refused(refusal) if refusal.reason == Reason::NotFound => EvictionState::Done,
            Answer::Refused(refusal) => {
                let (again, words) = (moment.now + EVICTION_RETRY, Name::new(&refusal.message));
                if again < *until {
                    EvictionState::Refused(again, words)
                } else {
                    EvictionState::Failed(words)
                }
            }
            Answer::Object(_)
            | Answer::List(_)
            | Answer::Watching
            | Answer::Deleted(_)
            | Answer::Done => EvictionState::Done,
        };
        let has_failed = matches!(eviction.state, EvictionState::Failed(_)) && eviction.counts;
        let pod = eviction.pod.clone();
        if has_failed {
            let text = "failed to delete pod for ScaleDown";
            self.tell_pod(&pod, "ScaleDownFailed", text, moment);
        }
        self.check_evictions(node, moment);
    }

    fn evict_again(&mut self, node: &Name, moment: &mut Moment<'_>) {
        let Some(drain) = self.drains.get_mut(node) else { return };
        let Stage::Evicting(_, all) = &mut drain.stage else { return };
        let mut due = Vec::new();
        for eviction in all.values_mut() {
            if matches!(&eviction.state, EvictionState::Refused(at, _) if *at <= moment.now) {
                eviction.state = EvictionState::Asked;
                due.push(eviction.pod.clone());
            }
        }
        due.iter().for_each(|pod| self.evict(node, pod, moment));
    }

    /// When all evictions have been answered for good, the node goes on or fails.
    fn check_evictions(&mut self, node: &Name, moment: &mut Moment<'_>) {
        let Some(drain) = self.drains.get_mut(node) else { return };
        let Stage::Evicting(_, all) = &drain.stage else { return };
        let is_open =
            |e: &Eviction| matches!(e.state, EvictionState::Asked | EvictionState::Refused(..));
        if all.values().any(is_open) {
            return;
        }
        let counted = || all.values().filter(|e| e.counts);
        let failed: Vec<String> = counted()
            .filter_map(|e| match &e.state {
                EvictionState::Failed(words) => {
                    let (namespace, name) = (&e.pod.meta.namespace, &e.pod.meta.name);
                    Some(format!(
                        "failed to evict pod {namespace}/{name} within allowed timeout (last \
                         error: {words})"
                    ))
                }
                EvictionState::Asked | EvictionState::Refused(..) | EvictionState::Done => None,
            })
            .collect();
        if !failed.is_empty() {
            let text = format!(
                "Failed to drain node /{node}, due to following errors: [{}]",
                failed.join(" ")
            );
            return self.fail(node, &text, moment);
        }
        let pods: Vec<Arc<Pod>> = counted().map(|e| e.pod.clone()).collect();
        let most = u64::try_from(self.options.max_graceful_termination_sec).unwrap_or(0);
        let until = moment.now + SimDuration::secs(most) + HEADROOM;
        drain.stage = Stage::Emptying(until, moment.now, pods);
        self.look_for_rest(node, moment);
    }

    fn look_for_rest(&mut self, name: &Name, moment: &mut Moment<'_>) {
        let Some(drain) = self.drains.get_mut(name) else { return };
        let Stage::Emptying(until, look, pods) = &mut drain.stage else { return };
        let cache = moment.caches.of(Kind::POD);
        let is_there =
            |pod: &Arc<Pod>| cache.by_uid(pod.meta.uid).and_then(|o| o.as_a::<Pod>()).is_some();
        if !pods.iter().any(is_there) {
            return self.delete(name, moment);
        }
        if moment.now < *until {
            *look = moment.now + GONE_CHECK;
            return;
        }
        let text = format!("Failed to drain node /{name}: pods remaining after timeout");
        self.fail(name, &text, moment);
    }

    fn delete(&mut self, name: &Name, moment: &mut Moment<'_>) {
        let Some(drain) = self.drains.get_mut(name) else { return };
        drain.stage = Stage::Deleting;
        let verb = Verb::Delete { key: node_key(name), options: DeleteOptions::default() };
        let why = Why::new("the node is empty and not needed");
        self.send(Purpose::Delete(name.clone()), verb, why, moment);
    }

    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/core/scaledown/actuation/actuator.go,
    /// `RegisterAndRecordSuccessfulScaleDownEvent`
    pub(super) fn deleted(&mut self, name: &Name, answer: &Answer, moment: &mut Moment<'_>) {
        if let Answer::Refused(refusal) = answer
            && refusal.reason != Reason::NotFound
        {
            let text = format!("failed to delete node {name}: {}", refusal.message);
            return self.fail(name, &text, moment);
        }
        self.provider.give_back(name, moment.out);
        let text = "nodes removed by cluster autoscaler";
        self.tell_node(name, (false, "ScaleDown"), text, moment);
        let Some(drain) = self.drains.remove(name) else { return };
        let (reason, text) = if drain.with_pods {
            ("ScaleDown", format!("Scale-down: node {name} removed with drain"))
        } else {
            ("ScaleDownEmpty", format!("Scale-down: empty node {name} removed"))
        };
        self.tell_status(false, reason, &text, moment);
    }

    /// A node could not go: it is given back to the cluster.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/core/scaledown/actuation/actuator.go,
    /// `CleanUpAndRecordFailedScaleDownEvent`
    fn fail(&mut self, name: &Name, why: &str, moment: &mut Moment<'_>) {
        let Some(drain) = self.drains.remove(name) else { return };
        let what = if drain.with_pods { "drain and delete node" } else { "delete empty node" };
        let text = format!("failed to {what}: {why}");
        self.tell_node(name, (true, "ScaleDownFailed"), &text, moment);
        self.unmark(name, moment);
    }

    /// Source: autoscaler cluster-autoscaler-1.36 cluster-autoscaler/utils/taints/taints.go,
    /// `CleanToBeDeleted`
    fn unmark(&mut self, name: &Name, moment: &mut Moment<'_>) {
        self.unmarking.remove(name);
        let Some(node) = ClusterAutoscaler::known_node(name, moment) else { return };
        let mut clean = Node::clone(&node);
        clean.spec.taints.retain(|t| t.key != TO_BE_DELETED);
        if self.options.cordon_node_before_terminating {
            clean.spec.unschedulable = false;
        }
        let object = Object::Node(Arc::new(clean));
        let verb = Verb::Update { object, part: Subresource::Main };
        let why = Why::new("the node does not go after all");
        self.send(Purpose::Unmark(name.clone()), verb, why, moment);
    }

    pub(super) fn unmarked(&mut self, name: &Name, answer: &Answer, moment: &mut Moment<'_>) {
        if let Answer::Refused(refusal) = answer
            && refusal.reason != Reason::NotFound
        {
            self.unmarking.insert(name.clone(), moment.now + TAINT_RETRY.0);
        }
    }

    /// What a former life has begun to remove is given back; true when there is any.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36 cluster-autoscaler/core/static_autoscaler.go,
    /// `StaticAutoscaler.cleanUpIfRequired`
    pub(super) fn clean_up(&mut self, moment: &mut Moment<'_>) -> bool {
        if std::mem::replace(&mut self.is_cleaned_up, true) {
            return false;
        }
        let nodes = moment.caches.of(Kind::NODE).all().filter_map(|o| o.as_a::<Node>());
        let marked = nodes.filter(|n| is_to_be_deleted(n));
        let mut names: Vec<Name> = marked.map(|n| n.meta.name.clone()).collect();
        names.sort();
        names.iter().for_each(|name| self.unmark(name, moment));
        !names.is_empty()
    }

    /// Nodes that are not needed bear a soft taint, so that pods rather go elsewhere.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/core/scaledown/actuation/softtaint.go, `UpdateSoftDeletionTaints`
    fn mark_candidates(&mut self, nodes: &[Name], moment: &mut Moment<'_>) {
        let mut left = self.options.max_bulk_soft_taint_count;
        for name in nodes {
            if left == 0 {
                return;
            }
            let Some(node) = ClusterAutoscaler::known_node(name, moment) else { continue };
            let has = node.spec.taints.iter().any(|t| t.key == CANDIDATE);
            let is_candidate = self.planner.unneeded.contains_key(name);
            if has == is_candidate || self.provider.group_of(name).is_none() {
                continue;
            }
            left -= 1;
            let mut taint = Taint::new(CANDIDATE, TaintEffect::PreferNoSchedule);
            taint.value = smol_str::format_smolstr!("{}", moment.time.unix_seconds());
            let (add, remove) =
                if is_candidate { (vec![taint], Vec::new()) } else { (Vec::new(), vec![taint]) };
            let patch = Patch::Edit(Edit::Taints { add, remove });
            let part = Subresource::Main;
            let verb = Verb::Patch { key: node_key(name), part, patch, dry_run: false };
            let spare = self.spare_time(name, moment);
            let why = if is_candidate {
                Why::one("the node has not been needed for {}", spare)
            } else {
                Why::new("the node is needed")
            };
            self.send(Purpose::Other, verb, why, moment);
        }
    }
}
