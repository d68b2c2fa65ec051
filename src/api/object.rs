//! The table of kinds, and an object of any kind.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::api::Name;
use crate::api::apps::controller_revision::ControllerRevision;
use crate::api::apps::daemon_set::DaemonSet;
use crate::api::apps::deployment::Deployment;
use crate::api::apps::replica_set::ReplicaSet;
use crate::api::apps::stateful_set::StatefulSet;
use crate::api::autoscaling::horizontal_pod_autoscaler::HorizontalPodAutoscaler;
use crate::api::autoscaling::metric::{ExternalMetricValue, MetricValue, NodeMetrics, PodMetrics};
use crate::api::batch::cron_job::CronJob;
use crate::api::batch::job::Job;
use crate::api::coordination::lease::Lease;
use crate::api::core::endpoints::Endpoints;
use crate::api::core::event::{Event, ObjectReference};
use crate::api::core::limit_range::LimitRange;
use crate::api::core::namespace::Namespace;
use crate::api::core::node::Node;
use crate::api::core::persistent_volume::PersistentVolume;
use crate::api::core::persistent_volume_claim::PersistentVolumeClaim;
use crate::api::core::pod::Pod;
use crate::api::core::priority_class::PriorityClass;
use crate::api::core::replication_controller::ReplicationController;
use crate::api::core::resource_quota::ResourceQuota;
use crate::api::core::service::Service;
use crate::api::discovery::endpoint_slice::EndpointSlice;
use crate::api::meta::{Meta, OwnerReference};
use crate::api::policy::pod_disruption_budget::PodDisruptionBudget;
use crate::api::storage::csi_driver::CSIDriver;
use crate::api::storage::csi_node::CSINode;
use crate::api::storage::storage_class::StorageClass;
use crate::api::storage::volume_attachment::VolumeAttachment;

/// A kind: the number of its row in the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub u16);

/// What the apiserver knows of a kind.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KindRow {
    /// `Deployment`.
    pub name: &'static str,
    /// `apps`; empty for the core group.
    pub group: &'static str,
    /// `v1`.
    pub version: &'static str,
    /// `deployments`.
    pub plural: &'static str,
    /// What kubectl also takes: `deploy`.
    pub short: &'static [&'static str],
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Whether the status is a subresource.
    pub status: bool,
    /// Whether a change of the spec counts in `metadata.generation`.
    pub generation: bool,
    /// Whether it is stored nowhere: another server than the apiserver computes it when it is
    /// asked for.
    pub aggregated: bool,
}

/// A kind with an own type.
pub trait Resource: Clone + PartialEq + Send + Sync + fmt::Debug + 'static {
    /// Its row.
    const KIND: Kind;
    /// Its metadata.
    fn meta(&self) -> &Meta;
    /// Its metadata, to change.
    fn meta_mut(&mut self) -> &mut Meta;
    /// Reads the members beside `apiVersion`, `kind` and `metadata`.
    ///
    /// # Errors
    /// When a member has another type than Kubernetes gives it.
    fn from_wire(meta: Meta, body: Map<String, Value>) -> Result<Self, serde_json::Error>;
    /// Writes the members beside `apiVersion`, `kind` and `metadata`.
    fn to_wire(&self, body: &mut Map<String, Value>);
    /// Takes the status of another version: what a write of the object itself leaves alone.
    fn take_status(&mut self, from: &Self);
    /// Whether nothing differs but metadata and status.
    fn same_spec(&self, other: &Self) -> bool;
    /// The object, if it is of this kind.
    fn of(object: &Object) -> Option<&Arc<Self>>;
    /// As an object of any kind.
    fn into_object(self: Arc<Self>) -> Object;
}

/// An object of a kind that has no own type: kept whole as JSON.
#[derive(Clone, PartialEq, Debug)]
pub struct Opaque {
    /// Its kind.
    pub kind: Kind,
    /// Its metadata.
    pub meta: Meta,
    /// The members beside `apiVersion`, `kind` and `metadata`.
    pub body: Arc<Map<String, Value>>,
}

