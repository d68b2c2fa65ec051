//! A kind of a user's own, read from the CustomResourceDefinition that a real cluster gets.
//!
//! Differs: one version is served; printer columns, conversion, selectable fields and the scale
//! subresource of a definition are not looked at.

use serde_json::Value;

use super::{Kind, KindRow};

/// A text that lasts as long as the program, as the rows of kinds do.
fn lasting(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str, String> {
    let found = value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    found.ok_or_else(|| format!("{} is missing", pointer.trim_start_matches('/').replace('/', ".")))
}

/// The version that is stored; there has to be no other that is served.
fn version(definition: &Value) -> Result<&Value, String> {
    let all = definition.pointer("/spec/versions").and_then(Value::as_array);
    let all = all.ok_or("spec.versions is missing")?;
    let served: Vec<&Value> = all.iter().filter(|v| v["served"] != false).collect();
    match served.as_slice() {
        [one] if one["storage"] == true => Ok(one),
        [one] => Err(format!("spec.versions: {} is served and not stored", one["name"])),
        [] => Err("spec.versions: none is served".to_owned()),
        [_, _, ..] => Err("spec.versions: more than one is served, which is not modelled".into()),
    }
}

impl Kind {
    /// The kind that a CustomResourceDefinition defines, its schema with it. The same definition
    /// gives the same kind whenever it is given.
    ///
    /// # Errors
    /// What is missing in it, or not modelled; that the program knows another definition of the
    /// kind.
    pub fn defined(definition: &Value) -> Result<Kind, String> {
        if definition["kind"] != "CustomResourceDefinition" {
            return Err("this is no CustomResourceDefinition".to_owned());
        }
        let version = version(definition)?;
        let (group, name) =
            (text(definition, "/spec/group")?, text(definition, "/spec/names/kind")?);
        let plural = text(definition, "/spec/names/plural")?;
        let wanted = format!("{plural}.{group}");
        if text(definition, "/metadata/name")? != wanted {
            return Err(format!("metadata.name must be {wanted}"));
        }
        let schema = version.pointer("/schema/openAPIV3Schema");
        let schema = schema.ok_or("spec.versions[].schema.openAPIV3Schema is missing")?;
        let api_version = format!("{group}/{}", text(version, "/name")?);
        // What is known already is not kept once more.
        let known = Kind::of_version(&api_version, name)
            .filter(|kind| kind.schema() == Some(schema) && kind.row().plural == plural);
        if let Some(known) = known {
            return Ok(known);
        }
        let short = definition.pointer("/spec/names/shortNames").and_then(Value::as_array);
        let short = short.into_iter().flatten().filter_map(Value::as_str).map(lasting);
        let row = KindRow {
            name: lasting(name),
            group: lasting(group),
            version: lasting(text(version, "/name")?),
            plural: lasting(plural),
            short: Box::leak(short.collect::<Vec<_>>().into_boxed_slice()),
            namespaced: text(definition, "/spec/scope")? == "Namespaced",
            status: version.pointer("/subresources/status").is_some(),
            generation: true,
            aggregated: false,
        };
        Kind::try_custom(row, schema.clone())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition() -> Value {
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "lanterns.definition.example"},
            "spec": {
                "group": "definition.example",
                "scope": "Namespaced",
                "names": {"kind": "Lantern", "plural": "lanterns", "shortNames": ["ln"]},
                "versions": [{
                    "name": "v1", "served": true, "storage": true,
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": {"type": "object"}},
                }],
            },
        })
    }

    #[test]
    fn a_definition_gives_one_kind_however_often_it_is_read() {
        let kind = Kind::defined(&definition()).expect("it is right");
        assert_eq!(Kind::defined(&definition()), Ok(kind));
        let row = kind.row();
        assert_eq!((row.name, row.plural, row.short), ("Lantern", "lanterns", &["ln"][..]));
        assert!(row.namespaced && row.status && kind.is_custom());
    }

    #[test]
    fn what_is_wrong_with_a_definition_is_told() {
        let with = |pointer: &str, value: Value| {
            let mut wrong = definition();
            *wrong.pointer_mut(pointer).expect("it is there") = value;
            Kind::defined(&wrong).expect_err("it is wrong")
        };
        assert_eq!(with("/kind", json!("Pod")), "this is no CustomResourceDefinition");
        assert_eq!(with("/spec/group", json!("")), "spec.group is missing");
        let name = with("/metadata/name", json!("lanterns"));
        assert_eq!(name, "metadata.name must be lanterns.definition.example");
        let none = with("/spec/versions/0/served", json!(false));
        assert_eq!(none, "spec.versions: none is served");
    }
}
