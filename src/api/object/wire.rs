//! How each typed kind is read from and written to the wire.

mod storage;

use std::sync::Arc;

use serde::Serialize;
use serde::de::{DeserializeOwned, Error as _};
use serde_json::{Error, Map, Value, json};

use super::{Kind, Object, Resource};
use crate::api::Name;
use crate::api::apps::controller_revision::ControllerRevision;
use crate::api::apps::daemon_set::DaemonSet;
use crate::api::apps::deployment::Deployment;
use crate::api::apps::replica_set::ReplicaSet;
use crate::api::apps::stateful_set::StatefulSet;
use crate::api::autoscaling::horizontal_pod_autoscaler::HorizontalPodAutoscaler;
use crate::api::autoscaling::metric::{
    ExternalMetricValue, MetricValue, NodeMetrics, PodMetrics, Usage,
};
use crate::api::batch::cron_job::CronJob;
use crate::api::batch::job::Job;
use crate::api::coordination::lease::Lease;
use crate::api::core::endpoints::Endpoints;
use crate::api::core::event::Event;
use crate::api::core::limit_range::LimitRange;
use crate::api::core::namespace::Namespace;
use crate::api::core::node::Node;
use crate::api::core::pod::{Pod, PodSpec, strip_nulls};
use crate::api::core::priority_class::PriorityClass;
use crate::api::core::replication_controller::{ReplicationController, ReplicationControllerSpec};
use crate::api::core::resource_quota::ResourceQuota;
use crate::api::core::service::Service;
use crate::api::discovery::endpoint_slice::EndpointSlice;
use crate::api::meta::{Meta, Rest};
use crate::api::policy::pod_disruption_budget::PodDisruptionBudget;
use crate::api::quantity::Quantity;
use crate::api::selector::LabelSelector;

/// Reads a member; the default when it is absent or null.
fn take<T: DeserializeOwned + Default>(
    body: &mut Map<String, Value>,
    name: &str,
) -> Result<T, Error> {
    match body.remove(name) {
        None | Some(Value::Null) => Ok(T::default()),
        Some(mut value) => {
            strip_nulls(&mut value);
            serde_json::from_value(value)
        }
    }
}

/// Writes a member, unless it would be empty.
fn put<T: Serialize>(body: &mut Map<String, Value>, name: &str, value: &T) {
    let value = serde_json::to_value(value).unwrap_or_default();
    let empty = match &value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    if !empty {
        body.insert(name.to_owned(), value);
    }
}

fn rest(body: Map<String, Value>) -> Rest {
    Rest((!body.is_empty()).then(|| Arc::new(body)))
}

fn put_rest(body: &mut Map<String, Value>, rest: &Rest) {
    body.extend(rest.0.iter().flat_map(|m| m.iter()).map(|(k, v)| (k.clone(), v.clone())));
}

resource!(
    Pod,
    POD,
    |meta, mut body| {
        let spec: Map<String, Value> = match body.remove("spec") {
            Some(Value::Object(spec)) => spec,
            Some(_) | None => Map::new(),
        };
        let node_name = spec.get("nodeName").and_then(Value::as_str).unwrap_or_default().into();
        let status = take(&mut body, "status")?;
        Ok(Pod { meta, spec: PodSpec::parse(spec)?, node_name, status })
    },
    |pod, body| {
        let mut spec = (*pod.spec.raw).clone();
        if !pod.node_name.is_empty() {
            spec.insert("nodeName".into(), pod.node_name.as_str().into());
        }
        body.insert("spec".into(), Value::Object(spec));
        put(body, "status", &pod.status);
    },
    status: [status],
    spec: [spec, node_name]
);

resource!(
    Node,
    NODE,
    |meta, mut body| {
        let spec = take(&mut body, "spec")?;
        let status = take(&mut body, "status")?;
        let mut node = Node { meta, spec, status, allocatable: Arc::default() };
        node.refresh();
        Ok(node)
    },
    |node, body| {
        body.insert("spec".into(), serde_json::to_value(&node.spec).unwrap_or_default());
        put(body, "status", &node.status);
    },
    status: [status, allocatable],
    spec: [spec]
);

