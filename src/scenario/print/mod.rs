//! What kubectl prints: tables, YAML, JSON, paths, descriptions, events.
//!
//! Responsible for turning objects, as they were at one instant, into text. It never asks an
//! apiserver, never reads a clock (the instant is handed in) and never writes to a terminal.

pub mod describe;
pub mod events;
pub mod jsonpath;
pub mod kind;
pub mod tab;
pub mod yaml;

mod custom;
mod document;
mod look;
mod sort;
mod table;

use serde_json::Value;

use crate::api::object::Object;
use crate::api::time::Time;
use crate::scenario::kubectl::Get;
use crate::scenario::kubectl::Output;

pub use describe::Related;
pub use describe::describe;
pub use events::events;
pub use kind::Column;
pub use kind::PodSummary;
pub use kind::columns;

/// How objects are printed: the flags of `kubectl get` that have to do with it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "kubectl has so many switches")]
pub struct How {
    /// The format; none is a table.
    pub output: Option<Output>,
    /// The field to sort by, as a path.
    pub sort_by: Option<String>,
    /// Labels that have a column each.
    pub label_columns: Vec<String>,
    /// With a column of all labels.
    pub show_labels: bool,
    /// Without the line of headings.
    pub no_headers: bool,
    /// With a column of namespaces.
    pub all_namespaces: bool,
    /// With the kind before each name; always so for several kinds.
    pub show_kind: bool,
    /// With managedFields.
    pub show_managed_fields: bool,
    /// One object was asked for by its name: it is no list.
    pub single: bool,
}

impl From<&Get> for How {
    fn from(get: &Get) -> How {
        let targets = get.targets().unwrap_or_default();
        let single = matches!(targets.as_slice(), [only] if only.name.is_some());
        How {
            output: get.output.clone(),
            sort_by: get.sort_by.clone(),
            label_columns: get.label_columns.clone(),
            show_labels: get.show_labels,
            no_headers: get.no_headers,
            all_namespaces: get.selection.all_namespaces,
            show_kind: get.show_kind,
            show_managed_fields: get.show_managed_fields,
            single,
        }
    }
}

/// What `kubectl get` prints of objects; a table of none is empty (see [`nothing_found`]).
///
/// # Errors
/// A path or a template that cannot be read or applied, in kubectl's words.
pub fn get(objects: &[Object], how: &How, now: Time) -> Result<String, String> {
    let mut rows: Vec<(&Object, Value)> = objects.iter().map(|o| (o, o.to_value())).collect();
    if let Some(path) = &how.sort_by {
        sort::sort_by(&mut rows, path)?;
    }
    let is_whole = matches!(how.output, Some(Output::Yaml | Output::Json));
    if is_whole && !how.show_managed_fields {
        for (_, value) in &mut rows {
            document::without_managed_fields(value);
        }
    }
    let values = || rows.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>();
    match &how.output {
        None | Some(Output::Wide) => Ok(table::tables(&rows, how, now)),
        Some(Output::Name) => Ok(rows.iter().map(|(o, _)| table::qualified(o) + "\n").collect()),
        Some(Output::Yaml) => Ok(yaml::text(&document::whole(values(), how))),
        Some(Output::Json) => Ok(document::json(&document::whole(values(), how))),
        Some(Output::CustomColumns(spec)) => custom::columns(&values(), spec, how),
        Some(Output::Jsonpath(template)) => {
            jsonpath::Template::parse(template)?.render(&document::whole(values(), how))
        }
    }
}

/// What kubectl says on standard error when there is nothing to print.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/get/get.go, `GetOptions.Run`
pub fn nothing_found(namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) => format!("No resources found in {namespace} namespace."),
        None => "No resources found".to_owned(),
    }
}

#[cfg(test)]
mod tests;
