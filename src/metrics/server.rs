//! metrics-server: asks the kubelets for their figures and answers what pods and nodes use.
//!
//! It asks at its own beat, so what it answers is up to a beat old, and CPU is the mean between
//! its last two looks. It keeps nothing else: a pod that the last look did not show has no figures.
//! As long as nobody asks for anything it does not look at all; the first question then makes the
//! kubelets tell of both looks that it would have had.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::api::Name;
use crate::api::autoscaling::metric::{
    ContainerSample, NodeMetrics, NodeSample, PodMetrics, PodSample, Usage,
};
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::message::{Beside, Message};
use crate::api::meta::Meta;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::{GroupResource, Refusal};
use crate::api::request::{Answer, ListOptions, ObjectList, Request, Verb};
use crate::api::time::Time;
use crate::client::component::{Component, Moment, To};
use crate::client::reconciler::Observed;
use crate::sim::engine::{ActorId, Peer};
use crate::sim::index::Map;
use crate::sim::time::{SimDuration, SimTime, Start};

/// How metrics-server is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// From one look at the kubelets to the next.
    pub resolution: SimDuration,
    /// Of a hundred looks at a node, how many come to nothing.
    pub misses_percent: u32,
}

impl Default for Options {
    /// As its manifests set it.
    fn default() -> Self {
        Options { resolution: SimDuration::secs(15), misses_percent: 0 }
    }
}

/// A container that is younger than this has no figures yet, unless it was seen before.
///
/// Source: github.com/kubernetes-sigs/metrics-server pkg/storage/pod.go,
/// `freshContainerMinMetricsResolution`
const FRESH: SimDuration = SimDuration::secs(10);

/// How long a look at a node may take.
const TIMEOUT: SimDuration = SimDuration::secs(10);

/// After so long without a question nobody is taken to ask any more.
const UNASKED: SimDuration = SimDuration::secs(120);

/// A question that waits for figures.
type Question = (Peer, u64, Box<Request>);

/// The metrics server.
#[derive(Clone)]
pub struct MetricsServer {
    options: Options,
    nodes: Arc<Map<Name, ActorId>>,
    /// The last two figures of each node, the latest first.
    points: BTreeMap<Name, Vec<Arc<NodeSample>>>,
    /// Looks that have not been answered.
    open: BTreeMap<u64, Name>,
    asked: u64,
    waiting: Vec<Question>,
    /// When the questions that wait are answered at the latest.
    patience: SimTime,
    next_look: SimTime,
    last_question: SimTime,
    /// Nodes whose figures somebody has made wrong: so many percent of the truth, 0 for none at
    /// all, nothing for those of before.
    wrong: BTreeMap<Name, Option<u64>>,
    /// Whether it has lived since before anybody asked, so that it would have looked before.
    has_looked: bool,
}

impl MetricsServer {
    /// A metrics server of nodes that are reached so.
    pub fn new(options: Options, nodes: Arc<Map<Name, ActorId>>) -> MetricsServer {
        MetricsServer {
            options,
            nodes,
            points: BTreeMap::new(),
            open: BTreeMap::new(),
            asked: 0,
            waiting: Vec::new(),
            patience: SimTime::NEVER,
            next_look: SimTime::NEVER,
            last_question: SimTime::ZERO,
            wrong: BTreeMap::new(),
            has_looked: true,
        }
    }

    /// Looks at all nodes; what came of the look before is forgotten where nothing comes now.
    fn look(&mut self, instants: &[SimTime], moment: &mut Moment<'_>) {
        let cache = moment.caches.of(Kind::NODE);
        // Bounded by the nodes of the cluster, once a beat.
        let names: BTreeSet<Name> = cache.all().map(|o| o.meta().name.clone()).collect();
        self.points.retain(|name, _| names.contains(name));
        self.open.clear();
        for name in names {
            let misses = u64::from(self.options.misses_percent);
            let is_missed = misses > 0 && moment.rng.below(100) < misses;
            let wrong = self.wrong.get(&name).copied();
            if wrong == Some(None) {
                continue;
            }
            let is_missed = is_missed || wrong == Some(Some(0));
            let Some(node) = self.nodes.get(&name).filter(|_| !is_missed) else {
                self.points.remove(&name);
                continue;
            };
            self.asked += 1;
            self.open.insert(self.asked, name);
            let scrape = Beside::Scrape(self.asked, instants.to_vec());
            moment.out.messages.push((To::Process(*node), Message::Beside(scrape)));
        }
        self.patience = moment.now + TIMEOUT;
    }

    /// A node has told its figures, the oldest first.
    fn scraped(&mut self, id: u64, samples: Vec<Arc<NodeSample>>, moment: &mut Moment<'_>) {
        let Some(name) = self.open.remove(&id) else { return };
        let points = self.points.entry(name).or_default();
        for sample in samples {
            if points.first().is_none_or(|last| last.at < sample.at) {
                points.insert(0, sample);
                points.truncate(2);
            }
        }
        if self.open.is_empty() {
            self.answer_all(moment);
        }
    }

