//! What pods request, and how Go prints a selector.

use std::collections::BTreeMap;

use crate::api::Name;
use crate::api::core::container::Container;
use crate::api::core::pod::Pod;
use crate::api::selector::LabelSelector;

/// What the pods request of a resource, in thousandths.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/replica_calculator.go,
/// `calculatePodRequests`
pub(super) fn requests(
    pods: &[&Pod],
    container: &str,
    resource: &str,
) -> Result<BTreeMap<Name, i64>, String> {
    let mut all = BTreeMap::new();
    for pod in pods {
        let whole = pod.spec.resources.as_ref().and_then(|r| r.requests.get(resource));
        if let Some(whole) = whole.filter(|_| container.is_empty()) {
            all.insert(pod.meta.name.clone(), whole.milli_value());
            continue;
        }
        let sidecars = pod.spec.init_containers.iter().filter(|c| c.is_sidecar());
        let asked = |c: &&Container| container.is_empty() || c.name == container;
        let mut sum = 0i64;
        for c in pod.spec.containers.iter().chain(sidecars).filter(asked) {
            let request = c.resources.requests.get(resource).ok_or_else(|| {
                format!(
                    "missing request for {resource} in container {} of Pod {}",
                    c.name, pod.meta.name
                )
            })?;
            sum = sum.saturating_add(request.milli_value());
        }
        all.insert(pod.meta.name.clone(), sum);
    }
    Ok(all)
}

/// A selector as Go prints it.
pub(super) fn go_selector(selector: Option<&LabelSelector>) -> String {
    let Some(selector) = selector else { return "nil".to_owned() };
    let labels: Vec<String> =
        selector.match_labels.iter().map(|(k, v)| format!("{k}: {v},")).collect();
    let expressions = selector.match_expressions.iter().map(|e| {
        let values = e.values.iter().map(Name::as_str).collect::<Vec<_>>().join(" ");
        format!("{{{} {} [{values}]}},", e.key, e.operator)
    });
    format!(
        "&LabelSelector{{MatchLabels:map[string]string{{{}}},\
         MatchExpressions:[]LabelSelectorRequirement{{{}}},}}",
        labels.concat(),
        expressions.collect::<String>()
    )
}
