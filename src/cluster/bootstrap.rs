//! What the store holds when a run begins: a cluster that has been up for a while.

use std::sync::Arc;

use serde_json::{Map, json};

use crate::api::Name;
use crate::api::core::namespace::{Namespace, NamespaceSpec, NamespaceStatus};
use crate::api::core::node::Node;
use crate::api::core::priority_class::PriorityClass;
use crate::api::meta::{Meta, Rest, Uid};
use crate::api::object::{Kind, Object, Opaque};
use crate::api::storage::csi_driver::{CSIDriver, CsiDriverSpec};
use crate::api::storage::csi_node::CsiNodeSpec;
use crate::api::storage::storage_class::{DEFAULT_CLASS, StorageClass};
use crate::api::time::Time;
use crate::cluster::config::{ClusterConfig, Storage};
use crate::cluster::resume;
use crate::node::kubelet::{self, Config as KubeletConfig};
use crate::sim::rng::keyed;

/// The namespaces that every cluster has.
const SYSTEM: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// The objects of a cluster that has been up for a while: namespaces with their service accounts,
/// the system's priority classes, nodes and their leases.
pub fn objects(config: &ClusterConfig, kubelets: &[Arc<KubeletConfig>]) -> Vec<Object> {
    let mut all = Vec::new();
    let start = Time(config.start.0);
    let names = SYSTEM.iter().map(|n| Name::new_static(n)).chain(config.namespaces.iter().cloned());
    let names = names.chain(resume::namespaces(&config.state));
    let names: std::collections::BTreeSet<Name> = names.collect();
    for name in names {
        all.push(namespace(&name));
        let meta = Meta::named(&name, "default");
        let kind = Kind::SERVICE_ACCOUNT;
        all.push(Object::Opaque(Arc::new(Opaque { kind, meta, body: Arc::default() })));
        all.push(root_ca(&name));
    }
    all.push(priority_class("system-node-critical", 2_000_001_000));
    all.push(priority_class("system-cluster-critical", 2_000_000_000));
    for kubelet in kubelets.iter().filter(|k| k.is_registered) {
        all.push(Object::from(kubelet::registered(kubelet, start)));
        all.push(Object::from(kubelet::registered_lease(kubelet, start)));
    }
    all.extend(config.storage.iter().flat_map(|storage| storage_of(storage, &config.state)));
    resume::join(&mut all, &config.state, start);
    identify(&mut all, config.seed, start);
    let nodes = csi_nodes(&all, kubelets);
    all.extend(nodes);
    identify(&mut all, config.seed, start);
    all
}

/// Gives those that have none a uid and a time of creation.
fn identify(all: &mut [Object], seed: u64, start: Time) {
    for object in all.iter_mut().filter(|o| o.meta().uid.is_none()) {
        let kind = object.kind();
        let uid = uid(seed, object);
        let meta = object.meta_mut();
        meta.uid = uid;
        meta.creation = meta.creation.or(Some(start));
        meta.generation = meta.generation.max(i64::from(kind.row().generation));
    }
}

/// The driver, and the default class unless the state brings classes of its own.
fn storage_of(storage: &Storage, state: &[Object]) -> Vec<Object> {
    let driver = &storage.driver;
    let spec = CsiDriverSpec { attach_required: Some(driver.attaches), ..CsiDriverSpec::default() };
    let mut all = vec![Object::from(CSIDriver { meta: Meta::named("", &driver.name), spec })];
    let has_classes = state.iter().any(|o| o.kind() == Kind::STORAGE_CLASS);
    if let Some(class) = storage.class.as_ref().filter(|_| !has_classes) {
        let mut meta = Meta::named("", &class.name);
        meta.annotations = meta.annotations.with(DEFAULT_CLASS, "true");
        all.push(Object::from(StorageClass {
            meta,
            provisioner: driver.name.clone(),
            reclaim_policy: class.reclaim_policy.clone(),
            volume_binding_mode: class.binding_mode.clone(),
            ..StorageClass::default()
        }));
    }
    all
}

/// The drivers of the nodes that are there from the beginning.
fn csi_nodes(all: &[Object], kubelets: &[Arc<KubeletConfig>]) -> Vec<Object> {
    let of = |kubelet: &Arc<KubeletConfig>| {
        let storage = kubelet.storage.as_ref()?;
        let known = all.iter().filter_map(Object::as_a::<Node>);
        let mut known = known.filter(|n| n.meta.name == kubelet.node.name);
        let spec = CsiNodeSpec { drivers: vec![storage.driver.clone()] };
        Some(kubelet::csi_node(known.next()?, spec))
    };
    let has = |object: &Object| all.iter().any(|o| o.key() == object.key());
    kubelets.iter().filter_map(of).filter(|object| !has(object)).collect()
}

fn uid(seed: u64, object: &Object) -> Uid {
    let meta = object.meta();
    let key = format!("{}/{}/{}", object.kind().name(), meta.namespace, meta.name);
    let (high, low) = (keyed(seed, key.as_bytes()), keyed(seed ^ 0x5eed, key.as_bytes()));
    Uid::random(u128::from(high) << 64 | u128::from(low))
}

fn namespace(name: &Name) -> Object {
    let mut meta = Meta::named("", name);
    meta.labels = meta.labels.with("kubernetes.io/metadata.name", name);
    Object::from(Namespace {
        meta,
        spec: NamespaceSpec { finalizers: vec![Name::new_static("kubernetes")] },
        status: NamespaceStatus { phase: Name::new_static("Active"), ..NamespaceStatus::default() },
    })
}

fn root_ca(namespace: &Name) -> Object {
    let meta = Meta::named(namespace, "kube-root-ca.crt");
    let body = Map::from_iter([("data".to_owned(), json!({"ca.crt": ""}))]);
    Object::Opaque(Arc::new(Opaque { kind: Kind::CONFIG_MAP, meta, body: Arc::new(body) }))
}

fn priority_class(name: &'static str, value: i32) -> Object {
    Object::from(PriorityClass {
        meta: Meta::named("", name),
        value,
        global_default: false,
        preemption_policy: Some(Name::new_static("PreemptLowerPriority")),
        rest: Rest::default(),
    })
}
