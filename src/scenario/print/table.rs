//! Tables of `kubectl get`: which columns, in what order, one table a kind.

use serde_json::Value;

use super::How;
use super::kind::{Sight, table};
use super::look::{labels, shown, text};
use super::tab::{self, lay_out};
use crate::api::object::{Kind, Object};
use crate::api::time::Time;
use crate::scenario::kubectl::Output;

/// The tables of objects: one for each run of objects of one kind, with an empty line between.
pub(super) fn tables(rows: &[(&Object, Value)], how: &How, now: Time) -> String {
    let several = rows.iter().any(|(o, _)| o.kind() != rows[0].0.kind());
    let runs = rows.chunk_by(|a, b| a.0.kind() == b.0.kind());
    let one = |run: &[(&Object, Value)]| one_kind(run, how, now, several || how.show_kind);
    runs.map(one).collect::<Vec<_>>().join("\n")
}

/// The table of objects of one kind.
fn one_kind(rows: &[(&Object, Value)], how: &How, now: Time, show_kind: bool) -> String {
    let Some((first, _)) = rows.first() else { return String::new() };
    let sight = Sight { now, wide: how.output == Some(Output::Wide) };
    let shape = table(first.kind());
    let mut lines = Vec::new();
    if !how.no_headers {
        lines.push(headings(first.kind(), how, sight));
    }
    for (object, value) in rows {
        let mut cells = Vec::new();
        if with_namespace(object.kind(), how) {
            cells.push(text(value, "metadata.namespace").to_owned());
        }
        let filled = (shape.cells)(value, sight);
        for (column, cell) in shape.columns.iter().zip(filled) {
            if !column.wide || sight.wide {
                let is_name = show_kind && column.name == "Name";
                cells.push(first_line(if is_name { qualified(object) } else { cell }));
            }
        }
        for key in &how.label_columns {
            cells.push(shown(&value["metadata"]["labels"][key.as_str()]));
        }
        if how.show_labels {
            cells.push(labels(value, "metadata.labels"));
        }
        lines.push(cells.join("\t"));
    }
    lay_out(&(lines.join("\n") + "\n"), tab::GET)
}

/// The line of headings.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/cli-runtime/pkg/printers/tableprinter.go,
/// `printTable`, `decorateTable`
fn headings(kind: Kind, how: &How, sight: Sight) -> String {
    let mut cells = Vec::new();
    if with_namespace(kind, how) {
        cells.push("NAMESPACE".to_owned());
    }
    let columns = table(kind).columns.iter().filter(|c| !c.wide || sight.wide);
    cells.extend(columns.map(|c| c.name.to_uppercase()));
    let last_part = |key: &String| key.rsplit('/').next().unwrap_or_default().to_uppercase();
    cells.extend(how.label_columns.iter().map(last_part));
    if how.show_labels {
        cells.push("LABELS".to_owned());
    }
    cells.join("\t")
}

fn with_namespace(kind: Kind, how: &How) -> bool {
    how.all_namespaces && kind.row().namespaced
}

/// An object as kubectl names it: `pod/web`, `deployment.apps/web`.
pub(super) fn qualified(object: &Object) -> String {
    let (row, name) = (object.kind().row(), &object.meta().name);
    let dot = if row.group.is_empty() { "" } else { "." };
    format!("{}{dot}{}/{name}", row.name.to_lowercase(), row.group)
}

/// A cell has one line: what follows is cut off.
fn first_line(cell: String) -> String {
    match cell.find(['\n', '\r', '\x0c']) {
        Some(at) => format!("{}...", &cell[..at]),
        None => cell,
    }
}
