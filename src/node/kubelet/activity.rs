//! What a worker is busy with: mounting, pulling, starting, one container after the other.

use crate::api::core::container::Hook;
use crate::api::quantity::Quantity;
use crate::client::component::Moment;
use crate::node::backoff::IMAGE_PULL;
use crate::node::command::{self, Check};
use crate::node::kubelet::host::Host;
use crate::node::kubelet::text::{pulled, reason};
use crate::node::kubelet::worker::Worker;
use crate::node::runtime::Stop;
use crate::sim::time::{SimDuration, SimTime};

/// What a worker is busy with.
#[derive(Clone, Debug)]
pub(super) struct Activity {
    /// When the step is done.
    pub(super) at: SimTime,
    /// What is being done.
    pub(super) step: Step,
    /// Places of the containers that are started after it.
    pub(super) queue: Vec<usize>,
    /// Whether a container was started, so that the runtime's state has changed.
    pub(super) started: bool,
}

/// One step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Volumes are mounted, the sandbox is made.
    Mounted,
    /// The next container of the queue.
    Next,
    /// Its image is pulled, since when.
    Pulled(usize, SimTime),
    /// It was created and is starting.
    Started(usize),
    /// Its hook after the start has run.
    Hooked(usize),
    /// The runtime is listed anew.
    Settled,
}

impl Activity {
    /// A first step.
    pub(super) fn begin(at: SimTime, step: Step) -> Activity {
        Activity { at, step, queue: Vec::new(), started: false }
    }
}

impl Worker {
    /// The present step is done: what follows from it.
    pub(super) fn advance(&mut self, host: &mut Host, moment: &mut Moment<'_>) {
        let Some(activity) = self.activity.take() else { return };
        match activity.step {
            Step::Mounted => self.mounted(host, moment),
            Step::Next => self.next_container(activity, host, moment),
            Step::Pulled(place, since) => self.pull_ended(activity, place, since, host, moment),
            Step::Started(place) => self.started(activity, place, host, moment),
            Step::Hooked(place) => self.hooked(activity, place, host, moment),
            Step::Settled => self.settled(&activity, host, moment),
        }
    }

    fn go_on(&mut self, mut activity: Activity, step: Step, at: SimTime) {
        activity.step = step;
        activity.at = at;
        self.activity = Some(activity);
    }

    /// Source: kubernetes v1.36 pkg/kubelet/kuberuntime/kuberuntime_manager.go, `SyncPod`
    fn mounted(&mut self, host: &mut Host, moment: &mut Moment<'_>) {
        let places = self.pod.spec.init_containers.len() + self.pod.spec.containers.len();
        let config = host.config.clone();
        host.runtime.create_sandbox(self.pod.meta.uid, places, &config.node.pod_range);
        self.add_probes(host, moment);
        self.generate(host, moment);
        self.post(host, moment);
        let actions = self.actions(host, moment.now);
        self.act(&actions, host, moment);
        if self.activity.is_none() {
            self.plan_next_look(host, moment.now);
        }
    }

    fn next_container(&mut self, mut activity: Activity, host: &mut Host, moment: &mut Moment<'_>) {
        if activity.queue.is_empty() {
            let settle = host.config.settle.draw(moment.rng);
            self.go_on(activity, Step::Settled, moment.now + settle);
            return;
        }
        let place = activity.queue.remove(0);
        let Some(container) = self.container(place) else { return };
        let (image, policy) = (container.image.clone(), container.image_pull_policy.clone());
        let here = host.runtime.has_image(&image);
        if here && policy != "Always" {
            let text = host.texts.present(&image);
            host.texts.tell(&self.pod, Some(place), reason::PULLED, text, moment);
            self.create(activity, place, host, moment);
        } else if policy == "Never" {
            let text =
                format!("Container image \"{image}\" is not present with pull policy of Never");
            self.image_failed(place, reason::NEVER_PULL, &text, host, moment);
            self.error(place, "ErrImageNeverPull", &text, host, moment);
            self.go_on(activity, Step::Next, moment.now);
        } else if self.pulls[place].ends_since_count(IMAGE_PULL, moment.now).is_some() {
            let text = format!("Back-off pulling image \"{image}\"");
            self.image_failed(place, reason::BACK_OFF_PULL, &text, host, moment);
            let cause = host.pull_error(&image);
            let text = format!("{text}: ErrImagePull: {}", pull_text(&image, &cause));
            self.error(place, "ImagePullBackOff", &text, host, moment);
            self.go_on(activity, Step::Next, moment.now);
        } else {
            let text = host.texts.pulling(&image);
            host.texts.tell(&self.pod, Some(place), reason::PULLING, text, moment);
            let length = host.config.images.of(&image).pull + host.registry.slower(&image);
            let end = host.runtime.pull(&image, moment.now, length);
            self.go_on(activity, Step::Pulled(place, moment.now), end);
        }
    }

    /// Source: kubernetes v1.36 pkg/kubelet/images/image_manager.go, `pullImage`
    fn pull_ended(
        &mut self,
        activity: Activity,
        place: usize,
        since: SimTime,
        host: &mut Host,
        moment: &mut Moment<'_>,
    ) {
        let now = moment.now;
        let Some(image) = self.container(place).map(|c| c.image.clone()) else { return };
        let config = host.config.clone();
        let behaviour = config.images.of(&image);
        let error = host.pull_error(&image);
        if error.is_empty() {
            host.runtime.add_image(&image);
            let text = pulled(&image, now.since(since), behaviour.size_bytes);
            host.texts.tell(&self.pod, Some(place), reason::PULLED, text, moment);
            self.create(activity, place, host, moment);
            return;
        }
        self.pulls[place].count(IMAGE_PULL, now, now);
        let cause = pull_text(&image, &error);
        let text = format!("Failed to pull image \"{image}\": {cause}");
        self.image_failed(place, reason::FAILED, &text, host, moment);
        self.error(place, "ErrImagePull", &cause, host, moment);
        self.go_on(activity, Step::Next, now);
    }

