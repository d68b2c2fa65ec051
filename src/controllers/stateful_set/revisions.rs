//! Which revisions of a `StatefulSet` its pods are made from: the current one and the one that is
//! rolled out.

use std::sync::Arc;

use super::identity;
use super::why::StatefulSetWhy;
use crate::api::Name;
use crate::api::apps::controller_revision::{ControllerRevision, REVISION_HASH};
use crate::api::apps::pod_template::PodTemplate;
use crate::api::apps::stateful_set::StatefulSet;
use crate::api::core::pod::Pod;
use crate::api::meta::Meta;
use crate::api::object::{Kind, Object, controller_reference};
use crate::api::selector::Selector;
use crate::api::variant::Variant;
use crate::client::plan::{Plan, Write};
use crate::client::view::View;
use crate::controllers::claim;
use crate::controllers::controller_revision::{self as history, Memory};

/// A revision, as pods are made from it.
#[derive(Clone, Debug)]
pub struct Version {
    /// The revision's name.
    pub name: Name,
    /// The template that it holds.
    pub template: Arc<PodTemplate>,
}

/// The revisions of a `StatefulSet`.
#[derive(Clone, Debug)]
pub struct Revisions {
    /// The one that all pods had last.
    pub current: Version,
    /// The one that is rolled out.
    pub update: Version,
    /// Keeps two revisions of one hash apart.
    pub collisions: i32,
    /// All that were there before this look, oldest first.
    sorted: Vec<Arc<ControllerRevision>>,
}

impl Revisions {
    /// The revisions of a `StatefulSet`, with the writes that bring the history up to date.
    ///
    /// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_control.go,
    /// `getStatefulSetRevisions`; stateful_set.go, `adoptOrphanRevisions`
    pub fn of(
        set: &StatefulSet,
        selector: &Selector,
        memory: &mut Memory,
        view: View<'_>,
        plan: &mut Plan,
    ) -> Revisions {
        let sorted = listed(set, selector, view, plan);
        let mut collisions = set.status.collision_count.unwrap_or(0);
        let forgets = view.gates().varies(Variant::ForgetsRevisions)
            && !sorted.is_empty()
            && !memory.knows(set.meta.uid);
        let data = memory.data(set.meta.uid, &set.spec.template);
        let number = history::next_number(&sorted);
        let found = memory.find(set.meta.uid, &sorted, &data).filter(|_| !forgets);
        let update = match found {
            Some(found) => {
                if !sorted.last().is_some_and(|last| Arc::ptr_eq(last, found)) {
                    let renewed = ControllerRevision { revision: number, ..(**found).clone() };
                    plan.push(Write::update(renewed, StatefulSetWhy::OldRevision { number }));
                }
                found.meta.name.clone()
            }
            None => {
                collisions += i32::from(forgets);
                let new = new_revision(set, data, number, &mut collisions, view);
                if view.get::<ControllerRevision>(&new.meta.namespace, &new.meta.name).is_none() {
                    let why = StatefulSetWhy::NewRevision { number };
                    plan.push(Write::create(new.clone(), why));
                }
                new.meta.name
            }
        };
        let update = Version { name: update, template: set.spec.template.clone() };
        let current = sorted
            .iter()
            .find(|r| r.meta.name == set.status.current_revision)
            .filter(|r| r.meta.name != update.name)
            .and_then(|r| {
                Some(Version { name: r.meta.name.clone(), template: memory.template(r)? })
            });
        let current = current.unwrap_or_else(|| update.clone());
        Revisions { current, update, collisions, sorted }
    }

    /// Adds the deletions of revisions beyond the limit that no pod is of.
    ///
    /// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_control.go,
    /// `truncateHistory`
    pub fn truncate(&self, set: &StatefulSet, pods: &[&Arc<Pod>], plan: &mut Plan) {
        let limit = set.spec.revision_history_limit.unwrap_or(10);
        let is_live = |r: &ControllerRevision| {
            let name = &r.meta.name;
            *name == self.current.name
                || *name == self.update.name
                || pods.iter().any(|pod| identity::revision(pod) == name)
        };
        for revision in history::beyond(&self.sorted, is_live, limit) {
            let object = Object::ControllerRevision(revision.clone());
            plan.push(Write::delete(&object, StatefulSetWhy::Forgotten { limit }));
        }
    }
}

/// The revisions that match and are its own or nobody's, oldest first; those of nobody are
/// adopted.
fn listed(
    set: &StatefulSet,
    selector: &Selector,
    view: View<'_>,
    plan: &mut Plan,
) -> Vec<Arc<ControllerRevision>> {
    let matches = |r: &&Arc<ControllerRevision>| selector.matches(&r.meta.labels);
    let own = view.controlled_by::<ControllerRevision>(set.meta.uid).filter(matches);
    let mut all: Vec<Arc<ControllerRevision>> = own.cloned().collect();
    let free = view.orphans::<ControllerRevision>(&set.meta.namespace).filter(matches);
    for orphan in free.filter(|r| !set.meta.is_deleting() && !r.meta.is_deleting()) {
        let object = Object::ControllerRevision(orphan.clone());
        plan.push(claim::adoption(Kind::STATEFUL_SET, &set.meta, &object));
        all.push(orphan.clone());
    }
    history::sort(&mut all);
    all
}

/// The revision of a state, under a name that no other state has.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_utils.go, `newRevision`;
/// pkg/controller/history/controller_history.go, `CreateControllerRevision`
fn new_revision(
    set: &StatefulSet,
    data: Arc<serde_json::Value>,
    revision: i64,
    collisions: &mut i32,
    view: View<'_>,
) -> ControllerRevision {
    let first = history::hash_of(&data, *collisions);
    let (namespace, mut hash) = (&set.meta.namespace, first.clone());
    let name = loop {
        let name = history::name_of(&set.meta.name, &hash);
        let taken = view.get::<ControllerRevision>(namespace, &name);
        if taken.is_none_or(|r| r.data == data) {
            break name;
        }
        *collisions += 1;
        hash = history::hash_of(&data, *collisions);
    };
    let mut meta = Meta::named(namespace, &name);
    meta.labels = set.spec.template.meta.labels.with(&REVISION_HASH, &first);
    meta.annotations = set.meta.annotations.clone();
    meta.set_owners(vec![controller_reference(Kind::STATEFUL_SET, &set.meta)]);
    ControllerRevision { meta, data, revision }
}
