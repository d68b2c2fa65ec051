//! StorageClass: how volumes are made for claims.

use std::cmp::Reverse;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::api::Name;
use crate::api::labels::Labels;
use crate::api::meta::{Meta, Rest};

/// Marks the class of claims that name none.
pub const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";
/// The older name of it.
pub const BETA_DEFAULT_CLASS: &str = "storageclass.beta.kubernetes.io/is-default-class";
/// The provisioner of classes whose volumes are made by hand.
pub const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";

/// How volumes are made for claims.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StorageClass {
    /// Its metadata.
    pub meta: Meta,
    /// Who makes volumes.
    pub provisioner: Name,
    /// What happens to such volumes when their claims are gone.
    pub reclaim_policy: Name,
    /// `Immediate` or `WaitForFirstConsumer`.
    pub volume_binding_mode: Name,
    /// Where volumes may be made.
    pub allowed_topologies: Vec<TopologyTerm>,
    /// Fields that are kept and not acted upon.
    pub rest: Rest,
}

/// A place where volumes may be made: all of its labels must hold.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopologyTerm {
    /// The labels.
    pub match_label_expressions: Vec<TopologyLabel>,
}

/// A label of a place, with the values that it may have.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TopologyLabel {
    /// The label.
    pub key: Name,
    /// Its values.
    pub values: Vec<Name>,
}

impl StorageClass {
    /// Whether claims that name no class get it.
    ///
    /// Source: kubernetes v1.36 pkg/volume/util/storageclass.go, `IsDefaultAnnotation`
    pub fn is_default(&self) -> bool {
        let says = |key| self.meta.annotations.get(key).is_some_and(|v| v == "true");
        says(DEFAULT_CLASS) || says(BETA_DEFAULT_CLASS)
    }

    /// Whether its claims wait for a pod that uses them.
    pub fn waits(&self) -> bool {
        self.volume_binding_mode == "WaitForFirstConsumer"
    }

    /// Whether a place is allowed.
    ///
    /// Source: kubernetes v1.36 pkg/apis/core/v1/helper/helpers.go,
    /// `MatchTopologySelectorTerms`
    pub fn allows(&self, labels: &Labels) -> bool {
        let holds = |l: &TopologyLabel| labels.get(&l.key).is_some_and(|v| l.values.contains(v));
        let matches = |term: &TopologyTerm| {
            let all = &term.match_label_expressions;
            !all.is_empty() && all.iter().all(holds)
        };
        self.allowed_topologies.is_empty() || self.allowed_topologies.iter().any(matches)
    }
}

/// The default class among some: the newest one, of two of one instant the first by name.
///
/// Source: kubernetes v1.36 pkg/volume/util/storageclass.go, `GetDefaultClass`
pub fn default_class<'a>(
    all: impl Iterator<Item = &'a Arc<StorageClass>>,
) -> Option<&'a Arc<StorageClass>> {
    let rank = |c: &&Arc<StorageClass>| (Reverse(c.meta.creation), c.meta.name.clone());
    all.filter(|c| c.is_default()).min_by_key(rank)
}
