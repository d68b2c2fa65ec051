//! Endpoints: the addresses behind a service, as they were before slices.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::api::Name;
use crate::api::core::event::ObjectReference;
use crate::api::meta::Meta;

/// The addresses behind a service.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Endpoints {
    /// Its metadata; the name is the service's.
    pub meta: Meta,
    /// Addresses by set of ports.
    pub subsets: Arc<Vec<EndpointSubset>>,
}

/// Addresses that offer the same ports.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointSubset {
    /// Those that are ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<EndpointAddress>,
    /// Those that are not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_ready_addresses: Vec<EndpointAddress>,
    /// The ports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<EndpointPort>,
}

/// An address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointAddress {
    /// The IP address.
    pub ip: Name,
    /// The host name, if there is one.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub hostname: Name,
    /// The node.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub node_name: Name,
    /// The pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_ref: Option<ObjectReference>,
}

/// A port of an endpoint.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointPort {
    /// The name; empty for none.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub name: Name,
    /// The port.
    pub port: i32,
    /// `TCP`, `UDP` or `SCTP`.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub protocol: Name,
    /// The application protocol, if it was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_protocol: Option<Name>,
}
