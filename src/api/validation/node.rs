//! Nodes.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::api::names;
use crate::api::validation::affinity::taint_effect;
use crate::api::validation::errors::Errors;
use crate::api::validation::format;
use crate::api::validation::meta::label_name;
use crate::api::validation::path::Path;
use crate::api::validation::read::{at, entries, list, text, texts};
use crate::api::validation::resources::amount;

/// A new Node.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidateNode`
pub(super) fn create(node: &Value, errors: &mut Errors) {
    common(node, errors);
    let path = Path::new("spec");
    let path = path.child("podCIDRs");
    let ranges: Vec<&str> = texts(at(node, "spec"), "podCIDRs").collect();
    for (i, range) in ranges.iter().enumerate() {
        errors.invalid_for(&path.index(i), range, format::cidr(range));
    }
    let of_six = ranges.iter().filter(|r| r.contains(':')).count();
    if ranges.len() > 2 || (ranges.len() == 2 && of_six != 1) {
        let detail = "may specify no more than one CIDR for each IP family";
        errors.invalid(&path, ranges.clone(), detail);
    }
    let mut seen = BTreeSet::new();
    for (i, range) in ranges.iter().enumerate() {
        if !seen.insert(range) {
            errors.duplicate(&path.index(i), *range);
        }
    }
}

fn common(node: &Value, errors: &mut Errors) {
    // The path is Kubernetes' own, although taints are in the spec.
    let path = Path::new("metadata");
    taints(&path.child("taints"), list(at(node, "spec"), "taints"), errors);
    let path = Path::new("status");
    for field in ["capacity", "allocatable"] {
        let path = path.child(field);
        for (name, value) in entries(at(node, "status"), field) {
            amount(&path.child(name), name, value, errors);
        }
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateNodeTaints`
fn taints(path: &Path<'_>, taints: &[Value], errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for (i, taint) in taints.iter().enumerate() {
        let path = path.index(i);
        let (key, value) = (text(taint, "key"), text(taint, "value"));
        label_name(&path.child("key"), key, errors);
        let wrong = names::label_value(value);
        if !wrong.is_empty() {
            errors.invalid(&path.child("value"), value, wrong.join(";"));
        }
        match text(taint, "effect") {
            "" => errors.required(&path.child("effect"), ""),
            effect => taint_effect(&path.child("effect"), effect, errors),
        }
        if !seen.insert((key, text(taint, "effect"))) {
            errors.duplicate(&path, taint.clone());
        }
    }
}

/// A changed Node: its pod ranges and provider identity are given once.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidateNodeUpdate`
pub(super) fn update(new: &Value, old: &Value, errors: &mut Errors) {
    common(new, errors);
    let path = Path::new("status");
    let path = path.child("addresses");
    let addresses = list(at(new, "status"), "addresses");
    for (i, address) in addresses.iter().enumerate() {
        if addresses[..i].contains(address) {
            errors.duplicate(&path.index(i), address.clone());
        }
    }
    let path = Path::new("spec");
    let (spec, before) = (at(new, "spec"), at(old, "spec"));
    if !list(before, "podCIDRs").is_empty() && list(spec, "podCIDRs") != list(before, "podCIDRs") {
        let detail = "node updates may not change podCIDR except from \"\" to valid";
        errors.forbidden(&path.child("podCIDRs"), detail);
    }
    let identity = text(before, "providerID");
    if !identity.is_empty() && identity != text(spec, "providerID") {
        let detail = "node updates may not change providerID except from \"\" to valid";
        errors.forbidden(&path.child("providerID"), detail);
    }
}
