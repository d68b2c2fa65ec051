//! Custom resources: pruning, defaulting, validation by a structural schema.

use serde_json::{Value, json};
use wavetank::api::structural;

use super::{Case, Differs, Unit};

pub(super) const UNITS: &[Unit] = &[("crd-structural-schema", schema)];

pub(super) const DIFFERS: &[Differs] = &[
    (
        "crd-structural-schema",
        "validate: invalid regex, failing object 1",
        "patterns are not checked",
    ),
    (
        "crd-structural-schema",
        "validate: nullable, x-kubernetes-int-or-string... (row 99)",
        "a number with a fraction is told once, not once more for the format of integers",
    ),
    (
        "crd-structural-schema",
        "validate: !nullable, failing object 6",
        "the object of the case has lost its null",
    ),
];

fn same(got: &Value, want: &Value) -> Result<(), String> {
    if got == want { Ok(()) } else { Err(format!("got {got}, want {want}")) }
}

fn schema(case: &Case<'_>) -> Result<(), String> {
    let (input, want) = (case.input, case.want);
    let (mut object, schema) = (input["object"].clone(), &input["schema"]);
    match case.whole["kind"].as_str().unwrap_or_default() {
        "prune" => {
            let root = input["is_resource_root"] == true;
            let pruned = structural::prune(&mut object, schema, root);
            same(&object, &want["object"])?;
            let mut wanted: Vec<String> =
                serde_json::from_value(want["pruned"].clone()).map_err(|why| why.to_string())?;
            wanted.sort();
            same(&json!(pruned), &json!(wanted))
        }
        "default" => {
            structural::default(&mut object, schema);
            same(&object, &want["object"])
        }
        "prune-nulls" => {
            structural::prune_nulls(&mut object, schema);
            same(&object, &want["object"])
        }
        "list-type-ok" | "list-type-bad" => {
            let count = structural::lists(&object, schema).len();
            same(&json!(count), &want["error_count"])
        }
        _ => {
            let old = input.get("old_object");
            let wrong = structural::validate(&object, old, schema);
            same(&json!(wrong.is_empty()), &want["valid"])?;
            let mentioned = want["errors_mention"].as_array().into_iter().flatten();
            let mut missing = mentioned
                .filter_map(Value::as_str)
                .filter(|text| !wrong.iter().any(|line| line.contains(text)));
            match missing.next() {
                Some(text) => Err(format!("no {text:?} in {wrong:?}")),
                None => Ok(()),
            }
        }
    }
}
