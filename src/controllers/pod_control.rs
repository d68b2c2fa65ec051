//! How controllers make and delete pods: the pod of a template, the writes and their events.
//!
//! Responsible for one pod's shape; how many there are to be is the controllers' business.

use std::sync::Arc;

use crate::api::Name;
use crate::api::apps::pod_template::PodTemplate;
use crate::api::core::event::ObjectReference;
use crate::api::core::pod::{Pod, PodStatus};
use crate::api::meta::{Meta, OwnerReference};
use crate::api::names;
use crate::api::object::Object;
use crate::api::request::EventNote;
use crate::api::why::Why;
use crate::client::plan::{Expect, Write};

/// The pod that a template describes, without a name: the apiserver completes the prefix.
///
/// Spec, labels and annotations are the template's own copies.
///
/// Source: kubernetes v1.36 pkg/controller/controller_utils.go, `GetPodFromTemplate`
pub fn pod_from_template(template: &PodTemplate, parent: &Meta, owner: OwnerReference) -> Pod {
    let meta = Meta {
        generate_name: prefix(&parent.name),
        namespace: parent.namespace.clone(),
        labels: template.meta.labels.clone(),
        annotations: template.meta.annotations.clone(),
        finalizers: template.meta.finalizers.clone(),
        owners: Some(Arc::new([owner])),
        ..Meta::default()
    };
    Pod {
        meta,
        spec: template.spec.clone(),
        node_name: template.node_name.clone(),
        status: Arc::new(PodStatus::default()),
    }
}

/// The prefix of the names of a workload's pods: its own name and a hyphen, unless that is no
/// prefix of a name.
///
/// Source: kubernetes v1.36 pkg/controller/controller_utils.go, `getPodsPrefix`
pub fn prefix(parent: &str) -> Name {
    if names::dns1123_subdomain(parent).is_empty() {
        return smol_str::format_smolstr!("{parent}-");
    }
    parent.into()
}

/// Tells about pods of one workload; its texts are shared by all writes.
#[derive(Clone, Debug)]
pub struct PodControl {
    about: Arc<ObjectReference>,
}

impl PodControl {
    /// For a workload.
    pub fn of(parent: &Object) -> PodControl {
        PodControl { about: parent.reference() }
    }

    fn note(&self, warning: bool, reason: &'static str, message: &Arc<str>) -> EventNote {
        EventNote { about: self.about.clone(), warning, reason, message: message.clone() }
    }

    /// The writes that create `count` equal pods.
    ///
    /// Source: kubernetes v1.36 pkg/controller/controller_utils.go, `RealPodControl.createPods`
    pub fn creations(&self, pod: Pod, count: usize, why: &Why) -> Vec<Write> {
        let created: Arc<str> = "Created pod: {name}".into();
        let failed: Arc<str> = "Error creating: {refusal}".into();
        let one = Write::create(pod, why.clone())
            .telling(self.note(false, "SuccessfulCreate", &created))
            .telling_refusal(self.note(true, "FailedCreate", &failed))
            .expecting(Expect::Creation);
        vec![one; count]
    }

    /// The write that deletes a pod.
    ///
    /// Source: kubernetes v1.36 pkg/controller/controller_utils.go, `RealPodControl.DeletePod`
    pub fn deletion(&self, pod: &Arc<Pod>, why: Why) -> Write {
        let deleted = format!("Deleted pod: {}", pod.meta.name).into();
        let failed: Arc<str> = "Error deleting: {refusal}".into();
        Write::delete(&Object::Pod(pod.clone()), why)
            .telling(self.note(false, "SuccessfulDelete", &deleted))
            .telling_refusal(self.note(true, "FailedDelete", &failed))
            .expecting(Expect::Deletion(pod.meta.uid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_in_a_hyphen_unless_that_is_no_name() {
        assert_eq!(prefix("web-1"), "web-1-");
        assert_eq!(prefix("Web"), "Web");
    }
}
