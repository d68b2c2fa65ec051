//! The scale of an object: how many replicas it should have and has, and which pods they are.

use serde_json::Value;

use crate::api::object::{Kind, Object};
use crate::api::selector::{LabelSelector, Selector};

/// What the subresource `scale` shows of an object.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scale {
    /// How many replicas are wanted.
    pub wanted: i32,
    /// How many there are.
    pub there: i32,
    /// Which pods they are; none where the object does not say.
    pub selector: Option<Selector>,
}

/// The kinds that have a scale.
const SCALED: [Kind; 4] =
    [Kind::DEPLOYMENT, Kind::REPLICA_SET, Kind::STATEFUL_SET, Kind::REPLICATION_CONTROLLER];

impl Scale {
    /// Whether objects of a kind have a scale.
    pub fn is_of(kind: Kind) -> bool {
        SCALED.contains(&kind)
    }

    /// The scale of an object; none for kinds that have none.
    ///
    /// Source: kubernetes v1.36 pkg/registry/apps/deployment/storage/storage.go,
    /// `scaleFromDeployment`, and its like for the other kinds
    pub fn of(object: &Object) -> Option<Scale> {
        if let Object::Deployment(deployment) = object {
            return Some(Scale {
                wanted: deployment.spec.replicas,
                there: deployment.status.replicas,
                selector: LabelSelector::to_selector(Some(&deployment.spec.selector)).ok(),
            });
        }
        if let Object::ReplicaSet(set) = object {
            return Some(Scale {
                wanted: set.spec.replicas,
                there: set.status.replicas,
                selector: LabelSelector::to_selector(Some(&set.spec.selector)).ok(),
            });
        }
        Scale::is_of(object.kind()).then(|| Scale::of_value(object.kind(), &object.to_value()))
    }

    /// The scale of an object whose kind has no type of its own.
    fn of_value(kind: Kind, object: &Value) -> Scale {
        let number = |path| object.pointer(path).and_then(Value::as_i64);
        let number = |path| number(path).and_then(|n| i32::try_from(n).ok());
        let selector = &object["spec"]["selector"];
        let selector = if kind == Kind::REPLICATION_CONTROLLER {
            serde_json::from_value(selector.clone()).ok().map(|l| Selector::of_labels(&l))
        } else {
            let selector = serde_json::from_value::<LabelSelector>(selector.clone()).ok();
            selector.and_then(|s| LabelSelector::to_selector(Some(&s)).ok())
        };
        Scale {
            wanted: number("/spec/replicas").unwrap_or(1),
            there: number("/status/replicas").unwrap_or(0),
            selector,
        }
    }
}
