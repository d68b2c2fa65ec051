//! The operations of a workload, a row each.
//!
//! Source: kubernetes v1.36 test/integration/scheduler_perf/operations.go

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::scenario::decode::{Decode, Spanned, object};
use crate::scenario::diagnostic::Mistake;
use crate::scenario::schema::Schema;
use crate::scenario::source::Session;
use crate::scenario::yaml::Node;
use crate::sim::time::SimDuration;

object! {
    /// Nodes are created.
    pub struct CreateNodes as "createNodes" {
        /// `createNodes`.
        "opcode" => opcode: String;
        /// How many.
        "count" => count: Option<u64> = None;
        /// The parameter that says how many.
        "countParam" => count_param: Option<Spanned<String>> = None;
        /// The file of one of them.
        "nodeTemplatePath" => template: Option<Spanned<String>> = None;
        /// What can be used of them.
        "nodeAllocatableStrategy" => allocatable: Option<Allocatable> = None;
        /// A label whose values take turns.
        "labelNodePrepareStrategy" => label: Option<NodeLabel> = None;
        /// A label that no two have alike.
        "uniqueNodeLabelStrategy" => unique: Option<UniqueLabel> = None;
        /// Values for the file.
        "templateParams" => params: BTreeMap<String, Spanned<Value>> = BTreeMap::new();
    }
}

object! {
    /// What can be used of a node.
    pub struct Allocatable as "nodeAllocatableStrategy" {
        /// Amounts, beside those of the template.
        "nodeAllocatable" => amounts: BTreeMap<String, String> = BTreeMap::new();
        /// How many volumes of a driver it takes.
        "csiNodeAllocatable" => volumes: BTreeMap<String, VolumeCount> = BTreeMap::new();
        /// In-tree plugins whose volumes a driver serves.
        "migratedPlugins" => migrated: Vec<String> = Vec::new();
    }
}

object! {
    /// How many volumes.
    pub struct VolumeCount as "csiNodeAllocatable" {
        /// So many.
        "count" => count: u32 = 0;
    }
}

object! {
    /// A label whose values take turns.
    pub struct NodeLabel as "labelNodePrepareStrategy" {
        /// Its key.
        "labelKey" => key: String;
        /// Its values.
        "labelValues" => values: Vec<String>;
    }
}

object! {
    /// A label that no two nodes have alike.
    pub struct UniqueLabel as "uniqueNodeLabelStrategy" {
        /// Its key.
        "labelKey" => key: String;
    }
}

object! {
    /// Namespaces are created: `prefix-0`, `prefix-1`, …
    pub struct CreateNamespaces as "createNamespaces" {
        /// `createNamespaces`.
        "opcode" => opcode: String;
        /// What their names begin with.
        "prefix" => prefix: String;
        /// How many.
        "count" => count: Option<u64> = None;
        /// The parameter that says how many.
        "countParam" => count_param: Option<Spanned<String>> = None;
        /// The file of one of them.
        "namespaceTemplatePath" => template: Option<Spanned<String>> = None;
    }
}

object! {
    /// Pods are created.
    pub struct CreatePods as "createPods" {
        /// `createPods`.
        "opcode" => opcode: String;
        /// How many.
        "count" => count: Option<u64> = None;
        /// The parameter that says how many.
        "countParam" => count_param: Option<Spanned<String>> = None;
        /// A parameter by which that is multiplied.
        "countMultiplierParam" => multiplier_param: Option<Spanned<String>> = None;
        /// Whether each that gets a node goes and a new one comes.
        "steadyState" => steady: Option<bool> = None;
        /// The parameter that says so.
        "steadyStateParam" => steady_param: Option<Spanned<String>> = None;
        /// For how long.
        "duration" => duration: Option<SimDuration> = None;
        /// The parameter that says for how long.
        "durationParam" => duration_param: Option<Spanned<String>> = None;
        /// Whether this is what is measured.
        "collectMetrics" => collects: bool = false;
        /// Where; a namespace of their own without it.
        "namespace" => namespace: Option<String> = None;
        /// The file of one of them.
        "podTemplatePath" => template: Option<Spanned<String>> = None;
        /// Whether the next operation begins before all have a node.
        "skipWaitToCompletion" => skips_wait: bool = false;
        /// The file of a volume for each.
        "persistentVolumeTemplatePath" => volume: Option<Spanned<String>> = None;
        /// The file of a claim for each.
        "persistentVolumeClaimTemplatePath" => claim: Option<Spanned<String>> = None;
        /// Values for the file.
        "templateParams" => params: BTreeMap<String, Spanned<Value>> = BTreeMap::new();
        /// How many in a row bear the same label `signature`.
        "signatureBatchSize" => batch: Option<u64> = None;
        /// The parameter that says how many.
        "signatureBatchSizeParam" => batch_param: Option<Spanned<String>> = None;
    }
}

