//! What the store holds when a run begins: a cluster that has been up for a while.

use std::sync::Arc;

use serde_json::{Map, json};

use crate::api::Name;
use crate::api::core::namespace::{Namespace, NamespaceSpec, NamespaceStatus};
use crate::api::core::priority_class::PriorityClass;
use crate::api::meta::{Meta, Rest, Uid};
use crate::api::object::{Kind, Object, Opaque};
use crate::api::time::EPOCH;
use crate::cluster::config::ClusterConfig;
use crate::cluster::resume;
use crate::node::kubelet::{self, Config as KubeletConfig};
use crate::sim::rng::keyed;
use crate::sim::time::SimTime;

/// The namespaces that every cluster has.
const SYSTEM: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// The objects of a cluster that has been up for a while: namespaces with their service accounts,
/// the system's priority classes, nodes and their leases.
pub fn objects(config: &ClusterConfig, kubelets: &[Arc<KubeletConfig>]) -> Vec<Object> {
    let mut all = Vec::new();
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
        all.push(Object::from(kubelet::registered(kubelet, EPOCH)));
        all.push(Object::from(kubelet::registered_lease(kubelet, SimTime::ZERO)));
    }
    resume::join(&mut all, &config.state);
    for object in all.iter_mut().filter(|o| o.meta().uid.is_none()) {
        let kind = object.kind();
        let uid = uid(config.seed, object);
        let meta = object.meta_mut();
        meta.uid = uid;
        meta.creation = meta.creation.or(Some(EPOCH));
        meta.generation = meta.generation.max(i64::from(kind.row().generation));
    }
    all
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
