//! Adding nodes: which pods wait for them, what is on its way, and what is asked for.

use std::sync::Arc;

use super::super::drainability::is_long_terminating;
use super::super::scale_up::{Outlook, is_recreatable};
use super::ClusterAutoscaler;
use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::api::object::Kind;
use crate::client::component::Moment;

impl ClusterAutoscaler {
    /// Adds the nodes to the picture that are on their way, in place of those that are there and
    /// not ready yet.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36 cluster-autoscaler/core/static_autoscaler.go,
    /// `StaticAutoscaler.addUpcomingNodesToClusterSnapshot`
    pub(super) fn imagine_coming(&mut self, moment: &Moment<'_>) -> Vec<Name> {
        let groups = self.provider.groups().clone();
        let mut names = Vec::new();
        for (place, group) in groups.iter().enumerate() {
            for name in &self.registry.groups[place].not_started {
                self.picture.take_node(name);
            }
            for n in 0..self.registry.upcoming(place, &self.provider) {
                let name = smol_str::format_smolstr!("template-upcoming-{}-{n}", group.name);
                self.picture.add_template(&group.template, &name, moment.caches);
                names.push(name);
            }
        }
        names
    }

    /// Pods that need room: those that the scheduler has found none for, and those of nodes that
    /// are on their way out.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/core/podlistprocessor/pod_list_processor.go,
    /// cluster-autoscaler/core/podlistprocessor/currently_drained_nodes.go,
    /// cluster-autoscaler/core/podlistprocessor/filter_out_expendable.go
    pub(super) fn pods_to_help(&mut self, moment: &Moment<'_>) -> Vec<Arc<Pod>> {
        let cutoff = self.options.expendable_pods_priority_cutoff;
        let counts = |p: &&Arc<Pod>| p.priority() >= cutoff && is_recreatable(p);
        let mut pods: Vec<Arc<Pod>> = self.waiting_pods().filter(counts).cloned().collect();
        let draining = self.drains.iter().filter(|(_, d)| d.with_pods).map(|(name, _)| name);
        for name in draining.cloned().collect::<Vec<_>>() {
            let on_node = moment.caches.of(Kind::POD).on_node(&name);
            let on_node: Vec<Arc<Pod>> = on_node
                .filter_map(|o| o.as_a::<Pod>())
                .filter(|p| !p.is_terminal() && counts(p))
                .filter(|p| !is_long_terminating(p, moment.time))
                .cloned()
                .collect();
            for pod in on_node {
                self.picture.take_pod(&pod);
                let mut free = Pod::clone(&pod);
                free.node_name = Name::default();
                pods.push(Arc::new(free));
            }
        }
        pods
    }

    /// Adds nodes for pods that find no room; false when none is added.
    pub(super) fn grow(&mut self, pods: Vec<Arc<Pod>>, moment: &mut Moment<'_>) -> bool {
        let options = self.options.clone();
        let outlook = Outlook {
            options: &options,
            provider: &self.provider,
            registry: &self.registry,
            caches: moment.caches,
            now: moment.now,
        };
        let decision = outlook.decide(pods, &mut self.picture, moment.rng);
        let Some(choice) = decision.choice else {
            self.tell_unhelped(&decision.unhelped, moment);
            return false;
        };
        let text = self.ask_for(choice.group, choice.nodes, moment);
        let text = format!("pod triggered scale-up: [{text}]");
        for pod in &choice.pods {
            self.tell_pod(pod, "TriggeredScaleUp", &text, moment);
        }
        true
    }

    /// Asks the provider for nodes, and tells so; gives the change in words.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/core/scaleup/orchestrator/executor.go,
    /// `scaleUpExecutor.executeScaleUp`
    fn ask_for(&mut self, place: usize, nodes: usize, moment: &mut Moment<'_>) -> String {
        let groups = self.provider.groups().clone();
        let group = &groups[place];
        let before = self.provider.target(place);
        let (name, max, after) = (&group.name, group.max, before + nodes);
        let what = format!("size to {after} instead of {before} (max: {max})");
        let text = format!("Scale-up: setting group {name} {what}");
        self.tell_status(false, "ScaledUpGroup", &text, moment);
        self.provider.grow(place, nodes, moment.now, moment.out);
        let text =
            format!("Scale-up: group {name} size set to {after} instead of {before} (max: {max})");
        self.tell_status(false, "ScaledUpGroup", &text, moment);
        self.registry.asked_for(place, &self.options, moment.now);
        self.last_scale_up = Some(moment.now);
        format!("{{{name} {before}->{after} (max: {max})}}")
    }

    /// Brings groups to their least size.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/core/scaleup/orchestrator/orchestrator.go,
    /// `ScaleUpOrchestrator.ScaleUpToNodeGroupMinSize`
    pub(super) fn fill_up(&mut self, moment: &mut Moment<'_>) {
        let groups = self.provider.groups().clone();
        for (place, group) in groups.iter().enumerate() {
            let missing = group.min.saturating_sub(self.provider.target(place));
            let objection =
                self.registry.objection(place, &self.provider, &self.options, moment.now);
            if missing > 0 && objection.is_none() {
                self.ask_for(place, missing, moment);
            }
        }
    }

    /// Machines whose nodes should have come by now are given back.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36 cluster-autoscaler/core/static_autoscaler.go,
    /// `StaticAutoscaler.removeOldUnregisteredNodes`
    pub(super) fn give_up_unregistered(&mut self, moment: &mut Moment<'_>) {
        let groups = self.provider.groups().clone();
        for (place, group) in groups.iter().enumerate() {
            let late = std::mem::take(&mut self.registry.groups[place].long_unregistered);
            for name in late {
                if self.provider.target(place) <= group.min {
                    self.registry.groups[place].long_unregistered.push(name);
                    continue;
                }
                self.provider.give_back(&name, moment.out);
                let text = format!("Removed unregistered node {name}");
                self.tell_status(false, "DeleteUnregistered", &text, moment);
            }
        }
    }

    /// Tells that nodes that were asked for did not come.
    pub(super) fn tell_late(&mut self, late: &[usize], moment: &mut Moment<'_>) {
        let groups = self.provider.groups().clone();
        for place in late {
            let span = self.options.max_node_provision_time;
            let name = &groups[*place].name;
            let text = format!("Nodes added to group {name} failed to register within {span}");
            self.tell_status(true, "ScaleUpTimedOut", &text, moment);
        }
    }
}
