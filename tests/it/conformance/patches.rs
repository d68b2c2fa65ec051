//! Conformance units: patches, and the hashes and names that follow from templates.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};
use wavetank::api::patch::apply::managed::{self, Managed};
use wavetank::api::patch::apply::{
    ApplyError, FieldSet, Force, Live, Path, Relation, Shape, Step, TypeId, Types, Writer, apply,
    extract, merge, path_text, update,
};
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
    ("server-side-apply", server_side_apply),
    ("server-side-apply-real-kinds", server_side_apply_real_kinds),
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

fn server_side_apply_real_kinds(case: &Case<'_>) -> Result<(), String> {
    let mut live = Managed::default();
    let mut after_each_step = Vec::new();
    for step in case.input["steps"].as_array().ok_or("no steps")? {
        let (manager, object) = (text_of(step, "manager")?, &step["object"]);
        let force = if step["force"] == true { Force::Yes } else { Force::No };
        let answer = match text_of(step, "op")? {
            "apply" => managed::apply(&live, object, (manager, force)),
            "update" => managed::update(&live, object, manager),
            other => return Err(format!("unknown op `{other}`")),
        };
        after_each_step.push(match answer {
            Ok(after) => {
                live = after;
                json!({ "live": live.object, "managed": live.entries })
            }
            Err(ApplyError::Conflicts(all)) => {
                let fields: Vec<String> = all.iter().map(|(_, path)| path_text(path)).collect();
                json!({ "error": "Conflict", "conflict_fields": fields })
            }
            Err(ApplyError::Invalid(_)) => json!({ "error": "other" }),
        });
    }
    same(&json!({ "after_each_step": after_each_step }), case.want)
}

/// The schemas of the cases, which stand in the head of their file.
static APPLY_SCHEMAS: LazyLock<serde_json::Map<String, Value>> = LazyLock::new(|| {
    let all = super::roots().into_iter().flat_map(|root| super::files(&root));
    let units = all.filter(|path| path.file_stem().is_some_and(|s| s == "server-side-apply"));
    let schemas = units.filter_map(|path| {
        let text = std::fs::read_to_string(path).ok()?;
        let mut file: Value = serde_json::from_str(&text).ok()?;
        file["inputs"]["schemas"].as_object_mut().map(std::mem::take)
    });
    schemas.flatten().collect()
});

/// Reads a schema of structured-merge-diff.
struct Reader<'a> {
    named: &'a Value,
    types: Types,
    known: BTreeMap<String, TypeId>,
}

impl Reader<'_> {
    fn named(&mut self, name: &str) -> Result<TypeId, String> {
        if let Some(id) = self.known.get(name) {
            return Ok(*id);
        }
        let id = self.types.add(Shape::Scalar);
        self.known.insert(name.to_owned(), id);
        let all = self.named.as_array().ok_or("no types")?;
        let row = all.iter().find(|t| t["name"] == name).ok_or(format!("no type `{name}`"))?;
        let shape = self.shape(row, None)?;
        self.types.put(id, shape);
        Ok(id)
    }

    /// A reference to a type, which may say anew how it is owned.
    fn reference(&mut self, row: &Value) -> Result<TypeId, String> {
        let own = row["elementRelationship"].as_str();
        match row["namedType"].as_str() {
            Some(name) if own.is_none() => self.named(name),
            Some(name) => {
                let all = self.named.as_array().ok_or("no types")?;
                let row = all.iter().find(|t| t["name"] == name).ok_or("no such type")?;
                let shape = self.shape(row, own)?;
                Ok(self.types.add(shape))
            }
            None => {
                let shape = self.shape(row, own)?;
                Ok(self.types.add(shape))
            }
        }
    }

    fn shape(&mut self, row: &Value, own: Option<&str>) -> Result<Shape, String> {
        if let Some(map) = row.get("map") {
            let relation = own.or(map["elementRelationship"].as_str());
            let mut fields = BTreeMap::new();
            for field in map["fields"].as_array().into_iter().flatten() {
                let id = self.reference(&field["type"])?;
                fields.insert(text_of(field, "name")?.to_owned(), id);
            }
            let rest = map.get("elementType").map(|r| self.reference(r)).transpose()?;
            return Ok(Shape::Map { fields, rest, atomic: relation == Some("atomic") });
        }
        let Some(list) = row.get("list") else { return Ok(Shape::Scalar) };
        let of = self.reference(&list["elementType"])?;
        let relation = match own.or(list["elementRelationship"].as_str()) {
            Some("associative") => Self::relation(list),
            _ => Relation::Atomic,
        };
        Ok(Shape::List { of, relation })
    }

    fn relation(list: &Value) -> Relation {
        let Some(keys) = list["keys"].as_array() else { return Relation::Set };
        let element = &list["elementType"]["map"]["fields"];
        let default = |key: &str| {
            let field = element.as_array()?.iter().find(|f| f["name"] == key)?;
            field.get("default").cloned()
        };
        let keys = keys.iter().filter_map(Value::as_str);
        Relation::Keyed(keys.map(|k| (k.to_owned(), default(k))).collect())
    }
}

