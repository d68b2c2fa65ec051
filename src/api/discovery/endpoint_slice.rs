//! `EndpointSlice`: some of the addresses behind a service.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::Name;
use crate::api::core::event::ObjectReference;
use crate::api::meta::{Meta, Rest};

/// Some of the addresses behind a service, at most 100.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EndpointSlice {
    /// Its metadata; the label `kubernetes.io/service-name` names the service.
    pub meta: Meta,
    /// `IPv4`, `IPv6` or `FQDN`.
    pub address_type: Name,
    /// The addresses.
    pub endpoints: Arc<Vec<Endpoint>>,
    /// Ports that all of them offer.
    pub ports: Arc<Vec<SlicePort>>,
}

/// One address of a slice.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Endpoint {
    /// The IP addresses; in practice one.
    pub addresses: Vec<Name>,
    /// What is true of it.
    pub conditions: EndpointConditions,
    /// The host name, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<Name>,
    /// The pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_ref: Option<ObjectReference>,
    /// The node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_name: Option<Name>,
    /// The zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<Name>,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

/// What is true of an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointConditions {
    /// Whether traffic goes there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// Whether it would answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serving: Option<bool>,
    /// Whether it is on its way out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminating: Option<bool>,
}

/// A port of a slice.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SlicePort {
    /// The name; empty for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// `TCP`, `UDP` or `SCTP`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Name>,
    /// The port; none stands for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// The application protocol, if it was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_protocol: Option<Value>,
}
