//! Who carries a workload out: a client of the apiserver that creates, deletes, updates and waits.
//!
//! It knows of pods what its watch brings. As upstream's, at most so many of its requests are
//! under way at once.

mod pods;
mod request;
mod step;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::plan::{Churn, Collect, Step};
use crate::api::Name;
use crate::api::message::Message;
use crate::api::object::Kind;
use crate::api::request::{Answer, Request, Verb, WatchOptions};
use crate::api::selector::{FieldSelector, Selector};
use crate::api::why::Why;
use crate::cluster::{Guest, Moved};
use crate::sim::engine::{ActorId, Peer};
use crate::sim::time::{SimDuration, SimTime};

use pods::Pods;
use request::{Maker, Purpose};
use step::Doing;

/// When the cluster has come up, and the first operation begins.
pub(super) const BEGIN: SimTime = SimTime(1_000_000_000);

/// How long pods are waited for.
///
/// Source: kubernetes v1.36 test/integration/scheduler_perf/executor.go,
/// `waitUntilPodsScheduledInNamespace`
const PATIENCE: SimDuration = SimDuration::secs(600);

/// So many requests are under way at once.
///
/// Source: kubernetes v1.36 test/utils/runners.go, `createPod`
const AT_ONCE: usize = 30;

/// The number of the watch.
const WATCH: u64 = 0;

/// What a workload tells while it runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// From now on it is measured.
    Begun,
    /// Up to now it was measured.
    Measured(Measure),
    /// All operations are done.
    Done,
    /// It cannot go on.
    Failed(String),
}

/// What was measured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Measure {
    /// What it is called.
    pub name: String,
    /// How many pods got a node.
    pub pods: usize,
    /// When it began.
    pub begun: SimTime,
    /// When the last pod that counts got its node.
    pub last: SimTime,
}

/// What the alarms are for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Alarm {
    Begin,
    /// A step has taken as long as it may, or as it shall.
    Step(usize),
    /// The next of a row of paced requests.
    Paced(usize),
    Churn(usize),
}

/// Requests that are sent one by one, so many a second.
#[derive(Clone)]
struct Row {
    left: VecDeque<(Verb, Purpose)>,
    pause: SimDuration,
}

/// Objects that come and go.
#[derive(Clone)]
struct Churning {
    churn: Arc<Churn>,
    count: usize,
    /// By object and turn: the name of the one that is there.
    names: Vec<Vec<Name>>,
}

/// What is measured now.
#[derive(Clone)]
struct Collecting {
    collect: Collect,
    measure: Measure,
}

/// Who carries a workload out.
#[derive(Clone)]
pub(super) struct Driver {
    server: ActorId,
    steps: Arc<[Step]>,
    current: usize,
    doing: Doing,
    pods: Pods,
    maker: Maker,
    /// Requests that wait for their turn.
    waiting: VecDeque<(Verb, Purpose)>,
    under_way: BTreeMap<u64, Purpose>,
    asked: u64,
    alarms: Vec<Alarm>,
    rows: BTreeMap<usize, Row>,
    churns: Vec<Churning>,
    /// Pods that nobody has waited for, by namespace.
    awaited: BTreeMap<Name, usize>,
    collecting: Option<Collecting>,
    told: VecDeque<Told>,
    is_over: bool,
}

impl Driver {
    pub(super) fn new(server: ActorId, steps: Arc<[Step]>) -> Driver {
        Driver {
            server,
            steps,
            current: 0,
            doing: Doing::Nothing,
            pods: Pods::default(),
            maker: Maker::default(),
            waiting: VecDeque::new(),
            under_way: BTreeMap::new(),
            asked: WATCH,
            alarms: Vec::new(),
            rows: BTreeMap::new(),
            churns: Vec::new(),
            awaited: BTreeMap::new(),
            collecting: None,
            told: VecDeque::new(),
            is_over: false,
        }
    }

    /// The next thing that it has to tell.
    pub(super) fn take(&mut self) -> Option<Told> {
        self.told.pop_front()
    }

    /// Whether it has something to tell.
    pub(super) fn has_told(&self) -> bool {
        !self.told.is_empty()
    }

