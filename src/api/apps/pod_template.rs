//! The template that a workload makes its pods from.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::api::core::pod::PodSpec;
use crate::api::meta::Meta;

/// The template that a workload makes its pods from; shared by all of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PodTemplate {
    /// Labels, annotations and finalizers of the pods.
    pub meta: Meta,
    /// What the pods are to run.
    pub spec: Arc<PodSpec>,
    /// The node that the pods are bound to from the start; empty but in odd manifests.
    pub node_name: crate::api::Name,
}

impl PodTemplate {
    /// The template as JSON.
    pub fn to_value(&self) -> Value {
        let mut spec = (*self.spec.raw).clone();
        if !self.node_name.is_empty() {
            spec.insert("nodeName".into(), self.node_name.as_str().into());
        }
        let meta = serde_json::to_value(&self.meta).unwrap_or_default();
        Value::Object(Map::from_iter([
            ("metadata".to_owned(), meta),
            ("spec".to_owned(), Value::Object(spec)),
        ]))
    }
}

impl Serialize for PodTemplate {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(s)
    }
}

impl<'de> Deserialize<'de> for PodTemplate {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Wire {
            metadata: Meta,
            spec: Map<String, Value>,
        }
        let wire = Wire::deserialize(d)?;
        let node_name = wire.spec.get("nodeName").and_then(Value::as_str).unwrap_or_default();
        let node_name = node_name.into();
        let spec = PodSpec::parse(wire.spec).map_err(serde::de::Error::custom)?;
        Ok(PodTemplate { meta: wire.metadata, spec, node_name })
    }
}
