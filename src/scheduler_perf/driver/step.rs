//! The operations, each as it is carried out.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;

use super::pods::{Seen, Stage};
use super::request::{Purpose, delete, update};
use super::{Alarm, Churning, Collecting, Driver, Measure, PATIENCE, Told};
use crate::api::Name;
use crate::api::deletion::DeleteOptions;
use crate::api::object::Kind;
use crate::api::request::{ListOptions, Verb};
use crate::api::selector::Selector;
use crate::cluster::Moved;
use crate::scheduler_perf::plan::{Barrier, Collect, Deed, Delete, New, Pods, Then};
use crate::sim::time::SimTime;

/// What the present step waits for.
#[derive(Clone)]
pub(super) enum Doing {
    /// Nothing: it is over.
    Nothing,
    /// So many answers.
    Answers(usize),
    /// The answers about volumes, then the pods.
    Volumes(usize, Box<Pods>),
    /// The answers about pods, then what follows them.
    Creating(usize, Box<Pods>),
    /// Pods that come so far: by namespace, how many.
    Reaching(Vec<(Name, usize)>, Selector, Stage),
    /// The end of its time.
    Sleeping,
    /// The end of its time; meanwhile each pod that gets a node makes room for another.
    Steady(Name, VecDeque<Arc<Value>>),
}

impl Doing {
    /// One answer has come.
    pub(super) fn answered(&mut self) {
        match self {
            Doing::Answers(left) | Doing::Volumes(left, _) | Doing::Creating(left, _) => {
                *left = left.saturating_sub(1);
            }
            Doing::Nothing | Doing::Reaching(..) | Doing::Sleeping | Doing::Steady(..) => {}
        }
    }
}

impl Driver {
    /// Goes on with the next steps as far as nothing has to be waited for.
    pub(super) fn go_on(&mut self, context: &mut Moved<'_>) {
        while !self.is_over && self.is_done(context) {
            if self.steps.get(self.current).is_none() {
                return;
            }
            self.end_step();
            self.current += 1;
            self.begin_step(context);
        }
    }

    /// Whether the present step waits for nothing any more.
    fn is_done(&mut self, context: &mut Moved<'_>) -> bool {
        match &self.doing {
            Doing::Nothing | Doing::Answers(0) => true,
            Doing::Volumes(0, pods) => {
                let pods = Pods::clone(pods);
                self.create_pods(pods, context);
                false
            }
            Doing::Creating(0, pods) => {
                let (namespace, count) = (pods.namespace.clone(), pods.values.len());
                if pods.then == Then::Nothing {
                    *self.awaited.entry(namespace).or_default() += count;
                    return true;
                }
                let all = vec![(namespace, count)];
                self.reach(all, Selector::EVERYTHING, Stage::Scheduled, context);
                self.is_done(context)
            }
            Doing::Reaching(namespaces, labels, stage) => namespaces
                .iter()
                .all(|(namespace, wanted)| self.pods.reached(namespace, labels, *stage) >= *wanted),
            Doing::Answers(_) | Doing::Volumes(..) | Doing::Creating(..) => false,
            Doing::Sleeping | Doing::Steady(..) => false,
        }
    }

    fn reach(
        &mut self,
        namespaces: Vec<(Name, usize)>,
        labels: Selector,
        stage: Stage,
        context: &mut Moved<'_>,
    ) {
        self.doing = Doing::Reaching(namespaces, labels, stage);
        self.alarm_at(context.now() + PATIENCE, Alarm::Step(self.current), context);
    }

