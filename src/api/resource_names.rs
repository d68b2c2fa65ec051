//! The names of resources: what kubectl and the API's paths call each kind.
//!
//! Responsible for turning what a person types (`deploy`, `deployments.apps`, `Deployment`) into a
//! kind. It knows nothing of the kinds' fields.

/// How one kind is called.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ResourceName {
    /// The kind: `Deployment`.
    pub kind: &'static str,
    /// The resource in API paths: `deployments`.
    pub plural: &'static str,
    /// The short names: `deploy`.
    pub short: &'static [&'static str],
    /// Group and version: `apps/v1`.
    pub api_version: &'static str,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Whether `kubectl get all` lists it.
    pub in_all: bool,
}

/// Rows of one group and version: kind, plural, short names, scope, and whether `all` has it.
macro_rules! names {
    ($($api:literal {
        $($kind:literal $plural:literal [$($short:literal)*] $scope:ident $all:ident;)*
    })*) => {
        &[$($(ResourceName {
            kind: $kind,
            plural: $plural,
            short: &[$($short),*],
            api_version: $api,
            namespaced: names!(@scope $scope),
            in_all: names!(@all $all),
        }),*),*]
    };
    (@scope namespaced) => { true };
    (@scope cluster) => { false };
    (@all all) => { true };
    (@all some) => { false };
}

/// Every built-in kind that has a name on the command line.
///
/// Source: kubernetes v1.36 pkg/registry/*/storage, `ShortNames` and `Categories`
pub const RESOURCE_NAMES: &[ResourceName] = names! {
    "v1" {
        "ConfigMap" "configmaps" ["cm"] namespaced some;
        "Endpoints" "endpoints" ["ep"] namespaced some;
        "Event" "events" ["ev"] namespaced some;
        "LimitRange" "limitranges" ["limits"] namespaced some;
        "Namespace" "namespaces" ["ns"] cluster some;
        "Node" "nodes" ["no"] cluster some;
        "PersistentVolume" "persistentvolumes" ["pv"] cluster some;
        "PersistentVolumeClaim" "persistentvolumeclaims" ["pvc"] namespaced some;
        "Pod" "pods" ["po"] namespaced all;
        "PodTemplate" "podtemplates" [] namespaced some;
        "ReplicationController" "replicationcontrollers" ["rc"] namespaced all;
        "ResourceQuota" "resourcequotas" ["quota"] namespaced some;
        "Secret" "secrets" [] namespaced some;
        "Service" "services" ["svc"] namespaced all;
        "ServiceAccount" "serviceaccounts" ["sa"] namespaced some;
    }
    "apps/v1" {
        "ControllerRevision" "controllerrevisions" [] namespaced some;
        "DaemonSet" "daemonsets" ["ds"] namespaced all;
        "Deployment" "deployments" ["deploy"] namespaced all;
        "ReplicaSet" "replicasets" ["rs"] namespaced all;
        "StatefulSet" "statefulsets" ["sts"] namespaced all;
    }
    "batch/v1" {
        "CronJob" "cronjobs" ["cj"] namespaced all;
        "Job" "jobs" [] namespaced all;
    }
    "autoscaling/v2" {
        "HorizontalPodAutoscaler" "horizontalpodautoscalers" ["hpa"] namespaced all;
    }
    "policy/v1" {
        "PodDisruptionBudget" "poddisruptionbudgets" ["pdb"] namespaced some;
    }
    "discovery.k8s.io/v1" {
        "EndpointSlice" "endpointslices" [] namespaced some;
    }
    "scheduling.k8s.io/v1" {
        "PriorityClass" "priorityclasses" ["pc"] cluster some;
    }
    "coordination.k8s.io/v1" {
        "Lease" "leases" [] namespaced some;
    }
    "networking.k8s.io/v1" {
        "Ingress" "ingresses" ["ing"] namespaced some;
        "IngressClass" "ingressclasses" [] cluster some;
        "NetworkPolicy" "networkpolicies" ["netpol"] namespaced some;
    }
    "storage.k8s.io/v1" {
        "CSIDriver" "csidrivers" [] cluster some;
        "CSINode" "csinodes" [] cluster some;
        "StorageClass" "storageclasses" ["sc"] cluster some;
        "VolumeAttachment" "volumeattachments" [] cluster some;
    }
    "rbac.authorization.k8s.io/v1" {
        "ClusterRole" "clusterroles" [] cluster some;
        "ClusterRoleBinding" "clusterrolebindings" [] cluster some;
        "Role" "roles" [] namespaced some;
        "RoleBinding" "rolebindings" [] namespaced some;
    }
    "apiextensions.k8s.io/v1" {
        "CustomResourceDefinition" "customresourcedefinitions" ["crd" "crds"] cluster some;
    }
    "admissionregistration.k8s.io/v1" {
        "MutatingWebhookConfiguration" "mutatingwebhookconfigurations" [] cluster some;
        "ValidatingAdmissionPolicy" "validatingadmissionpolicies" [] cluster some;
        "ValidatingAdmissionPolicyBinding" "validatingadmissionpolicybindings" [] cluster some;
        "ValidatingWebhookConfiguration" "validatingwebhookconfigurations" [] cluster some;
    }
};

impl ResourceName {
    /// The group without the version; empty for the core group.
    pub fn group(&self) -> &'static str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// The version without the group.
    pub fn version(&self) -> &'static str {
        self.api_version.rsplit('/').next().unwrap_or("")
    }

    /// The singular, which is the kind in lower case.
    pub fn singular_name(&self) -> String {
        self.kind.to_ascii_lowercase()
    }

    /// `deployments.apps`, or `pods`: how kubectl names it beyond doubt.
    pub fn qualified(&self) -> String {
        match self.group() {
            "" => self.plural.to_owned(),
            group => format!("{}.{group}", self.plural),
        }
    }
}

/// The resource that a word names: plural, singular, short name or kind, in any case, and
/// optionally with its group or its version and group behind a dot.
pub fn find(word: &str) -> Option<&'static ResourceName> {
    let word = word.to_ascii_lowercase();
    let (name, rest) = word.split_once('.').unwrap_or((&word, ""));
    RESOURCE_NAMES.iter().find(|row| {
        let named =
            row.plural == name || row.kind.eq_ignore_ascii_case(name) || row.short.contains(&name);
        let versioned = || format!("{}.{}", row.version(), row.group());
        named && (rest.is_empty() || rest == row.group() || rest == versioned())
    })
}

/// Every word that names a resource, for suggestions.
pub fn words() -> impl Iterator<Item = &'static str> {
    RESOURCE_NAMES.iter().flat_map(|row| row.short.iter().copied().chain([row.plural, row.kind]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_has_many_names() {
        for word in ["deploy", "deployment", "Deployment", "deployments", "deployments.apps"] {
            assert_eq!(find(word).map(|row| row.kind), Some("Deployment"), "{word}");
        }
        assert_eq!(find("deployments.v1.apps").map(|row| row.kind), Some("Deployment"));
        assert_eq!(find("quota").map(|row| row.kind), Some("ResourceQuota"));
        assert_eq!(find("deployments.batch"), None);
        assert_eq!(find("widgets.example.com"), None);
    }
}
