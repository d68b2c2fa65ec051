//! What has to be done before a pod is put on its node: writes of plugins, and waiting for what
//! comes of them.

use std::collections::VecDeque;

use crate::api::Name;
use crate::api::edit::Edit;
use crate::api::gates::Gate;
use crate::api::meta::Uid;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::request::{Answer, Patch, Subresource, Verb};
use crate::api::why::Why;
use crate::client::component::Moment;
use crate::client::reconciler::Observed;
use crate::scheduler::cache::Cache;
use crate::scheduler::component::{Purpose, Scheduler};
use crate::scheduler::event::{Action, EventResource, Happened};
use crate::scheduler::plugins::Point;
use crate::scheduler::profile::Profile;
use crate::scheduler::queue::Queued;
use crate::sim::time::{SimDuration, SimTime};

/// How often it is looked whether a pod can be bound.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/volumebinding/binder.go,
/// `BindPodVolumes`
const LOOK_EVERY: SimDuration = SimDuration::secs(1);

/// How long a pod waits for its volumes.
///
/// Source: kubernetes v1.36 pkg/scheduler/apis/config/v1/defaults.go,
/// `SetDefaults_VolumeBindingArgs`
pub(super) const BIND_TIMEOUT: SimDuration = SimDuration::secs(600);

/// A pod that has a node and is not bound yet.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    queued: Queued,
    node: Name,
    /// Why this node.
    why: Why,
    writes: VecDeque<(Verb, Why)>,
    written: Vec<Object>,
    /// When the writes were done, from which the looks follow.
    since: Option<SimTime>,
    /// How long it waits from then on.
    pub(super) timeout: SimDuration,
    /// Whether something has changed since the last look.
    is_news: bool,
}

impl Waiting {
    /// What has to be done before a pod is put on a node; none when nothing has.
    pub(super) fn of(
        profile: &Profile,
        queued: Queued,
        node: &Name,
        why: &Why,
        cluster: &Cache,
    ) -> Option<Waiting> {
        queued.pod.spec.storage.as_ref()?;
        let plugins = profile.at(Point::PreBind);
        let writes = plugins.flat_map(|p| p.plugin.pre_bind(&queued.pod, node, cluster));
        let writes: VecDeque<(Verb, Why)> = writes.collect();
        let (node, why, written) = (node.clone(), why.clone(), Vec::new());
        let waiting = Waiting {
            queued,
            node,
            why,
            writes,
            written,
            since: None,
            timeout: BIND_TIMEOUT,
            is_news: true,
        };
        (!waiting.writes.is_empty()).then_some(waiting)
    }

    /// When it is looked at next: at the first of its beats after something has changed.
    fn look_at(&self, now: SimTime) -> Option<SimTime> {
        let since = self.since.filter(|_| self.is_news)?;
        let beats = now.since(since).0.div_ceil(LOOK_EVERY.0).max(1);
        Some(since + LOOK_EVERY.times(beats))
    }
}

impl Scheduler {
    /// Begins what has to be done before a pod is put on its node. Others are told at once which
    /// node that will be.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/schedule_one.go, `bindingCycle`
    pub(super) fn wait(&mut self, mut waiting: Waiting, moment: &mut Moment<'_>) {
        let pod = &waiting.queued.pod;
        let uid = pod.meta.uid;
        if self.config.gates.is_on(Gate::NominatedNodeNameForExpectation)
            && pod.status.nominated_node_name != waiting.node
        {
            let key = ObjectKey::new(Kind::POD, &pod.meta.namespace, &pod.meta.name);
            let patch = Patch::Edit(Edit::NominatedNode(waiting.node.clone()));
            let verb = Verb::Patch { key, part: Subresource::Status, patch, dry_run: false };
            let token = self.next_token();
            let text = "it will go to {} when its volumes are ready";
            moment.out.send(token, verb, Why::one(text, waiting.node.clone()));
        }
        let first = waiting.writes.pop_front();
        self.waiting.insert(uid, waiting);
        if let Some((verb, why)) = first {
            self.write_before(uid, verb, why, moment);
        }
    }

    fn write_before(&mut self, uid: Uid, verb: Verb, why: Why, moment: &mut Moment<'_>) {
        let token = self.next_token();
        moment.out.send(token, verb, why);
        self.requests.insert(token, Purpose::BeforeBinding(uid));
    }

