//! A creation: name, identity, defaults and admission.

use std::sync::{Arc, LazyLock};

use serde_json::Value;

use crate::api::Name;
use crate::api::apps::pod_template::PodTemplate;
use crate::api::batch::job::Job;
use crate::api::core::namespace::Namespace;
use crate::api::core::pod::{Pod, PodPhase, PodSpec, PodStatus};
use crate::api::core::service::Service;
use crate::api::gates::Gates;
use crate::api::labels::Labels;
use crate::api::meta::{OwnerReference, Uid};
use crate::api::names;
use crate::api::object::{Kind, Object};
use crate::api::refusal::Refusal;
use crate::api::time::Time;
use crate::apiserver::admission::{self, Lookup};
use crate::apiserver::edge;
use crate::apiserver::limits;
use crate::apiserver::storage;
use crate::sim::index::Map;
use crate::sim::rng::keyed;

/// What came in, the state that it was admitted in, and the spec and status that came of it.
type Known = (Arc<PodSpec>, u64, Born);

/// The admitted spec of a pod, its first status, and what the limit ranges filled in.
type Born = (Arc<PodSpec>, Arc<PodStatus>, Option<Name>);

/// Pod specs that have passed admission, by the copy that the controllers share: all pods of a
/// template are admitted once.
///
/// The entry holds the spec that it was made from, so the address stands for it as long as the
/// entry is there; no address is ever ordered or shown.
#[derive(Clone, Default)]
pub struct Admitted {
    known: Map<usize, Known>,
}

/// How many admitted specs are remembered before all are forgotten.
const MOST_ADMITTED: usize = 4096;

impl Admitted {
    /// The admitted spec and first status of a pod. `state` changes when what admission looked up
    /// may have changed.
    fn pod(
        &mut self,
        pod: &Pod,
        (state, gates): (u64, Gates),
        look: &impl Lookup,
    ) -> Result<Born, Refusal> {
        let address = Arc::as_ptr(&pod.spec) as usize;
        if let Some((_, seen, born)) = self.known.get(&address)
            && *seen == state
        {
            return Ok(born.clone());
        }
        let read = read_pod(pod, gates)?;
        let (spec, filled) = admission::admit_pod(&read, look)?;
        let status = PodStatus {
            phase: PodPhase::Pending,
            qos_class: Some(spec.qos_class),
            ..PodStatus::default()
        };
        let born = (spec, Arc::new(status), filled);
        if self.known.len() >= MOST_ADMITTED {
            self.known.clear();
        }
        self.known.insert(address, (pod.spec.clone(), state, born.clone()));
        Ok(born)
    }
}

/// A pod with its spec defaulted and validated, which is done once for all pods of a template.
fn read_pod(pod: &Pod, gates: Gates) -> Result<Pod, Refusal> {
    if let Some((under, spec)) = pod.spec.known.as_pod.get()
        && *under == gates
    {
        return Ok(Pod { spec: spec.clone(), ..pod.clone() });
    }
    let (value, namespace) = (Object::from(pod.clone()).to_value(), &pod.meta.namespace);
    let read = edge::create(Kind::POD, namespace, &pod.meta.name, value, gates)?;
    let Object::Pod(read) = read else { return Err(Refusal::bad_request("a pod is a pod")) };
    // Whoever is first says it; under other gates everyone finds out for himself.
    let _ = pod.spec.known.as_pod.set((gates, read.spec.clone()));
    Ok(Pod::clone(&read))
}

/// An object of a component is read as one of a person is. The pod spec of a template that has
/// passed as part of another workload is not looked at again: a stand-in is, and all the rest.
fn read_anew(mut object: Object, birth: &Birth) -> Result<Object, Refusal> {
    let gates = birth.gates;
    let mut known = None;
    if let Object::ReplicaSet(set) = &mut object
        && set.spec.template.spec.known.as_template.get() == Some(&gates)
    {
        let template = &mut Arc::make_mut(set).spec.template;
        let plain = PodTemplate { spec: plain_spec(), ..(**template).clone() };
        known = Some(std::mem::replace(template, Arc::new(plain)).spec.clone());
    }
    let mut read = read_owned(object, birth)?;
    if let (Some(spec), Object::ReplicaSet(set)) = (known, &mut read) {
        Arc::make_mut(&mut Arc::make_mut(set).spec.template).spec = spec;
    }
    Ok(read)
}

