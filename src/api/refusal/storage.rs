//! What the errors of the storage mean to a client.

use std::fmt;

use super::{GroupResource, Refusal};

/// What a request does with the storage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StorageVerb {
    /// Reads one object.
    Get,
    /// Reads many objects.
    List,
    /// Writes a new object.
    Create,
    /// Writes an object again.
    Update,
    /// Removes an object.
    Delete,
}

/// Why the storage did not do it.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/errors.go
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StorageError {
    /// There is no such key.
    KeyNotFound,
    /// The key is taken.
    KeyExists,
    /// The object is of another revision.
    Conflict,
    /// A precondition does not hold.
    InvalidObject,
    /// The storage does not answer.
    Unreachable,
    /// The storage did not answer in time.
    RequestTimeout,
    /// What is stored cannot be read.
    CorruptObject,
    /// Something else went wrong inside.
    Internal,
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StorageError::KeyNotFound => "key not found",
            StorageError::KeyExists => "key exists",
            StorageError::Conflict => "resource version conflicts",
            StorageError::InvalidObject => "invalid object",
            StorageError::Unreachable => "server unreachable",
            StorageError::RequestTimeout => "request timeout",
            StorageError::CorruptObject => "corrupt object",
            StorageError::Internal => "internal error",
        })
    }
}

impl StorageVerb {
    fn name(self) -> &'static str {
        match self {
            StorageVerb::Get => "get",
            StorageVerb::List => "list",
            StorageVerb::Create => "create",
            StorageVerb::Update => "update",
            StorageVerb::Delete => "delete",
        }
    }
}

impl Refusal {
    /// The API error of a storage error; what Kubernetes does not map is an internal error.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/errors/storage.go,
    /// `InterpretGetError` and the like
    pub fn of_storage(
        verb: StorageVerb,
        error: StorageError,
        of: &GroupResource,
        name: &str,
    ) -> Refusal {
        let is_write = matches!(verb, StorageVerb::Update | StorageVerb::Delete);
        let timeout = || Refusal::server_timeout(of, verb.name(), 2);
        match error {
            StorageError::Unreachable => timeout(),
            StorageError::RequestTimeout if verb == StorageVerb::List => timeout(),
            StorageError::KeyNotFound if verb == StorageVerb::List => Refusal::not_found(of, ""),
            StorageError::KeyNotFound if verb != StorageVerb::Create => {
                Refusal::not_found(of, name)
            }
            StorageError::KeyExists if verb == StorageVerb::Create => {
                Refusal::already_exists(of, name)
            }
            StorageError::Conflict | StorageError::KeyExists | StorageError::InvalidObject
                if is_write =>
            {
                Refusal::conflict(of, name, error)
            }
            StorageError::KeyNotFound
            | StorageError::KeyExists
            | StorageError::Conflict
            | StorageError::InvalidObject
            | StorageError::RequestTimeout
            | StorageError::CorruptObject
            | StorageError::Internal => Refusal::internal_error(error),
        }
    }
}
