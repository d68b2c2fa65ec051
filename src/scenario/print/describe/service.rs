//! Services and namespaces.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Value;

use super::Related;
use super::text::{Page, or_none};
use crate::api::discovery::endpoint_slice::EndpointSlice;
use crate::scenario::print::look::{at, int, join, labels, list, members, shown, text, text_or};

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `describeService`
pub(super) fn service(page: &mut Page, object: &Value, related: &Related) {
    let spec = at(object, "spec");
    page.name(object);
    page.labels_and_annotations(object);
    page.field("Selector", labels(spec, "selector"));
    page.field("Type", text(spec, "type"));
    page.field_if("IP Family Policy", text(spec, "ipFamilyPolicy"));
    page.field("IP Families", all_of(spec, "ipFamilies"));
    page.field("IP", text(spec, "clusterIP"));
    let ips = all_of(spec, "clusterIPs");
    page.field("IPs", if ips == "<none>" { or_none(spec, "clusterIP") } else { ips });
    if !list(spec, "externalIPs").is_empty() {
        page.field("External IPs", all_of(spec, "externalIPs"));
    }
    page.field_if("Desired LoadBalancer IP", text(spec, "loadBalancerIP"));
    page.field_if("External Name", text(spec, "externalName"));
    let ingress = list(object, "status.loadBalancer.ingress");
    let ingress = ingress.iter().map(|i| text_or(i, "ip", text(i, "hostname")));
    page.field_if("LoadBalancer Ingress", &join(ingress, ", "));
    for port in list(spec, "ports") {
        let (name, protocol) = (text_or(port, "name", "<unset>"), text(port, "protocol"));
        page.line(&format!("Port:\t{name}\t{}/{protocol}", int(port, "port")));
        page.field("TargetPort", format!("{}/{protocol}", shown(at(port, "targetPort"))));
        if int(port, "nodePort") != 0 {
            page.line(&format!("NodePort:\t{name}\t{}/{protocol}", int(port, "nodePort")));
        }
        page.field("Endpoints", endpoints(&related.slices, text(port, "name")));
    }
    page.field("Session Affinity", text_or(spec, "sessionAffinity", "None"));
    page.field_if("External Traffic Policy", text(spec, "externalTrafficPolicy"));
    page.field_if("Internal Traffic Policy", text(spec, "internalTrafficPolicy"));
}

/// A list in one line.
fn all_of(value: &Value, path: &str) -> String {
    let all = join(list(value, path).iter().map(shown), ",");
    if all.is_empty() { "<none>".to_owned() } else { all }
}

/// The ready addresses of a port: three of them, and how many more there are.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `formatEndpointSlices`
fn endpoints(slices: &[Arc<EndpointSlice>], port: &str) -> String {
    const SHOWN: usize = 3;
    if slices.is_empty() {
        return "<none>".to_owned();
    }
    let mut all = Vec::new();
    for slice in slices {
        let ready = slice.endpoints.iter().filter(|e| e.conditions.ready != Some(false));
        let addresses: Vec<_> = ready.filter_map(|e| e.addresses.first()).collect();
        if slice.ports.is_empty() {
            all.extend(addresses.iter().map(ToString::to_string));
        }
        for own in slice.ports.iter().filter(|p| p.name.as_deref().unwrap_or_default() == port) {
            let number = own.port.unwrap_or(0);
            let one = |a: &&crate::api::Name| {
                if a.contains(':') { format!("[{a}]:{number}") } else { format!("{a}:{number}") }
            };
            all.extend(addresses.iter().map(one));
        }
    }
    let mut text = all[..all.len().min(SHOWN)].join(",");
    if all.len() > SHOWN {
        let _ = write!(text, " + {} more...", all.len() - SHOWN);
    }
    text
}

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `describeNamespace`
///
/// Differs: limit ranges are not listed; the simulator does not act upon them.
pub(super) fn namespace(page: &mut Page, object: &Value, related: &Related) {
    page.field("Name", text(object, "metadata.name"));
    page.labels_and_annotations(object);
    page.field("Status", text(object, "status.phase"));
    page.line("");
    if related.quotas.is_empty() {
        page.line("No resource quota.");
    } else {
        page.line("Resource Quotas");
    }
    for quota in &related.quotas {
        let quota = quota.to_value();
        page.field("  Name", text(&quota, "metadata.name"));
        page.line("  Resource\tUsed\tHard\n  --------\t---\t---");
        for (resource, hard) in members(&quota, "status.hard") {
            let used = shown(&quota["status"]["used"][resource]);
            page.line(&format!("  {resource}\t{used}\t{}", shown(hard)));
        }
    }
    page.line("\nNo LimitRange resource.");
}