/// Declares the kinds: those with an own type first, then those that are kept as JSON.
macro_rules! kinds {
    (typed { $($variant:ident, $constant:ident: $row:expr;)* } opaque { $($name:ident, $constant2:ident: $row2:expr;)* }) => {
        #[expect(clippy::upper_case_acronyms, reason = "numbers of the rows, never shown")]
        #[expect(non_camel_case_types, reason = "numbers of the rows, never shown")]
        #[repr(u16)]
        enum Number { $($constant,)* $($constant2,)* }

        impl Kind {
            $(#[doc = concat!("The row of ", stringify!($variant), ".")]
            pub const $constant: Kind = Kind(Number::$constant as u16);)*
            $(#[doc = concat!("The row of ", stringify!($name), ".")]
            pub const $constant2: Kind = Kind(Number::$constant2 as u16);)*
        }

        /// The rows, by number.
        pub const KINDS: &[KindRow] = &[
            $(KindRow { name: stringify!($variant), ..$row },)*
            $(KindRow { name: stringify!($name), ..$row2 },)*
        ];

        /// An object of any kind: one version, immutable and shared.
        #[derive(Clone, PartialEq, Debug)]
        pub enum Object {
            $(#[doc = concat!("A ", stringify!($variant), ".")]
            $variant(Arc<$variant>),)*
            /// An object without an own type.
            Opaque(Arc<Opaque>),
        }

        impl Object {
            /// Its kind.
            pub fn kind(&self) -> Kind {
                match self {
                    $(Object::$variant(_) => Kind::$constant,)*
                    Object::Opaque(o) => o.kind,
                }
            }

            /// Its metadata.
            pub fn meta(&self) -> &Meta {
                match self {
                    $(Object::$variant(o) => &o.meta,)*
                    Object::Opaque(o) => &o.meta,
                }
            }

            /// Its metadata, to change; copies the version when others hold it too.
            pub fn meta_mut(&mut self) -> &mut Meta {
                match self {
                    $(Object::$variant(o) => &mut Arc::make_mut(o).meta,)*
                    Object::Opaque(o) => &mut Arc::make_mut(o).meta,
                }
            }

            /// Whether both are one shared version.
            pub fn is_same_version(&self, other: &Object) -> bool {
                match (self, other) {
                    $((Object::$variant(a), Object::$variant(b)) => Arc::ptr_eq(a, b),)*
                    (Object::Opaque(a), Object::Opaque(b)) => Arc::ptr_eq(a, b),
                    _ => false,
                }
            }

            /// Takes the status of another version of the same kind.
            pub fn take_status(&mut self, from: &Object) {
                match (self, from) {
                    $((Object::$variant(a), Object::$variant(b)) => Arc::make_mut(a).take_status(b),)*
                    (Object::Opaque(a), Object::Opaque(b)) => take_member(&mut Arc::make_mut(a).body, &b.body, "status"),
                    _ => {}
                }
            }

            /// Whether nothing differs but metadata and status.
            pub fn same_spec(&self, other: &Object) -> bool {
                match (self, other) {
                    $((Object::$variant(a), Object::$variant(b)) => a.same_spec(b),)*
                    (Object::Opaque(a), Object::Opaque(b)) => same_but(&a.body, &b.body, "status"),
                    _ => false,
                }
            }

            /// Writes the members beside `apiVersion`, `kind` and `metadata`.
            fn body(&self, out: &mut Map<String, Value>) {
                match self {
                    $(Object::$variant(o) => o.to_wire(out),)*
                    Object::Opaque(o) => {
                        out.extend(o.body.iter().map(|(k, v)| (k.clone(), v.clone())));
                    }
                }
            }

            /// Reads an object of a kind that has been defaulted and validated.
            fn read(kind: Kind, meta: Meta, body: Map<String, Value>) -> Result<Object, serde_json::Error> {
                match kind {
                    $(Kind::$constant => $variant::from_wire(meta, body).map(|o| Object::$variant(Arc::new(o))),)*
                    _ => Ok(Object::Opaque(Arc::new(Opaque { kind, meta, body: Arc::new(body) }))),
                }
            }
        }

        $(impl From<$variant> for Object {
            fn from(o: $variant) -> Object {
                Object::$variant(Arc::new(o))
            }
        })*
    };
}