    /// Asks to be woken for what is next.
    fn ask(&self, moment: &mut Moment<'_>) {
        let next = self.next_look.min(self.patience);
        if next != SimTime::NEVER {
            moment.out.wake_in_background(next);
        }
    }

    /// A look has ended: nodes that have not answered have no figures.
    fn give_up(&mut self) {
        for (_, name) in std::mem::take(&mut self.open) {
            self.points.remove(&name);
        }
        self.patience = SimTime::NEVER;
    }

    fn question(&mut self, question: Question, moment: &mut Moment<'_>) {
        self.last_question = moment.now;
        if self.next_look != SimTime::NEVER && self.waiting.is_empty() {
            return self.answer(&question, moment);
        }
        self.waiting.push(question);
        if self.next_look == SimTime::NEVER {
            let beat = self.options.resolution;
            let phase = SimDuration(moment.rng.below(beat.0));
            self.next_look = (moment.now + SimDuration(1)).next_beat(beat, phase);
            let last = SimTime((self.next_look.0).saturating_sub(beat.0));
            let before = SimTime(last.0.saturating_sub(beat.0));
            if self.has_looked {
                self.look(&[before, last], moment);
            } else {
                self.look(&[moment.now], moment);
            }
            if self.open.is_empty() {
                self.answer_all(moment);
            }
        }
    }

    fn answer_all(&mut self, moment: &mut Moment<'_>) {
        for question in std::mem::take(&mut self.waiting) {
            self.answer(&question, moment);
        }
    }

    fn answer(&self, (client, id, request): &Question, moment: &mut Moment<'_>) {
        let answer = if let Verb::List(options) = &request.verb {
            Answer::List(Arc::new(self.list(options, moment)))
        } else if let Verb::Get(key) = &request.verb {
            self.one(key, moment)
        } else {
            Answer::Refused(Refusal::bad_request("metrics are read only"))
        };
        moment.out.messages.push((To::Peer(*client), Message::Answer(*id, answer)));
    }

    fn list(&self, options: &ListOptions, moment: &Moment<'_>) -> ObjectList {
        let mut items = Vec::new();
        if options.kind == Kind::NODE_METRICS {
            for object in moment.caches.of(Kind::NODE).all() {
                let Object::Node(node) = object else { continue };
                if options.labels.matches(&node.meta.labels) {
                    items.extend(self.node(node, moment.start).map(Object::from));
                }
            }
        } else {
            let cache = moment.caches.of(Kind::POD);
            let all = options.namespace.is_empty();
            let mut put = |object: &Object| {
                if let Object::Pod(pod) = object
                    && options.labels.matches(&pod.meta.labels)
                {
                    items.extend(self.pod(pod, moment.start).map(Object::from));
                }
            };
            if all {
                cache.all().for_each(&mut put);
            } else {
                cache.select(&options.namespace, &options.labels).for_each(&mut put);
            }
        }
        let key = |o: &Object| (o.meta().namespace.clone(), o.meta().name.clone());
        items.sort_by_cached_key(key);
        ObjectList { resource_version: 0, items, continue_token: Name::default(), remaining: None }
    }

    fn one(&self, key: &ObjectKey, moment: &Moment<'_>) -> Answer {
        let found = if key.kind == Kind::NODE_METRICS {
            let node = moment.caches.of(Kind::NODE).get("", &key.name);
            node.and_then(|o| o.as_a::<Node>())
                .and_then(|n| self.node(n, moment.start))
                .map(Object::from)
        } else {
            let pod = moment.caches.of(Kind::POD).get(&key.namespace, &key.name);
            pod.and_then(|o| o.as_a::<Pod>())
                .and_then(|p| self.pod(p, moment.start))
                .map(Object::from)
        };
        match found {
            Some(object) => Answer::Object(object),
            None => {
                let (group, plural) = (key.kind.row().group, key.kind.name());
                let name = if key.namespace.is_empty() {
                    key.name.clone()
                } else {
                    smol_str::format_smolstr!("{}/{}", key.namespace, key.name)
                };
                let resource = GroupResource::new(group, &plural.to_lowercase());
                Answer::Refused(Refusal::not_found(&resource, &name))
            }
        }
    }

    /// What is told of usage on a node, where somebody has made its figures wrong.
    fn told(&self, node: &Name, usage: Usage) -> Usage {
        let Some(percent) = self.wrong.get(node).copied().flatten() else { return usage };
        let part =
            |n: u64| u64::try_from(u128::from(n) * u128::from(percent) / 100).unwrap_or(u64::MAX);
        Usage { nanocores: part(usage.nanocores), bytes: part(usage.bytes) }
    }

