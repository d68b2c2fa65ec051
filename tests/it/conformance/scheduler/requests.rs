//! Effective requests and limits of pods, and their quality of service.

use serde::Deserialize;
use serde_json::{Value, json};
use wavetank::api::core::container::ResourceRequirements;
use wavetank::api::core::pod::QosClass;
use wavetank::api::core::pod_requests::{self, Options};
use wavetank::api::resource::ResourceList;

use super::{only, pod, text};
use crate::conformance::{Case, same};

type Done = Result<(), String>;

pub(crate) fn requests(case: &Case<'_>) -> Done {
    if let Some(whole) = case.input.get("pod_resources") {
        let set = match whole {
            Value::Null => false,
            value => {
                let whole = ResourceRequirements::deserialize(value).map_err(text)?;
                pod_requests::is_pod_level_set(&whole)
            }
        };
        return same(&json!({ "set": set }), case.want);
    }
    only(case.input, &["pod", "options"])?;
    let mut value = case.input["pod"].clone();
    if let Some(status) = value.get_mut("status").and_then(Value::as_object_mut)
        && let Some(conditions) = status.remove("resizeConditions")
    {
        status.insert("conditions".to_owned(), conditions);
    }
    let pod = pod(&value)?;
    let given = &case.input["options"];
    let mut missing = None;
    let mut options = Options::default();
    for (name, value) in given.as_object().into_iter().flatten() {
        match (name.as_str(), value.as_bool()) {
            ("excludeOverhead", Some(on)) => options.without_overhead = on,
            ("skipPodLevelResources", Some(on)) => options.without_pod_level = on,
            ("useStatusResources", Some(on)) => options.status = on.then_some(&*pod.status),
            ("nonMissingContainerRequests", _) => {
                missing = Some(ResourceList::deserialize(value).map_err(text)?);
            }
            _ => return Err(format!("unknown option {name}")),
        }
    }
    options.missing = missing.as_ref();
    let want = case.want.as_object().ok_or("no figures are wanted")?;
    for (name, want) in want {
        let got = match name.as_str() {
            "requests" => pod_requests::requests(&pod.spec, options),
            "limits" => pod_requests::limits(&pod.spec, options),
            other => return Err(format!("unknown figure {other}")),
        };
        if got != ResourceList::deserialize(want).map_err(text)? {
            return Err(format!("{name}: want {want}\n      got  {}", json!(got)));
        }
    }
    Ok(())
}

pub(crate) fn qos_class(case: &Case<'_>) -> Done {
    let input = case.input;
    let value = if input.get("pod").is_some() {
        only(input, &["pod", "featurePodLevelResources"])?;
        let mut value = input["pod"].clone();
        if input["featurePodLevelResources"] != json!(true)
            && let Some(spec) = value["spec"].as_object_mut()
        {
            spec.remove("resources");
        }
        value
    } else {
        only(input, &["containers", "initContainers"])?;
        let containers = |name: &str| -> Vec<Value> {
            let all = input[name].as_array().into_iter().flatten();
            all.map(|resources| json!({ "resources": resources })).collect()
        };
        json!({ "spec": {
            "containers": containers("containers"),
            "initContainers": containers("initContainers"),
        } })
    };
    let class = match pod(&value)?.spec.qos_class {
        QosClass::BestEffort => "BestEffort",
        QosClass::Burstable => "Burstable",
        QosClass::Guaranteed => "Guaranteed",
    };
    same(&json!({ "qosClass": class }), case.want)
}
