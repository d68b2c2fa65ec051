//! One metric of an autoscaler: what is asked for it, and what its answer comes to.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::calculate::{self, Basis, Proposal, Tolerances};
use super::group::{self, Groups, Patience, PodMetric, PodMetrics};
use super::request::{go_selector, requests};
use crate::api::Name;
use crate::api::autoscaling::horizontal_pod_autoscaler::{
    ContainerResourceMetricSource, MetricSpec, MetricStatus, MetricTarget, MetricValueStatus,
    NamedMetricStatus, ObjectMetricSource, ObjectMetricStatus, PodsMetricSource,
    ResourceMetricSource, ResourceMetricStatus,
};
use crate::api::autoscaling::metric::query;
use crate::api::core::pod::{Pod, PodPhase};
use crate::api::object::{Kind, Object};
use crate::api::quantity::Quantity;
use crate::api::refusal::Refusal;
use crate::api::request::{ListOptions, ObjectList};
use crate::api::selector::{FieldSelector, LabelSelector, Selector};
use crate::api::time::Time;

/// What the metrics API answered.
pub type Answer = Result<Arc<ObjectList>, Refusal>;

/// What the replicas of a metric are computed from, beside its answer.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    /// The replicas that are wanted now.
    pub wanted: i32,
    /// The replicas that there are.
    pub there: i32,
    /// The pods of the target.
    pub pods: &'a [&'a Pod],
    /// The namespace of the autoscaler.
    pub namespace: &'a Name,
    /// How far a ratio may be off.
    pub tolerances: Tolerances,
    /// For how long figures of pods are doubted.
    pub patience: Patience,
    /// The controller's clock.
    pub now: Time,
}

/// What a metric that could be read comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Measured {
    /// The replicas that it asks for.
    pub replicas: i32,
    /// What it is called in events.
    pub name: String,
    /// What is shown of it.
    pub status: MetricStatus,
}

/// Why a metric could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failed {
    /// One word.
    pub reason: &'static str,
    /// What its own event and the condition say.
    pub text: String,
    /// What the pass as a whole says.
    pub whole: String,
}

/// What is asked of the metrics APIs for a metric; none for one of an unknown type.
pub fn question(spec: &MetricSpec, namespace: &Name, pods: &Selector) -> Option<ListOptions> {
    let list = |kind| ListOptions { namespace: namespace.clone(), ..ListOptions::all(kind) };
    if spec.resource.is_some() || spec.container_resource.is_some() {
        return Some(ListOptions { labels: pods.clone(), ..list(Kind::POD_METRICS) });
    }
    if let Some(source) = &spec.pods {
        let fields = fields(&source.metric.name, "Pod", "*", source.metric.selector.as_ref());
        return Some(ListOptions { labels: pods.clone(), fields, ..list(Kind::METRIC_VALUE) });
    }
    if let Some(source) = &spec.object {
        let object = &source.described_object;
        let series = source.metric.selector.as_ref();
        let fields = fields(&source.metric.name, &object.kind, &object.name, series);
        return Some(ListOptions { fields, ..list(Kind::METRIC_VALUE) });
    }
    let source = spec.external.as_ref()?;
    let labels = series(source.metric.selector.as_ref());
    let fields = FieldSelector::all_of(&[(query::METRIC, &source.metric.name)]);
    Some(ListOptions { labels, fields, ..list(Kind::EXTERNAL_METRIC_VALUE) })
}

/// The series of a metric: all of them when nothing is said.
fn series(selector: Option<&LabelSelector>) -> Selector {
    selector.map_or(Selector::EVERYTHING, |s| {
        LabelSelector::to_selector(Some(s)).unwrap_or(Selector::NOTHING)
    })
}

fn fields(metric: &str, kind: &str, name: &str, of: Option<&LabelSelector>) -> FieldSelector {
    let series = series(of).to_string();
    let mut all = vec![(query::METRIC, metric), (query::KIND, kind), (query::NAME, name)];
    if !series.is_empty() {
        all.push((query::SERIES, &series));
    }
    FieldSelector::all_of(&all)
}

/// What the answer to a metric comes to.
///
/// # Errors
/// When nothing can be said, in Kubernetes' words.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go, `computeReplicasForMetric`
pub fn measure(spec: &MetricSpec, answer: &Answer, sight: Sight<'_>) -> Result<Measured, Failed> {
    if let Some(source) = &spec.resource {
        return resource(source, answer, sight);
    }
    if let Some(source) = &spec.container_resource {
        return container_resource(source, answer, sight);
    }
    if let Some(source) = &spec.pods {
        return pods(source, answer, sight);
    }
    if let Some(source) = &spec.object {
        return object(source, answer, sight);
    }
    if let Some(source) = &spec.external {
        return external(source, answer, sight);
    }
    Err(unknown(spec))
}

