//! `ControllerRevision`: what a `StatefulSet` or `DaemonSet` was at one time.

use std::sync::Arc;

use serde_json::Value;

use crate::api::Name;
use crate::api::meta::Meta;

/// What a workload was at one time, as the patch that makes it so again. It never changes but for
/// its number.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ControllerRevision {
    /// Its metadata.
    pub meta: Meta,
    /// The patch, shared with the revisions that were made from the same state.
    pub data: Arc<Value>,
    /// Its place in the history: the greatest is the newest.
    pub revision: i64,
}

/// The label of a revision that holds its hash.
pub const REVISION_HASH: Name = Name::new_static("controller.kubernetes.io/hash");

/// The label of a pod that tells its revision.
pub const POD_REVISION: Name = Name::new_static("controller-revision-hash");

impl ControllerRevision {
    /// Whether both hold the same state.
    ///
    /// Source: kubernetes v1.36 pkg/controller/history/controller_history.go, `EqualRevision`
    pub fn has_state_of(&self, other: &ControllerRevision) -> bool {
        Arc::ptr_eq(&self.data, &other.data) || self.data == other.data
    }
}
