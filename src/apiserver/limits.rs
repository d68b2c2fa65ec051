//! `LimitRanger`: what a namespace's limit ranges fill into pods, and what they refuse.
//!
//! Responsible for one object at a time; what all together may use is the quota's business.

use serde_json::{Map, Value};

use crate::api::Name;
use crate::api::core::container::Container;
use crate::api::core::limit_range::{LimitRange, LimitRangeItem};
use crate::api::core::pod::PodSpec;
use crate::api::core::pod_requests::{self, Options};
use crate::api::quantity::Quantity;
use crate::api::resource::ResourceList;

/// The annotation that tells what was filled in.
pub const ANNOTATION: &str = "kubernetes.io/limit-ranger";

/// Fills the requests and limits that containers leave out; gives the text of the annotation.
///
/// Source: kubernetes v1.36 plugin/pkg/admission/limitranger/admission.go,
/// `mergePodResourceRequirements`, `defaultContainerResourceRequirements`
pub fn fill(range: &LimitRange, spec: &mut Map<String, Value>) -> Option<Name> {
    let mut told = Vec::new();
    for (field, what) in [("containers", "container"), ("initContainers", "init container")] {
        let Some(Value::Array(all)) = spec.get_mut(field) else { continue };
        for container in all.iter_mut().filter_map(Value::as_object_mut) {
            fill_container(range, container, what, &mut told);
        }
    }
    let text = told.join("; ");
    (!told.is_empty()).then(|| smol_str::format_smolstr!("LimitRanger plugin set: {text}"))
}

fn fill_container(
    range: &LimitRange,
    container: &mut Map<String, Value>,
    what: &str,
    told: &mut Vec<String>,
) {
    let name = container.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let items = || range.spec.limits.iter().filter(|item| item.kind == "Container");
    for (field, word) in [("requests", "request"), ("limits", "limit")] {
        let mut missing = ResourceList::new();
        for item in items() {
            let from = if field == "requests" { &item.default_request } else { &item.default };
            missing.extend(from.iter().map(|(k, v)| (k.clone(), v.clone())));
        }
        let resources = container.entry("resources").or_insert_with(|| Map::new().into());
        let Value::Object(resources) = resources else { continue };
        let have = resources.entry(field).or_insert_with(|| Map::new().into());
        let Value::Object(have) = have else { continue };
        let mut set: Vec<&str> = Vec::new();
        for (resource, amount) in missing.iter().filter(|(k, _)| !k.is_empty()) {
            if !have.contains_key(resource.as_str()) {
                have.insert(resource.to_string(), amount.to_string().into());
                set.push(resource);
            }
        }
        if have.is_empty() {
            resources.shift_remove(field);
        }
        if !set.is_empty() {
            told.push(format!("{} {word} for {what} {name}", set.join(", ")));
        }
    }
}

/// What a limit range has against a pod, all of it.
///
/// Source: kubernetes v1.36 plugin/pkg/admission/limitranger/admission.go, `PodValidateLimitFunc`
pub fn against_pod(range: &LimitRange, spec: &PodSpec) -> Vec<String> {
    let mut against = Vec::new();
    for item in &range.spec.limits {
        match item.kind.as_str() {
            "Container" => {
                let all = spec.containers.iter().chain(&spec.init_containers);
                all.for_each(|c| against_container(item, c, &mut against));
            }
            "Pod" => {
                let options = Options { without_overhead: true, ..Options::default() };
                let requests = pod_requests::requests(spec, options);
                let limits = pod_requests::limits(spec, options);
                against_amounts(item, &requests, &limits, &mut against);
            }
            _ => {}
        }
    }
    against
}

fn against_container(item: &LimitRangeItem, container: &Container, against: &mut Vec<String>) {
    let resources = &container.resources;
    against_amounts(item, &resources.requests, &resources.limits, against);
}

fn against_amounts(
    item: &LimitRangeItem,
    requests: &ResourceList,
    limits: &ResourceList,
    against: &mut Vec<String>,
) {
    let (kind, pair) = (&item.kind, |name: &Name| (requests.get(name), limits.get(name)));
    for (name, least) in &item.min {
        let start = format!("minimum {name} usage per {kind} is {least}");
        match pair(name) {
            (None, _) => against.push(format!("{start}.  No request is specified")),
            (Some(request), _) if request < least => {
                against.push(format!("{start}, but request is {request}"));
            }
            (_, Some(limit)) if limit < least => {
                against.push(format!("{start}, but limit is {limit}"));
            }
            _ => {}
        }
    }
    for (name, most) in &item.max {
        let start = format!("maximum {name} usage per {kind} is {most}");
        match pair(name) {
            (_, None) => against.push(format!("{start}.  No limit is specified")),
            (_, Some(limit)) if limit > most => {
                against.push(format!("{start}, but limit is {limit}"));
            }
            (Some(request), _) if request > most => {
                against.push(format!("{start}, but request is {request}"));
            }
            _ => {}
        }
    }
    for (name, most) in &item.max_limit_request_ratio {
        let start = format!("{name} max limit to request ratio per {kind} is {most}");
        against.extend(ratio(&start, pair(name), most));
    }
}

/// What the ratio of a limit to its request has against it.
///
/// Source: kubernetes v1.36 plugin/pkg/admission/limitranger/admission.go,
/// `limitRequestRatioConstraint`
#[expect(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "Kubernetes divides as floats here, and shows six digits"
)]
fn ratio(
    start: &str,
    (request, limit): (Option<&Quantity>, Option<&Quantity>),
    most: &Quantity,
) -> Option<String> {
    let Some(request) = request.filter(|r| !r.is_zero()) else {
        return Some(format!("{start}, but no request is specified or request is 0"));
    };
    let Some(limit) = limit.filter(|l| !l.is_zero()) else {
        return Some(format!("{start}, but no limit is specified or limit is 0"));
    };
    let fine = [request, limit, most].iter().all(|q| q.value() <= MOST_MILLI);
    let of = |q: &Quantity| if fine { q.milli_value() } else { q.value() };
    let found = of(limit) as f64 / of(request) as f64;
    let fine = most.value() <= MOST_MILLI;
    let allowed = if fine { most.milli_value() } else { most.value() } as f64;
    let scaled = if fine { found * 1000.0 } else { found };
    (scaled > allowed).then(|| format!("{start}, but provided ratio is {found:.6}"))
}

/// Greater amounts are not counted in thousandths.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/resource/math.go,
/// `MaxMilliValue`
const MOST_MILLI: i64 = i64::MAX / 1000;

/// What a limit range has against a claim.
///
/// Source: kubernetes v1.36 plugin/pkg/admission/limitranger/admission.go,
/// `PersistentVolumeClaimValidateLimitFunc`
pub fn against_claim(range: &LimitRange, request: Option<&Quantity>) -> Vec<String> {
    let mut against = Vec::new();
    let items = range.spec.limits.iter().filter(|i| i.kind == "PersistentVolumeClaim");
    for item in items {
        let bounds = [("minimum", &item.min), ("maximum", &item.max)];
        for (word, bound) in bounds {
            let Some(bound) = bound.get("storage") else { continue };
            let start = format!("{word} storage usage per PersistentVolumeClaim is {bound}");
            match request {
                None => against.push(format!("{start}.  No request is specified")),
                Some(r) if (word == "minimum" && r < bound) || (word == "maximum" && r > bound) => {
                    against.push(format!("{start}, but request is {r}"));
                }
                Some(_) => {}
            }
        }
    }
    against
}
