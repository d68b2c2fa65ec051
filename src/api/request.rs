//! What clients ask of the apiserver, and what it answers.

use std::sync::Arc;

use serde_json::Value;

use crate::api::Name;
use crate::api::core::event::ObjectReference;
pub use crate::api::deletion::{DeleteOptions, Propagation};
use crate::api::edit::Edit;
use crate::api::meta::Uid;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::Refusal;
use crate::api::selector::{FieldSelector, Selector};
use crate::api::why::Why;

/// A request of a client.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    /// Who asks, by the name that an audit log shows: `deployment-controller`.
    pub user: Name,
    /// The program that asks, as field manager: `kube-controller-manager`, `kubectl-set`; what
    /// follows a `/` does not count, and empty is the user.
    pub manager: Name,
    /// What is asked for.
    pub verb: Verb,
    /// Why.
    pub why: Why,
}

impl Request {
    /// The field manager under which the request changes fields.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/endpoints/handlers/create.go,
    /// `managerOrUserAgent`
    pub fn field_manager(&self) -> &str {
        let name = if self.manager.is_empty() { &self.user } else { &self.manager };
        name.split('/').next().unwrap_or_default()
    }
}

/// What is asked for.
#[derive(Clone, PartialEq, Debug)]
pub enum Verb {
    /// One object.
    Get(ObjectKey),
    /// All objects of a kind that match.
    List(Box<ListOptions>),
    /// The changes of a kind from a revision on, as a stream.
    Watch(Box<WatchOptions>),
    /// A new object.
    Create {
        /// The object; its name may be left to the apiserver by `generateName`.
        object: Object,
        /// Whether nothing is stored.
        dry_run: bool,
    },
    /// A new object as a person or a foreign client wrote it: read strictly, defaulted, validated.
    Post {
        /// The kind.
        kind: Kind,
        /// The namespace of the path.
        namespace: Name,
        /// The object.
        value: Arc<Value>,
        /// Whether nothing is stored.
        dry_run: bool,
    },
    /// Another version of an object as a person or a foreign client wrote it.
    Put {
        /// Which object.
        key: ObjectKey,
        /// Which part of it counts.
        part: Subresource,
        /// The whole object.
        value: Arc<Value>,
        /// Whether nothing is stored.
        dry_run: bool,
    },
    /// Another version of an object; a resourceVersion in it must be the current one.
    Update {
        /// The whole object.
        object: Object,
        /// Which part of it counts.
        part: Subresource,
    },
    /// A change of an object, whatever version it has.
    Patch {
        /// Which object.
        key: ObjectKey,
        /// Which part of it may change.
        part: Subresource,
        /// The change.
        patch: Patch,
        /// Whether nothing is stored.
        dry_run: bool,
    },
    /// An object is to go.
    Delete {
        /// Which object.
        key: ObjectKey,
        /// How.
        options: DeleteOptions,
    },
    /// All objects of a kind that match are to go.
    DeleteCollection {
        /// Which objects.
        list: Box<ListOptions>,
        /// How.
        options: DeleteOptions,
    },
    /// A pod is put on a node.
    Bind {
        /// The pod.
        key: ObjectKey,
        /// The incarnation that is meant.
        uid: Uid,
        /// The node.
        node: Name,
    },
    /// A pod is to go, if the disruption budgets allow it.
    Evict {
        /// The pod.
        key: ObjectKey,
        /// How.
        options: DeleteOptions,
    },
}

/// Which part of an object a write changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Subresource {
    /// The object, without its status where that is a subresource.
    #[default]
    Main,
    /// The status.
    Status,
    /// The number of replicas.
    Scale,
    /// Namespaces: the finalizers of the spec.
    Finalize,
}

impl Subresource {
    /// Its name in a path; empty for the object itself.
    pub fn as_str(self) -> &'static str {
        match self {
            Subresource::Main => "",
            Subresource::Status => "status",
            Subresource::Scale => "scale",
            Subresource::Finalize => "finalize",
        }
    }
}

/// A change that does not name the whole object.
#[derive(Clone, PartialEq, Debug)]
pub enum Patch {
    /// RFC 6902.
    Json(Arc<Value>),
    /// RFC 7386.
    Merge(Arc<Value>),
    /// Kubernetes' own, by the merge keys of the fields.
    Strategic(Arc<Value>),
    /// Server-side apply by a field manager.
    Apply {
        /// The fields that the manager wants.
        config: Arc<Value>,
        /// Who applies.
        manager: Name,
        /// Whether fields are taken from others.
        force: bool,
    },
    /// A typed change of a component of the cluster: what it would send as a strategic merge patch.
    Edit(Edit),
}

/// What a list asks for.
#[derive(Clone, PartialEq, Debug)]
pub struct ListOptions {
    /// The kind.
    pub kind: Kind,
    /// The namespace; empty for all.
    pub namespace: Name,
    /// By labels.
    pub labels: Selector,
    /// By fields.
    pub fields: FieldSelector,
    /// As written: empty, `0` or a revision.
    pub resource_version: Name,
    /// How the revision is meant.
    pub version_match: Option<VersionMatch>,
    /// At most so many; 0 for all.
    pub limit: usize,
    /// Where the last page ended.
    pub continue_token: Name,
}

impl ListOptions {
    /// All objects of a kind, as they are now.
    pub fn all(kind: Kind) -> ListOptions {
        ListOptions {
            kind,
            namespace: Name::default(),
            labels: Selector::default(),
            fields: FieldSelector::default(),
            resource_version: Name::default(),
            version_match: None,
            limit: 0,
            continue_token: Name::default(),
        }
    }
}

