//! ObjectMeta: what every object has.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::api::Name;
use crate::api::labels::Labels;
use crate::api::time::Time;

/// The metadata of an object. Empty texts, zero numbers and empty lists are absent on the wire.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    /// Unique among the objects of its kind and namespace that are alive.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub name: Name,
    /// The prefix of a name that the apiserver completes.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub generate_name: Name,
    /// Empty for kinds of the whole cluster.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub namespace: Name,
    /// Never used twice.
    #[serde(skip_serializing_if = "Uid::is_none")]
    pub uid: Uid,
    /// The revision of the store that wrote this version; 0 when it was never stored.
    #[serde(skip_serializing_if = "is_zero", with = "revision_text")]
    pub resource_version: u64,
    /// Counts the changes of the desired state.
    #[serde(skip_serializing_if = "is_zero")]
    pub generation: i64,
    /// When it was created, in whole seconds.
    #[serde(rename = "creationTimestamp", skip_serializing_if = "Option::is_none")]
    pub creation: Option<Time>,
    /// When it is to go; set once deletion has been asked for, never unset.
    #[serde(rename = "deletionTimestamp", skip_serializing_if = "Option::is_none")]
    pub deletion: Option<Time>,
    /// The grace that its deletion was asked with.
    #[serde(rename = "deletionGracePeriodSeconds", skip_serializing_if = "Option::is_none")]
    pub deletion_grace_seconds: Option<i64>,
    /// What selectors look at.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// What tools note down.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub annotations: Labels,
    /// Whom it belongs to.
    #[serde(rename = "ownerReferences", skip_serializing_if = "is_empty_list")]
    pub owners: Owners,
    /// Who still has to do something before it may go.
    #[serde(skip_serializing_if = "is_empty_list")]
    pub finalizers: Finalizers,
    /// Fields that are kept and not acted upon, `managedFields` among them.
    #[serde(flatten)]
    pub rest: Rest,
}

/// The owners of an object, shared.
pub type Owners = Option<Arc<[OwnerReference]>>;

/// The finalizers of an object, shared.
pub type Finalizers = Option<Arc<[Name]>>;

/// Fields that Kubernetes knows and the simulator does not act upon, kept as they were written.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Rest(pub Option<Arc<serde_json::Map<String, Value>>>);

/// An owner of an object.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnerReference {
    /// `apps/v1`.
    pub api_version: Name,
    /// `ReplicaSet`.
    pub kind: Name,
    /// The owner's name.
    pub name: Name,
    /// The owner's uid: another object of the same name is not the owner.
    pub uid: Uid,
    /// Whether it is the one that manages the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<bool>,
    /// Whether the owner's foreground deletion waits for the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_owner_deletion: Option<bool>,
}

/// The identity of one incarnation of an object: a UUID, or a short text in data made by hand.
///
/// Ordered as the text is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uid(u128);

impl Uid {
    /// No uid: the object was never stored.
    pub const NONE: Uid = Uid(0);

    /// A random UUID (version 4, variant 1) with the other bits of `bits`.
    pub fn random(bits: u128) -> Uid {
        let (version, variant) = (0xF << 76, 0x3 << 62);
        Uid((bits & !version & !variant) | (0x4 << 76) | (0x2 << 62))
    }

    /// Reads a UUID, or any text of at most 16 bytes; longer ones are cut.
    pub fn parse(text: &str) -> Uid {
        let hex: String = text.chars().filter(|c| *c != '-').collect();
        if text.len() == 36
            && hex.len() == 32
            && let Ok(bits) = u128::from_str_radix(&hex, 16)
        {
            return Uid(bits);
        }
        let mut bytes = [0; 16];
        let n = text.len().min(16);
        bytes[..n].copy_from_slice(&text.as_bytes()[..n]);
        Uid(u128::from_be_bytes(bytes))
    }

