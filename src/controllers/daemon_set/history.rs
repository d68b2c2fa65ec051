//! The revisions of a `DaemonSet`: the current one, and those that go.

use std::sync::Arc;

use super::why::DaemonSetWhy;
use crate::api::Name;
use crate::api::apps::controller_revision::{ControllerRevision, POD_REVISION};
use crate::api::apps::daemon_set::DaemonSet;
use crate::api::core::pod::Pod;
use crate::api::edit::Edit;
use crate::api::meta::Meta;
use crate::api::object::{Kind, Object, controller_reference};
use crate::api::schema::template_hash::template_hash;
use crate::api::selector::Selector;
use crate::client::plan::{Plan, Write};
use crate::client::view::View;
use crate::controllers::claim::{self, Claim};
use crate::controllers::controller_revision::{self as history, Memory};

/// The revisions of a `DaemonSet`.
pub(super) struct History {
    /// The hash that pods of the present template are labelled with.
    pub(super) hash: Name,
    /// Those of other templates, oldest first.
    old: Vec<Arc<ControllerRevision>>,
}

impl History {
    /// The revisions, with the writes that bring them up to date; none when the name of the
    /// present template's revision belongs to another, which is counted first.
    ///
    /// Source: kubernetes v1.36 pkg/controller/daemon/update.go, `constructHistory`
    pub(super) fn of(
        set: &Arc<DaemonSet>,
        selector: &Selector,
        pods: &[&Arc<Pod>],
        memory: &mut Memory,
        view: View<'_>,
        plan: &mut Plan,
    ) -> Option<History> {
        let data = memory.data(set.meta.uid, &set.spec.template);
        let mut all = claimed(set, selector, view, plan);
        history::sort(&mut all);
        let current = memory.find(set.meta.uid, &all, &data).cloned();
        let holds = |r: &ControllerRevision| Arc::ptr_eq(&r.data, &data) || r.data == data;
        let (same, old): (Vec<_>, Vec<_>) = all.into_iter().partition(|r| holds(r));
        let number = history::next_number(&old);
        let Some(current) = current else {
            let hash = snapshot(set, data, number, view, plan)?;
            return Some(History { hash, old });
        };
        let hash = current.meta.labels.get(&POD_REVISION).cloned().unwrap_or_default();
        for twice in same.iter().filter(|r| r.meta.uid != current.meta.uid) {
            drop_duplicate(twice, &hash, pods, plan);
        }
        if current.revision < number {
            let renewed = ControllerRevision { revision: number, ..(*current).clone() };
            plan.push(Write::update(renewed, DaemonSetWhy::OldRevision { number }));
        }
        Some(History { hash, old })
    }

    /// Adds the deletions of old revisions beyond the limit that no pod is of.
    ///
    /// Source: kubernetes v1.36 pkg/controller/daemon/update.go, `cleanupHistory`
    pub(super) fn clean_up(&self, set: &DaemonSet, pods: &[&Arc<Pod>], plan: &mut Plan) {
        let limit = set.spec.revision_history_limit.unwrap_or(10);
        let Ok(kept) = usize::try_from(limit) else { return };
        let surplus = self.old.len().saturating_sub(kept);
        let is_live = |r: &&Arc<ControllerRevision>| {
            let hash = r.meta.labels.get(&POD_REVISION);
            hash.is_some() && pods.iter().any(|p| p.meta.labels.get(&POD_REVISION) == hash)
        };
        for revision in self.old.iter().filter(|r| !is_live(r)).take(surplus) {
            let object = Object::ControllerRevision(revision.clone());
            plan.push(Write::delete(&object, DaemonSetWhy::Forgotten { limit }));
        }
    }
}

/// Source: kubernetes v1.36 pkg/controller/daemon/update.go, `controlledHistories`
fn claimed(
    set: &DaemonSet,
    selector: &Selector,
    view: View<'_>,
    plan: &mut Plan,
) -> Vec<Arc<ControllerRevision>> {
    let own = view.controlled_by::<ControllerRevision>(set.meta.uid);
    let free = view.orphans::<ControllerRevision>(&set.meta.namespace);
    let mut all = Vec::new();
    for revision in own.chain(free) {
        let object = Object::ControllerRevision(revision.clone());
        match claim::claim(&set.meta, &revision.meta, selector) {
            Claim::Keep => all.push(revision.clone()),
            Claim::Adopt => {
                plan.push(claim::adoption(Kind::DAEMON_SET, &set.meta, &object));
                all.push(revision.clone());
            }
            Claim::Release => plan.push(claim::release(&set.meta, &object)),
            Claim::Ignore => {}
        }
    }
    all
}

/// Adds the creation of the present template's revision; gives its hash.
///
/// Source: kubernetes v1.36 pkg/controller/daemon/update.go, `snapshot`
fn snapshot(
    set: &Arc<DaemonSet>,
    data: Arc<serde_json::Value>,
    revision: i64,
    view: View<'_>,
    plan: &mut Plan,
) -> Option<Name> {
    let collisions = set.status.collision_count;
    let hash: Name = template_hash(&set.spec.template.to_value(), collisions).into();
    let name = smol_str::format_smolstr!("{}-{hash}", set.meta.name);
    if let Some(taken) = view.get::<ControllerRevision>(&set.meta.namespace, &name) {
        if taken.data == data {
            return Some(hash);
        }
        let count = collisions.unwrap_or(0) + 1;
        let mut new = (**set).clone();
        Arc::make_mut(&mut new.status).collision_count = Some(count);
        plan.push(Write::update_status(new, DaemonSetWhy::Collision { count }));
        return None;
    }
    let mut meta = Meta::named(&set.meta.namespace, &name);
    meta.labels = set.spec.template.meta.labels.with(&POD_REVISION, &hash);
    meta.annotations = set.meta.annotations.clone();
    meta.set_owners(vec![controller_reference(Kind::DAEMON_SET, &set.meta)]);
    let new = ControllerRevision { meta, data, revision };
    plan.push(Write::create(new, DaemonSetWhy::NewRevision { number: revision }));
    Some(hash)
}

/// Adds the writes by which the pods of a duplicate become the current one's, and it goes.
///
/// Source: kubernetes v1.36 pkg/controller/daemon/update.go, `dedupCurHistories`
fn drop_duplicate(
    twice: &Arc<ControllerRevision>,
    hash: &Name,
    pods: &[&Arc<Pod>],
    plan: &mut Plan,
) {
    let old = twice.meta.labels.get(&POD_REVISION);
    for pod in pods.iter().filter(|p| old.is_some() && p.meta.labels.get(&POD_REVISION) == old) {
        let label = Edit::Labels([(POD_REVISION, Some(hash.clone()))].into());
        let key = Object::Pod((*pod).clone()).key();
        plan.push(Write::edit(key, label, DaemonSetWhy::TwiceHeld));
    }
    let object = Object::ControllerRevision(twice.clone());
    plan.push(Write::delete(&object, DaemonSetWhy::TwiceHeld));
}
