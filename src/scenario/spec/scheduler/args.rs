//! The arguments of plugins, as they are written.

use serde_json::Value;

use crate::scenario::decode::Spanned;
use crate::scenario::decode::object;

object! {
    /// `NodeAffinityArgs`.
    pub struct NodeAffinityArgs as "NodeAffinityArgs" {
        /// The version.
        "apiVersion" => api_version: Option<String> = None;
        /// The kind.
        "kind" => kind: Option<String> = None;
        /// Affinity that every pod has beside its own.
        "addedAffinity" => added: Option<Spanned<Value>> = None;
    }
}

object! {
    /// `NodeResourcesFitArgs`.
    pub struct FitArgs as "NodeResourcesFitArgs" {
        /// The version.
        "apiVersion" => api_version: Option<String> = None;
        /// The kind.
        "kind" => kind: Option<String> = None;
        /// Extended resources that are left out.
        "ignoredResources" => ignored: Vec<String> = Vec::new();
        /// Prefixes of such.
        "ignoredResourceGroups" => ignored_groups: Vec<String> = Vec::new();
        /// How nodes are ranked.
        "scoringStrategy" => strategy: Option<ScoringStrategy> = None;
    }
}

object! {
    /// How nodes are ranked.
    pub struct ScoringStrategy as "a scoring strategy" {
        /// `LeastAllocated`, `MostAllocated` or `RequestedToCapacityRatio`.
        "type" => kind: Option<Spanned<String>> = None;
        /// By which resources.
        "resources" => resources: Vec<ResourceWeight> = Vec::new();
        /// The function, for `RequestedToCapacityRatio`.
        "requestedToCapacityRatio" => ratio: Option<Spanned<Ratio>> = None;
    }
}

object! {
    /// A resource and its weight.
    pub struct ResourceWeight as "a resource" {
        /// Its name.
        "name" => name: String;
        /// Its weight.
        "weight" => weight: Option<Spanned<i32>> = None;
    }
}

object! {
    /// A function given by points.
    pub struct Ratio as "a ratio" {
        /// The points.
        "shape" => shape: Vec<ShapePoint> = Vec::new();
    }
}

object! {
    /// A point of a function.
    pub struct ShapePoint as "a point of a shape" {
        /// From 0 to 100.
        "utilization" => utilization: i32 = 0;
        /// From 0 to 10.
        "score" => score: i32 = 0;
    }
}

object! {
    /// `NodeResourcesBalancedAllocationArgs`.
    pub struct BalancedArgs as "NodeResourcesBalancedAllocationArgs" {
        /// The version.
        "apiVersion" => api_version: Option<String> = None;
        /// The kind.
        "kind" => kind: Option<String> = None;
        /// Which resources are balanced.
        "resources" => resources: Vec<ResourceWeight> = Vec::new();
    }
}

object! {
    /// `PodTopologySpreadArgs`.
    pub struct SpreadArgs as "PodTopologySpreadArgs" {
        /// The version.
        "apiVersion" => api_version: Option<String> = None;
        /// The kind.
        "kind" => kind: Option<String> = None;
        /// Constraints of pods without any.
        "defaultConstraints" => constraints: Vec<Spanned<Value>> = Vec::new();
        /// `System` or `List`.
        "defaultingType" => defaulting: Option<Spanned<String>> = None;
    }
}

object! {
    /// `InterPodAffinityArgs`.
    pub struct AffinityArgs as "InterPodAffinityArgs" {
        /// The version.
        "apiVersion" => api_version: Option<String> = None;
        /// The kind.
        "kind" => kind: Option<String> = None;
        /// From 0 to 100.
        "hardPodAffinityWeight" => hard_weight: Option<Spanned<i32>> = None;
        /// Whether preferences of pods that are there do not count.
        "ignorePreferredTermsOfExistingPods" => ignores: bool = false;
    }
}

object! {
    /// `DefaultPreemptionArgs`.
    pub struct PreemptionArgs as "DefaultPreemptionArgs" {
        /// The version.
        "apiVersion" => api_version: Option<String> = None;
        /// The kind.
        "kind" => kind: Option<String> = None;
        /// From 0 to 100.
        "minCandidateNodesPercentage" => percentage: Option<Spanned<i32>> = None;
        /// At least so many.
        "minCandidateNodesAbsolute" => absolute: Option<u32> = None;
    }
}

object! {
    /// `VolumeBindingArgs`.
    pub struct VolumeArgs as "VolumeBindingArgs" {
        /// The version.
        "apiVersion" => api_version: Option<String> = None;
        /// The kind.
        "kind" => kind: Option<String> = None;
        /// How long a pod waits for its volumes.
        "bindTimeoutSeconds" => timeout: Option<u64> = None;
        /// By the room that volumes leave: not modelled.
        "shape" => shape: Option<Spanned<Value>> = None;
    }
}

object! {
    /// `DynamicResourcesArgs`.
    pub struct DeviceArgs as "DynamicResourcesArgs" {
        /// The version.
        "apiVersion" => api_version: Option<String> = None;
        /// The kind.
        "kind" => kind: Option<String> = None;
        /// How long a filter may take: not modelled.
        "filterTimeout" => filter: Option<Spanned<Value>> = None;
        /// How long a pod waits for its devices: not modelled.
        "bindingTimeout" => binding: Option<Spanned<Value>> = None;
    }
}
