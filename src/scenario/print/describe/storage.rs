//! Volumes, claims and their classes in sentences.

use serde_json::Value;

use super::Related;
use super::text::Page;
use crate::scenario::print::kind::access_modes;
use crate::scenario::print::look::{at, join, list, members, shown, text, text_or, truth};

/// A member of a volume's spec, what it is, and its fields by their labels.
type Sort = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const SORTS: [Sort; 3] = [
    (
        "hostPath",
        "HostPath (bare host directory volume)",
        &[("Path", "path"), ("HostPathType", "type")],
    ),
    (
        "local",
        "LocalVolume (a persistent volume backed by local storage on a node)",
        &[("Path", "path")],
    ),
    (
        "nfs",
        "NFS (an NFS mount that lasts the lifetime of a pod)",
        &[("Server", "server"), ("Path", "path")],
    ),
];

fn status(page: &mut Page, object: &Value) {
    if text(object, "metadata.deletionTimestamp").is_empty() {
        return page.field("Status", text(object, "status.phase"));
    }
    let span = page.ago(object, "metadata.deletionTimestamp");
    page.field("Status", format!("Terminating (lasts {span})"));
}

fn finalizers(object: &Value) -> String {
    let all = list(object, "metadata.finalizers").iter().map(shown);
    format!("[{}]", join(all, " "))
}

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `describePersistentVolumeClaim`
pub(super) fn claim(page: &mut Page, object: &Value, related: &Related) {
    page.name(object);
    page.field("StorageClass", text(object, "spec.storageClassName"));
    status(page, object);
    let volume = text(object, "spec.volumeName");
    page.field("Volume", volume);
    page.labels_and_annotations(object);
    page.field("Finalizers", finalizers(object));
    let (mut capacity, mut modes) = (String::new(), String::new());
    if !volume.is_empty() {
        capacity = shown(at(object, "status.capacity.storage"));
        modes = access_modes(object, "status.accessModes");
    }
    page.field("Capacity", capacity);
    page.field("Access Modes", modes);
    page.field_if("VolumeMode", text(object, "spec.volumeMode"));
    let users: Vec<String> = related.pods.iter().map(|p| p.meta.name.to_string()).collect();
    page.field_of("Used By", &users);
}

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `describePersistentVolume`
pub(super) fn volume(page: &mut Page, object: &Value, _: &Related) {
    page.name(object);
    page.labels_and_annotations(object);
    page.field("Finalizers", finalizers(object));
    page.field("StorageClass", text(object, "spec.storageClassName"));
    status(page, object);
    let claim = at(object, "spec.claimRef");
    let named = || format!("{}/{}", text(claim, "namespace"), text(claim, "name"));
    page.field("Claim", if claim.is_object() { named() } else { String::new() });
    page.field("Reclaim Policy", text(object, "spec.persistentVolumeReclaimPolicy"));
    page.field("Access Modes", access_modes(object, "spec.accessModes"));
    page.field_if("VolumeMode", text(object, "spec.volumeMode"));
    page.field("Capacity", shown(at(object, "spec.capacity.storage")));
    affinity(page, object);
    page.field("Message", text(object, "status.message"));
    source(page, at(object, "spec"));
}

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `printVolumeNodeAffinity`
fn affinity(page: &mut Page, object: &Value) {
    let terms = list(object, "spec.nodeAffinity.required.nodeSelectorTerms");
    if terms.is_empty() {
        return page.field("Node Affinity", "<none>");
    }
    page.line("Node Affinity:\t");
    page.line("  Required Terms:\t");
    for (n, term) in terms.iter().enumerate() {
        let requirement = |r: &Value| {
            let (key, operator) = (text(r, "key"), text(r, "operator").to_lowercase());
            let values = list(r, "values");
            if values.is_empty() {
                return format!("{key} {operator}");
            }
            format!("{key} {operator} [{}]", join(values.iter().map(shown), ", "))
        };
        let mut lines = list(term, "matchExpressions").iter().map(requirement);
        page.line(&format!("    Term {n}:\t{}", lines.next().unwrap_or("<none>".to_owned())));
        for line in lines {
            page.line(&format!("\t{line}"));
        }
    }
}

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `printCSIPersistentVolumeSource`, `printHostPathVolumeSource`, `printLocalVolumeSource`,
/// `printNFSVolumeSource`
///
/// Differs: of volumes of other sorts all fields are shown, one below the other.
fn source(page: &mut Page, spec: &Value) {
    page.line("Source:");
    let csi = at(spec, "csi");
    if csi.is_object() {
        let sort = "CSI (a Container Storage Interface (CSI) volume source)";
        page.field("    Type", sort);
        page.field("    Driver", text(csi, "driver"));
        page.field("    FSType", text(csi, "fsType"));
        page.field("    VolumeHandle", text(csi, "volumeHandle"));
        page.field("    ReadOnly", truth(csi, "readOnly").to_string());
        page.labels("    VolumeAttributes", csi, "volumeAttributes");
        return;
    }
    for (name, sort, fields) in SORTS {
        let own = at(spec, name);
        if own.is_object() {
            page.field("    Type", sort);
            for (label, field) in fields {
                page.field(&format!("    {label}"), text(own, field));
            }
            return;
        }
    }
    if let Some((name, own)) = own_member(spec) {
        page.field("    Type", name);
        for (key, value) in own.as_object().into_iter().flatten() {
            page.field(&format!("    {key}"), shown(value));
        }
    }
}