/// Implements what is the same for every typed kind; `$from` and `$to` translate the body.
macro_rules! resource {
    ($type:ident, $constant:ident, $from:expr, $to:expr, status: [$($status:ident),*], spec: [$($spec:ident),*]) => {
        impl Resource for $type {
            const KIND: Kind = Kind::$constant;

            fn meta(&self) -> &Meta {
                &self.meta
            }

            fn meta_mut(&mut self) -> &mut Meta {
                &mut self.meta
            }

            fn from_wire(meta: Meta, body: Map<String, Value>) -> Result<Self, serde_json::Error> {
                let from: fn(Meta, Map<String, Value>) -> Result<Self, serde_json::Error> = $from;
                from(meta, body)
            }

            fn to_wire(&self, body: &mut Map<String, Value>) {
                let to: fn(&Self, &mut Map<String, Value>) = $to;
                to(self, body);
            }

            fn take_status(&mut self, from: &Self) {
                let _ = from;
                $(self.$status = from.$status.clone();)*
            }

            fn same_spec(&self, other: &Self) -> bool {
                $(self.$spec == other.$spec)&&*
            }

            fn of(object: &Object) -> Option<&Arc<Self>> {
                if let Object::$type(o) = object { Some(o) } else { None }
            }

            fn into_object(self: Arc<Self>) -> Object {
                Object::$type(self)
            }
        }
    };
}

mod custom;
mod definition;
pub mod served;
mod wire;

const CORE: KindRow = KindRow {
    name: "",
    group: "",
    version: "v1",
    plural: "",
    short: &[],
    namespaced: true,
    status: false,
    generation: false,
    aggregated: false,
};
const METRICS: KindRow =
    KindRow { group: "metrics.k8s.io", version: "v1beta1", aggregated: true, ..CORE };
const CUSTOM: KindRow =
    KindRow { group: "custom.metrics.k8s.io", version: "v1beta2", plural: "*", ..METRICS };
const EXTERNAL: KindRow = KindRow { group: "external.metrics.k8s.io", plural: "*", ..METRICS };
const STORAGE: KindRow = KindRow { group: "storage.k8s.io", namespaced: false, ..CORE };
const APPS: KindRow = KindRow { group: "apps", status: true, generation: true, ..CORE };