    /// Begins the present step; without one all is done.
    pub(super) fn begin_step(&mut self, context: &mut Moved<'_>) {
        self.doing = Doing::Nothing;
        let Some(step) = self.steps.get(self.current).cloned() else {
            self.is_over = true;
            self.told.push_back(Told::Done);
            return;
        };
        match step.deed {
            Deed::Create(all) => self.create(&all, context),
            Deed::Pods(pods) => self.pods(pods, context),
            Deed::Update(wanted) => {
                let all: VecDeque<_> =
                    wanted.objects.iter().map(|new| update(new, wanted.parts)).collect();
                self.doing = Doing::Answers(all.len());
                self.pace(all, wanted.per_second, context);
            }
            Deed::Delete(wanted) => self.delete(&wanted, context),
            Deed::Churn(churn) => {
                let turns = if churn.recreates { churn.number } else { 1 };
                let names = vec![vec![Name::default(); turns]; churn.objects.len()];
                let at = context.now() + churn.interval;
                self.churns.push(Churning { churn, count: 0, names });
                self.alarm_at(at, Alarm::Churn(self.churns.len() - 1), context);
            }
            Deed::Barrier(barrier) => self.barrier(barrier, context),
            Deed::Sleep(duration) => {
                self.doing = Doing::Sleeping;
                self.alarm_at(context.now() + duration, Alarm::Step(self.current), context);
            }
            Deed::Start(collect) => self.start_collecting(collect, context.now()),
            Deed::Stop => self.stop_collecting(),
        }
    }

    /// What is left to do when a step is over.
    fn end_step(&mut self) {
        let Some(step) = self.steps.get(self.current) else { return };
        match &step.deed {
            Deed::Pods(pods) if pods.collects => self.stop_collecting(),
            Deed::Barrier(barrier) if !barrier.attempted => {
                if barrier.namespaces.is_empty() {
                    self.awaited.clear();
                } else {
                    let namespaces = barrier.namespaces.clone();
                    self.awaited.retain(|name, _| !namespaces.contains(name));
                }
            }
            Deed::Pods(_) | Deed::Barrier(_) | Deed::Create(_) | Deed::Update(_) => {}
            Deed::Delete(_) | Deed::Churn(_) | Deed::Sleep(_) | Deed::Start(_) | Deed::Stop => {}
        }
    }

    fn create(&mut self, all: &[New], context: &mut Moved<'_>) {
        let of = |new: &New| {
            let (kind, namespace) = (new.kind, new.namespace.clone());
            let value = new.value.clone();
            (Verb::Post { kind, namespace, value, dry_run: false }, Purpose::Step)
        };
        let requests = all.iter().map(of).collect();
        self.ask(requests, context);
    }

    fn pods(&mut self, pods: Pods, context: &mut Moved<'_>) {
        if pods.collects {
            let (name, namespaces) = (String::new(), vec![pods.namespace.clone()]);
            let labels = Selector::EVERYTHING;
            self.start_collecting(Collect { name, namespaces, labels }, context.now());
        }
        if pods.before.is_empty() {
            return self.create_pods(pods, context);
        }
        let before = pods.before.clone();
        self.create(&before, context);
        self.doing = Doing::Volumes(before.len(), Box::new(pods));
    }

    fn create_pods(&mut self, pods: Pods, context: &mut Moved<'_>) {
        let mut requests = VecDeque::new();
        for value in &pods.values {
            let verb = self.maker.create(Kind::POD, &pods.namespace, value);
            let is_steady = matches!(pods.then, Then::Steady(_));
            let purpose = if is_steady { Purpose::Background } else { Purpose::Step };
            requests.push_back((verb, purpose));
        }
        if let Then::Steady(duration) = pods.then {
            let templates = pods.values.iter().cloned().collect();
            self.doing = Doing::Steady(pods.namespace, templates);
            self.alarm_at(context.now() + duration, Alarm::Step(self.current), context);
        } else {
            self.doing = Doing::Creating(requests.len(), Box::new(pods));
        }
        self.waiting.extend(requests);
        self.flow(context);
    }