/// How the revision of a list is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VersionMatch {
    /// At that revision.
    Exact,
    /// At that revision or a later one.
    NotOlderThan,
}

/// What a watch asks for.
#[derive(Clone, PartialEq, Debug)]
pub struct WatchOptions {
    /// The kind.
    pub kind: Kind,
    /// The namespace; empty for all.
    pub namespace: Name,
    /// By labels.
    pub labels: Selector,
    /// By fields.
    pub fields: FieldSelector,
    /// As written: empty, `0` or the last revision that the client has seen.
    pub resource_version: Name,
    /// Whether bookmarks are wanted.
    pub bookmarks: bool,
    /// Whether the stream begins with what there is.
    pub send_initial_events: bool,
}

/// What the apiserver answers.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// The object, as it is stored now.
    Object(Object),
    /// A page of a list.
    List(Arc<ObjectList>),
    /// The watch is on.
    Watching,
    /// The object is gone; its last version.
    Deleted(Object),
    /// The eviction was accepted, the pod bound, …: nothing to show.
    Done,
    /// It says no.
    Refused(Refusal),
}

/// A page of a list.
#[derive(Clone, PartialEq, Debug)]
pub struct ObjectList {
    /// The revision that the list shows.
    pub resource_version: u64,
    /// The objects, by namespace and name.
    pub items: Vec<Object>,
    /// Where the next page begins; empty on the last one.
    pub continue_token: Name,
    /// How many more there are, where that is known.
    pub remaining: Option<usize>,
}

/// Changes that a watcher sees at once: mostly one.
pub type WatchEvents = smallvec::SmallVec<[WatchEvent; 1]>;

/// A change that a watcher sees.
#[derive(Clone, PartialEq, Debug)]
pub struct WatchEvent {
    /// What happened, from the watcher's view.
    pub change: Change,
    /// The object; for `Deleted` its last version with the revision of the deletion.
    pub object: Object,
    /// The revision of the change.
    pub revision: u64,
    /// The turn that wrote it.
    pub cause: u64,
}

/// What happened to an object, from a watcher's view.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It came.
    Added,
    /// It changed.
    Modified,
    /// It went.
    Deleted,
}

impl Change {
    /// Its text on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Change::Added => "ADDED",
            Change::Modified => "MODIFIED",
            Change::Deleted => "DELETED",
        }
    }
}

/// Whom an event is about, what happened, in one word and one sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventNote {
    /// Whom it is about; its `resourceVersion` is not looked at.
    pub about: Arc<ObjectReference>,
    /// Whether it is a warning.
    pub warning: bool,
    /// One word.
    pub reason: &'static str,
    /// One sentence; `{name}` and `{refusal}` are filled in from the reply to the write that it
    /// goes with.
    pub message: Arc<str>,
}

impl Verb {
    /// Its name, as an audit log shows it.
    pub fn name(&self) -> &'static str {
        match self {
            Verb::Get(_) => "get",
            Verb::List(_) => "list",
            Verb::Watch(_) => "watch",
            Verb::Create { .. } | Verb::Post { .. } | Verb::Bind { .. } | Verb::Evict { .. } => {
                "create"
            }
            Verb::Update { .. } | Verb::Put { .. } => "update",
            Verb::Patch { .. } => "patch",
            Verb::Delete { .. } => "delete",
            Verb::DeleteCollection { .. } => "deletecollection",
        }
    }

    /// The part of the object that it is about, as an audit log shows it.
    pub fn subresource(&self) -> &'static str {
        match self {
            Verb::Update { part, .. } | Verb::Put { part, .. } | Verb::Patch { part, .. } => {
                part.as_str()
            }
            Verb::Bind { .. } => "binding",
            Verb::Evict { .. } => "eviction",
            Verb::Get(_)
            | Verb::List(_)
            | Verb::Watch(_)
            | Verb::Create { .. }
            | Verb::Post { .. }
            | Verb::Delete { .. }
            | Verb::DeleteCollection { .. } => "",
        }
    }

    /// The object that it is about; the name is empty where it is about a kind.
    pub fn key(&self) -> ObjectKey {
        match self {
            Verb::Get(key)
            | Verb::Put { key, .. }
            | Verb::Patch { key, .. }
            | Verb::Delete { key, .. }
            | Verb::Bind { key, .. }
            | Verb::Evict { key, .. } => key.clone(),
            Verb::List(list) | Verb::DeleteCollection { list, .. } => {
                ObjectKey::new(list.kind, &list.namespace, "")
            }
            Verb::Watch(watch) => ObjectKey::new(watch.kind, &watch.namespace, ""),
            Verb::Create { object, .. } | Verb::Update { object, .. } => object.key(),
            Verb::Post { kind, namespace, value, .. } => {
                let name = value["metadata"]["name"].as_str().unwrap_or_default();
                ObjectKey::new(*kind, namespace, name)
            }
        }
    }

    /// The kind that it is about.
    pub fn kind(&self) -> Kind {
        match self {
            Verb::Get(key)
            | Verb::Put { key, .. }
            | Verb::Patch { key, .. }
            | Verb::Delete { key, .. }
            | Verb::Bind { key, .. }
            | Verb::Evict { key, .. } => key.kind,
            Verb::List(list) | Verb::DeleteCollection { list, .. } => list.kind,
            Verb::Watch(watch) => watch.kind,
            Verb::Create { object, .. } | Verb::Update { object, .. } => object.kind(),
            Verb::Post { kind, .. } => *kind,
        }
    }

    /// Whether it changes nothing.
    pub fn is_read_only(&self) -> bool {
        matches!(self, Verb::Get(_) | Verb::List(_) | Verb::Watch(_))
    }
}
