//! Event: what a component has to tell about an object.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::api::Name;
use crate::api::meta::{Meta, Rest, Uid};
use crate::api::time::Time;

/// What a component has to tell about an object.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Event {
    /// Its metadata.
    pub meta: Meta,
    /// The rest of it.
    pub body: EventBody,
}

/// The fields of an event beside its metadata.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventBody {
    /// Whom it is about; shared by the events about one object.
    pub involved_object: Arc<ObjectReference>,
    /// One word.
    pub reason: Name,
    /// A sentence.
    #[serde(deserialize_with = "text")]
    pub message: Arc<str>,
    /// Who tells it, and how bad it is; shared by the events of one component.
    #[serde(flatten)]
    pub origin: Arc<EventOrigin>,
    /// When it was first told.
    pub first_timestamp: Option<Time>,
    /// When it was last told.
    pub last_timestamp: Option<Time>,
    /// How often it was told.
    #[serde(skip_serializing_if = "is_zero")]
    pub count: i32,
    /// When it happened, for events of the newer interface.
    #[serde(with = "micro")]
    pub event_time: Option<Time>,
    /// Another object that has to do with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub related: Option<Box<ObjectReference>>,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Where an event comes from: what the events of one component have in common.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventOrigin {
    /// Who tells it.
    pub source: EventSource,
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    pub kind: Name,
    /// What was being done, for events of the newer interface.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub action: Name,
    /// The component, for events of the newer interface.
    pub reporting_component: Name,
    /// The component's instance.
    pub reporting_instance: Name,
}

/// Who tells an event.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EventSource {
    /// The component.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub component: Name,
    /// The node it runs on.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub host: Name,
}

/// One object, named.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectReference {
    /// Its kind.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub kind: Name,
    /// Its namespace.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub namespace: Name,
    /// Its name.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub name: Name,
    /// Its uid.
    #[serde(skip_serializing_if = "Uid::is_none")]
    pub uid: Uid,
    /// Its API version.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub api_version: Name,
    /// The version that was looked at.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub resource_version: Name,
    /// A part of it: `spec.containers{app}`.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub field_path: Name,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(n: &i32) -> bool {
    *n == 0
}

fn text<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Arc<str>, D::Error> {
    Option::<String>::deserialize(d).map(|t| t.unwrap_or_default().into())
}

/// A metav1.MicroTime that may be absent.
pub(crate) mod micro {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::api::time::Time;

    #[expect(clippy::ref_option, reason = "serde passes a reference")]
    pub(crate) fn serialize<S: Serializer>(time: &Option<Time>, s: S) -> Result<S::Ok, S::Error> {
        time.map(Time::micro_text).serialize(s)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Time>, D::Error> {
        Option::<Time>::deserialize(d)
    }
}
