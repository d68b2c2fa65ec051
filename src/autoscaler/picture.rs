//! A picture of the cluster that can be changed to see what would be, and changed back.
//!
//! Between two looks it follows the informers; during a look every change is noted, so that it can
//! be undone at the cost of what was changed. Nothing here decides anything.

use std::sync::Arc;

use crate::api::Name;
use crate::api::apps::daemon_set::DaemonSet;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::gates::Gates;
use crate::api::meta::Uid;
use crate::api::object::{Kind, Object, controller_reference};
use crate::api::taint::ComparisonOperators;
use crate::client::reconciler::Observed;
use crate::client::view::Caches;
use crate::controllers::daemon_set::fit::Fit as DaemonFit;
use crate::controllers::pod_control::pod_from_template;
use crate::scheduler::cache::{Cache, NodeInfo};
use crate::scheduler::component::surroundings_changed;
use crate::scheduler::config::ProfileConfig;
use crate::scheduler::fit::Fit;
use crate::scheduler::profile::Profile;

/// How a change is undone.
#[derive(Clone, Debug)]
enum Undo {
    TakePod(Uid),
    PutPod(Arc<Pod>),
    TakeNode(Name),
    PutNode(Arc<Node>),
}

/// A picture of the cluster.
#[derive(Clone)]
pub struct Picture {
    cache: Cache,
    profile: Profile,
    undo: Vec<Undo>,
    /// Counts the pods that exist in the picture alone.
    imagined: u64,
}

/// A state of the picture that it can be changed back to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark(usize);

/// The upper half of the uids of pods and nodes that exist in the picture alone.
const IMAGINED: u128 = 0xa5ca_1e00_0000_0000 << 64;

impl Default for Picture {
    /// An empty picture, with the filters of the default scheduler.
    fn default() -> Picture {
        static PROFILE: std::sync::LazyLock<Profile> =
            std::sync::LazyLock::new(|| Profile::new(&ProfileConfig::default()));
        Picture::new(PROFILE.clone())
    }
}

impl Picture {
    /// An empty picture, with the filters of a profile.
    pub fn new(profile: Profile) -> Picture {
        Picture { cache: Cache::default(), profile, undo: Vec::new(), imagined: 0 }
    }

    /// Follows a change that an informer has brought.
    pub fn observe(&mut self, change: &Observed<'_>) {
        debug_assert!(self.undo.is_empty(), "the picture follows only what is");
        match (change.old, change.new) {
            (_, Some(Object::Node(new))) => self.cache.put_node(new),
            (Some(Object::Node(old)), None) => self.cache.remove_node(&old.meta.name),
            (old, new @ (Some(Object::Pod(_)) | None))
                if matches!(new.or(old), Some(Object::Pod(_))) =>
            {
                self.pod_changed(old, new);
            }
            _ if self.cache.volumes.changed(change.latest(), change.new) => {}
            _ => surroundings_changed(&mut self.cache, change),
        }
    }

    fn pod_changed(&mut self, old: Option<&Object>, new: Option<&Object>) {
        let new = new.and_then(Object::as_a::<Pod>);
        let is_on_node = |p: &&Arc<Pod>| !p.node_name.is_empty() && !p.is_terminal();
        match new.filter(is_on_node) {
            Some(pod) => self.cache.put_pod(pod),
            None => {
                if let Some(old) = new.or(old.and_then(Object::as_a::<Pod>)) {
                    self.cache.remove_pod(old.meta.uid);
                }
            }
        }
    }

    /// The present state, to come back to.
    pub fn mark(&self) -> Mark {
        Mark(self.undo.len())
    }

    /// Undoes all changes since a mark.
    pub fn back_to(&mut self, mark: Mark) {
        while self.undo.len() > mark.0 {
            match self.undo.pop() {
                Some(Undo::TakePod(uid)) => self.cache.remove_pod(uid),
                Some(Undo::PutPod(pod)) => self.cache.put_pod(&pod),
                Some(Undo::TakeNode(name)) => self.cache.remove_node(&name),
                Some(Undo::PutNode(node)) => self.cache.put_node(&node),
                None => break,
            }
        }
    }

