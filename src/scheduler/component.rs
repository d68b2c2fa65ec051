//! kube-scheduler as a component: from changes that its informers bring to bindings and events.
//!
//! One pod is in hand at a time; while a binding is under way the next pod is tried. Whatever is
//! done to the cluster is done by requests.

mod before_binding;
mod changes;
mod preemption;
mod report;
mod surroundings;
pub mod told;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::api::meta::Uid;
use crate::api::object::{Kind, Object};
use crate::api::request::{Answer, EventNote, Verb};
use crate::api::variant::Variant;
use crate::api::why::Why;
use crate::client::component::{Component, Moment};
use crate::client::reconciler::Observed;
use crate::scheduler::cache::Cache;
use crate::scheduler::config::Config;
use crate::scheduler::cycle::{Evaluation, Found, Nomination, Outcome, Rejected, Search};
use crate::scheduler::framework::Room;
use crate::scheduler::plugins::Point;
use crate::scheduler::profile::Profile;
use crate::scheduler::queue::{Failure, Queue, Queued};
use crate::sim::index::Map;
use crate::sim::time::SimTime;

use preemption::{Next, Preemptions, Step, take_back_nomination};
use report::Report;
use told::{Attempt, Telling};

use before_binding::Waiting;

pub use surroundings::{KINDS, STORAGE_KINDS, changed as surroundings_changed};

/// kube-scheduler.
#[derive(Clone)]
pub struct Scheduler {
    config: Config,
    profiles: Arc<[Profile]>,
    cache: Cache,
    queue: Queue,
    search: Search,
    /// The pod that is being tried, and when that is done.
    in_hand: Option<(Queued, SimTime)>,
    /// Requests under way, by their tokens.
    requests: BTreeMap<u64, Purpose>,
    preemptions: Preemptions,
    /// Pods that have a node, and wait for what has to be done before they are put there.
    waiting: BTreeMap<Uid, Waiting>,
    /// The pods without a node that it answers for, as the informer last showed them.
    pods: Map<Uid, Arc<Pod>>,
    last_token: u64,
    is_synced: bool,
    /// Whose attempts are told in full; nobody's pay anything.
    telling: Option<Box<Telling>>,
}

/// A binding under way.
#[derive(Clone, Debug)]
struct Binding {
    queued: Queued,
    node: Name,
}

/// What a request under way is for.
#[derive(Clone, Debug)]
enum Purpose {
    Binding(Binding),
    /// A write before the binding of this pod.
    BeforeBinding(Uid),
    Preemption(Step),
}

/// A pod as the scheduler sees it: only pods that have not ended are watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Seen {
    Nothing,
    Waiting,
    Assigned,
}

impl Scheduler {
    /// A scheduler that has seen nothing yet, made at `start`.
    pub fn new(config: Config, start: SimTime) -> Scheduler {
        let profiles: Arc<[Profile]> = config.profiles.iter().map(Profile::new).collect();
        let mut cache = Cache::default();
        cache.nominations.is_ignored = config.gates.varies(Variant::IgnoresNominations);
        Scheduler {
            queue: Queue::new(config.queue, profiles.clone(), start),
            config,
            profiles,
            cache,
            search: Search::default(),
            in_hand: None,
            requests: BTreeMap::new(),
            preemptions: Preemptions::default(),
            waiting: BTreeMap::new(),
            pods: Map::default(),
            last_token: 0,
            is_synced: false,
            telling: None,
        }
    }

    /// Its picture of the nodes.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The pods that wait.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// The profile that answers for a pod. One without a scheduler name, as before defaulting,
    /// belongs to the default scheduler.
    fn profile_of(&self, pod: &Pod) -> Option<usize> {
        let named = &pod.spec.scheduler_name;
        let named = if named.is_empty() { "default-scheduler" } else { named.as_str() };
        self.profiles.iter().position(|p| p.scheduler_name == named)
    }

    fn seen(pod: Option<&Arc<Pod>>) -> Seen {
        match pod {
            None => Seen::Nothing,
            Some(pod) if pod.is_terminal() => Seen::Nothing,
            Some(pod) if pod.node_name.is_empty() => Seen::Waiting,
            Some(_) => Seen::Assigned,
        }
    }