    fn delete(&mut self, wanted: &Delete, context: &mut Moved<'_>) {
        let purpose = if wanted.waits { Purpose::Step } else { Purpose::Background };
        let all: VecDeque<(Verb, Purpose)> = if wanted.per_second == 0 {
            let list = ListOptions {
                namespace: wanted.namespace.clone(),
                labels: wanted.labels.clone(),
                ..ListOptions::all(Kind::POD)
            };
            let (list, options) = (Box::new(list), DeleteOptions::default());
            VecDeque::from([(Verb::DeleteCollection { list, options }, purpose)])
        } else {
            let pods = self.pods.of(&wanted.namespace, &wanted.labels);
            let of = |pod: &Seen| delete(Kind::POD, &pod.namespace, &pod.name, None);
            pods.map(|pod| (of(pod), purpose.clone())).collect()
        };
        if wanted.waits {
            self.doing = Doing::Answers(all.len());
        }
        if !all.is_empty() {
            self.pace(all, wanted.per_second, context);
        }
    }

    fn barrier(&mut self, barrier: Barrier, context: &mut Moved<'_>) {
        let all = if barrier.namespaces.is_empty() {
            self.awaited.iter().map(|(name, count)| (name.clone(), *count)).collect()
        } else {
            let count = |name: &Name| self.awaited.get(name).copied().unwrap_or(0);
            barrier.namespaces.iter().map(|name| (name.clone(), count(name))).collect()
        };
        let stage = if barrier.attempted { Stage::Attempted } else { Stage::Scheduled };
        self.reach(all, barrier.labels, stage, context);
    }

    fn start_collecting(&mut self, collect: Collect, now: SimTime) {
        let name = collect.name.clone();
        let measure = Measure { name, pods: 0, begun: now, last: now };
        self.collecting = Some(Collecting { collect, measure });
        self.told.push_back(Told::Begun);
    }

    fn stop_collecting(&mut self) {
        if let Some(collecting) = self.collecting.take() {
            self.told.push_back(Told::Measured(collecting.measure));
        }
    }

    /// A pod has come further.
    pub(super) fn reached(&mut self, pod: &Seen, stage: Stage, context: &mut Moved<'_>) {
        if stage != Stage::Scheduled {
            return;
        }
        if let Some(Collecting { collect, measure }) = &mut self.collecting
            && collect.namespaces.contains(&pod.namespace)
            && collect.labels.matches(&pod.labels)
        {
            measure.pods += 1;
            measure.last = context.now();
        }
        let mut next = None;
        if let Doing::Steady(namespace, templates) = &mut self.doing
            && *namespace == pod.namespace
            && let Some(template) = templates.pop_front()
        {
            templates.push_back(template.clone());
            next = Some(template);
        }
        if let Some(template) = next {
            let gone = delete(Kind::POD, &pod.namespace, &pod.name, Some(0));
            self.waiting.push_back((gone, Purpose::Background));
            let verb = self.maker.create(Kind::POD, &pod.namespace, &template);
            self.waiting.push_back((verb, Purpose::Background));
            self.flow(context);
        }
    }

    /// The present step has taken its time.
    pub(super) fn time_is_up(&mut self) {
        match &self.doing {
            Doing::Sleeping | Doing::Steady(..) => self.doing = Doing::Nothing,
            Doing::Reaching(namespaces, labels, stage) => {
                let what = if *stage == Stage::Scheduled { "a node" } else { "an attempt" };
                let reached = |name: &Name| self.pods.reached(name, labels, *stage);
                let late = namespaces.iter().find(|(name, wanted)| reached(name) < *wanted);
                let Some((namespace, wanted)) = late else { return };
                let pending = self.pods.of(namespace, labels).find(|seen| seen.stage < *stage);
                let example =
                    pending.map_or(String::new(), |seen| format!("; pod {} has not", seen.name));
                let why = format!(
                    "after {PATIENCE} {} of {wanted} pods in namespace {namespace} have {what}{example}",
                    reached(namespace),
                );
                self.fail(&why);
            }
            Doing::Nothing | Doing::Answers(_) | Doing::Volumes(..) | Doing::Creating(..) => {}
        }
    }
}