    /// Source: github.com/kubernetes-sigs/metrics-server pkg/storage/node.go, `GetMetrics`
    fn node(&self, node: &Node, start: Start) -> Option<NodeMetrics> {
        let [last, before] = self.points.get(&node.meta.name)?.as_slice() else { return None };
        let window = last.at.since(before.at);
        let usage = Usage { nanocores: rate(last.cpu, before.cpu, window)?, bytes: last.memory };
        let usage = self.told(&node.meta.name, usage);
        Some(NodeMetrics {
            meta: named(&node.meta),
            timestamp: Time::wall(start, last.at),
            window,
            usage,
        })
    }

    /// Source: github.com/kubernetes-sigs/metrics-server pkg/storage/pod.go, `GetMetrics`
    fn pod(&self, pod: &Pod, start: Start) -> Option<PodMetrics> {
        let points = self.points.get(&pod.node_name)?;
        let find = |sample: &Arc<NodeSample>| -> Option<(SimTime, PodSample)> {
            let own = |p: &&PodSample| p.name == pod.meta.name && p.namespace == pod.meta.namespace;
            Some((sample.at, sample.pods.iter().find(own)?.clone()))
        };
        let (at, last) = find(points.first()?)?;
        let before = points.get(1).and_then(find);
        let mut window = SimDuration(u64::MAX);
        let mut containers = Vec::new();
        for container in &last.containers {
            let (since, cpu) = self.earlier(container, at, before.as_ref())?;
            let span = at.since(since);
            window = window.min(span);
            let nanocores = rate(container.cpu, cpu, span)?;
            let usage = Usage { nanocores, bytes: container.memory };
            containers.push((container.name.clone(), self.told(&pod.node_name, usage)));
        }
        if containers.is_empty() {
            return None;
        }
        let meta = named(&pod.meta);
        let timestamp = Time::wall(start, at);
        Some(PodMetrics { meta, timestamp, window, containers: containers.into() })
    }

    /// The look at a container that the last one is compared with: the one before, or its start
    /// when it is neither too young nor too old for that. One that has used nothing has none.
    ///
    /// Source: github.com/kubernetes-sigs/metrics-server pkg/storage/pod.go, `Store`
    fn earlier(
        &self,
        container: &ContainerSample,
        at: SimTime,
        before: Option<&(SimTime, PodSample)>,
    ) -> Option<(SimTime, u64)> {
        if container.cpu == 0 || container.memory == 0 {
            return None;
        }
        if let Some((earlier, pod)) = before
            && let Some(old) = pod.containers.iter().find(|c| c.name == container.name)
            && old.started == container.started
        {
            return Some((*earlier, old.cpu));
        }
        let age = at.since(container.started);
        (age >= FRESH && age < self.options.resolution).then_some((container.started, 0))
    }
}

/// The mean rate between two counts, in billionths.
fn rate(now: u64, before: u64, span: SimDuration) -> Option<u64> {
    let used = u128::from(now.checked_sub(before)?);
    let rate = (used * 1_000_000_000).checked_div(u128::from(span.0))?;
    u64::try_from(rate).ok()
}

/// Name, namespace and labels: what the metrics of an object show of it.
fn named(meta: &Meta) -> Meta {
    Meta { labels: meta.labels.clone(), ..Meta::named(&meta.namespace, &meta.name) }
}

impl Component for MetricsServer {
    fn observe(&mut self, _change: &Observed<'_>, _moment: &mut Moment<'_>) {}

    fn reply(&mut self, _token: u64, _answer: &Answer, _moment: &mut Moment<'_>) {}

    /// `figures`: those of some `nodes` are so many `percent` of the truth as long as it is `on`;
    /// 0 for none at all, null for those of before.
    fn disturb(&mut self, what: &Name, how: &serde_json::Value, _moment: &mut Moment<'_>) {
        if what != "figures" {
            return;
        }
        for node in how["nodes"].as_array().into_iter().flatten().filter_map(|n| n.as_str()) {
            if how["on"] == true {
                self.wrong.insert(node.into(), how["percent"].as_u64());
            } else {
                self.wrong.remove(node);
            }
        }
    }

    fn hear(&mut self, _from: Peer, what: Beside, moment: &mut Moment<'_>) {
        match what {
            Beside::Forwarded(client, id, request) => self.question((client, id, request), moment),
            Beside::Scraped(id, samples) => self.scraped(id, samples, moment),
            Beside::Scrape(..) | Beside::Share { .. } => {}
        }
        self.ask(moment);
    }

    fn wake(&mut self, moment: &mut Moment<'_>) {
        let now = moment.now;
        if self.patience <= now {
            self.give_up();
            self.answer_all(moment);
        }
        if self.next_look > now {
            return self.ask(moment);
        }
        if now.since(self.last_question) > UNASKED {
            self.next_look = SimTime::NEVER;
            self.points.clear();
            return;
        }
        self.give_up();
        self.look(&[now], moment);
        self.next_look = now + self.options.resolution;
        self.ask(moment);
    }

    fn crashed(&mut self) {
        let fresh = MetricsServer::new(self.options, self.nodes.clone());
        let wrong = std::mem::take(&mut self.wrong);
        *self = MetricsServer { has_looked: false, wrong, ..fresh };
    }
}
