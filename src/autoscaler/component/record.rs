//! What the autoscaler tells: events about pods, nodes and itself, and its status.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::super::status;
use super::{ClusterAutoscaler, Purpose};
use crate::api::Name;
use crate::api::core::event::ObjectReference;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::meta::Meta;
use crate::api::object::{Kind, Object, ObjectKey, Opaque};
use crate::api::refusal::Reason;
use crate::api::request::{Answer, EventNote, Patch, Subresource, Verb};
use crate::api::why::Why;
use crate::client::component::Moment;
use crate::sim::time::{SimDuration, SimTime};

/// What was told about what.
pub(super) type Told = (Name, Name, &'static str, Arc<str>);

/// The same is not told again for so long.
///
/// Source: autoscaler cluster-autoscaler-1.36 cluster-autoscaler/utils/kubernetes/factory.go,
/// `getCorrelationOptions`
const SILENCE: SimDuration = SimDuration::secs(300);

impl ClusterAutoscaler {
    fn tell(
        &mut self,
        about: Arc<ObjectReference>,
        (warning, reason): (bool, &'static str),
        text: &str,
        moment: &mut Moment<'_>,
    ) {
        let message: Arc<str> = text.into();
        let key = (about.namespace.clone(), about.name.clone(), reason, message.clone());
        let now = moment.now;
        self.told.retain(|_, at| *at + SILENCE > now);
        if self.told.contains_key(&key) {
            return;
        }
        self.told.insert(key, now);
        moment.out.events.push(EventNote { about, warning, reason, message });
    }

    pub(super) fn tell_pod(
        &mut self,
        pod: &Arc<Pod>,
        reason: &'static str,
        text: &str,
        moment: &mut Moment<'_>,
    ) {
        let about = Object::Pod(pod.clone()).reference();
        self.tell(about, (reason == "ScaleDownFailed", reason), text, moment);
    }

    pub(super) fn tell_node(
        &mut self,
        node: &Name,
        (warning, reason): (bool, &'static str),
        text: &str,
        moment: &mut Moment<'_>,
    ) {
        let Some(object) = moment.caches.of(Kind::NODE).get("", node) else { return };
        let about = object.reference();
        self.tell(about, (warning, reason), text, moment);
    }

    /// An event about the autoscaler itself, which stands at its status.
    pub(super) fn tell_status(
        &mut self,
        warning: bool,
        reason: &'static str,
        text: &str,
        moment: &mut Moment<'_>,
    ) {
        if !self.options.write_status_configmap {
            return;
        }
        let about = Arc::new(ObjectReference {
            kind: Name::new_static("ConfigMap"),
            namespace: Name::new_static(status::NAMESPACE),
            name: Name::new_static(status::NAME),
            api_version: Name::new_static("v1"),
            ..ObjectReference::default()
        });
        self.tell(about, (warning, reason), text, moment);
    }

    /// Pods that no group helps are told why.
    ///
    /// Differs: the reasons stand in the order of the alphabet; the real order is any.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/processors/status/eventing_scale_up_processor.go,
    /// `EventingScaleUpStatusProcessor.Process`, `ReasonsMessage`
    pub(super) fn tell_unhelped(
        &mut self,
        unhelped: &[(Arc<Pod>, BTreeMap<Name, usize>)],
        moment: &mut Moment<'_>,
    ) {
        for (pod, reasons) in unhelped {
            let all: Vec<String> = reasons.iter().map(|(r, n)| format!("{n} {r}")).collect();
            let text = format!("pod didn't trigger scale-up: {}", all.join(", "));
            self.tell_pod(pod, "NotTriggerScaleUp", &text, moment);
        }
    }

    /// Writes the status when it says something new.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/clusterstate/utils/status.go, `WriteStatusConfigMap`
    pub(super) fn write_status(&mut self, moment: &mut Moment<'_>) {
        if !self.options.write_status_configmap {
            return;
        }
        let now = moment.now;
        let (registry, provider) = (&self.registry, &self.provider);
        let text = status::text(registry, &self.planner, provider, &self.options, now);
        if text == self.written {
            return;
        }
        self.written = text;
        let key = ObjectKey::new(Kind::CONFIG_MAP, status::NAMESPACE, status::NAME);
        let patch = Patch::Merge(Arc::new(json!({ "data": { "status": self.written } })));
        let verb = Verb::Patch { key, part: Subresource::Main, patch, dry_run: false };
        self.send_status(verb, moment);
    }

    fn send_status(&mut self, verb: Verb, moment: &mut Moment<'_>) {
        self.token += 1;
        self.requests.insert(self.token, Purpose::Status);
        let why = Why::new("what it has seen at its last look");
        moment.out.send_in_background(self.token, verb, why);
    }

    pub(super) fn status_answered(&mut self, answer: &Answer, moment: &mut Moment<'_>) {
        let Answer::Refused(refusal) = answer else { return };
        if refusal.reason != Reason::NotFound {
            // The next look writes it anew.
            self.written.clear();
            return;
        }
        let data = json!({ "status": self.written });
        let body = serde_json::Map::from_iter([("data".to_owned(), data)]);
        let meta = Meta::named(status::NAMESPACE, status::NAME);
        let object =
            Object::Opaque(Arc::new(Opaque { kind: Kind::CONFIG_MAP, meta, body: Arc::new(body) }));
        self.send_status(Verb::Create { object, dry_run: false }, moment);
    }

    /// The node as it is known, if it is there.
    pub(super) fn known_node(name: &Name, moment: &Moment<'_>) -> Option<Arc<Node>> {
        let found = moment.caches.of(Kind::NODE).get("", name)?;
        found.as_a::<Node>().cloned()
    }

    pub(super) fn is_in_delay(since: Option<SimTime>, delay: SimDuration, now: SimTime) -> bool {
        since.is_some_and(|at| at + delay > now)
    }
}
