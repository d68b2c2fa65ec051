//! Lesson 4: two controllers that keep three pods, one that looks at the state and one that counts
//! on messages.
//!
//! Both keep pods with the label `keeper` and their own name as its value. Whoever misses a message
//! finds out which design it has.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::Name;
use crate::api::core::pod::{Pod, PodSpec};
use crate::api::labels::Labels;
use crate::api::meta::Meta;
use crate::api::object::{Kind, ObjectKey};
use crate::api::why::Why;
use crate::client::plan::{Expect, Plan, Write};
use crate::client::reconciler::{Keys, Observed, Reconciler, Settings, Watch};
use crate::client::view::View;

/// The names of the operators that the course brings.
pub const NAMES: &[&str] = &["level-keeper", "edge-keeper"];

/// So many pods are kept.
const WANTED: usize = 3;

/// The label that says whose a pod is.
const LABEL: &str = "keeper";

/// The operator of a name.
pub fn named(name: &str) -> Option<Box<dyn Reconciler>> {
    match name {
        "level-keeper" => Some(Box::new(LevelKeeper)),
        "edge-keeper" => Some(Box::new(EdgeKeeper::default())),
        _ => None,
    }
}

/// Level-triggered: counts the pods that there are, and makes those that are missing. A change only
/// tells it to look.
#[derive(Clone)]
struct LevelKeeper;

impl Reconciler for LevelKeeper {
    fn name(&self) -> &'static str {
        "level-keeper"
    }

    fn watches(&self) -> &'static [Watch] {
        &[Watch { kind: Kind::POD, keys: |change, _, keys| own_key("level", change, keys) }]
    }

    fn settings(&self) -> Settings {
        Settings { expectations: true, ..Settings::default() }
    }

    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let mut plan = Plan::nothing();
        if !view.expectations_met() {
            return plan;
        }
        let pods = view.cache(Kind::POD).in_namespace(&key.namespace);
        let mine = pods.filter_map(|object| object.as_a::<Pod>()).filter(|pod| {
            pod.is_active() && pod.meta.labels.get(LABEL).is_some_and(|value| *value == key.name)
        });
        let there = mine.count();
        for _ in there..WANTED {
            let why = Why::two("{} of {} pods are there", there, WANTED);
            plan.push(Write::create(pod_of(key), why).expecting(Expect::Creation));
        }
        plan
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}

/// Edge-triggered: for each pod of which it hears that it is gone, it makes one. It never counts.
#[derive(Clone, Default)]
struct EdgeKeeper {
    /// Deletions that it has heard of and not yet made good, by key.
    heard: BTreeMap<ObjectKey, usize>,
}

impl Reconciler for EdgeKeeper {
    fn name(&self) -> &'static str {
        "edge-keeper"
    }

    fn watches(&self) -> &'static [Watch] {
        &[Watch { kind: Kind::POD, keys: |change, _, keys| own_key("edge", change, keys) }]
    }

    fn observe(&mut self, change: &Observed<'_>, _: View<'_>) {
        let mut keys = Keys::default();
        own_key("edge", change, &mut keys);
        if change.new.is_none() {
            for (key, _) in keys.queue {
                *self.heard.entry(key).or_default() += 1;
            }
        }
    }

    fn reconcile(&mut self, key: &ObjectKey, _: View<'_>) -> Plan {
        let mut plan = Plan::nothing();
        for _ in 0..self.heard.remove(key).unwrap_or(0) {
            plan.push(Write::create(pod_of(key), Why::new("a pod is gone, it was told")));
        }
        plan
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}

/// The key of a keeper: one for all its pods of a namespace. What it makes it also counts as seen.
fn own_key(value: &str, change: &Observed<'_>, keys: &mut Keys) {
    let meta = change.latest().meta();
    if meta.labels.get(LABEL).is_none_or(|label| label != value) {
        return;
    }
    let key = ObjectKey::new(Kind::POD, &meta.namespace, value);
    if change.old.is_none() && value == "level" {
        keys.created = Some(key.clone());
    }
    keys.add(key);
}

fn pod_of(key: &ObjectKey) -> Pod {
    let labels = [(Name::new_static(LABEL), key.name.clone())];
    let meta = Meta {
        generate_name: smol_str::format_smolstr!("{}-", key.name),
        namespace: key.namespace.clone(),
        labels: labels.into_iter().collect::<Labels>(),
        ..Meta::default()
    };
    let container = serde_json::json!({"name": "app", "image": "registry.local/web:v1"});
    let mut spec = serde_json::Map::new();
    spec.insert("containers".into(), serde_json::Value::Array(vec![container]));
    let spec: Arc<PodSpec> = PodSpec::parse(spec).expect("a pod with one container");
    Pod { meta, spec, ..Pod::default() }
}