/// A metric of a type that the controller does not know; the apiserver lets none in.
pub fn unknown(spec: &MetricSpec) -> Failed {
    let text = format!("unknown metric source type {:?}", spec.kind.as_str());
    Failed { reason: "InvalidMetricSourceType", whole: text.clone(), text }
}

fn resource(
    source: &ResourceMetricSource,
    answer: &Answer,
    sight: Sight<'_>,
) -> Result<Measured, Failed> {
    let found = by_resource(&source.name, &source.target, "", answer, sight);
    let (proposal, current) = found.map_err(|text| Failed {
        reason: "FailedGetResourceMetric",
        whole: format!("failed to get {} resource metric value: {text}", source.name),
        text,
    })?;
    let status = ResourceMetricStatus { name: source.name.clone(), current, ..Default::default() };
    Ok(Measured {
        replicas: proposal.replicas,
        name: resource_name(&source.name, &source.target, " resource"),
        status: MetricStatus {
            kind: Name::new_static("Resource"),
            resource: Some(status),
            ..MetricStatus::default()
        },
    })
}

fn container_resource(
    source: &ContainerResourceMetricSource,
    answer: &Answer,
    sight: Sight<'_>,
) -> Result<Measured, Failed> {
    let found = by_resource(&source.name, &source.target, &source.container, answer, sight);
    let (proposal, current) = found.map_err(|text| Failed {
        reason: "FailedGetContainerResourceMetric",
        whole: format!("failed to get {} container metric value: {text}", source.name),
        text,
    })?;
    let (name, container) = (source.name.clone(), source.container.clone());
    Ok(Measured {
        replicas: proposal.replicas,
        name: resource_name(&source.name, &source.target, " container resource"),
        status: MetricStatus {
            kind: Name::new_static("ContainerResource"),
            container_resource: Some(ResourceMetricStatus { name, current, container }),
            ..MetricStatus::default()
        },
    })
}

fn resource_name(name: &str, target: &MetricTarget, of_share: &str) -> String {
    match target.average_value {
        Some(_) => format!("{name} resource"),
        None => format!("{name}{of_share} utilization (percentage of request)"),
    }
}

/// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go,
/// `computeStatusForResourceMetricGeneric`
fn by_resource(
    name: &str,
    target: &MetricTarget,
    container: &str,
    answer: &Answer,
    sight: Sight<'_>,
) -> Result<(Proposal, MetricValueStatus), String> {
    let basis = Basis { current: sight.wanted, tolerances: sight.tolerances };
    let figures = || -> Result<(PodMetrics, Groups), String> {
        let metrics = usage(name, container, answer)
            .map_err(|text| format!("unable to get metrics for resource {name}: {text}"))?;
        let groups = groups(&metrics, name == "cpu", sight)?;
        Ok((metrics, groups))
    };
    if let Some(wanted) = &target.average_value {
        let found = figures().and_then(|(metrics, groups)| {
            calculate::by_mean(basis, wanted.milli_value(), &groups, metrics)
        });
        let proposal = found.map_err(|text| format!("failed to get {name} usage: {text}"))?;
        return Ok((proposal, average(proposal.value)));
    }
    let Some(wanted) = target.average_utilization else {
        return Err("invalid resource metric source: neither an average utilization target nor \
                    an average value (usage) target was set"
            .to_owned());
    };
    let found = figures().and_then(|(metrics, groups)| {
        let requests = requests(sight.pods, container, name);
        by_share_of_request(basis, wanted, &groups, metrics, requests)
    });
    let proposal = found.map_err(|text| format!("failed to get {name} utilization: {text}"))?;
    let average_utilization = Some(proposal.utilization);
    Ok((proposal, MetricValueStatus { average_utilization, ..average(proposal.value) }))
}

/// That no pod has figures is found before a request is missed.
fn by_share_of_request(
    basis: Basis,
    wanted: i32,
    groups: &Groups,
    metrics: PodMetrics,
    requests: Result<BTreeMap<Name, i64>, String>,
) -> Result<Proposal, String> {
    match requests {
        Ok(requests) => calculate::by_utilization(basis, wanted, groups, metrics, &requests),
        Err(missing) => {
            let none = calculate::by_mean(basis, 1, groups, metrics);
            Err(none.err().unwrap_or(missing))
        }
    }
}

