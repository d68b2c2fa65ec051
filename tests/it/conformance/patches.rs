//! Conformance units: patches, and the hashes and names that follow from templates.

use serde_json::json;
use wavetank::api::schema::template_hash::{
    replica_set_name, template_hash, template_text, templates_equal,
};

use super::{Case, Differs, Unit, same};

/// The units of this area, and the function that runs a case of each.
pub(crate) const UNITS: &[Unit] = &[
    ("deployment.pod-template-hash", pod_template_hash),
    ("deployment.replicaset-name", name_of_replica_set),
    ("deployment.template-equal", template_equal),
];

/// Cases that are known to differ, with the reason.
pub(crate) const DIFFERS: &[Differs] = &[];

fn text<'a>(case: &Case<'a>, field: &str) -> Result<&'a str, String> {
    case.input[field].as_str().ok_or_else(|| format!("no text `{field}`"))
}

fn pod_template_hash(case: &Case<'_>) -> Result<(), String> {
    let template = &case.input["template"];
    let count = &case.input["collisionCount"];
    let count = count.as_i64().map(i32::try_from).transpose().map_err(|e| e.to_string())?;
    if let Some(want) = case.want.get("hashedText") {
        same(&json!(template_text(template)), want)?;
    }
    same(&json!(template_hash(template, count)), &case.want["hash"])
}

fn name_of_replica_set(case: &Case<'_>) -> Result<(), String> {
    let name = replica_set_name(text(case, "deploymentName")?, text(case, "hash")?);
    same(&json!(name), &case.want["name"])
}

fn template_equal(case: &Case<'_>) -> Result<(), String> {
    let got = templates_equal(&case.input["a"], &case.input["b"]);
    same(&json!(got), &case.want["equal"])
}