resource!(
    Namespace,
    NAMESPACE,
    |meta, mut body| {
        let spec = take(&mut body, "spec")?;
        Ok(Namespace { meta, spec, status: take(&mut body, "status")? })
    },
    |namespace, body| {
        body.insert("spec".into(), serde_json::to_value(&namespace.spec).unwrap_or_default());
        put(body, "status", &namespace.status);
    },
    status: [status],
    spec: [spec]
);

resource!(
    Service,
    SERVICE,
    |meta, mut body| {
        let spec = take(&mut body, "spec")?;
        Ok(Service { meta, spec, status: body.remove("status") })
    },
    |service, body| {
        put(body, "spec", &service.spec);
        if let Some(status) = &service.status {
            body.insert("status".into(), status.clone());
        }
    },
    status: [status],
    spec: [spec]
);

resource!(
    Endpoints,
    ENDPOINTS,
    |meta, mut body| Ok(Endpoints { meta, subsets: take(&mut body, "subsets")? }),
    |endpoints, body| put(body, "subsets", &endpoints.subsets),
    status: [],
    spec: [subsets]
);

resource!(
    Event,
    EVENT,
    |meta, body| Ok(Event { meta, body: serde_json::from_value(Value::Object(body))? }),
    |event, body| {
        if let Ok(Value::Object(own)) = serde_json::to_value(&event.body) {
            body.extend(own);
        }
    },
    status: [],
    spec: [body]
);

resource!(
    Deployment,
    DEPLOYMENT,
    |meta, mut body| {
        let spec = take(&mut body, "spec")?;
        Ok(Deployment { meta, spec, status: take(&mut body, "status")? })
    },
    |deployment, body| {
        put(body, "spec", &deployment.spec);
        body.insert("status".into(), serde_json::to_value(&deployment.status).unwrap_or_default());
    },
    status: [status],
    spec: [spec]
);

resource!(
    ReplicaSet,
    REPLICA_SET,
    |meta, mut body| {
        let spec = take(&mut body, "spec")?;
        Ok(ReplicaSet { meta, spec, status: take(&mut body, "status")? })
    },
    |set, body| {
        put(body, "spec", &set.spec);
        put(body, "status", &set.status);
    },
    status: [status],
    spec: [spec]
);

resource!(
    StatefulSet,
    STATEFUL_SET,
    |meta, mut body| {
        let spec = take(&mut body, "spec")?;
        Ok(StatefulSet { meta, spec, status: take(&mut body, "status")? })
    },
    |set, body| {
        put(body, "spec", &set.spec);
        put(body, "status", &set.status);
    },
    status: [status],
    spec: [spec]
);

resource!(
    DaemonSet,
    DAEMON_SET,
    |meta, mut body| {
        let spec = take(&mut body, "spec")?;
        Ok(DaemonSet { meta, spec, status: take(&mut body, "status")? })
    },
    |set, body| {
        put(body, "spec", &set.spec);
        put(body, "status", &set.status);
    },
    status: [status],
    spec: [spec]
);

resource!(
    ControllerRevision,
    CONTROLLER_REVISION,
    |meta, mut body| {
        let data = Arc::new(body.remove("data").unwrap_or_default());
        Ok(ControllerRevision { meta, data, revision: take(&mut body, "revision")? })
    },
    |revision, body| {
        put(body, "data", &*revision.data);
        body.insert("revision".into(), revision.revision.into());
    },
    status: [],
    spec: [data, revision]
);

resource!(
    Lease,
    LEASE,
    |meta, mut body| Ok(Lease { meta, spec: take(&mut body, "spec")?, beat: None }),
    |lease, body| put(body, "spec", &lease.spec),
    status: [],
    spec: [spec, beat]
);

