//! Conformance units: patches, and the hashes and names that follow from templates.

use std::sync::LazyLock;

use serde_json::{Value, json};
use wavetank::api::patch::strategic::{self, Documents, Overwrite};
use wavetank::api::patch::{PatchError, json_patch, merge_patch};
use wavetank::api::schema::template_hash::{
    replica_set_name, template_hash, template_text, templates_equal,
};
use wavetank::api::schema::{Schema, Table};

use super::{Case, Differs, Unit, same};

/// The units of this area, and the function that runs a case of each.
pub(crate) const UNITS: &[Unit] = &[
    ("deployment.pod-template-hash", pod_template_hash),
    ("deployment.replicaset-name", name_of_replica_set),
    ("deployment.template-equal", template_equal),
    ("json-patches", json_patches),
    ("strategic-merge-patch", strategic_merge_patch),
    ("strategic-merge-real-kinds", strategic_merge_real_kinds),
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

fn json_patches(case: &Case<'_>) -> Result<(), String> {
    let (document, patch) = (&case.input["document"], &case.input["patch"]);
    let got = match text_of(case.whole, "kind")? {
        "json-patch" | "json-patch-error" => json_patch(document, patch),
        "merge-patch" => Ok(merge_patch(document, patch)),
        other => return Err(format!("unknown kind of case `{other}`")),
    };
    match got {
        Ok(result) => same(&json!({ "result": result }), case.want),
        Err(_) => same(&json!({ "error": true }), case.want),
    }
}

/// The recursive type of the strategic merge patch cases.
const ITEM: &str = "
Item
  name any
  value any
  other any
  mergingList []Item merge=name
  nonMergingList []Item
  mergingIntList []int64 merge
  nonMergingIntList []int64
  mergeItemPtr Item merge=name
  simpleMap {}string
  replacingItem any replace
  retainKeysMap Retained retain
  retainKeysMergingList []Item merge=name retain

Retained
  name any
  value any
  other any
  simpleMap {}string
  mergingIntList []int64 merge
  mergingList []Item merge=name
  nonMergingList []Item

Unknowing
  name string
  scalar bool
";

static ITEMS: LazyLock<Table> = LazyLock::new(|| Table::parse(&[("test", ITEM)]));

fn text_of<'a>(row: &'a Value, field: &str) -> Result<&'a str, String> {
    row[field].as_str().ok_or_else(|| format!("no text `{field}`"))
}

fn strategic_merge_patch(case: &Case<'_>) -> Result<(), String> {
    let item = ITEMS.find("test", "Item").ok_or("no schema")?;
    let kind = text_of(case.whole, "kind")?;
    // Those without order are compared after sorting what merges.
    let plain = ["apply", "two-way", "three-way"].contains(&kind);
    let got = match kind {
        "sort" => {
            json!({ "sorted": told(strategic::sorted(&case.input["object"], item))? })
        }
        "apply" | "apply-ordered" | "apply-raw" => {
            match strategic::apply(&case.input["original"], &case.input["patch"], item) {
                Ok(result) => json!({ "result": result }),
                Err(error) => return contains(&error, &case.want["error"]),
            }
        }
        "two-way" | "two-way-ordered" | "two-way-retain-keys" => two_way(case, item)?,
        "three-way" | "three-way-ordered" | "three-way-retain-keys" => three_way(case, item)?,
        "unknown-field" => return unknown_field(case),
        other => return Err(format!("unknown kind of case `{other}`")),
    };
    if plain {
        return same(&sorted_parts(&got, item)?, &sorted_parts(case.want, item)?);
    }
    same(&got, case.want)
}

fn told(result: Result<Value, PatchError>) -> Result<Value, String> {
    result.map_err(|e| e.to_string())
}

fn contains(error: &PatchError, want: &Value) -> Result<(), String> {
    match want.as_str() {
        Some(part) if error.to_string().contains(part) => Ok(()),
        want => Err(format!("want {want:?}\n      got  error {error}")),
    }
}

fn sorted_parts(answer: &Value, item: Schema<'_>) -> Result<Value, String> {
    let parts = answer.as_object().ok_or("no answer")?;
    let sort = |(name, part): (&String, &Value)| {
        let part =
            if part.is_object() { told(strategic::sorted(part, item))? } else { part.clone() };
        Ok((name.clone(), part))
    };
    parts.iter().map(sort).collect()
}

fn two_way(case: &Case<'_>, item: Schema<'_>) -> Result<Value, String> {
    let original = &case.input["original"];
    let patch = told(strategic::two_way(original, &case.input["modified"], item))?;
    let result = told(strategic::apply(original, &patch, item))?;
    Ok(json!({ "patch": patch, "result": result }))
}

fn documents<'a>(case: &Case<'a>) -> Documents<'a> {
    Documents {
        original: &case.input["original"],
        modified: &case.input["modified"],
        current: &case.input["current"],
    }
}

fn three_way(case: &Case<'_>, item: Schema<'_>) -> Result<Value, String> {
    let documents = documents(case);
    let patch = told(strategic::three_way(documents, item, Overwrite::Yes))?;
    let result = told(strategic::apply(documents.current, &patch, item))?;
    let conflict = strategic::three_way(documents, item, Overwrite::No).is_err();
    Ok(json!({ "patch": patch, "result": result, "conflict_without_overwrite": conflict }))
}

/// A type that knows `name` and `scalar` only: what is wanted is the patch, or the error.
fn unknown_field(case: &Case<'_>) -> Result<(), String> {
    let schema = ITEMS.find("test", "Unknowing").ok_or("no schema")?;
    let documents = documents(case);
    let two = strategic::two_way(documents.original, documents.modified, schema);
    let three = strategic::three_way(documents, schema, Overwrite::Yes);
    for (name, patch, base) in
        [("two_way", two, documents.original), ("three_way", three, documents.current)]
    {
        let error = &case.want[format!("{name}_error")];
        let applied = patch.and_then(|p| Ok((strategic::apply(base, &p, schema)?, p)));
        match applied {
            Ok((result, patch)) => {
                same(&patch, &case.want[name])?;
                same(&result, &case.want[format!("{name}_result")])?;
            }
            Err(got) => contains(&got, error)?,
        }
    }
    Ok(())
}

fn strategic_merge_real_kinds(case: &Case<'_>) -> Result<(), String> {
    let schema = Schema::of(text(case, "kind")?).ok_or("unknown kind")?;
    match strategic::apply(&case.input["document"], &case.input["patch"], schema) {
        Ok(result) => same(&json!({ "result": result }), case.want),
        Err(error) => contains(&error, &case.want["error"]),
    }
}