/// Reads an object as if its owners were the same in every run: the uids are put back afterwards.
fn read_owned(mut object: Object, birth: &Birth) -> Result<Object, Refusal> {
    let (kind, gates, meta) = (object.kind(), birth.gates, object.meta().clone());
    let read = |value: &Value| edge::create_once(kind, &meta.namespace, &meta.name, value, gates);
    let owners = meta.owners.iter().flat_map(|owners| owners.iter());
    if owners.clone().next().is_none() || owners.clone().any(|owner| owner.uid.is_none()) {
        return read(&object.to_value());
    }
    let as_it_is = object.clone();
    let uid = Uid::parse(edge::STAND_IN_UID);
    object.meta_mut().owners = Some(owners.map(|o| OwnerReference { uid, ..o.clone() }).collect());
    let Ok(mut known) = read(&object.to_value()) else {
        // Its refusal names the owners that it has.
        return read(&as_it_is.to_value());
    };
    known.meta_mut().owners.clone_from(&meta.owners);
    Ok(known)
}

/// A pod spec that nobody objects to.
fn plain_spec() -> Arc<PodSpec> {
    static PLAIN: LazyLock<Arc<PodSpec>> = LazyLock::new(|| {
        let spec = serde_json::json!({"containers": [{"name": "a", "image": "a"}]});
        serde_json::from_value(spec)
            .and_then(PodSpec::parse)
            .expect("it is a spec of one container")
    });
    PLAIN.clone()
}

/// What a creation needs to know beside the object.
#[derive(Clone, Debug)]
pub struct Birth {
    /// The reading of the apiserver's clock.
    pub now: Time,
    /// The run's seed.
    pub seed: u64,
    /// The number of this creation, for names and uids.
    pub number: u64,
    /// The apiserver's name, so that two of them draw different names.
    pub server: Name,
    /// Changes when priority classes or service accounts do.
    pub state: u64,
    /// The apiserver's feature gates.
    pub gates: Gates,
    /// Whether the object was read, defaulted and validated already, as it came from a person.
    pub is_read: bool,
}

/// Makes an object ready to be stored: name, identity, defaults, admission.
///
/// # Errors
/// The refusal that the apiserver answers.
pub fn prepare(
    mut object: Object,
    birth: &Birth,
    admitted: &mut Admitted,
    look: &impl Lookup,
) -> Result<Object, Refusal> {
    let kind = object.kind();
    if object.meta().name.is_empty() && !object.meta().generate_name.is_empty() {
        let name = generated(&object.meta().generate_name, birth);
        object.meta_mut().name = name;
    }
    if kind.row().namespaced && object.meta().namespace.is_empty() {
        object.meta_mut().namespace = Name::new_static("default");
    }
    let (namespace, name) = (object.meta().namespace.clone(), object.meta().name.clone());
    admission::namespace_lifecycle(kind, &namespace, &name, look)?;
    admission::admit_other(&object, look)?;
    if let Object::Pod(pod) = &mut object {
        let (spec, status, filled) = admitted.pod(pod, (birth.state, birth.gates), look)?;
        let pod = Arc::make_mut(pod);
        (pod.spec, pod.status) = (spec, status);
        if let Some(filled) = filled {
            pod.meta.annotations = pod.meta.annotations.with(limits::ANNOTATION, &filled);
        }
    } else if let Object::Node(node) = &mut object {
        admission::taint_new_node(Arc::make_mut(node));
    } else if let Object::Namespace(namespace) = &mut object {
        open(Arc::make_mut(namespace));
    } else if let Object::Service(service) = &mut object {
        allocate(Arc::make_mut(service), birth);
    } else if (matches!(object, Object::ReplicaSet(_) | Object::Deployment(_) | Object::Job(_))
        || matches!(object, Object::PersistentVolume(_) | Object::PersistentVolumeClaim(_))
        || kind.schema().is_some())
        && !birth.is_read
    {
        object = read_anew(object, birth)?;
    }
    storage::admit(&mut object, look);
    let uid = uid(&object, birth);
    if let Object::Job(job) = &mut object {
        identify(Arc::make_mut(job), uid);
    }
    let meta = object.meta_mut();
    meta.uid = uid;
    meta.resource_version = 0;
    meta.creation = Some(birth.now.whole_seconds());
    meta.deletion = None;
    meta.deletion_grace_seconds = None;
    meta.generation = i64::from(kind.row().generation);
    Ok(object)
}