resource!(
    EndpointSlice,
    ENDPOINT_SLICE,
    |meta, mut body| {
        Ok(EndpointSlice {
            meta,
            address_type: take(&mut body, "addressType")?,
            endpoints: take(&mut body, "endpoints")?,
            ports: take(&mut body, "ports")?,
        })
    },
    |slice, body| {
        put(body, "addressType", &slice.address_type);
        body.insert("endpoints".into(), serde_json::to_value(&slice.endpoints).unwrap_or_default());
        put(body, "ports", &slice.ports);
    },
    status: [],
    spec: [address_type, endpoints, ports]
);

resource!(
    PriorityClass,
    PRIORITY_CLASS,
    |meta, mut body| {
        Ok(PriorityClass {
            meta,
            value: take(&mut body, "value")?,
            global_default: take(&mut body, "globalDefault")?,
            preemption_policy: take(&mut body, "preemptionPolicy")?,
            rest: rest(body),
        })
    },
    |class, body| {
        body.insert("value".into(), class.value.into());
        if class.global_default {
            body.insert("globalDefault".into(), true.into());
        }
        put(body, "preemptionPolicy", &class.preemption_policy);
        put_rest(body, &class.rest);
    },
    status: [],
    spec: [value, global_default, preemption_policy, rest]
);

resource!(
    HorizontalPodAutoscaler,
    HORIZONTAL_POD_AUTOSCALER,
    |meta, mut body| {
        let spec = take(&mut body, "spec")?;
        Ok(HorizontalPodAutoscaler { meta, spec, status: take(&mut body, "status")? })
    },
    |autoscaler, body| {
        put(body, "spec", &autoscaler.spec);
        body.insert("status".into(), serde_json::to_value(&autoscaler.status).unwrap_or_default());
    },
    status: [status],
    spec: [spec]
);

resource!(
    Job,
    JOB,
    |meta, mut body| {
        let spec = take(&mut body, "spec")?;
        Ok(Job { meta, spec, status: take(&mut body, "status")? })
    },
    |job, body| {
        put(body, "spec", &job.spec);
        body.insert("status".into(), serde_json::to_value(&job.status).unwrap_or_default());
    },
    status: [status],
    spec: [spec]
);

resource!(
    PodDisruptionBudget,
    POD_DISRUPTION_BUDGET,
    |meta, mut body| {
        let spec = take(&mut body, "spec")?;
        Ok(PodDisruptionBudget { meta, spec, status: take(&mut body, "status")? })
    },
    |budget, body| {
        put(body, "spec", &budget.spec);
        put(body, "status", &budget.status);
        with_messages(body);
    },
    status: [status],
    spec: [spec]
);

resource!(
    LimitRange,
    LIMIT_RANGE,
    |meta, mut body| Ok(LimitRange { meta, spec: take(&mut body, "spec")? }),
    |range, body| {
        body.insert("spec".into(), serde_json::to_value(&range.spec).unwrap_or_default());
    },
    status: [],
    spec: [spec]
);

resource!(
    ResourceQuota,
    RESOURCE_QUOTA,
    |meta, mut body| {
        let spec = take(&mut body, "spec")?;
        Ok(ResourceQuota { meta, spec, status: take(&mut body, "status")? })
    },
    |quota, body| {
        body.insert("spec".into(), serde_json::to_value(&quota.spec).unwrap_or_default());
        body.insert("status".into(), serde_json::to_value(&quota.status).unwrap_or_default());
    },
    status: [status],
    spec: [spec]
);

resource!(
    CronJob,
    CRON_JOB,
    |meta, mut body| {
        let spec = take(&mut body, "spec")?;
        Ok(CronJob { meta, spec, status: take(&mut body, "status")? })
    },
    |cron_job, body| {
        put(body, "spec", &cron_job.spec);
        body.insert("status".into(), serde_json::to_value(&cron_job.status).unwrap_or_default());
    },
    status: [status],
    spec: [spec]
);

