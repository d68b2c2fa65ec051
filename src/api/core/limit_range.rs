//! `LimitRange`: what single pods, containers and claims of a namespace may ask for.

use serde::{Deserialize, Serialize};

use crate::api::Name;
use crate::api::meta::Meta;
use crate::api::resource::ResourceList;

/// What single pods, containers and claims of a namespace may ask for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LimitRange {
    /// Its metadata.
    pub meta: Meta,
    /// The limits.
    pub spec: LimitRangeSpec,
}

/// The limits of a `LimitRange`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LimitRangeSpec {
    /// One for each kind of thing.
    pub limits: Vec<LimitRangeItem>,
}

/// The limits of one kind of thing.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LimitRangeItem {
    /// `Container`, `Pod` or `PersistentVolumeClaim`.
    #[serde(rename = "type")]
    pub kind: Name,
    /// At most.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub max: ResourceList,
    /// At least.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub min: ResourceList,
    /// The limits of containers that have none.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub default: ResourceList,
    /// The requests of containers that have none.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub default_request: ResourceList,
    /// How many times the request a limit may be.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub max_limit_request_ratio: ResourceList,
}