kinds! {
    typed {
        Pod, POD: KindRow { plural: "pods", short: &["po"], status: true, generation: true, ..CORE };
        Node, NODE: KindRow { plural: "nodes", short: &["no"], namespaced: false, status: true, ..CORE };
        Namespace, NAMESPACE: KindRow { plural: "namespaces", short: &["ns"], namespaced: false, status: true, ..CORE };
        Service, SERVICE: KindRow { plural: "services", short: &["svc"], status: true, ..CORE };
        Endpoints, ENDPOINTS: KindRow { plural: "endpoints", short: &["ep"], ..CORE };
        Event, EVENT: KindRow { plural: "events", short: &["ev"], ..CORE };
        Deployment, DEPLOYMENT: KindRow { plural: "deployments", short: &["deploy"], ..APPS };
        ReplicaSet, REPLICA_SET: KindRow { plural: "replicasets", short: &["rs"], ..APPS };
        Lease, LEASE: KindRow { group: "coordination.k8s.io", plural: "leases", ..CORE };
        EndpointSlice, ENDPOINT_SLICE: KindRow { group: "discovery.k8s.io", plural: "endpointslices", generation: true, ..CORE };
        PriorityClass, PRIORITY_CLASS: KindRow { group: "scheduling.k8s.io", plural: "priorityclasses", short: &["pc"], namespaced: false, generation: true, ..CORE };
        HorizontalPodAutoscaler, HORIZONTAL_POD_AUTOSCALER: KindRow { group: "autoscaling", version: "v2", plural: "horizontalpodautoscalers", short: &["hpa"], status: true, ..CORE };
        PodMetrics, POD_METRICS: KindRow { plural: "pods", ..METRICS };
        NodeMetrics, NODE_METRICS: KindRow { plural: "nodes", namespaced: false, ..METRICS };
        MetricValue, METRIC_VALUE: CUSTOM;
        ExternalMetricValue, EXTERNAL_METRIC_VALUE: EXTERNAL;
        Job, JOB: KindRow { group: "batch", plural: "jobs", status: true, generation: true, ..CORE };
        CronJob, CRON_JOB: KindRow { group: "batch", plural: "cronjobs", short: &["cj"], status: true, generation: true, ..CORE };
        ControllerRevision, CONTROLLER_REVISION: KindRow { plural: "controllerrevisions", status: false, generation: false, ..APPS };
        StatefulSet, STATEFUL_SET: KindRow { plural: "statefulsets", short: &["sts"], ..APPS };
        DaemonSet, DAEMON_SET: KindRow { plural: "daemonsets", short: &["ds"], ..APPS };
        PodDisruptionBudget, POD_DISRUPTION_BUDGET: KindRow { group: "policy", plural: "poddisruptionbudgets", short: &["pdb"], status: true, generation: true, ..CORE };
        LimitRange, LIMIT_RANGE: KindRow { plural: "limitranges", short: &["limits"], ..CORE };
        ResourceQuota, RESOURCE_QUOTA: KindRow { plural: "resourcequotas", short: &["quota"], status: true, ..CORE };
        ReplicationController, REPLICATION_CONTROLLER: KindRow { plural: "replicationcontrollers", short: &["rc"], status: true, generation: true, ..CORE };
        PersistentVolume, PERSISTENT_VOLUME: KindRow {
            plural: "persistentvolumes", short: &["pv"], namespaced: false, status: true, ..CORE
        };
        PersistentVolumeClaim, PERSISTENT_VOLUME_CLAIM: KindRow {
            plural: "persistentvolumeclaims", short: &["pvc"], status: true, ..CORE
        };
        StorageClass, STORAGE_CLASS: KindRow { plural: "storageclasses", short: &["sc"], ..STORAGE };
        VolumeAttachment, VOLUME_ATTACHMENT: KindRow { plural: "volumeattachments", status: true, ..STORAGE };
        CSINode, CSI_NODE: KindRow { plural: "csinodes", ..STORAGE };
        CSIDriver, CSI_DRIVER: KindRow { plural: "csidrivers", ..STORAGE };
    }
    opaque {
        ConfigMap, CONFIG_MAP: KindRow { plural: "configmaps", short: &["cm"], ..CORE };
        Secret, SECRET: KindRow { plural: "secrets", ..CORE };
        ServiceAccount, SERVICE_ACCOUNT: KindRow { plural: "serviceaccounts", short: &["sa"], ..CORE };
        PodTemplate, POD_TEMPLATE: KindRow { plural: "podtemplates", ..CORE };
        Ingress, INGRESS: KindRow { group: "networking.k8s.io", plural: "ingresses", short: &["ing"], status: true, generation: true, ..CORE };
        NetworkPolicy, NETWORK_POLICY: KindRow { group: "networking.k8s.io", plural: "networkpolicies", short: &["netpol"], generation: true, ..CORE };
    }
}

impl Kind {
    /// Its row.
    pub fn row(self) -> &'static KindRow {
        let number = usize::from(self.0);
        KINDS.get(number).unwrap_or_else(|| custom::row(number - KINDS.len()))
    }

    /// Its name: `Deployment`.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// All kinds that are stored, by number.
    pub fn stored() -> impl Iterator<Item = Kind> {
        Kind::all().filter(|k| !k.row().aggregated)
    }

    /// All kinds of Kubernetes, by number.
    pub fn all() -> impl Iterator<Item = Kind> {
        (0..KINDS.len()).filter_map(|n| u16::try_from(n).ok()).map(Kind)
    }

    /// The kind of a name, whatever its version.
    pub fn named(name: &str) -> Option<Kind> {
        let known = Kind::all().find(|k| k.name() == name);
        known.or_else(|| custom::find(|row| row.name == name))
    }

    /// The kind of an API version and name.
    pub fn of_version(api_version: &str, name: &str) -> Option<Kind> {
        let is_it = |row: &KindRow| row.name == name && row.api_version() == api_version;
        Kind::all().find(|k| is_it(k.row())).or_else(|| custom::find(is_it))
    }

    /// The kind of a user's own that kubectl knows by this word: `widgets.example.com`.
    pub fn of_resource(word: &str) -> Option<Kind> {
        let (name, group) = word.split_once('.')?;
        let fits = |row: &KindRow| row.plural == name || row.name.eq_ignore_ascii_case(name);
        custom::find(|row| row.group == group && fits(row))
    }
}