    /// Does what can be done at this instant, and asks to be woken at the next.
    fn go_on(&mut self, moment: &mut Moment<'_>) {
        if !self.is_synced {
            return;
        }
        self.queue.flush(moment.now);
        self.look_at_waiting(moment);
        loop {
            match self.in_hand.take() {
                Some((queued, end)) if end <= moment.now => self.attempt(queued, moment),
                Some((queued, end)) => {
                    self.in_hand = Some((queued, end));
                    moment.out.wake(end);
                    return;
                }
                None => {
                    let Some(queued) = self.queue.pop() else { break };
                    self.in_hand = Some((queued, moment.now + self.config.attempt));
                }
            }
        }
        if let Some(due) = self.queue.due(moment.now) {
            moment.out.wake(due);
        }
        if let Some(due) = self.queue.leftover_due() {
            moment.out.wake_in_background(due);
        }
    }

    /// Source: kubernetes v1.36 pkg/scheduler/schedule_one.go, `ScheduleOne`
    fn attempt(&mut self, mut queued: Queued, moment: &mut Moment<'_>) {
        let uid = queued.pod.meta.uid;
        let Some(pod) = self.pods.get(&uid).cloned() else {
            self.queue.done(uid);
            return;
        };
        queued.pod = pod.clone();
        if pod.meta.is_deleting() {
            self.queue.done(uid);
            let text =
                format!("skip schedule deleting pod: {}/{}", pod.meta.namespace, pod.meta.name);
            moment.out.events.push(warning(&pod, &text));
            return;
        }
        let profile = &self.profiles[queued.profile];
        let percentage = self.config.percentage_of_nodes_to_score;
        let asked = self.telling.as_ref().is_some_and(|telling| telling.asks_for(&pod));
        let verdict = asked.then(|| self.search.explain(profile, percentage, &self.cache, &pod));
        let outcome = self.search.run(profile, percentage, &self.cache, &pod, moment.rng);
        if let (Some(verdict), Some(telling)) = (verdict, &mut self.telling) {
            let seen = (moment.now, self.cache.len());
            telling.note(seen, (&queued, profile), verdict, &outcome);
        }
        match outcome {
            Outcome::Found(found) => self.bind(queued, found, moment),
            Outcome::Rejected(rejected) => self.rejected(queued, rejected, moment),
            Outcome::Error(message) => self.error(queued, &message, moment),
        }
    }

    /// No node was found. Where room can be made for the pod, that begins now.
    fn rejected(&mut self, queued: Queued, rejected: Rejected, moment: &mut Moment<'_>) {
        let failure = Failure::Rejected { by: rejected.plugins, pending: rejected.pending };
        let pod = queued.pod.clone();
        let nominated = match rejected.nomination {
            Nomination::Stays => None,
            Nomination::Cleared => Some(Name::default()),
            Nomination::Room(room) => {
                self.make_room(&pod, &room, moment);
                Some(room.node)
            }
        };
        let kept = nominated.clone().unwrap_or_else(|| pod.status.nominated_node_name.clone());
        self.cache.nominations.set(&pod, &kept);
        let report = Report { reason: "Unschedulable", message: &rejected.message, nominated };
        self.failed(queued, failure, &report, moment);
    }

    /// Begins to remove victims, and takes the nomination from pods of lower priority that the
    /// node was kept for.
    fn make_room(&mut self, pod: &Arc<Pod>, room: &Room, moment: &mut Moment<'_>) {
        let lower = |p: &&Arc<Pod>| p.priority() < pod.priority();
        let others: Vec<Arc<Pod>> =
            self.cache.nominations.on(&room.node).iter().filter(lower).cloned().collect();
        let begun = self.preemptions.begin(pod, room, moment.time);
        if begun.is_empty() {
            return;
        }
        self.queue.hold(pod.meta.uid);
        for other in others.iter().filter(|p| !p.status.nominated_node_name.is_empty()) {
            let token = self.next_token();
            let text = "{} is kept for a pod of higher priority";
            moment.out.send(token, take_back_nomination(other), Why::one(text, room.node.clone()));
        }
        for (step, verb, why) in begun {
            self.step(step, verb, why, moment);
        }
    }

