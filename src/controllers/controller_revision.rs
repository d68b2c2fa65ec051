//! The history of workloads that keep it in `ControllerRevisions`.
//!
//! Responsible for what a revision holds, how it is named and found, and which ones go. It never
//! decides when: that is the controllers' business.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::api::Name;
use crate::api::apps::controller_revision::ControllerRevision;
use crate::api::apps::pod_template::PodTemplate;
use crate::api::meta::Uid;
use crate::api::names::safe_encode;
use crate::sim::index::Map as Table;

/// A prefix of a revision's name is cut to this length.
const LONGEST_PREFIX: usize = 223;

/// What a revision of a template holds: the patch that puts the template in place again.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_utils.go, `getPatch`;
/// pkg/controller/daemon/update.go, `getPatch`
pub fn data_of(template: &PodTemplate) -> Value {
    let mut value = template.to_value();
    if let Value::Object(map) = &mut value {
        map.insert("$patch".into(), "replace".into());
    }
    sorted(&json!({ "spec": { "template": value } }))
}

/// The same value with the members of each map sorted, as Go writes maps.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut all: Vec<(&String, &Value)> = map.iter().collect();
            all.sort_by_key(|(key, _)| *key);
            all.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// The hash that names a revision of this state.
///
/// Source: kubernetes v1.36 pkg/controller/history/controller_history.go,
/// `HashControllerRevision`
pub fn hash_of(data: &Value, collisions: i32) -> String {
    let text = data.to_string();
    let escape = |c: char| match c {
        '<' => "\\u003c".to_owned(),
        '>' => "\\u003e".to_owned(),
        '&' => "\\u0026".to_owned(),
        other => other.to_string(),
    };
    let text: String = text.chars().map(escape).collect();
    let bytes = text.bytes().chain(collisions.to_string().into_bytes());
    let fnv = |hash: u32, byte: u8| hash.wrapping_mul(0x0100_0193) ^ u32::from(byte);
    safe_encode(&bytes.fold(0x811c_9dc5, fnv).to_string())
}

/// The name of a revision.
///
/// Source: kubernetes v1.36 pkg/controller/history/controller_history.go,
/// `ControllerRevisionName`
pub fn name_of(owner: &str, hash: &str) -> Name {
    let cut = owner.len().min(LONGEST_PREFIX);
    smol_str::format_smolstr!("{}-{hash}", &owner[..cut])
}

/// Oldest first.
///
/// Source: kubernetes v1.36 pkg/controller/history/controller_history.go,
/// `SortControllerRevisions`
pub fn sort(revisions: &mut [Arc<ControllerRevision>]) {
    revisions.sort_by(|a, b| {
        let key = |r: &ControllerRevision| (r.revision, r.meta.creation);
        key(a).cmp(&key(b)).then_with(|| a.meta.name.cmp(&b.meta.name))
    });
}

/// The number of a revision that is newer than these, which are sorted.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_utils.go, `nextRevision`
pub fn next_number(sorted: &[Arc<ControllerRevision>]) -> i64 {
    sorted.last().map_or(1, |last| last.revision + 1)
}

/// The revisions beyond a limit that nobody lives by, oldest first.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_control.go, `truncateHistory`;
/// pkg/controller/daemon/update.go, `cleanupHistory`
pub fn beyond(
    sorted: &[Arc<ControllerRevision>],
    is_live: impl Fn(&ControllerRevision) -> bool,
    limit: i32,
) -> Vec<&Arc<ControllerRevision>> {
    let mut dead: Vec<_> = sorted.iter().filter(|r| !is_live(r)).collect();
    let Ok(limit) = usize::try_from(limit) else { return Vec::new() };
    dead.truncate(dead.len().saturating_sub(limit));
    dead
}

/// What was worked out about templates and revisions, so that it is not worked out at each look.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// By the owner: a template and what a revision of it holds.
    data: Table<Uid, (Arc<PodTemplate>, Arc<Value>)>,
    /// By the revision: the template that it holds.
    templates: Table<Uid, Arc<PodTemplate>>,
}