/// A service without an address gets one of 10.96.0.0/16.
///
/// Differs: the address is drawn from the seed and the service's name; that another service has
/// it already is not looked up.
///
/// Source: kubernetes v1.36 pkg/registry/core/service/storage/alloc.go, `allocClusterIPs`
fn allocate(service: &mut Service, birth: &Birth) {
    if service.spec.kind == "ExternalName" || !service.spec.cluster_ip.is_empty() {
        return;
    }
    let name = [service.meta.namespace.as_bytes(), service.meta.name.as_bytes()].concat();
    let bits = keyed(birth.seed, &name);
    let (high, low) = (bits % 256, bits / 256 % 254 + 1);
    let address = smol_str::format_smolstr!("10.96.{high}.{low}");
    let list = serde_json::json!([address.as_str()]);
    service.spec.cluster_ip = address;
    let mut rest = service.spec.rest.0.as_deref().cloned().unwrap_or_default();
    rest.insert("clusterIPs".into(), list);
    service.spec.rest.0 = Some(Arc::new(rest));
}

/// A Job's generated selector and labels name its uid, which is known only now.
fn identify(job: &mut Job, uid: Uid) {
    let uid = smol_str::format_smolstr!("{uid}");
    let named = |labels: &Labels| -> Labels {
        let name = |(key, value): (&Name, &Name)| {
            let value = if value == edge::STAND_IN_UID { &uid } else { value };
            (key.clone(), value.clone())
        };
        labels.iter().map(name).collect()
    };
    let spec = Arc::make_mut(&mut job.spec);
    if let Some(selector) = &mut spec.selector {
        let selector = Arc::make_mut(selector);
        selector.match_labels = named(&selector.match_labels);
    }
    let template = Arc::make_mut(&mut spec.template);
    template.meta.labels = named(&template.meta.labels);
}

/// A new namespace is active, and held until its content is gone.
///
/// Source: kubernetes v1.36
/// pkg/registry/core/namespace/strategy.go, `PrepareForCreate`, `Canonicalize`
fn open(namespace: &mut Namespace) {
    namespace.status.phase = Name::new_static("Active");
    if namespace.spec.finalizers.is_empty() {
        namespace.spec.finalizers.push(Name::new_static("kubernetes"));
    }
    let name = namespace.meta.name.clone();
    namespace.meta.labels = namespace.meta.labels.with("kubernetes.io/metadata.name", &name);
}

/// A name that begins with `prefix`, for one creation.
pub fn generated(prefix: &Name, birth: &Birth) -> Name {
    let mut key = Vec::with_capacity(64);
    key.extend_from_slice(birth.server.as_bytes());
    key.extend_from_slice(prefix.as_bytes());
    key.extend_from_slice(&birth.now.0.to_le_bytes());
    key.extend_from_slice(&birth.number.to_le_bytes());
    let mut bits = keyed(birth.seed, &key);
    names::generate_name(prefix, |n| {
        let letter = bits % n as u64;
        bits /= n as u64;
        usize::try_from(letter).unwrap_or(0)
    })
}

fn uid(object: &Object, birth: &Birth) -> Uid {
    let meta = object.meta();
    let mut key = Vec::with_capacity(96);
    let number = object.kind().stable_number();
    if object.kind().is_custom() {
        key.extend_from_slice(&number.to_le_bytes());
    } else {
        key.extend_from_slice(&object.kind().0.to_le_bytes());
    }
    key.extend_from_slice(meta.namespace.as_bytes());
    key.push(b'/');
    key.extend_from_slice(meta.name.as_bytes());
    key.extend_from_slice(&birth.now.0.to_le_bytes());
    let (high, low) = (keyed(birth.seed, &key), keyed(birth.seed ^ 0x5eed, &key));
    Uid::random(u128::from(high) << 64 | u128::from(low))
}

/// Refuses a new object that says to be of a revision.
///
/// # Errors
/// 500, which is how the storage's error comes out.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/etcd3/store.go, `Create`
pub fn is_new(object: &Object) -> Result<(), Refusal> {
    if object.meta().resource_version == 0 {
        return Ok(());
    }
    Err(Refusal {
        code: 500,
        reason: crate::api::refusal::Reason::Unknown,
        message: "resourceVersion should not be set on objects to be created".into(),
        details: None,
    })
}