fn apply_types(name: &str) -> Result<(Types, TypeId), String> {
    let mut types = Types::default();
    if name == "DeducedParser" {
        let id = types.add(Shape::Deduced);
        return Ok((types, id));
    }
    let schema = APPLY_SCHEMAS.get(name).ok_or(format!("no schema `{name}`"))?;
    let first = schema["types"][0]["name"].as_str();
    let root = schema["root"].as_str().or(first).ok_or("no root")?;
    let mut reader = Reader { named: &schema["types"], types, known: BTreeMap::new() };
    let id = reader.named(root)?;
    Ok((reader.types, id))
}

fn path_of(steps: &Value) -> Result<Path, String> {
    let step = |step: &Value| {
        if let Some(name) = step["field"].as_str() {
            return Ok(Step::Field(name.to_owned()));
        }
        if let Some(key) = step["key"].as_object() {
            let sorted: BTreeMap<&String, &Value> = key.iter().collect();
            return Ok(Step::Key(json!(sorted).to_string()));
        }
        step.get("value").map(|v| Step::Value(v.to_string())).ok_or("unknown step".to_owned())
    };
    steps.as_array().ok_or("no path")?.iter().map(step).collect()
}

fn paths_of(list: &Value) -> Result<FieldSet, String> {
    let paths = list.as_array().into_iter().flatten().map(path_of);
    Ok(FieldSet(paths.collect::<Result<_, _>>()?))
}

fn server_side_apply(case: &Case<'_>) -> Result<(), String> {
    let (types, id) = apply_types(text(case, "schema")?)?;
    let mut live = Live::default();
    for op in case.input["ops"].as_array().ok_or("no ops")? {
        match step(&live, op, (&types, id))? {
            Ok(after) => live = after,
            Err(ApplyError::Conflicts(all)) if op.get("expected_conflicts").is_some() => {
                expect_conflicts(&all, &op["expected_conflicts"])?;
            }
            Err(_) if case.want.get("error").is_some() => return Ok(()),
            Err(error) => return Err(format!("{op}: {error:?}")),
        }
    }
    if case.want.get("error").is_some() {
        return Err("want an error".to_owned());
    }
    if let Some(want) = case.want.get("object") {
        same(&live.object, want)?;
    }
    let Some(managed) = case.want.get("managed").and_then(Value::as_object) else { return Ok(()) };
    for (manager, want) in managed {
        let owned = live.managers.get(manager).ok_or(format!("`{manager}` owns nothing"))?;
        same(&json!(owned.api_version), &want["api_version"])?;
        let want = paths_of(&want["fields"])?;
        if owned.fields != want {
            return Err(format!("{manager}: want {want:?}\n      got  {:?}", owned.fields));
        }
    }
    same(&json!(live.managers.len()), &json!(managed.len()))
}

fn step(
    live: &Live,
    op: &Value,
    types: (&Types, TypeId),
) -> Result<Result<Live, ApplyError>, String> {
    let manager = text_of(op, "manager")?;
    let writer = Writer { manager, api_version: text_of(op, "api_version")? };
    let object = &op["object"];
    Ok(match text_of(op, "op")? {
        "apply" => apply(live, object, (writer, Force::No), types),
        "forceApply" => apply(live, object, (writer, Force::Yes), types),
        "update" => update(live, object, writer, types),
        "extractApply" => merge(&extract(live, manager, types), object, types)
            .and_then(|whole| apply(live, &whole, (writer, Force::No), types)),
        other => return Err(format!("unknown op `{other}`")),
    })
}

fn expect_conflicts(got: &[(String, Path)], want: &Value) -> Result<(), String> {
    let want: Vec<(String, Path)> = want
        .as_array()
        .into_iter()
        .flatten()
        .map(|c| Ok((text_of(c, "manager")?.to_owned(), path_of(&c["path"])?)))
        .collect::<Result<_, String>>()?;
    let all_there = want.len() == got.len() && want.iter().all(|w| got.contains(w));
    if all_there { Ok(()) } else { Err(format!("want {want:?}\n      got  {got:?}")) }
}
