//! The events of the kubelet: their words, and the texts that are built once and shared.

use std::sync::Arc;

use smol_str::format_smolstr;

use crate::api::Name;
use crate::api::core::event::ObjectReference;
use crate::api::core::pod::Pod;
use crate::api::meta::Uid;
use crate::api::request::EventNote;
use crate::client::component::Moment;
use crate::sim::index::Map;
use crate::sim::time::SimDuration;

/// Source: kubernetes v1.36 pkg/kubelet/active_deadline.go, `message`
pub(super) const DEADLINE_TEXT: &str =
    "Pod was active on the node longer than the specified deadline";

/// A container of a pod by its place, or the pod itself, as events name it.
type About = (Option<usize>, Arc<ObjectReference>);

/// Texts that are built once.
#[derive(Clone, Default)]
pub(super) struct Texts {
    fixed: Map<&'static str, Arc<str>>,
    present: Map<Name, Arc<str>>,
    pulling: Map<Name, Arc<str>>,
    stopping: Map<Name, Arc<str>>,
    paths: Map<(bool, Name), Name>,
    /// Whom events of a pod are about, by the place of the container.
    about: Map<Uid, Vec<About>>,
}

impl Texts {
    /// A text that is always the same.
    pub(super) fn fixed(&mut self, text: &'static str) -> Arc<str> {
        self.fixed.entry(text).or_insert_with(|| text.into()).clone()
    }

    /// Source: kubernetes v1.36 pkg/kubelet/images/image_manager.go, `imagePullPrecheck`
    pub(super) fn present(&mut self, image: &Name) -> Arc<str> {
        shared(&mut self.present, image, |i| {
            format!(
                "Container image \"{i}\" already present on machine and can be accessed by the pod"
            )
        })
    }

    /// Source: kubernetes v1.36 pkg/kubelet/images/image_manager.go, `pullImage`
    pub(super) fn pulling(&mut self, image: &Name) -> Arc<str> {
        shared(&mut self.pulling, image, |i| format!("Pulling image \"{i}\""))
    }

    /// Source: kubernetes v1.36 pkg/kubelet/kuberuntime/kuberuntime_container.go, `killContainer`
    pub(super) fn stopping(&mut self, container: &Name) -> Arc<str> {
        shared(&mut self.stopping, container, |c| format!("Stopping container {c}"))
    }

    /// `spec.containers{app}`.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/container/ref.go, `fieldPath`
    fn path(&mut self, is_init: bool, container: &Name) -> Name {
        let build = || {
            let list = if is_init { "initContainers" } else { "containers" };
            format_smolstr!("spec.{list}{{{container}}}")
        };
        self.paths.entry((is_init, container.clone())).or_insert_with(build).clone()
    }

    /// Records an event about a container of a pod; about the pod itself without a place.
    pub(super) fn tell(
        &mut self,
        pod: &Pod,
        place: Option<usize>,
        (warning, reason): (bool, &'static str),
        message: Arc<str>,
        moment: &mut Moment<'_>,
    ) {
        let about = self.about(pod, place);
        moment.out.events.push(EventNote { about, warning, reason, message });
    }

    /// The pod, or one of its containers, as events name it.
    fn about(&mut self, pod: &Pod, place: Option<usize>) -> Arc<ObjectReference> {
        let known = self.about.get(&pod.meta.uid).into_iter().flatten();
        if let Some((_, about)) = known.clone().find(|(p, _)| *p == place) {
            return about.clone();
        }
        let spec = &pod.spec;
        let inits = spec.init_containers.len();
        let container = place.and_then(|p| spec.all_containers().nth(p).map(|c| (p < inits, c)));
        let field_path = container.map_or(Name::default(), |(init, c)| self.path(init, &c.name));
        let about = Arc::new(ObjectReference {
            kind: Name::new_static("Pod"),
            namespace: pod.meta.namespace.clone(),
            name: pod.meta.name.clone(),
            uid: pod.meta.uid,
            api_version: Name::new_static("v1"),
            resource_version: Name::default(),
            field_path,
        });
        self.about.entry(pod.meta.uid).or_default().push((place, about.clone()));
        about
    }

    /// Forgets a pod that is gone.
    pub(super) fn forget(&mut self, pod: Uid) {
        self.about.remove(&pod);
    }
}

fn shared(map: &mut Map<Name, Arc<str>>, key: &Name, text: fn(&Name) -> String) -> Arc<str> {
    if let Some(found) = map.get(key) {
        return found.clone();
    }
    let built: Arc<str> = text(key).into();
    map.insert(key.clone(), built.clone());
    built
}

/// Source: kubernetes v1.36 pkg/kubelet/images/image_manager.go, `pullImage`
pub(super) fn pulled(image: &Name, took: SimDuration, size: u64) -> Arc<str> {
    let took = SimDuration::millis(took.as_millis());
    format!(
        "Successfully pulled image \"{image}\" in {took} ({took} including waiting). \
         Image size: {size} bytes."
    )
    .into()
}

/// `crash_default(uid)`.
///
/// Source: kubernetes v1.36 pkg/kubelet/util/format/pod.go, `Pod`
pub(super) fn pod_text(pod: &Pod) -> String {
    format!("{}_{}({})", pod.meta.name, pod.meta.namespace, pod.meta.uid)
}

/// What is told of an event: whether it is a warning, and one word.
pub(super) mod reason {
    pub(in crate::node::kubelet) const PULLING: (bool, &str) = (false, "Pulling");
    pub(in crate::node::kubelet) const PULLED: (bool, &str) = (false, "Pulled");
    pub(in crate::node::kubelet) const CREATED: (bool, &str) = (false, "Created");
    pub(in crate::node::kubelet) const STARTED: (bool, &str) = (false, "Started");
    pub(in crate::node::kubelet) const KILLING: (bool, &str) = (false, "Killing");
    pub(in crate::node::kubelet) const FAILED: (bool, &str) = (true, "Failed");
    pub(in crate::node::kubelet) const BACK_OFF_PULL: (bool, &str) = (false, "BackOff");
    pub(in crate::node::kubelet) const BACK_OFF: (bool, &str) = (true, "BackOff");
    pub(in crate::node::kubelet) const UNHEALTHY: (bool, &str) = (true, "Unhealthy");
    pub(in crate::node::kubelet) const NEVER_PULL: (bool, &str) = (true, "ErrImageNeverPull");
    pub(in crate::node::kubelet) const POST_START: (bool, &str) = (true, "FailedPostStartHook");
    pub(in crate::node::kubelet) const DEADLINE: (bool, &str) = (false, "DeadlineExceeded");
}