    fn image_failed(
        &self,
        place: usize,
        reason: (bool, &'static str),
        text: &str,
        host: &mut Host,
        moment: &mut Moment<'_>,
    ) {
        host.texts.tell(&self.pod, Some(place), reason, text.into(), moment);
    }

    /// A container could not be started: it waits, and is tried again.
    fn error(
        &mut self,
        place: usize,
        reason: &'static str,
        message: &str,
        host: &mut Host,
        moment: &mut Moment<'_>,
    ) {
        let text = format!("Error: {reason}");
        host.texts.tell(&self.pod, Some(place), reason::FAILED, text.into(), moment);
        self.set_waiting(place, reason, message);
        self.retry(None, host, moment);
    }

    fn create(
        &mut self,
        activity: Activity,
        place: usize,
        host: &mut Host,
        moment: &mut Moment<'_>,
    ) {
        let text = host.texts.fixed("Container created");
        host.texts.tell(&self.pod, Some(place), reason::CREATED, text, moment);
        let image = self.container(place).map(|c| &c.image);
        let start = image.map_or(SimDuration::ZERO, |i| host.config.images.of(i).start);
        if start == SimDuration::ZERO {
            self.started(activity, place, host, moment);
        } else {
            self.go_on(activity, Step::Started(place), moment.now + start);
        }
    }

    fn started(
        &mut self,
        mut activity: Activity,
        place: usize,
        host: &mut Host,
        moment: &mut Moment<'_>,
    ) {
        let now = moment.now;
        let uid = self.pod.meta.uid;
        let Some(container) = self.container(place) else { return };
        let end = host.config.images.end_of(container);
        let hook = container.lifecycle.as_ref().and_then(|l| l.post_start.as_ref());
        let hook = hook.map(hook_length);
        let limit = container.resources.limits.get("memory").map_or(0, Quantity::value);
        let limit = u64::try_from(limit).unwrap_or(0);
        let carries = place == self.pod.spec.init_containers.len();
        let nature = host.config.images.of(&container.image).nature.clone();
        host.runtime.start(uid, place, self.attempt(place, host), now, end);
        host.runtime.describe(uid, place, nature.as_ref(), limit, carries);
        let text = host.texts.fixed("Container started");
        host.texts.tell(&self.pod, Some(place), reason::STARTED, text, moment);
        self.waiting.retain(|(p, _)| *p != place);
        activity.started = true;
        self.arm_probes(place, now);
        match hook {
            Some(length) => self.go_on(activity, Step::Hooked(place), now + length),
            None => self.go_on(activity, Step::Next, now),
        }
    }

    /// How often the container of a place was started before.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/kuberuntime/kuberuntime_container.go, `startContainer`
    fn attempt(&self, place: usize, host: &Host) -> i32 {
        let sandbox = host.runtime.sandbox(self.pod.meta.uid);
        if let Some(run) = sandbox.and_then(|s| s.containers.get(place)?.as_ref()) {
            return run.attempt + 1;
        }
        let first = self.pod.spec.init_containers.len();
        let told = match place.checked_sub(first) {
            Some(i) => self.status.container_statuses.get(i),
            None => self.status.init_container_statuses.get(place),
        };
        told.map_or(0, |s| s.restart_count + i32::from(s.state.terminated.is_some()))
    }

    fn hooked(
        &mut self,
        activity: Activity,
        place: usize,
        host: &mut Host,
        moment: &mut Moment<'_>,
    ) {
        let container = self.container(place);
        let hook = container.and_then(|c| c.lifecycle.as_ref()?.post_start.as_ref());
        let exec = hook.and_then(|h| h.exec.as_ref());
        if exec.is_some_and(|e| command::check(&e.command) == Check::Always(false)) {
            let text = host.texts.fixed("PostStartHook failed");
            host.texts.tell(&self.pod, Some(place), reason::POST_START, text, moment);
            let text = host.texts.fixed("FailedPostStartHook");
            host.texts.tell(&self.pod, Some(place), reason::KILLING, text, moment);
            let term =
                container.map_or(SimDuration::ZERO, |c| host.config.images.of(&c.image).term);
            let grace = u64::try_from(self.grace_seconds()).unwrap_or(0);
            let stop =
                Stop { grace: SimDuration::secs(grace), hook: SimDuration::ZERO, term, code: 137 };
            host.runtime.stop(self.pod.meta.uid, place, moment.now, stop);
        }
        self.go_on(activity, Step::Next, moment.now);
    }

    /// The runtime is listed right after something was done, and the pod looked at again.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/pod_workers.go, `podWorkerLoop`
    fn settled(&mut self, activity: &Activity, host: &mut Host, moment: &mut Moment<'_>) {
        let retry = self.retry_at;
        if activity.started || self.waiting.iter().any(|(_, w)| w.reason == "ErrImagePull") {
            self.sync(host, moment);
        } else {
            self.generate(host, moment);
            self.fresh_at = host.relist_after(moment.now);
        }
        self.sync_at = self.sync_at.min(retry);
        self.plan_next_look(host, moment.now);
    }
}

fn pull_text(image: &str, cause: &str) -> String {
    format!("failed to pull and unpack image \"{image}\": {cause}")
}

fn hook_length(hook: &Hook) -> SimDuration {
    match (&hook.sleep, &hook.exec) {
        (Some(sleep), _) => SimDuration::secs(u64::try_from(sleep.seconds).unwrap_or(0)),
        (None, Some(exec)) => command::length(&exec.command),
        (None, None) => SimDuration::ZERO,
    }
}
