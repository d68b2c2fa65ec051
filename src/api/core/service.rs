//! Service: one name for a set of pods.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::Name;
use crate::api::int_or_percent::IntOrPercent;
use crate::api::labels::Labels;
use crate::api::meta::{Meta, Rest};

/// One name for a set of pods.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Service {
    /// Its metadata.
    pub meta: Meta,
    /// What it selects and offers.
    pub spec: ServiceSpec,
    /// As it was written.
    pub status: Option<Value>,
}

/// What a service selects and offers.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceSpec {
    /// Labels that its pods have; empty: somebody else writes its endpoints.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub selector: Labels,
    /// Its ports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<ServicePort>,
    /// Its address; `None` for a headless one.
    #[serde(rename = "clusterIP", skip_serializing_if = "Name::is_empty")]
    pub cluster_ip: Name,
    /// `ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`.
    #[serde(rename = "type", skip_serializing_if = "Name::is_empty")]
    pub kind: Name,
    /// Whether pods that are not ready are listed as ready.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub publish_not_ready_addresses: bool,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A port of a service.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServicePort {
    /// Its name, if it has one.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub name: Name,
    /// `TCP`, `UDP` or `SCTP`.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub protocol: Name,
    /// The application protocol, if it was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_protocol: Option<Name>,
    /// The port of the service.
    pub port: i32,
    /// The port of the pods, by number or name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_port: Option<IntOrPercent>,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}