impl KindRow {
    /// `apps/v1`, or `v1` for the core group.
    pub fn api_version(&self) -> Name {
        if self.group.is_empty() {
            return Name::new_static(self.version);
        }
        smol_str::format_smolstr!("{}/{}", self.group, self.version)
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Puts a member of one body in place of that of another.
fn take_member(body: &mut Arc<Map<String, Value>>, from: &Map<String, Value>, name: &str) {
    if body.get(name) == from.get(name) {
        return;
    }
    let body = Arc::make_mut(body);
    match from.get(name) {
        Some(value) => body.insert(name.to_owned(), value.clone()),
        None => body.shift_remove(name),
    };
}

/// Whether two bodies are equal but for one member.
fn same_but(a: &Map<String, Value>, b: &Map<String, Value>, name: &str) -> bool {
    let count = |m: &Map<String, Value>| m.len() - usize::from(m.contains_key(name));
    count(a) == count(b) && a.iter().all(|(k, v)| k == name || b.get(k) == Some(v))
}

/// Which object: kind, namespace and name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// The kind.
    pub kind: Kind,
    /// The namespace; empty for kinds of the whole cluster.
    pub namespace: Name,
    /// The name.
    pub name: Name,
}

impl ObjectKey {
    /// The key of an object.
    pub fn new(kind: Kind, namespace: &str, name: &str) -> ObjectKey {
        ObjectKey { kind, namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}/{}/{}", self.kind, self.namespace, self.name)
    }
}

impl Object {
    /// Its key.
    pub fn key(&self) -> ObjectKey {
        let meta = self.meta();
        ObjectKey { kind: self.kind(), namespace: meta.namespace.clone(), name: meta.name.clone() }
    }

    /// The object of a type, if it is of that kind.
    pub fn as_a<T: Resource>(&self) -> Option<&Arc<T>> {
        T::of(self)
    }

    /// The whole object as JSON, as a watcher gets it.
    pub fn to_value(&self) -> Value {
        let row = self.kind().row();
        let mut out = Map::new();
        out.insert("apiVersion".into(), row.api_version().as_str().into());
        out.insert("kind".into(), row.name.into());
        out.insert("metadata".into(), serde_json::to_value(self.meta()).unwrap_or_default());
        self.body(&mut out);
        Value::Object(out)
    }

    /// Reads an object that has been defaulted and validated.
    ///
    /// # Errors
    /// When a member has another type than Kubernetes gives it.
    pub fn from_value(kind: Kind, value: Value) -> Result<Object, serde_json::Error> {
        let Value::Object(mut body) = value else {
            return Err(serde::de::Error::custom("an object is a map"));
        };
        let mut meta = body.remove("metadata").unwrap_or_else(|| Value::Object(Map::new()));
        crate::api::core::pod::strip_nulls(&mut meta);
        body.remove("apiVersion");
        body.remove("kind");
        Object::read(kind, serde_json::from_value(meta)?, body)
    }

    /// A reference to it, as events carry.
    pub fn reference(&self) -> Arc<ObjectReference> {
        let (row, meta) = (self.kind().row(), self.meta());
        Arc::new(ObjectReference {
            kind: Name::new_static(row.name),
            namespace: meta.namespace.clone(),
            name: meta.name.clone(),
            uid: meta.uid,
            api_version: row.api_version(),
            resource_version: Name::default(),
            field_path: Name::default(),
        })
    }
}

/// The reference by which an object's controller owns another.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/controller_ref.go,
/// `NewControllerRef`
pub fn controller_reference(kind: Kind, meta: &Meta) -> OwnerReference {
    OwnerReference {
        api_version: kind.row().api_version(),
        kind: Name::new_static(kind.name()),
        name: meta.name.clone(),
        uid: meta.uid,
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}