    fn step(&mut self, step: Step, verb: Verb, why: Why, moment: &mut Moment<'_>) {
        let token = self.next_token();
        moment.out.send(token, verb, why);
        self.requests.insert(token, Purpose::Preemption(step));
    }

    fn preempted(&mut self, step: Step, answer: &Answer, moment: &mut Moment<'_>) {
        match self.preemptions.answered(step, answer, moment) {
            Next::Send(next) => {
                let (step, verb, why) = *next;
                if let Some(preemptor) = self.preemptions.waits_for_last(step.victim())
                    && !self.cache.has_pod(step.victim().meta.uid)
                {
                    self.queue.release(preemptor);
                }
                self.step(step, verb, why, moment);
            }
            Next::Wait => {}
            Next::Over(preemptor, failed) => {
                self.queue.release(preemptor);
                if failed {
                    self.queue.activate_now(preemptor);
                }
            }
        }
    }

    /// The pod is taken to be on its node; the request follows, and the next pod does not wait for
    /// it. From here on only an error can bring the pod back.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/schedule_one.go, `schedulingCycle` and `bindingCycle`
    fn bind(&mut self, queued: Queued, found: Found, moment: &mut Moment<'_>) {
        let (pod, node) = (queued.pod.clone(), found.node);
        self.cache.assume(&pod, &node);
        self.cache.nominations.remove(pod.meta.uid);
        let profile = self.profiles[queued.profile].clone();
        for p in profile.at(Point::Reserve) {
            if let Err(status) = p.plugin.reserve(&pod, &node, &mut self.cache) {
                self.take_back(&queued, &node, moment.now);
                let message =
                    format!("running Reserve plugin {:?}: {}", p.id.name(), status.reason);
                self.error(queued, &message, moment);
                return;
            }
        }
        self.queue.done(pod.meta.uid);
        let text = "best of {} nodes that would do, {} looked at";
        let why = Why::two(text, found.feasible, found.evaluated);
        if let Some(mut waiting) = Waiting::of(&profile, queued.clone(), &node, &why, &self.cache) {
            let args = &self.config.profiles[queued.profile].args;
            waiting.timeout = args.bind_timeout.unwrap_or(waiting.timeout);
            return self.wait(waiting, moment);
        }
        self.put(queued, node, why, moment);
    }

    /// Sends the request that puts a pod on its node.
    fn put(&mut self, queued: Queued, node: Name, why: Why, moment: &mut Moment<'_>) {
        let profile = &self.profiles[queued.profile];
        let verb = profile.at(Point::Bind).find_map(|p| p.plugin.bind(&queued.pod, &node));
        let Some(verb) = verb else {
            self.take_back(&queued, &node, moment.now);
            self.error(queued, "no Bind plugin is enabled", moment);
            return;
        };
        let token = self.next_token();
        moment.out.send(token, verb, why);
        self.requests.insert(token, Purpose::Binding(Binding { queued, node }));
    }

    fn next_token(&mut self) -> u64 {
        self.last_token += 1;
        self.last_token
    }

    /// Undoes what was assumed of a pod, which may help others.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/schedule_one.go, `unreserveAndForget` and
    /// `handleBindingCycleError`
    fn take_back(&mut self, queued: &Queued, node: &Name, now: SimTime) {
        let profile = self.profiles[queued.profile].clone();
        for p in profile.at(Point::Reserve) {
            p.plugin.unreserve(&queued.pod, node, &mut self.cache);
        }
        if self.cache.is_assumed(queued.pod.meta.uid) {
            self.cache.forget(queued.pod.meta.uid);
            let mut placed = Pod::clone(&queued.pod);
            placed.node_name = node.clone();
            self.pod_gone(&Arc::new(placed), now);
        }
    }

    fn error(&mut self, queued: Queued, message: &str, moment: &mut Moment<'_>) {
        let nominated = Some(Name::default());
        let report = Report { reason: "SchedulerError", message, nominated };
        self.failed(queued, Failure::Error, &report, moment);
    }