object! {
    /// Pods are created in each of some namespaces.
    pub struct CreatePodSets as "createPodSets" {
        /// `createPodSets`.
        "opcode" => opcode: String;
        /// In how many.
        "count" => count: Option<u64> = None;
        /// The parameter that says in how many.
        "countParam" => count_param: Option<Spanned<String>> = None;
        /// What their names begin with.
        "namespacePrefix" => prefix: String;
        /// What is done in each.
        "createPodsOp" => pods: Spanned<CreatePods>;
    }
}

object! {
    /// Pods are deleted.
    pub struct DeletePods as "deletePods" {
        /// `deletePods`.
        "opcode" => opcode: String;
        /// Where.
        "namespace" => namespace: String;
        /// Which; all without it.
        "labelSelector" => labels: BTreeMap<String, String> = BTreeMap::new();
        /// Whether the next operation begins at once.
        "skipWaitToCompletion" => skips_wait: bool = false;
        /// So many a second; all at once for 0.
        "deletePodsPerSecond" => per_second: u64 = 0;
    }
}

object! {
    /// Objects come, or come and go, in the background.
    pub struct Churn as "churn" {
        /// `churn`.
        "opcode" => opcode: String;
        /// `create` or `recreate`.
        "mode" => mode: Spanned<String>;
        /// How many are created, or are there at once; 0 for no end.
        "number" => number: u64 = 0;
        /// How long between two.
        "intervalMilliseconds" => interval: u64 = 0;
        /// Where; a namespace of their own without it.
        "namespace" => namespace: Option<String> = None;
        /// The files of the objects.
        "templatePaths" => templates: Vec<Spanned<String>> = Vec::new();
    }
}

object! {
    /// Pods that nobody has waited for are waited for.
    pub struct Barrier as "barrier" {
        /// `barrier`.
        "opcode" => opcode: String;
        /// Where; everywhere without it.
        "namespaces" => namespaces: Vec<String> = Vec::new();
        /// Which; all without it.
        "labelSelector" => labels: BTreeMap<String, String> = BTreeMap::new();
        /// `Scheduled` or `Attempted`.
        "stageRequirement" => stage: Option<Spanned<String>> = None;
    }
}

object! {
    /// Nothing is done for a while.
    pub struct Sleep as "sleep" {
        /// `sleep`.
        "opcode" => opcode: String;
        /// For how long.
        "duration" => duration: Option<SimDuration> = None;
        /// The parameter that says for how long.
        "durationParam" => duration_param: Option<Spanned<String>> = None;
    }
}

object! {
    /// From here on it is measured.
    pub struct StartCollecting as "startCollectingMetrics" {
        /// `startCollectingMetrics`.
        "opcode" => opcode: String;
        /// What the figure is called.
        "name" => name: String = String::new();
        /// The namespaces whose pods count.
        "namespaces" => namespaces: Spanned<Vec<String>>;
        /// Which pods count; all without it.
        "labelSelector" => labels: BTreeMap<String, String> = BTreeMap::new();
    }
}

object! {
    /// Up to here it is measured.
    pub struct StopCollecting as "stopCollectingMetrics" {
        /// `stopCollectingMetrics`.
        "opcode" => opcode: String;
    }
}

