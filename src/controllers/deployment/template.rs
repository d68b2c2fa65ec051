//! Which `ReplicaSet` has the Deployment's template, and what a new one of it looks like.

use std::sync::Arc;

use super::revision::{Sizes, annotations};
use super::sets::{Sets, by_age};
use crate::api::apps::deployment::{Deployment, POD_TEMPLATE_HASH};
use crate::api::apps::pod_template::PodTemplate;
use crate::api::apps::replica_set::{ReplicaSet, ReplicaSetSpec, ReplicaSetStatus};
use crate::api::labels::Labels;
use crate::api::meta::{Meta, Uid};
use crate::api::object::{Kind, controller_reference};
use crate::api::schema::template_hash::{
    hash_of_text, replica_set_name, template_hash, template_text, templates_equal,
};
use crate::api::selector::LabelSelector;
use crate::sim::index::Map;

/// Whether two templates are equal but for the hash label.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go, `EqualIgnoreHash`
pub fn equal_ignoring_hash(a: &PodTemplate, b: &PodTemplate) -> bool {
    is_same_copy(a, b) || templates_equal(&a.to_value(), &b.to_value())
}

/// Whether both were plainly made one from the other, which is seen without reading their specs.
fn is_same_copy(a: &PodTemplate, b: &PodTemplate) -> bool {
    Arc::ptr_eq(&a.spec, &b.spec)
        && a.node_name == b.node_name
        && without_hash(&a.meta.labels).eq(without_hash(&b.meta.labels))
        && Meta { labels: b.meta.labels.clone(), ..a.meta.clone() } == b.meta
}

fn without_hash(labels: &Labels) -> impl Iterator<Item = (&crate::api::Name, &crate::api::Name)> {
    labels.iter().filter(|(key, _)| **key != POD_TEMPLATE_HASH)
}

/// Answers of [`equal_ignoring_hash`], by the `ReplicaSet` and for the very two templates that
/// were compared.
#[derive(Clone, Debug, Default)]
pub struct Comparisons(Map<Uid, (Arc<PodTemplate>, Arc<PodTemplate>, bool)>);

impl Comparisons {
    /// Whether a `ReplicaSet` has a template, but for the hash label.
    pub fn has_template(&mut self, set: &ReplicaSet, template: &Arc<PodTemplate>) -> bool {
        let own = &set.spec.template;
        if let Some((a, b, answer)) = self.0.get(&set.meta.uid)
            && Arc::ptr_eq(a, own)
            && Arc::ptr_eq(b, template)
        {
            return *answer;
        }
        let answer = equal_ignoring_hash(own, template);
        self.0.insert(set.meta.uid, (own.clone(), template.clone(), answer));
        answer
    }

    /// Forgets a `ReplicaSet` that is gone.
    pub fn forget(&mut self, set: Uid) {
        self.0.remove(&set);
    }
}

/// The `ReplicaSets` of a Deployment, told apart: the new one is the oldest that has the present
/// template.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go,
/// `FindNewReplicaSet`, `FindOldReplicaSets`
pub fn told_apart(
    mut all: Vec<Arc<ReplicaSet>>,
    template: &Arc<PodTemplate>,
    comparisons: &mut Comparisons,
) -> Sets {
    all.sort_by(|a, b| by_age(a, b));
    let place = all.iter().position(|s| comparisons.has_template(s, template));
    let new = place.map(|place| all.remove(place));
    Sets { new, old: all }
}

/// The hash that names a Deployment's present template.
pub fn hash(deployment: &Deployment) -> String {
    let (template, count) = (&deployment.spec.template, deployment.status.collision_count);
    if !template.node_name.is_empty() {
        return template_hash(&template.to_value(), count);
    }
    let text = || (template.meta.clone(), template_text(&template.to_value()));
    let (meta, text) = template.spec.known.text.get_or_init(text);
    if *meta != template.meta {
        return template_hash(&template.to_value(), count);
    }
    hash_of_text(text, count)
}

/// The `ReplicaSet` of a Deployment's present template, not yet sized.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/sync.go,
/// `DeploymentController.getNewReplicaSet`
pub fn new_replica_set(deployment: &Deployment, revision: i64) -> ReplicaSet {
    let spec = &deployment.spec;
    let hash = hash(deployment);
    let labels = spec.template.meta.labels.with(&POD_TEMPLATE_HASH, &hash);
    let template = PodTemplate {
        meta: Meta { labels: labels.clone(), ..spec.template.meta.clone() },
        ..(*spec.template).clone()
    };
    let selector = LabelSelector {
        match_labels: spec.selector.match_labels.with(&POD_TEMPLATE_HASH, &hash),
        ..(*spec.selector).clone()
    };
    let name = replica_set_name(&deployment.meta.name, &hash);
    let mut meta = Meta::named(&deployment.meta.namespace, &name);
    meta.labels = labels;
    let noted = annotations(deployment, &Labels::default(), revision);
    meta.annotations = Sizes::of(spec).note(&noted);
    meta.set_owners(vec![controller_reference(Kind::DEPLOYMENT, &deployment.meta)]);
    ReplicaSet {
        meta,
        spec: ReplicaSetSpec {
            min_ready_seconds: spec.min_ready_seconds,
            selector: Arc::new(selector),
            template: Arc::new(template),
            ..ReplicaSetSpec::default()
        },
        status: ReplicaSetStatus::default(),
    }
}