    /// What is on a node.
    pub fn node(&self, name: &Name) -> Option<&NodeInfo> {
        self.cache.slot_of(name).map(|slot| self.cache.at(slot))
    }

    /// Whether a pod fits on a node.
    ///
    /// # Errors
    /// Why it does not.
    pub fn fits(&self, pod: &Arc<Pod>, node: &Name) -> Result<(), Vec<Name>> {
        Fit::new(&self.profile, &self.cache, pod).on(node)
    }

    /// Puts a pod on the first of these nodes that will do, and tells on which.
    ///
    /// Differs: nodes are tried in the order given; the real one goes on where the last search
    /// ended.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/simulator/clustersnapshot/predicate/predicate_snapshot.go,
    /// `PredicateSnapshot.SchedulePodOnAnyNodeMatching`
    pub fn put_on_any<'n>(
        &mut self,
        pod: &Arc<Pod>,
        nodes: impl IntoIterator<Item = &'n Name>,
    ) -> Option<&'n Name> {
        let fit = Fit::new(&self.profile, &self.cache, pod);
        let found = nodes.into_iter().find(|node| fit.on(node).is_ok())?;
        drop(fit);
        self.put_pod(pod, found);
        Some(found)
    }

    /// Puts a pod on a node, whether it fits or not.
    pub fn put_pod(&mut self, pod: &Arc<Pod>, node: &Name) {
        let mut placed = Pod::clone(pod);
        placed.node_name = node.clone();
        self.cache.put_pod(&Arc::new(placed));
        self.undo.push(Undo::TakePod(pod.meta.uid));
    }

    /// Takes a pod off its node.
    pub fn take_pod(&mut self, pod: &Arc<Pod>) {
        self.cache.remove_pod(pod.meta.uid);
        self.undo.push(Undo::PutPod(pod.clone()));
    }

    /// Takes a node away, which bears no pods any more.
    pub fn take_node(&mut self, name: &Name) {
        let Some(node) = self.node(name).and_then(|info| info.node.clone()) else { return };
        self.cache.remove_node(name);
        self.undo.push(Undo::PutNode(node));
    }

    /// Changes a node that is there.
    pub fn change_node(&mut self, name: &Name, change: impl FnOnce(&mut Node)) {
        let Some(old) = self.node(name).and_then(|info| info.node.clone()) else { return };
        let mut new = Node::clone(&old);
        change(&mut new);
        self.cache.put_node(&Arc::new(new));
        self.undo.push(Undo::PutNode(old));
    }

    /// Adds a node like a template, with the pods that `DaemonSet`s would put on it.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/simulator/node_info_utils.go, `SanitizedTemplateNodeInfoFromNodeGroup`
    /// and `SanitizedNodeInfo`
    pub fn add_template(&mut self, template: &Node, name: &Name, caches: &Caches) {
        let mut node = template.clone();
        node.meta.name = name.clone();
        node.meta.uid = self.imagine();
        node.meta.labels = node.meta.labels.with("kubernetes.io/hostname", name);
        let node = Arc::new(node);
        self.cache.put_node(&node);
        self.undo.push(Undo::TakeNode(name.clone()));
        // Bounded by the DaemonSets of the cluster.
        for set in caches.of(Kind::DAEMON_SET).all().filter_map(|o| o.as_a::<DaemonSet>()) {
            let template = &set.spec.template;
            let fit = DaemonFit::of(&template.spec, &template.node_name);
            if fit.on(&node, ComparisonOperators::of(Gates::DEFAULT)).should_run {
                let owner = controller_reference(Kind::DAEMON_SET, &set.meta);
                let mut pod = pod_from_template(template, &set.meta, owner);
                pod.meta.uid = self.imagine();
                self.put_pod(&Arc::new(pod), name);
            }
        }
    }

    fn imagine(&mut self) -> Uid {
        self.imagined += 1;
        Uid::random(IMAGINED | u128::from(self.imagined))
    }
}