fn average(milli: i64) -> MetricValueStatus {
    let average_value = Some(Quantity::milli(milli));
    MetricValueStatus { average_value, ..MetricValueStatus::default() }
}

fn groups(metrics: &PodMetrics, is_cpu: bool, sight: Sight<'_>) -> Result<Groups, String> {
    if sight.pods.is_empty() {
        return Err("no pods returned by selector while calculating replica count".to_owned());
    }
    let pods = sight.pods.iter().copied();
    Ok(group::group(pods, metrics, is_cpu, sight.patience, sight.now))
}

/// The usage of each pod, or of one container of each.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/metrics/client.go, `GetResourceMetric`
fn usage(name: &str, container: &str, answer: &Answer) -> Result<PodMetrics, String> {
    let list = answer.as_ref().map_err(|refusal| {
        format!("unable to fetch metrics from resource metrics API: {}", refusal.message)
    })?;
    if list.items.is_empty() {
        return Err("no metrics returned from resource metrics API".to_owned());
    }
    let mut all = PodMetrics::new();
    for item in &list.items {
        let Object::PodMetrics(pod) = item else { continue };
        let own = pod.containers.iter().filter(|(n, _)| container.is_empty() || n == container);
        let sum = own.map(|(_, u)| u.milli(name)).try_fold(None, |sum: Option<i64>, value| {
            Some(Some(sum.unwrap_or(0).saturating_add(value?)))
        });
        if let Some(Some(value)) = sum {
            let metric = PodMetric { value, timestamp: pod.timestamp, window: pod.window };
            all.insert(pod.meta.name.clone(), metric);
        }
    }
    if all.is_empty() && !container.is_empty() {
        return Err(format!(
            "failed to get container metrics: container {container} not present in metrics"
        ));
    }
    Ok(all)
}

/// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go,
/// `computeStatusForPodsMetric`
fn pods(source: &PodsMetricSource, answer: &Answer, sight: Sight<'_>) -> Result<Measured, Failed> {
    let basis = Basis { current: sight.wanted, tolerances: sight.tolerances };
    let target = source.target.average_value.as_ref().map_or(0, Quantity::milli_value);
    let found = values(answer)
        .map_err(|text| format!("unable to get metric {}: {text}", source.metric.name))
        .and_then(|metrics| {
            let groups = groups(&metrics, false, sight)?;
            calculate::by_mean(basis, target, &groups, metrics)
        });
    let proposal = found.map_err(|text| Failed {
        reason: "FailedGetPodsMetric",
        whole: format!("failed to get pods metric value: {text}"),
        text,
    })?;
    let current = average(proposal.value);
    Ok(Measured {
        replicas: proposal.replicas,
        name: format!("pods metric {}", source.metric.name),
        status: MetricStatus {
            kind: Name::new_static("Pods"),
            pods: Some(NamedMetricStatus { metric: source.metric.clone(), current }),
            ..MetricStatus::default()
        },
    })
}

/// The value of each object of an answer of the custom metrics API.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/metrics/client.go, `GetRawMetric`
fn values(answer: &Answer) -> Result<PodMetrics, String> {
    let list = answer.as_ref().map_err(|refusal| {
        format!("unable to fetch metrics from custom metrics API: {}", refusal.message)
    })?;
    if list.items.is_empty() {
        return Err("no metrics returned from custom metrics API".to_owned());
    }
    let one = |item: &Object| {
        let Object::MetricValue(found) = item else { return None };
        // The API leaves the window out; a minute is what the client then takes.
        let window = crate::sim::time::SimDuration::secs(60);
        let metric = PodMetric { value: found.milli, timestamp: found.timestamp, window };
        Some((found.meta.name.clone(), metric))
    };
    Ok(list.items.iter().filter_map(one).collect())
}

/// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go,
/// `computeStatusForObjectMetric`
fn object(
    source: &ObjectMetricSource,
    answer: &Answer,
    sight: Sight<'_>,
) -> Result<Measured, Failed> {
    let (object, metric) = (&source.described_object, &source.metric);
    let failed = |text: String| Failed {
        reason: "FailedGetObjectMetric",
        whole: format!("failed to get object metric value: {text}"),
        text,
    };
    let value = || {
        let all = values(answer);
        let one = all.map(|all| all.values().next().map_or(0, |m| m.value));
        one.map_err(|text| {
            let (kind, name) = (&object.kind, &object.name);
            format!(
                "unable to get metric {}: {text} on {kind} {}/{name}",
                metric.name, sight.namespace
            )
        })
    };
    let (proposal, current, name) = if let Some(target) = &source.target.value {
        let proposal = value().and_then(|value| in_all(target, value, sight)).map_err(failed)?;
        let name = format!("{} metric {}", object.kind, metric.name);
        (proposal, total(proposal.value), name)
    } else if let Some(target) = &source.target.average_value {
        let value = value()
            .map_err(|text| failed(format!("failed to get {} object metric: {text}", metric.name)));
        let proposal = shared(target, value?, sight);
        let selector = go_selector(metric.selector.as_ref());
        let name = format!("external metric {}({selector})", metric.name);
        (proposal, average(proposal.value), name)
    } else {
        const NEITHER: &str = "invalid object metric source: neither a value target nor an \
                               average value target was set";
        return Err(failed(NEITHER.to_owned()));
    };
    let (metric, described_object) = (metric.clone(), object.clone());
    Ok(Measured {
        replicas: proposal.replicas,
        name,
        status: MetricStatus {
            kind: Name::new_static("Object"),
            object: Some(ObjectMetricStatus { metric, current, described_object }),
            ..MetricStatus::default()
        },
    })
}

/// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go,
/// `computeStatusForExternalMetric`
fn external(
    source: &PodsMetricSource,
    answer: &Answer,
    sight: Sight<'_>,
) -> Result<Measured, Failed> {
    let metric = &source.metric;
    let failed = |text: String| Failed {
        reason: "FailedGetExternalMetric",
        whole: format!("failed to get {} external metric value: {text}", metric.name),
        text,
    };
    let selector = go_selector(metric.selector.as_ref());
    let value = || {
        sum(answer).map_err(|text| {
            let namespace = sight.namespace;
            format!("unable to get external metric {namespace}/{}/{selector}: {text}", metric.name)
        })
    };
    let (proposal, current) = if let Some(target) = &source.target.average_value {
        let value = value().map_err(|text| {
            failed(format!("failed to get {} external metric: {text}", metric.name))
        });
        let proposal = shared(target, value?, sight);
        (proposal, average(proposal.value))
    } else if let Some(target) = &source.target.value {
        let found = value().and_then(|value| in_all(target, value, sight));
        let found = found.map_err(|text| {
            failed(format!("failed to get external metric {}: {text}", metric.name))
        });
        let proposal = found?;
        (proposal, total(proposal.value))
    } else {
        const NEITHER: &str = "invalid external metric source: neither a value target nor an \
                               average value target was set";
        return Err(failed(NEITHER.to_owned()));
    };
    Ok(Measured {
        replicas: proposal.replicas,
        name: format!("external metric {}({selector})", metric.name),
        status: MetricStatus {
            kind: Name::new_static("External"),
            external: Some(NamedMetricStatus { metric: metric.clone(), current }),
            ..MetricStatus::default()
        },
    })
}

/// The sum over all series of an external metric.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/metrics/client.go, `GetExternalMetric`
fn sum(answer: &Answer) -> Result<i64, String> {
    let list = answer.as_ref().map_err(|refusal| {
        format!("unable to fetch metrics from external metrics API: {}", refusal.message)
    })?;
    if list.items.is_empty() {
        return Err("no metrics returned from external metrics API".to_owned());
    }
    let value = |item: &Object| {
        if let Object::ExternalMetricValue(found) = item { found.milli } else { 0 }
    };
    Ok(list.items.iter().map(value).fold(0, i64::saturating_add))
}

fn total(milli: i64) -> MetricValueStatus {
    MetricValueStatus { value: Some(Quantity::milli(milli)), ..MetricValueStatus::default() }
}

fn in_all(target: &Quantity, value: i64, sight: Sight<'_>) -> Result<Proposal, String> {
    let basis = Basis { current: sight.wanted, tolerances: sight.tolerances };
    let ready = || {
        if sight.pods.is_empty() {
            return Err("unable to calculate ready pods: no pods returned by selector while \
                        calculating replica count"
                .to_owned());
        }
        let ready = |p: &&&Pod| p.status.phase == PodPhase::Running && p.is_ready();
        Ok(sight.pods.iter().filter(ready).count())
    };
    calculate::by_total(basis, target.milli_value(), value, ready)
}

fn shared(target: &Quantity, value: i64, sight: Sight<'_>) -> Proposal {
    let basis = Basis { current: sight.there, tolerances: sight.tolerances };
    calculate::by_share(basis, target.milli_value(), value)
}