object! {
    /// Objects of any kind are created.
    pub struct CreateAny as "createAny" {
        /// `createAny`.
        "opcode" => opcode: String;
        /// Where, for kinds that have a namespace.
        "namespace" => namespace: String = String::new();
        /// The file of one of them.
        "templatePath" => template: Spanned<String>;
        /// How many.
        "count" => count: Option<u64> = None;
        /// The parameter that says how many.
        "countParam" => count_param: Option<Spanned<String>> = None;
        /// Values for the file.
        "templateParams" => params: BTreeMap<String, Spanned<Value>> = BTreeMap::new();
    }
}

object! {
    /// Objects of any kind are updated.
    pub struct UpdateAny as "updateAny" {
        /// `updateAny`.
        "opcode" => opcode: String;
        /// Where, for kinds that have a namespace.
        "namespace" => namespace: String = String::new();
        /// The file of one of them.
        "templatePath" => template: Spanned<String>;
        /// How many.
        "count" => count: Option<u64> = None;
        /// The parameter that says how many.
        "countParam" => count_param: Option<Spanned<String>> = None;
        /// So many a second; all at once for 0.
        "updatePerSecond" => per_second: u64 = 0;
        /// Subresources that are updated in place of the object.
        "subresources" => subresources: Spanned<Vec<String>> =
            Spanned { value: Vec::new(), place: crate::scenario::source::Place::default() };
        /// Values for the file.
        "templateParams" => params: BTreeMap<String, Spanned<Value>> = BTreeMap::new();
    }
}

/// Operations that are known and not modelled: devices, groups of pods, profiles of upstream's own
/// process.
const NOT_MODELLED: &[&str] = &[
    "allocResourceClaims",
    "createCompositePodGroups",
    "createPodGroups",
    "createResourceClaims",
    "createResourceDriver",
    "startCollectingProfile",
    "stopCollectingProfile",
    "waitForPodGroups",
];

macro_rules! operations {
    ($($opcode:literal => $Variant:ident;)*) => {
        /// One operation.
        #[derive(Clone, PartialEq, Debug)]
        pub enum Operation {
            $( #[doc = concat!("`", $opcode, "`.")] $Variant(Box<$Variant>), )*
            /// Known and not modelled.
            NotModelled(&'static str),
        }

        /// The operations that are modelled.
        const OPCODES: &[&str] = &[$($opcode),*];

        fn read(opcode: &str, node: &Node, session: &mut Session) -> Option<Operation> {
            match opcode {
                $( $opcode => Box::<$Variant>::decode(node, session).map(Operation::$Variant), )*
                _ => None,
            }
        }
    };
}

operations! {
    "createNodes" => CreateNodes;
    "createNamespaces" => CreateNamespaces;
    "createPods" => CreatePods;
    "createPodSets" => CreatePodSets;
    "deletePods" => DeletePods;
    "churn" => Churn;
    "barrier" => Barrier;
    "sleep" => Sleep;
    "startCollectingMetrics" => StartCollecting;
    "stopCollectingMetrics" => StopCollecting;
    "createAny" => CreateAny;
    "updateAny" => UpdateAny;
}

impl Decode for Operation {
    fn shape(_: &mut Schema) -> Value {
        json!({ "type": "object" })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let Some(opcode) = node.get("opcode") else {
            let mistake = Mistake::missing_field("an operation", "opcode");
            session.report(node.place, mistake);
            return None;
        };
        let text = String::decode(opcode, session)?;
        if let Some(known) = NOT_MODELLED.iter().find(|known| **known == text) {
            return Some(Operation::NotModelled(known));
        }
        if !OPCODES.contains(&text.as_str()) {
            let all: Vec<&str> = OPCODES.iter().chain(NOT_MODELLED).copied().collect();
            session.report(opcode.place, Mistake::unknown_name("opcode", &text, &all));
            return None;
        }
        read(&text, node, session)
    }
}
