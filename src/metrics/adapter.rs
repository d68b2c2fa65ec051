//! The adapter for metrics by name: what the custom and the external metrics API answer.
//!
//! It stands for a monitoring system: a scenario says how each series goes over time.

use std::sync::Arc;

use crate::api::Name;
use crate::api::autoscaling::metric::{ExternalMetricValue, MetricValue, query};
use crate::api::core::pod::Pod;
use crate::api::labels::Labels;
use crate::api::message::{Beside, Message};
use crate::api::meta::Meta;
use crate::api::object::{Kind, Object};
use crate::api::refusal::Refusal;
use crate::api::request::{Answer, ListOptions, ObjectList, Request, Verb};
use crate::api::selector::Selector;
use crate::api::time::Time;
use crate::client::component::{Component, Moment, To};
use crate::client::reconciler::Observed;
use crate::sim::curve::Curve;
use crate::sim::engine::Peer;
use crate::sim::time::{SimDuration, SimTime};

/// One series: a metric of something, over the time of the run.
#[derive(Clone, PartialEq, Debug)]
pub struct Series {
    /// The metric.
    pub metric: Name,
    /// What it is measured of.
    pub of: Of,
    /// Its labels.
    pub labels: Labels,
    /// The value in thousandths.
    pub value: Curve,
    /// How much later it is known than it was.
    pub delay: SimDuration,
}

/// What a series is measured of.
#[derive(Clone, PartialEq, Debug)]
pub enum Of {
    /// Nothing in the cluster.
    Outside,
    /// One object: namespace, kind and name.
    Object(Name, Name, Name),
    /// Each pod of a namespace that is selected, with the whole value.
    EachPod(Name, Selector),
    /// The ready pods of a namespace that are selected, which share the value.
    AllPods(Name, Selector),
}

/// The adapter.
#[derive(Clone)]
pub struct Adapter {
    series: Arc<[Series]>,
}

impl Adapter {
    /// An adapter that knows these series.
    pub fn new(series: Arc<[Series]>) -> Adapter {
        Adapter { series }
    }

    fn answer(&self, verb: &Verb, moment: &Moment<'_>) -> Answer {
        let Verb::List(options) = verb else {
            return Answer::Refused(Refusal::bad_request("metrics are read only"));
        };
        let items = if options.kind == Kind::EXTERNAL_METRIC_VALUE {
            self.external(options, moment)
        } else {
            self.custom(options, moment)
        };
        Answer::List(Arc::new(ObjectList {
            resource_version: 0,
            items,
            continue_token: Name::default(),
            remaining: None,
        }))
    }

    fn external(&self, options: &ListOptions, moment: &Moment<'_>) -> Vec<Object> {
        let metric = options.fields.exact(query::METRIC);
        let asked = |s: &&Series| {
            s.of == Of::Outside && Some(&s.metric) == metric && options.labels.matches(&s.labels)
        };
        let one = |s: &Series| {
            let (timestamp, milli) = s.at(moment);
            Object::from(ExternalMetricValue {
                meta: Meta::named(&options.namespace, &s.metric),
                metric_labels: s.labels.clone(),
                timestamp,
                milli,
            })
        };
        self.series.iter().filter(asked).map(one).collect()
    }

    fn custom(&self, options: &ListOptions, moment: &Moment<'_>) -> Vec<Object> {
        let exact = |field| options.fields.exact(field).map_or("", Name::as_str);
        let (metric, kind, name) = (exact(query::METRIC), exact(query::KIND), exact(query::NAME));
        let labels: Selector = exact(query::SERIES).parse().unwrap_or_default();
        let mut found = Vec::new();
        for series in self.series.iter() {
            if series.metric != metric || !labels.matches(&series.labels) {
                continue;
            }
            let (timestamp, milli) = series.at(moment);
            let value = |name: &Name, kind: &str, milli| {
                Object::from(MetricValue {
                    meta: Meta::named(&options.namespace, name),
                    described_kind: kind.into(),
                    metric: series.metric.clone(),
                    timestamp,
                    milli,
                })
            };
            match &series.of {
                Of::Outside => {}
                Of::Object(namespace, of, its_name) => {
                    let is_it = namespace == &options.namespace && of == kind && its_name == name;
                    found.extend(is_it.then(|| value(its_name, of, milli)));
                }
                Of::EachPod(namespace, selector) | Of::AllPods(namespace, selector) => {
                    if namespace != &options.namespace || kind != "Pod" {
                        continue;
                    }
                    let shared = matches!(series.of, Of::AllPods(..));
                    let pods = measured(namespace, selector, shared, moment);
                    let count = i64::try_from(pods.len()).unwrap_or(i64::MAX).max(1);
                    let each = if shared { milli / count } else { milli };
                    let asked = pods.iter().filter(|p| options.labels.matches(&p.meta.labels));
                    found.extend(asked.map(|p| value(&p.meta.name, "Pod", each)));
                }
            }
        }
        found
    }
}

/// The pods of which a series tells: those that run, or those that are ready.
fn measured<'a>(
    namespace: &'a Name,
    selector: &'a Selector,
    ready: bool,
    moment: &'a Moment<'_>,
) -> Vec<&'a Arc<Pod>> {
    let cache = moment.caches.of(Kind::POD);
    let pods = cache.select(namespace, selector).filter_map(|o| o.as_a::<Pod>());
    let runs = |p: &&Arc<Pod>| {
        p.status.phase == crate::api::core::pod::PodPhase::Running
            && !p.meta.is_deleting()
            && (!ready || p.is_ready())
    };
    pods.filter(runs).collect()
}

impl Series {
    /// The value that is known now, and of when it is.
    fn at(&self, moment: &Moment<'_>) -> (Time, i64) {
        let then = SimTime(moment.now.0.saturating_sub(self.delay.0));
        let milli = self.value.at(SimDuration(then.0));
        (Time::wall(moment.start, then), i64::try_from(milli).unwrap_or(i64::MAX))
    }
}

impl Component for Adapter {
    fn observe(&mut self, _change: &Observed<'_>, _moment: &mut Moment<'_>) {}

    fn reply(&mut self, _token: u64, _answer: &Answer, _moment: &mut Moment<'_>) {}

    fn hear(&mut self, _from: Peer, what: Beside, moment: &mut Moment<'_>) {
        if let Beside::Forwarded(client, id, request) = what {
            let request: &Request = &request;
            let answer = self.answer(&request.verb, moment);
            moment.out.messages.push((To::Peer(client), Message::Answer(id, answer)));
        }
    }

    fn wake(&mut self, _moment: &mut Moment<'_>) {}

    fn crashed(&mut self) {}
}