/// The member of a spec that says what is behind the volume.
fn own_member(spec: &Value) -> Option<(&str, &Value)> {
    const OTHER: [&str; 3] = ["capacity", "claimRef", "nodeAffinity"];
    let all = spec.as_object()?.iter();
    let mut own = all.filter(|(key, value)| value.is_object() && !OTHER.contains(&key.as_str()));
    own.next().map(|(key, value)| (key.as_str(), value))
}

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `describeStorageClass`
pub(super) fn class(page: &mut Page, object: &Value, _: &Related) {
    page.field("Name", text(object, "metadata.name"));
    let says = |kind: &str| {
        let key = format!("storageclass.{kind}kubernetes.io/is-default-class");
        object["metadata"]["annotations"][key] == "true"
    };
    page.field("IsDefaultClass", if says("") || says("beta.") { "Yes" } else { "No" });
    page.annotations("Annotations", object, "metadata.annotations");
    page.field("Provisioner", text(object, "provisioner"));
    let parameters = members(object, "parameters").into_iter();
    let parameters = join(parameters.map(|(k, v)| format!("{k}={}", shown(v))), ",");
    let parameters = if parameters.is_empty() { "<none>".to_owned() } else { parameters };
    page.field("Parameters", parameters);
    let expands = at(object, "allowVolumeExpansion");
    let word = |b| if b { "True" } else { "False" };
    page.field("AllowVolumeExpansion", expands.as_bool().map_or("<unset>", word));
    let options: Vec<String> = list(object, "mountOptions").iter().map(shown).collect();
    page.field_of("MountOptions", &options);
    page.field("ReclaimPolicy", text_or(object, "reclaimPolicy", "Delete"));
    page.field("VolumeBindingMode", text_or(object, "volumeBindingMode", "Immediate"));
    topologies(page, object);
}

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `printAllowedTopologies`
fn topologies(page: &mut Page, object: &Value) {
    let all = list(object, "allowedTopologies");
    if all.is_empty() {
        return;
    }
    page.line("AllowedTopologies:\t");
    for (n, term) in all.iter().enumerate() {
        let label = |l: &Value| {
            let values = join(list(l, "values").iter().map(shown), ", ");
            format!("{} in [{values}]", text(l, "key"))
        };
        let labels = list(term, "matchLabelExpressions").iter().map(label);
        page.field_of(&format!("  Term {n}"), &labels.collect::<Vec<_>>());
    }
}
