//! Conformance units: `StatefulSets`.

mod trace;

use std::sync::Arc;

use serde_json::{Value, json};
use wavetank::api::apps::stateful_set::{
    ClaimPolicy, ClaimRetention, StatefulSet, StatefulSetSpec,
};
use wavetank::api::int_or_percent::IntOrPercent;
use wavetank::controllers::stateful_set::claims::owned;
use wavetank::controllers::stateful_set::identity::parent_and_ordinal;
use wavetank::controllers::stateful_set::status::max_unavailable;

use super::replicaset::int;
use super::{Case, Differs, Unit, same};

/// The units of this area, and the function that runs a case of each.
pub(crate) const UNITS: &[Unit] = &[
    ("statefulset.statefulset-max-unavailable", max_unavailable_case),
    ("statefulset.statefulset-pod-name", pod_name),
    ("statefulset.sts-claim-owner", claim_owner),
    ("statefulset.statefulset-trace", trace::run),
];

/// Cases that are known to differ, with the reason.
pub(crate) const DIFFERS: &[Differs] = &[];

fn int_or_percent(value: &Value) -> Result<Option<IntOrPercent>, String> {
    serde_json::from_value(value.clone()).map_err(|e| e.to_string())
}

fn number(value: &Value) -> Result<i32, String> {
    i32::try_from(int(value)?).map_err(|e| e.to_string())
}

fn max_unavailable_case(case: &Case<'_>) -> Result<(), String> {
    let limit = int_or_percent(&case.input["maxUnavailable"])?;
    let got = match max_unavailable(limit.as_ref(), number(&case.input["replicas"])?) {
        Ok(value) => json!({ "error": false, "value": value }),
        Err(_) => json!({ "error": true }),
    };
    same(&got, case.want)
}

fn pod_name(case: &Case<'_>) -> Result<(), String> {
    let name = case.input["podName"].as_str().ok_or("no podName")?;
    let (parent, ordinal) = parent_and_ordinal(name);
    same(&json!({ "ordinal": ordinal.unwrap_or(-1), "setName": parent }), case.want)
}

fn claim_owner(case: &Case<'_>) -> Result<(), String> {
    let policy = |name: &str| -> Result<ClaimPolicy, String> {
        serde_json::from_value(case.input[name].clone()).map_err(|e| e.to_string())
    };
    let retention = ClaimRetention {
        when_scaled: policy("scaleDownPolicy")?,
        when_deleted: policy("setDeletePolicy")?,
    };
    let spec = StatefulSetSpec {
        replicas: number(&case.input["replicas"])?,
        persistent_volume_claim_retention_policy: Some(retention),
        ..StatefulSetSpec::default()
    };
    let set = StatefulSet { spec: Arc::new(spec), ..StatefulSet::default() };
    let owned = owned(&set, number(&case.input["ordinal"])?);
    same(&json!({ "ownedByPod": owned.by_pod, "ownedBySet": owned.by_set }), case.want)
}