    /// Whether the object was never stored.
    pub fn is_none(&self) -> bool {
        self.0 == 0
    }

    /// Its bits, for hashing and for the digest.
    pub fn bits(self) -> u128 {
        self.0
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.to_be_bytes();
        let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |i| i + 1);
        if bytes[..end].iter().all(u8::is_ascii_graphic) {
            return f.write_str(std::str::from_utf8(&bytes[..end]).unwrap_or_default());
        }
        let h = format!("{:032x}", self.0);
        write!(f, "{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Uid {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Uid {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Option::<String>::deserialize(d).map(|t| t.map_or(Uid::NONE, |t| Uid::parse(&t)))
    }
}

impl Meta {
    /// The metadata of an object that is about to be created.
    pub fn named(namespace: &str, name: &str) -> Meta {
        Meta { name: name.into(), namespace: namespace.into(), ..Meta::default() }
    }

    /// The owners; none is an empty slice.
    pub fn owners(&self) -> &[OwnerReference] {
        self.owners.as_deref().unwrap_or_default()
    }

    /// The finalizers; none is an empty slice.
    pub fn finalizers(&self) -> &[Name] {
        self.finalizers.as_deref().unwrap_or_default()
    }

    /// The owner that manages the object.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/controller_ref.go,
    /// `GetControllerOf`
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.owners().iter().find(|o| o.controller == Some(true))
    }

    /// Whether its deletion has been asked for.
    pub fn is_deleting(&self) -> bool {
        self.deletion.is_some()
    }

    /// Whether the finalizer is there.
    pub fn has_finalizer(&self, name: &str) -> bool {
        self.finalizers().iter().any(|f| f == name)
    }

    /// Replaces the finalizers.
    pub fn set_finalizers(&mut self, all: Vec<Name>) {
        self.finalizers = (!all.is_empty()).then(|| all.into());
    }

    /// Whether both share one copy of the owners: then they have the same, seen at a glance.
    pub fn has_same_owners_copy(&self, other: &Meta) -> bool {
        match (&self.owners, &other.owners) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (a, b) => a.is_none() && b.is_none(),
        }
    }

    /// Replaces the owners.
    pub fn set_owners(&mut self, all: Vec<OwnerReference>) {
        self.owners = (!all.is_empty()).then(|| all.into());
    }
}

impl Serialize for Rest {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.0.iter().flat_map(|m| m.iter()))
    }
}

impl<'de> Deserialize<'de> for Rest {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let mut all = serde_json::Map::<String, Value>::deserialize(d)?;
        all.retain(|_, v| !v.is_null());
        Ok(Rest((!all.is_empty()).then(|| Arc::new(all))))
    }
}

fn is_zero<N: Default + PartialEq>(n: &N) -> bool {
    *n == N::default()
}

/// Whether a shared list is absent.
pub fn is_empty_list<T>(list: &Option<Arc<[T]>>) -> bool {
    list.as_deref().is_none_or(<[T]>::is_empty)
}

/// A resourceVersion is a text on the wire.
mod revision_text {
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(super) fn serialize<S: Serializer>(n: &u64, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(n)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<u64, D::Error> {
        let text = Option::<String>::deserialize(d)?.unwrap_or_default();
        if text.is_empty() {
            return Ok(0);
        }
        text.parse().map_err(|_| serde::de::Error::custom(format!("`{text}` is no revision")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_comes_back_as_it_was_written() {
        let text = r#"{"name":"web","namespace":"default","uid":"u-1","resourceVersion":"7","creationTimestamp":"2026-01-01T00:00:01Z","labels":{"app":"web"},"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"r","uid":"8a1b0f3e-5c62-4d71-9e84-0123456789ab","controller":true}],"managedFields":[{"manager":"kubectl"}]}"#;
        let meta: Meta = serde_json::from_str(text).expect("it is metadata");
        assert_eq!(serde_json::to_string(&meta).expect("it can be written"), text);
    }
}
