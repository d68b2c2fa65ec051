//! What serves storage, where a scenario has to do with it.

use serde_json::Value;

use crate::api::Name;
use crate::api::object::Object;
use crate::cluster::{Class, ClusterConfig, Storage};
use crate::controllers::csi::Driver;
use crate::scenario::load::Described;
use crate::scenario::manifest::Manifest;
use crate::scenario::spec::{Action, Start, Storage as Written};

/// Sets up storage if the scenario says how, or something in it needs some.
pub(super) fn set(described: &Described, config: &mut ClusterConfig) {
    let written = described.scenario.cluster.storage.as_ref();
    config.storage = match written {
        Some(written) => written.enabled.then(|| storage(written)),
        None => is_needed(described).then(Storage::usual),
    };
}

fn storage(written: &Written) -> Storage {
    let named = |text: &String| (!text.is_empty()).then(|| Name::new(text));
    let driver = Driver {
        name: Name::new(&written.driver),
        provision: written.provision,
        delete: written.delete,
        attach: written.attach,
        detach: written.detach,
        attaches: written.attaches,
        topology: named(&written.topology),
        limit: written.volumes_per_node.map(|n| i32::try_from(n).unwrap_or(i32::MAX)),
    };
    let class = named(&written.class).map(|name| Class {
        name,
        binding_mode: Name::new(&written.binding_mode),
        reclaim_policy: Name::new(&written.reclaim_policy),
    });
    Storage { driver, mount: written.mount, unmount: written.unmount, class }
}

/// Words of command lines that have to do with storage.
const WORDS: [&str; 13] = [
    "pv",
    "pvc",
    "sc",
    "persistentvolume",
    "persistentvolumes",
    "persistentvolumeclaim",
    "persistentvolumeclaims",
    "storageclass",
    "storageclasses",
    "volumeattachment",
    "volumeattachments",
    "csinodes",
    "csidrivers",
];

/// Whether something in a scenario has to do with storage: without storage everything else is the
/// same, so it is left out where nobody could tell.
fn is_needed(described: &Described) -> bool {
    let scenario = &described.scenario;
    let of_step = |action: &Action| match action {
        Action::Kubectl(line) => {
            let words = line.text.split([' ', ',', '/', '"', '\'']);
            line.text.contains("olumeClaim") || { words }.any(|word| WORDS.contains(&word))
        }
        Action::Apply(apply) => apply.manifests.iter().any(names_storage),
        Action::Inject(inject) => inject.fault.name().ends_with("-stuck"),
        Action::Wait(_) | Action::Until(_) => false,
    };
    let of_fault = |start: &Start| match start {
        Start::At(_, inject) | Start::When(_, inject) => inject.fault.name().ends_with("-stuck"),
        Start::Random(_) => false,
    };
    scenario.steps.iter().any(|step| of_step(&step.action))
        || scenario.faults.iter().any(|fault| of_fault(&fault.start))
        || described.files.values().flat_map(|all| all.iter()).any(names_storage)
        || described.dump.iter().any(|object| is_of_storage(&Object::to_value(object)))
}

fn names_storage(manifest: &Manifest) -> bool {
    is_of_storage(&manifest.value)
}

/// Whether an object is of a kind of storage, or has volumes that are made or claimed.
fn is_of_storage(value: &Value) -> bool {
    const KINDS: [&str; 4] =
        ["PersistentVolume", "PersistentVolumeClaim", "StorageClass", "VolumeAttachment"];
    value["kind"].as_str().is_some_and(|kind| KINDS.contains(&kind)) || claims(value)
}

fn claims(value: &Value) -> bool {
    const FIELDS: [&str; 3] = ["persistentVolumeClaim", "volumeClaimTemplates", "ephemeral"];
    match value {
        Value::Object(map) => {
            map.iter().any(|(key, value)| FIELDS.contains(&key.as_str()) || claims(value))
        }
        Value::Array(items) => items.iter().any(claims),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
