//! `docs/scenario.md`: every field of a scenario file, from the tables that read it.
//!
//! `UPDATE=1 cargo test tidy` rewrites the file.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::source::{keep_up, text};

/// What stands before the fields.
const HEAD: &str = "tests/it/tidy/scenario_head.md";

/// The fields of a mapping.
fn fields(shape: &Value) -> impl Iterator<Item = (&String, &Value)> {
    shape["properties"].as_object().into_iter().flatten()
}

fn words(list: &Value, each: impl Fn(&Value) -> String) -> Vec<String> {
    list.as_array().into_iter().flatten().map(each).collect()
}

fn code(value: &Value) -> String {
    format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// What a plain value is, with examples where there are any.
fn plain(shape: &Value) -> String {
    let examples = words(&shape["examples"], code).join(", ");
    if !examples.is_empty() {
        return format!("as {examples}");
    }
    match &shape["type"] {
        Value::String(one) => one.replace("string", "text"),
        many => words(many, |one| one.as_str().unwrap_or_default().replace("string", "text"))
            .join(" or "),
    }
}

/// What a field takes, in words.
fn takes(shape: &Value) -> String {
    if let Some(name) = shape["$ref"].as_str().and_then(|r| r.rsplit('/').next()) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if shape["anyOf"].is_array() {
        return words(&shape["anyOf"], takes).join(", or ");
    }
    if shape["enum"].is_array() {
        // A switch is `true` as a truth value and as a text.
        let mut all: Vec<String> = Vec::new();
        for word in words(&shape["enum"], code) {
            if !all.contains(&word) {
                all.push(word);
            }
        }
        return all.join(", ");
    }
    if !shape["const"].is_null() {
        return code(&shape["const"]);
    }
    if shape["items"].is_object() {
        return format!("a list of: {}", takes(&shape["items"]));
    }
    if shape["properties"].is_object() {
        return "a mapping, below".to_owned();
    }
    if shape["additionalProperties"].is_object() {
        return format!("a mapping of names to: {}", takes(&shape["additionalProperties"]));
    }
    plain(shape)
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// One mapping: what it is, its fields, and the mappings that have no name of their own.
fn mapping(out: &mut String, name: &str, shape: &Value, depth: usize) {
    let _ = write!(out, "\n{} {name}\n\n", "#".repeat(depth));
    if let Some(about) = shape["description"].as_str() {
        let _ = write!(out, "{about}\n\n");
    }
    if shape["oneOf"].is_array() {
        out.push_str("One of the keys that name what it is, and what may stand beside it.\n\n");
    }
    if fields(shape).next().is_none() {
        let _ = writeln!(out, "Takes {}.", takes(shape));
        return;
    }
    let required = words(&shape["required"], |key| key.as_str().unwrap_or_default().to_owned());
    out.push_str("| field | takes | |\n|---|---|---|\n");
    for (key, field) in fields(shape) {
        let must = if required.contains(key) { " (required)" } else { "" };
        let about = field["description"].as_str().unwrap_or_default();
        let _ = writeln!(out, "| `{key}`{must} | {} | {} |", cell(&takes(field)), cell(about));
    }
    for (key, field) in fields(shape).filter(|(_, field)| field["properties"].is_object()) {
        mapping(out, &format!("{name}: `{key}`"), field, depth + 1);
    }
}

fn document() -> String {
    let schema = wavetank::scenario::schema::scenario();
    let empty = Map::new();
    let mut out = text(HEAD);
    for (name, shape) in schema["$defs"].as_object().unwrap_or(&empty) {
        mapping(&mut out, name, shape, 2);
    }
    out
}

#[test]
fn the_manual_of_the_scenario_file_is_up_to_date() {
    keep_up("docs/scenario.md", &document());
}