impl Memory {
    /// Whether an owner was looked at before.
    pub fn knows(&self, owner: Uid) -> bool {
        self.data.contains_key(&owner)
    }

    /// What a revision of an owner's present template holds.
    pub fn data(&mut self, owner: Uid, template: &Arc<PodTemplate>) -> Arc<Value> {
        if let Some((known, data)) = self.data.get(&owner)
            && Arc::ptr_eq(known, template)
        {
            return data.clone();
        }
        let data = Arc::new(data_of(template));
        self.data.insert(owner, (template.clone(), data.clone()));
        data
    }

    /// The newest of these that holds the data, which are sorted; its copy is the one that is
    /// compared from now on.
    ///
    /// Source: kubernetes v1.36 pkg/controller/history/controller_history.go,
    /// `FindEqualRevisions`
    pub fn find<'a>(
        &mut self,
        owner: Uid,
        sorted: &'a [Arc<ControllerRevision>],
        data: &Arc<Value>,
    ) -> Option<&'a Arc<ControllerRevision>> {
        let is_equal = |r: &&Arc<ControllerRevision>| Arc::ptr_eq(&r.data, data) || r.data == *data;
        let found = sorted.iter().rev().find(is_equal)?;
        if let Some((_, known)) = self.data.get_mut(&owner) {
            *known = found.data.clone();
        }
        Some(found)
    }

    /// The template that a revision holds.
    ///
    /// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_utils.go, `ApplyRevision`
    pub fn template(&mut self, revision: &ControllerRevision) -> Option<Arc<PodTemplate>> {
        if let Some(template) = self.templates.get(&revision.meta.uid) {
            return Some(template.clone());
        }
        let mut value = revision.data.pointer("/spec/template")?.clone();
        value.as_object_mut().map(|map: &mut Map<String, Value>| map.shift_remove("$patch"));
        let template: Arc<PodTemplate> = Arc::new(serde_json::from_value(value).ok()?);
        self.templates.insert(revision.meta.uid, template.clone());
        Some(template)
    }

    /// Forgets an owner or a revision that is gone.
    pub fn forget(&mut self, uid: Uid) {
        self.data.remove(&uid);
        self.templates.remove(&uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::meta::Meta;

    /// The template of a recorded `StatefulSet`, as the apiserver stores it.
    const TEMPLATE: &str = r#"{"metadata":{"labels":{"app":"db"}},"spec":{"nodeSelector":{"pool":"main"},"containers":[{"name":"app","image":"registry.local/db:v1","readinessProbe":{"exec":{"command":["ready-after","2"]},"periodSeconds":1,"timeoutSeconds":1,"successThreshold":1,"failureThreshold":3},"resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent"}],"restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","securityContext":{},"schedulerName":"default-scheduler"}}"#;

    fn template() -> PodTemplate {
        serde_json::from_str(TEMPLATE).expect("it is a template")
    }

    #[test]
    fn a_revision_is_named_as_a_real_cluster_names_it() {
        let hash = hash_of(&data_of(&template()), 0);
        assert_eq!(name_of("db", &hash), "db-559fffc79c");
    }

    #[test]
    fn a_template_comes_back_from_its_revision() {
        let mut memory = Memory::default();
        let template = Arc::new(template());
        let data = memory.data(Uid::parse("set"), &template);
        let revision = ControllerRevision { data, ..ControllerRevision::default() };
        assert_eq!(memory.template(&revision), Some(template));
    }

    #[test]
    fn only_what_nobody_lives_by_goes_beyond_the_limit() {
        let of = |n: i64| {
            let meta = Meta::named("default", &format!("r{n}"));
            Arc::new(ControllerRevision { meta, revision: n, ..ControllerRevision::default() })
        };
        let all: Vec<_> = (1..=5).map(of).collect();
        let gone = beyond(&all, |r| r.revision == 1 || r.revision == 5, 2);
        assert_eq!(gone.iter().map(|r| r.revision).collect::<Vec<_>>(), [2]);
        assert!(beyond(&all, |_| false, -1).is_empty());
        assert_eq!(next_number(&all), 6);
    }
}
