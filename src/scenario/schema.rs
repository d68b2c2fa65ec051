//! The JSON Schema of a scenario file, for editors; made of the decoder's own tables.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::scenario::decode::Choice;
use crate::scenario::decode::Decode;
use crate::scenario::decode::Row;
use crate::scenario::spec::Scenario;

/// The definitions collected while the types are walked.
#[derive(Default)]
pub struct Schema {
    definitions: Map<String, Value>,
}

/// The whole schema, as a document of draft 2020-12.
pub fn scenario() -> Value {
    let mut schema = Schema::default();
    let root = Scenario::shape(&mut schema);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "wavetank scenario",
        "$ref": root["$ref"],
        "$defs": schema.definitions,
    })
}

impl Schema {
    /// Defines a mapping with these fields, once, and refers to it.
    pub fn object(
        &mut self,
        name: &str,
        about: &str,
        rows: impl FnOnce(&mut Schema) -> Vec<Row>,
    ) -> Value {
        self.define(name, |schema| {
            let rows = rows(schema);
            let required: Vec<&str> = rows.iter().filter(|r| r.required).map(|r| r.key).collect();
            json!({
                "description": about.trim(),
                "type": "object",
                "additionalProperties": false,
                "required": required,
                "properties": properties_of(rows),
            })
        })
    }

    /// Defines a mapping with one of a choice's keys, and the fields that may stand beside it.
    pub fn choice<C: Choice>(
        &mut self,
        name: &str,
        about: &str,
        beside: impl FnOnce(&mut Schema) -> Vec<Row>,
    ) -> Value {
        self.define(name, |schema| {
            let mut rows = C::rows(schema);
            let one_of: Vec<Value> =
                C::NAMES.iter().map(|key| json!({ "required": [key] })).collect();
            rows.extend(beside(schema));
            json!({
                "description": about.trim(),
                "type": "object",
                "additionalProperties": false,
                "properties": properties_of(rows),
                "oneOf": one_of,
            })
        })
    }

    fn define(&mut self, name: &str, content: impl FnOnce(&mut Schema) -> Value) -> Value {
        if !self.definitions.contains_key(name) {
            self.definitions.insert(name.to_owned(), Value::Null);
            let made = content(self);
            self.definitions.insert(name.to_owned(), made);
        }
        json!({ "$ref": format!("#/$defs/{name}") })
    }
}

/// The rows as a schema's properties.
fn properties_of(rows: Vec<Row>) -> Value {
    let entry = |row: Row| {
        let mut shape = row.shape;
        if let Value::Object(map) = &mut shape {
            map.insert("description".to_owned(), row.about.trim().into());
        }
        (row.key.to_owned(), shape)
    };
    Value::Object(rows.into_iter().map(entry).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_leads_to_a_definition() {
        let schema = scenario();
        let text = schema.to_string();
        for part in text.split("\"#/$defs/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(schema["$defs"][name].is_object(), "{name}");
        }
        assert!(schema["$defs"]["Scenario"]["properties"]["steps"].is_object(), "{text}");
    }

    #[test]
    fn a_field_of_the_schema_carries_its_documentation() {
        let schema = scenario();
        let about = &schema["$defs"]["NodeTemplate"]["properties"]["cpu"]["description"];
        assert!(about.as_str().is_some_and(|text| text.len() > 5), "{about}");
    }
}