    /// A write before a binding was answered.
    pub(super) fn written(&mut self, uid: Uid, answer: &Answer, moment: &mut Moment<'_>) {
        let Some(waiting) = self.waiting.get_mut(&uid) else { return };
        match answer {
            Answer::Refused(refusal) => {
                let message = refusal.message.to_string();
                return self.give_up(uid, &message, moment);
            }
            Answer::Object(object) => waiting.written.push(object.clone()),
            Answer::Deleted(_) | Answer::Done | Answer::List(_) | Answer::Watching => {}
        }
        match waiting.writes.pop_front() {
            Some((verb, why)) => self.write_before(uid, verb, why, moment),
            None => waiting.since = Some(moment.now),
        }
    }

    /// The pod does not get to its node after all.
    fn give_up(&mut self, uid: Uid, why: &str, moment: &mut Moment<'_>) {
        let Some(waiting) = self.waiting.remove(&uid) else { return };
        self.take_back(&waiting.queued, &waiting.node, moment.now);
        let message = format!("running PreBind plugin \"VolumeBinding\": {why}");
        self.error(waiting.queued, &message, moment);
    }

    /// Looks at the pods for which something has changed, and binds those that can be.
    pub(super) fn look_at_waiting(&mut self, moment: &mut Moment<'_>) {
        if self.waiting.is_empty() {
            return;
        }
        let now = moment.now;
        let due = |w: &Waiting| {
            w.since.is_some_and(|since| since + w.timeout <= now) || w.look_at(now) == Some(now)
        };
        let all: Vec<Uid> = self.waiting.iter().filter(|(_, w)| due(w)).map(|(u, _)| *u).collect();
        for uid in all {
            self.look_at_one(uid, moment);
        }
        for waiting in self.waiting.values() {
            if let Some(at) = waiting.look_at(now) {
                moment.out.wake(at);
            }
            if let Some(since) = waiting.since {
                moment.out.wake_in_background(since + waiting.timeout);
            }
        }
    }

    fn look_at_one(&mut self, uid: Uid, moment: &mut Moment<'_>) {
        let Some(waiting) = self.waiting.get_mut(&uid) else { return };
        waiting.is_news = false;
        let is_over = waiting.since.is_some_and(|since| since + waiting.timeout <= moment.now);
        let (name, node) = (waiting.queued.pod.meta.name.clone(), waiting.node.clone());
        if !self.pods.contains_key(&uid) {
            let why =
                format!("binding volumes: pod does not exist any more: pod {name:?} not found");
            return self.give_up(uid, &why, moment);
        }
        let (profile, written) = (waiting.queued.profile, &waiting.written);
        let all = self.profiles[profile].at(Point::PreBind).try_fold(true, |all, p| {
            let one = p.plugin.is_bindable(&node, written, &self.cache)?;
            Ok::<bool, String>(all && one)
        });
        match all {
            Err(why) => self.give_up(uid, &format!("binding volumes: {why}"), moment),
            Ok(true) => {
                let Some(waiting) = self.waiting.remove(&uid) else { return };
                self.put(waiting.queued, waiting.node, waiting.why, moment);
            }
            Ok(false) if is_over => {
                self.give_up(uid, "binding volumes: context deadline exceeded", moment);
            }
            Ok(false) => {}
        }
    }

    /// There is news for the pods that wait.
    pub(super) fn news(&mut self) {
        self.waiting.values_mut().for_each(|waiting| waiting.is_news = true);
    }

    /// An object of storage came, changed or went.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/eventhandlers.go, `addAllEventHandlers`
    pub(super) fn storage_changed(&mut self, change: &Observed<'_>, now: SimTime) {
        let latest = change.latest();
        if !self.cache.volumes.changed(latest, change.new) {
            return;
        }
        self.news();
        let resource = match latest.kind() {
            Kind::PERSISTENT_VOLUME => EventResource::PersistentVolume,
            Kind::PERSISTENT_VOLUME_CLAIM => EventResource::PersistentVolumeClaim,
            Kind::STORAGE_CLASS => EventResource::StorageClass,
            Kind::CSI_NODE => EventResource::CsiNode,
            _ => EventResource::VolumeAttachment,
        };
        let action = match (change.old, change.new) {
            (None, _) => Action::ADD,
            (Some(_), Some(_)) => Action::UPDATE,
            (Some(_), None) => Action::DELETE,
        };
        self.queue.happened(&Happened::new(resource, action, change), now);
    }
}
