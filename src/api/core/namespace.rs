//! Namespace: a room for names.

use serde::{Deserialize, Serialize};

use crate::api::Name;
use crate::api::condition::Condition;
use crate::api::meta::{Meta, Rest};

/// A room for names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Namespace {
    /// Its metadata.
    pub meta: Meta,
    /// What is to hold of it.
    pub spec: NamespaceSpec,
    /// How it fares.
    pub status: NamespaceStatus,
}

/// What is to hold of a namespace.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NamespaceSpec {
    /// Who has to finish before it goes; `kubernetes` until its content is gone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub finalizers: Vec<Name>,
}

/// How a namespace fares.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NamespaceStatus {
    /// `Active` or `Terminating`.
    pub phase: Name,
    /// What its deletion waits for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}
