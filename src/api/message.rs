//! What the processes of a cluster send each other.

use std::sync::Arc;

use serde_json::Value;

use crate::api::Name;
use crate::api::autoscaling::metric::NodeSample;
use crate::api::meta::Uid;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::Refusal;
use crate::api::request::{Answer, Change, ObjectList, Request, WatchEvents};
use crate::api::why::Why;
use crate::sim::engine::Peer;
use crate::sim::time::SimTime;

/// A message from one process to another.
#[derive(Clone, Debug)]
pub enum Message {
    /// A client asks the apiserver. The number comes back with the answer.
    Request(u64, Box<Request>),
    /// The apiserver answers.
    Answer(u64, Answer),
    /// Changes on a watch, by the number of the request that opened it.
    Watched(u64, WatchEvents),
    /// A watch has ended: cleanly, or with a refusal.
    WatchClosed(u64, Option<Refusal>),
    /// A watch has come to a revision without a change to show; the last field says whether all
    /// objects that were there when it was opened have now been sent.
    Bookmark(u64, u64, bool),
    /// A client ends a watch.
    StopWatch(u64),
    /// An apiserver asks etcd to write.
    Transaction(u64, Box<Transaction>),
    /// An apiserver asks etcd for what it holds.
    Range(u64, Range),
    /// An apiserver asks for all changes from a revision on.
    WatchStore(u64),
    /// etcd answers an apiserver.
    Stored(u64, StoreAnswer),
    /// etcd tells an apiserver of changes, in order.
    Changed(Vec<StoreChange>),
    /// etcd tells an apiserver that the history up to a revision is gone.
    Compacted(u64),
    /// A person or the weather acts on a node's containers.
    Runtime(Name, Box<Value>),
    /// What passes beside the apiserver and its clients.
    Beside(Beside),
}

/// What passes beside the apiserver and its clients: figures of nodes, and the load of pods.
#[derive(Clone, Debug)]
pub enum Beside {
    /// An apiserver hands a request on: the client that gets the answer, its number, the request.
    Forwarded(Peer, u64, Box<Request>),
    /// The metrics server asks a node for its figures of the instants that are told. The number
    /// comes back with them.
    Scrape(u64, Vec<SimTime>),
    /// A node tells its figures.
    Scraped(u64, Vec<Arc<NodeSample>>),
    /// From now on a pod carries one part in so many of a load; none of it for 0.
    Share {
        /// The pod.
        pod: Uid,
        /// The number of the load in the scenario's list.
        load: usize,
        /// How many carry it together.
        parts: u32,
    },
}

/// What an apiserver reads of etcd.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Range {
    /// All that there is.
    Everything,
    /// All objects of a kind at a revision; 0 for the present one.
    Kind(Kind, u64),
    /// One key.
    Key(ObjectKey),
    /// Nothing but the present revision.
    Revision,
}

/// A write to one key of the store, on a condition.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// The key.
    pub key: ObjectKey,
    /// What has to hold.
    pub condition: Condition,
    /// What is stored; none deletes the key.
    pub put: Option<Object>,
    /// For the log: who asked for what, and why.
    pub origin: Origin,
}

/// What has to hold for a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// The key is not there.
    Absent,
    /// The key was last written by this revision.
    Unchanged(u64),
}

/// Who asked for a write, by which verb, and why.
#[derive(Clone, PartialEq, Debug)]
pub struct Origin {
    /// By the name that an audit log shows.
    pub user: Name,
    /// `create`, `update`, `patch` or `delete`.
    pub verb: &'static str,
    /// The part of the object, if not the whole.
    pub subresource: &'static str,
    /// The reason.
    pub why: Why,
}

/// What etcd answers.
#[derive(Clone, Debug)]
pub enum StoreAnswer {
    /// The write was done.
    Written(StoreChange),
    /// The condition did not hold; what there is instead.
    Mismatch(Option<Object>),
    /// What there is, and the revision at which it was read.
    Found(Arc<ObjectList>),
    /// The revision that was asked for was compacted away.
    Compacted,
    /// The revision that was asked for does not exist yet; the present one.
    Future(u64),
    /// The store takes no writes, or has no leader.
    Unavailable(&'static str),
}

/// One change of the store.
#[derive(Clone, PartialEq, Debug)]
pub struct StoreChange {
    /// Its revision.
    pub revision: u64,
    /// The turn that wrote it.
    pub cause: u64,
    /// The version before.
    pub old: Option<Object>,
    /// The version after, or the last one with the revision of its deletion.
    pub object: Object,
    /// Whether the key is gone.
    pub deleted: bool,
}

impl StoreChange {
    /// What happened.
    pub fn change(&self) -> Change {
        match (&self.old, self.deleted) {
            (_, true) => Change::Deleted,
            (None, false) => Change::Added,
            (Some(_), false) => Change::Modified,
        }
    }
}