    /// How many pods have a node by now, of those that are measured, and of how many.
    pub(super) fn progress(&self) -> (usize, usize) {
        let measured = self.collecting.as_ref().map_or(0, |c| c.measure.pods);
        (measured, self.pods.len())
    }

    fn fail(&mut self, why: &str) {
        if !std::mem::replace(&mut self.is_over, true) {
            let step = self.steps.get(self.current);
            let at = step.map(|s| format!("operation {} ({}): ", s.number, s.opcode));
            self.told.push_back(Told::Failed(at.unwrap_or_default() + why));
        }
    }

    fn alarm_at(&mut self, at: SimTime, alarm: Alarm, context: &mut Moved<'_>) {
        self.alarms.push(alarm);
        context.alarm(at, self.alarms.len() as u64 - 1);
    }

    fn send(&mut self, verb: Verb, purpose: Purpose, context: &mut Moved<'_>) {
        self.asked += 1;
        self.under_way.insert(self.asked, purpose);
        let user = Name::new_static("scheduler-perf");
        let request = Request { user, manager: Name::default(), verb, why: Why::default() };
        let server = context.peer(self.server);
        context.send(server, Message::Request(self.asked, Box::new(request)));
    }

    /// Sends what may be under way beside the rest.
    fn flow(&mut self, context: &mut Moved<'_>) {
        while self.under_way.len() < AT_ONCE {
            let Some((verb, purpose)) = self.waiting.pop_front() else { return };
            self.send(verb, purpose, context);
        }
    }

    fn answered(&mut self, id: u64, answer: &Answer, context: &mut Moved<'_>) {
        let Some(purpose) = self.under_way.remove(&id) else {
            if let (WATCH, Answer::Refused(refusal)) = (id, answer) {
                self.fail(&refusal.message);
            }
            return;
        };
        self.after(purpose, answer, context);
        self.flow(context);
        self.go_on(context);
    }
}

impl Guest for Driver {
    fn start(&mut self, context: &mut Moved<'_>) {
        self.alarm_at(BEGIN, Alarm::Begin, context);
    }

    fn receive(&mut self, _: Peer, message: Message, context: &mut Moved<'_>) {
        if self.is_over {
            return;
        }
        if let Message::Answer(id, answer) = message {
            self.answered(id, &answer, context);
        } else if let Message::Watched(_, events) = message {
            for event in &events {
                if let Some((pod, stage)) = self.pods.take_in(event) {
                    self.reached(&pod, stage, context);
                }
            }
            self.go_on(context);
        } else if let Message::WatchClosed(_, why) = message {
            let why = why.map_or("it ended".to_owned(), |refusal| refusal.message.to_string());
            self.fail(&format!("the watch of pods: {why}"));
        }
    }

    fn alarm(&mut self, tag: u64, context: &mut Moved<'_>) {
        let alarm = usize::try_from(tag).ok().and_then(|tag| self.alarms.get(tag).copied());
        let (Some(alarm), false) = (alarm, self.is_over) else { return };
        match alarm {
            Alarm::Begin => {
                let verb = Verb::Watch(Box::new(WatchOptions {
                    kind: Kind::POD,
                    namespace: Name::default(),
                    labels: Selector::default(),
                    fields: FieldSelector::default(),
                    resource_version: Name::default(),
                    bookmarks: false,
                    send_initial_events: false,
                }));
                let user = Name::new_static("scheduler-perf");
                let request =
                    Box::new(Request { user, manager: Name::default(), verb, why: Why::default() });
                let server = context.peer(self.server);
                context.send(server, Message::Request(WATCH, request));
                self.begin_step(context);
            }
            Alarm::Step(step) if step == self.current => self.time_is_up(),
            Alarm::Step(_) => {}
            Alarm::Paced(row) => self.paced(row, context),
            Alarm::Churn(n) => self.churn(n, context),
        }
        self.go_on(context);
    }

    fn link_changed(&mut self, _: ActorId, _: bool, _: &mut Moved<'_>) {}

    fn boxed_clone(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn std::any::Any {
        self
    }
}