/// Conditions of the newer kind have a message even when it is empty.
fn with_messages(body: &mut Map<String, Value>) {
    let conditions = body.get_mut("status").and_then(|s| s.get_mut("conditions"));
    for condition in conditions.and_then(Value::as_array_mut).into_iter().flatten() {
        if let Value::Object(condition) = condition {
            condition.entry("message").or_insert_with(|| "".into());
        }
    }
}

/// What is computed by another server is never written.
fn not_written<T>() -> Result<T, Error> {
    Err(Error::custom("metrics are read only"))
}

fn usage(usage: Usage) -> Value {
    let cpu = format!("{}n", usage.nanocores);
    let memory = format!("{}Ki", usage.bytes / 1024);
    json!({"cpu": cpu, "memory": memory})
}

resource!(
    PodMetrics,
    POD_METRICS,
    |_, _| not_written(),
    |metrics, body| {
        body.insert("timestamp".into(), metrics.timestamp.to_string().into());
        body.insert("window".into(), metrics.window.to_string().into());
        let one = |(name, of): &(Name, Usage)| json!({"name": name, "usage": usage(*of)});
        body.insert("containers".into(), metrics.containers.iter().map(one).collect());
    },
    status: [],
    spec: [timestamp, window, containers]
);

resource!(
    NodeMetrics,
    NODE_METRICS,
    |_, _| not_written(),
    |metrics, body| {
        body.insert("timestamp".into(), metrics.timestamp.to_string().into());
        body.insert("window".into(), metrics.window.to_string().into());
        body.insert("usage".into(), usage(metrics.usage));
    },
    status: [],
    spec: [timestamp, window, usage]
);

resource!(
    MetricValue,
    METRIC_VALUE,
    |_, _| not_written(),
    |value, body| {
        let (kind, meta) = (&value.described_kind, &value.meta);
        let object = json!({"kind": kind, "namespace": meta.namespace, "name": meta.name});
        body.insert("describedObject".into(), object);
        body.insert("metric".into(), json!({"name": value.metric}));
        body.insert("timestamp".into(), value.timestamp.to_string().into());
        body.insert("value".into(), Quantity::milli(value.milli).to_string().into());
    },
    status: [],
    spec: [described_kind, metric, timestamp, milli]
);

resource!(
    ExternalMetricValue,
    EXTERNAL_METRIC_VALUE,
    |_, _| not_written(),
    |value, body| {
        body.insert("metricName".into(), value.meta.name.as_str().into());
        body.insert("metricLabels".into(), json!(value.metric_labels));
        body.insert("timestamp".into(), value.timestamp.to_string().into());
        body.insert("value".into(), Quantity::milli(value.milli).to_string().into());
    },
    status: [],
    spec: [metric_labels, timestamp, milli]
);

resource!(
    ReplicationController,
    REPLICATION_CONTROLLER,
    |meta, mut body| {
        let status = take(&mut body, "status")?;
        let mut spec: Map<String, Value> = take(&mut body, "spec")?;
        let match_labels = take(&mut spec, "selector")?;
        let spec = ReplicationControllerSpec {
            replicas: take(&mut spec, "replicas")?,
            min_ready_seconds: take(&mut spec, "minReadySeconds")?,
            selector: Arc::new(LabelSelector { match_labels, ..LabelSelector::default() }),
            template: take(&mut spec, "template")?,
            rest: rest(spec),
        };
        Ok(ReplicationController { meta, spec, status })
    },
    |owner, body| {
        let (spec, mut out) = (&owner.spec, Map::new());
        out.insert("replicas".into(), spec.replicas.into());
        if spec.min_ready_seconds != 0 {
            out.insert("minReadySeconds".into(), spec.min_ready_seconds.into());
        }
        put(&mut out, "selector", &spec.selector.match_labels);
        put(&mut out, "template", &spec.template);
        put_rest(&mut out, &spec.rest);
        body.insert("spec".into(), out.into());
        put(body, "status", &owner.status);
    },
    status: [status],
    spec: [spec]
);