    /// The pod goes back to the queue. One that has got a node meanwhile does not, but the failure
    /// is told all the same.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/schedule_one.go, `handleSchedulingFailure`
    fn failed(
        &mut self,
        mut queued: Queued,
        failure: Failure,
        report: &Report<'_>,
        moment: &mut Moment<'_>,
    ) {
        let uid = queued.pod.meta.uid;
        let Some(pod) = self.pods.get(&uid).cloned() else {
            self.queue.done(uid);
            if self.cache.has_pod(uid) {
                moment.out.events.push(warning(&queued.pod, report.message));
            }
            return;
        };
        queued.pod = pod.clone();
        self.queue.fail(queued, failure, moment.now);
        moment.out.events.push(warning(&pod, report.message));
        if let Some(verb) = report.patch(&pod, moment.time) {
            let token = self.next_token();
            moment.out.send(token, verb, Why::new("no node was found for it"));
        }
    }
}

impl Scheduler {
    /// How attempts are evaluated from now on.
    pub fn evaluate(&mut self, evaluation: Evaluation) {
        self.search.evaluation = evaluation;
    }

    /// Keeps what attempts find out from now on, those on one pod (namespace and name) or on all.
    /// It changes no attempt.
    pub fn tell(&mut self, of: Option<(Name, Name)>) {
        self.telling = Some(Box::new(Telling::new(of)));
    }

    /// The attempts that were kept, in the order in which they were made.
    pub fn told(&self) -> &[Attempt] {
        self.telling.as_ref().map_or(&[], |telling| telling.made())
    }

    /// The answer to a binding.
    fn bound(&mut self, binding: Binding, answer: &Answer, moment: &mut Moment<'_>) {
        let Binding { queued, node } = binding;
        if let Answer::Refused(refusal) = answer {
            self.take_back(&queued, &node, moment.now);
            let message = format!("running Bind plugin \"DefaultBinder\": {}", refusal.message);
            self.error(queued, &message, moment);
        } else {
            let meta = &queued.pod.meta;
            let text = format!("Successfully assigned {}/{} to {node}", meta.namespace, meta.name);
            moment.out.events.push(EventNote {
                about: Object::Pod(queued.pod.clone()).reference(),
                warning: false,
                reason: "Scheduled",
                message: text.into(),
            });
        }
    }
}

/// An event `FailedScheduling`.
fn warning(pod: &Arc<Pod>, message: &str) -> EventNote {
    EventNote {
        about: Object::Pod(pod.clone()).reference(),
        warning: true,
        reason: "FailedScheduling",
        message: crate::scheduler::diagnosis::note(message).into(),
    }
}

impl Component for Scheduler {
    fn observe(&mut self, change: &Observed<'_>, moment: &mut Moment<'_>) {
        let kind = change.latest().kind();
        if kind == Kind::NODE {
            self.node_changed(change, moment.now);
        } else if kind == Kind::POD {
            self.pod_changed(change, moment.now);
        } else if STORAGE_KINDS.contains(&kind) {
            self.storage_changed(change, moment.now);
        } else {
            return surroundings::changed(&mut self.cache, change);
        }
        self.go_on(moment);
    }

    fn synced(&mut self, moment: &mut Moment<'_>) {
        self.is_synced = true;
        self.queue.started(moment.now);
        self.go_on(moment);
    }

    fn reply(&mut self, token: u64, answer: &Answer, moment: &mut Moment<'_>) {
        match self.requests.remove(&token) {
            None => return,
            Some(Purpose::Binding(binding)) => self.bound(binding, answer, moment),
            Some(Purpose::BeforeBinding(uid)) => self.written(uid, answer, moment),
            Some(Purpose::Preemption(step)) => self.preempted(step, answer, moment),
        }
        self.go_on(moment);
    }

    fn wake(&mut self, moment: &mut Moment<'_>) {
        self.go_on(moment);
    }

    /// All that it knows is in memory.
    fn crashed(&mut self) {
        let (evaluation, telling) = (self.search.evaluation, self.telling.take());
        *self = Scheduler::new(self.config.clone(), SimTime::ZERO);
        self.search.evaluation = evaluation;
        self.telling = telling;
    }
}

#[cfg(test)]
mod tests;
