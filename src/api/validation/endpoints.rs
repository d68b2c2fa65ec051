//! Endpoints and `EndpointSlices`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::api::names;
use crate::api::validation::errors::Errors;
use crate::api::validation::format;
use crate::api::validation::path::Path;
use crate::api::validation::probe::port_number;
use crate::api::validation::read::{at, get, int, list, text, texts};
use crate::api::validation::rule::{immutable, known_value, one_of};

const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const MOST_ENDPOINTS: usize = 1000;
const MOST_PORTS: usize = 20_000;
const MOST_ADDRESSES: usize = 100;

/// Endpoints.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateEndpointSubsets`
pub(super) fn endpoints(object: &Value, errors: &mut Errors) {
    let path = Path::new("subsets");
    for (i, subset) in list(object, "subsets").iter().enumerate() {
        let path = path.index(i);
        let (ready, not_ready) = (list(subset, "addresses"), list(subset, "notReadyAddresses"));
        if ready.is_empty() && not_ready.is_empty() {
            errors.required(&path, "must specify `addresses` or `notReadyAddresses`");
        }
        for field in ["addresses", "notReadyAddresses"] {
            let path = path.child(field);
            for (j, address) in list(subset, field).iter().enumerate() {
                let ip = text(address, "ip");
                let path = path.index(j);
                errors.invalid_for(&path.child("ip"), ip, format::ip(ip));
            }
        }
        let ports = list(subset, "ports");
        let path = path.child("ports");
        for (j, port) in ports.iter().enumerate() {
            subset_port(&path.index(j), port, ports.len(), errors);
        }
    }
}

fn subset_port(path: &Path<'_>, port: &Value, count: usize, errors: &mut Errors) {
    let name = text(port, "name");
    if !name.is_empty() {
        errors.invalid_for(&path.child("name"), name, names::dns1123_label(name));
    } else if count > 1 {
        errors.required(&path.child("name"), "");
    }
    port_number(&path.child("port"), int(port, "port").unwrap_or_default(), errors);
    one_of(path, port, "protocol", &PROTOCOLS, errors);
}

/// An `EndpointSlice`.
///
/// Source: kubernetes v1.36 pkg/apis/discovery/validation/validation.go, `ValidateEndpointSlice`
pub(super) fn slice(object: &Value, errors: &mut Errors) {
    let kind = text(object, "addressType");
    let known = ["FQDN", "IPv4", "IPv6"];
    if kind.is_empty() {
        errors.required(&Path::new("addressType"), "");
    } else {
        known_value(&Path::new("addressType"), kind, &known, errors);
    }
    let path = Path::new("endpoints");
    let all = list(object, "endpoints");
    if all.len() > MOST_ENDPOINTS {
        errors.too_many(&path, all.len(), MOST_ENDPOINTS);
    }
    for (i, endpoint) in all.iter().enumerate() {
        addresses(&path.index(i).child("addresses"), endpoint, kind, errors);
    }
    slice_ports(&Path::new("ports"), list(object, "ports"), errors);
}

fn addresses(path: &Path<'_>, endpoint: &Value, kind: &str, errors: &mut Errors) {
    let count = list(endpoint, "addresses").len();
    if count == 0 {
        errors.required(path, "must contain at least 1 address");
    } else if count > MOST_ADDRESSES {
        errors.too_many(path, count, MOST_ADDRESSES);
    }
    for (i, address) in texts(endpoint, "addresses").enumerate() {
        let wrong = match kind {
            "FQDN" => names::dns1123_subdomain(address),
            "IPv4" if !format::ip(address).is_empty() || address.contains(':') => {
                vec!["must be an IPv4 address".to_owned()]
            }
            "IPv6" if !format::ip(address).is_empty() || !address.contains(':') => {
                vec!["must be an IPv6 address".to_owned()]
            }
            _ => Vec::new(),
        };
        errors.invalid_for(&path.index(i), address, wrong);
    }
}

fn slice_ports(path: &Path<'_>, ports: &[Value], errors: &mut Errors) {
    if ports.len() > MOST_PORTS {
        errors.too_many(path, ports.len(), MOST_PORTS);
    }
    let mut seen = BTreeSet::new();
    for (i, port) in ports.iter().enumerate() {
        let path = path.index(i);
        let name = text(port, "name");
        if !name.is_empty() {
            errors.invalid_for(&path.child("name"), name, names::dns1123_label(name));
        }
        if !seen.insert(name) {
            errors.duplicate(&path.child("name"), name);
        }
        if let Some(number) = get(port, "port").and_then(Value::as_i64) {
            port_number(&path.child("port"), number, errors);
        }
        one_of(&path, port, "protocol", &PROTOCOLS, errors);
    }
}

/// A changed `EndpointSlice`: its kind of addresses stays.
pub(super) fn slice_update(new: &Value, old: &Value, errors: &mut Errors) {
    slice(new, errors);
    let path = Path::new("addressType");
    immutable(&path, at(new, "addressType"), at(old, "addressType"), errors);
}
