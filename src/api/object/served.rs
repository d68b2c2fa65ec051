//! Versions of kinds that the apiserver serves beside the one in which it keeps them.
//!
//! Responsible for which there are, and how an object goes from one to the other. It must never
//! know what a field means.

use serde_json::Value;

use crate::api::autoscaling::v1;
use crate::api::object::Kind;

/// A version that is served beside the one that is stored.
#[derive(Clone, Copy, Debug)]
pub struct Served {
    /// Group and version: `autoscaling/v1`.
    pub api_version: &'static str,
    /// The kind.
    pub kind: Kind,
    /// Turns an object of this version into one of the version that is stored.
    pub to_stored: fn(&mut Value),
    /// Turns an object as it is stored into one of this version.
    pub from_stored: fn(&mut Value),
}

/// Source: kubernetes v1.36 pkg/apis/autoscaling/install/install.go, `Install`
const SERVED: &[Served] = &[Served {
    api_version: v1::API_VERSION,
    kind: Kind::HORIZONTAL_POD_AUTOSCALER,
    to_stored: v1::to_v2,
    from_stored: v1::from_v2,
}];

impl Served {
    /// The version of that name in which a kind is served; none for the one that is stored.
    pub fn of(api_version: &str, kind: &str) -> Option<&'static Served> {
        SERVED.iter().find(|s| s.api_version == api_version && s.kind.name() == kind)
    }

    /// The version in which an object is written, when it is not the one that is stored.
    pub fn of_value(value: &Value) -> Option<&'static Served> {
        Served::of(value["apiVersion"].as_str()?, value["kind"].as_str()?)
    }
}

/// The kind of an API version and name, in whichever version it is served.
pub fn kind_of(api_version: &str, name: &str) -> Option<Kind> {
    let stored = Kind::of_version(api_version, name);
    stored.or_else(|| Served::of(api_version, name).map(|served| served.kind))
}
