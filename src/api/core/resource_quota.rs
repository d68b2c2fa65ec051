//! `ResourceQuota`: how much the objects of a namespace may use together.

use serde::{Deserialize, Serialize};

use crate::api::Name;
use crate::api::meta::Meta;
use crate::api::quantity::Quantity;
use crate::api::resource::ResourceList;

/// How much the objects of a namespace may use together.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ResourceQuota {
    /// Its metadata.
    pub meta: Meta,
    /// What is allowed.
    pub spec: QuotaSpec,
    /// What is used.
    pub status: QuotaStatus,
}

/// What a quota allows, and to which objects.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QuotaSpec {
    /// At most so much.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub hard: ResourceList,
    /// Which pods count: those of all these scopes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<Name>,
    /// The same, with operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope_selector: Option<ScopeSelector>,
}

/// Scopes all of which must hold.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ScopeSelector {
    /// The scopes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<ScopeRequirement>,
}

/// One scope.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ScopeRequirement {
    /// Its name.
    pub scope_name: Name,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: Name,
    /// Names of priority classes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Name>,
}

/// What is used of a quota.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct QuotaStatus {
    /// What the controller has taken up of the spec.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub hard: ResourceList,
    /// What is used.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub used: ResourceList,
}

impl QuotaSpec {
    /// All scopes, each as a requirement.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/quota/v1/generic/evaluator.go,
    /// `getScopeSelectorsFromQuota`
    pub fn scope_requirements(&self) -> Vec<ScopeRequirement> {
        let exists = |scope: &Name| ScopeRequirement {
            scope_name: scope.clone(),
            operator: Name::new_static("Exists"),
            values: Vec::new(),
        };
        let selected = self.scope_selector.iter().flat_map(|s| s.match_expressions.clone());
        self.scopes.iter().map(exists).chain(selected).collect()
    }
}

/// The sum of two lists, by name.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/quota/v1/resources.go, `Add`
#[must_use]
pub fn sum(a: &ResourceList, b: &ResourceList) -> ResourceList {
    let mut all = a.clone();
    for (name, amount) in b {
        let had = all.get(name).map_or_else(|| amount.clone(), |have| have.add(amount));
        all.insert(name.clone(), had);
    }
    all
}

/// The part of a list that has names of another.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/quota/v1/resources.go, `Mask`
#[must_use]
pub fn mask(list: &ResourceList, names: &ResourceList) -> ResourceList {
    let named = list.iter().filter(|(name, _)| names.contains_key(*name));
    named.map(|(name, amount)| (name.clone(), amount.clone())).collect()
}

/// The names of `used` that are more than `hard` allows.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/quota/v1/resources.go,
/// `LessThanOrEqual`
pub fn exceeded(used: &ResourceList, hard: &ResourceList) -> ResourceList {
    let too_much =
        |(name, amount): &(&Name, &Quantity)| hard.get(*name).is_some_and(|most| *amount > most);
    let over = used.iter().filter(too_much);
    over.map(|(name, amount)| (name.clone(), amount.clone())).collect()
}
