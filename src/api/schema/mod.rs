//! The fields of every kind: names, types, merge keys; strict decoding; the template hash.
//!
//! This module is responsible for what Kubernetes 1.36 knows of the shape of objects. It must never
//! hold a rule about what a field means: defaults and validation stand beside it.

mod go_quantity;
pub mod strict;
mod table;
pub mod template_hash;

use std::sync::LazyLock;

pub use table::{Field, ListKind, Strategy, Table, Type};

static KUBERNETES: LazyLock<Table> = LazyLock::new(|| {
    Table::parse(&[
        ("meta", include_str!("meta.txt")),
        ("core", include_str!("core.txt")),
        ("apps", include_str!("apps.txt")),
        ("batch", include_str!("batch.txt")),
        ("autoscaling", include_str!("autoscaling.txt")),
        ("autoscaling_v1", include_str!("autoscaling_v1.txt")),
        ("scale", include_str!("scale.txt")),
        ("policy", include_str!("policy.txt")),
        ("discovery", include_str!("discovery.txt")),
        ("coordination", include_str!("coordination.txt")),
        ("scheduling", include_str!("scheduling.txt")),
        ("storage", include_str!("storage.txt")),
        ("networking", include_str!("networking.txt")),
        ("rbac", include_str!("rbac.txt")),
        ("events", include_str!("events.txt")),
    ])
});

/// One struct type of a table: a handle that is cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Schema<'a> {
    table: &'a Table,
    row: usize,
}

impl Schema<'static> {
    /// The schema of a kind of Kubernetes: `Deployment`. Of a name in two groups, the core one.
    pub fn of(kind: &str) -> Option<Schema<'static>> {
        KUBERNETES.kind(|_, k| k == kind)
    }

    /// The schema of a kind in one version of its group: `apps/v1`, `Deployment`.
    pub fn of_version(api_version: &str, kind: &str) -> Option<Schema<'static>> {
        KUBERNETES.kind(|v, k| v == api_version && k == kind)
    }

    /// The schema of any struct of Kubernetes by its name and group: `core`, `PodTemplateSpec`.
    pub fn of_struct(group: &str, name: &str) -> Option<Schema<'static>> {
        KUBERNETES.find(group, name)
    }
}

impl Table {
    /// The struct of that name in the table of that name.
    pub fn find(&self, group: &str, name: &str) -> Option<Schema<'_>> {
        let row = self.place(group, name)?;
        Some(Schema { table: self, row })
    }

    fn kind(&self, is_it: impl Fn(&str, &str) -> bool) -> Option<Schema<'_>> {
        let found = |k: &&table::KindRow| is_it(k.api_version, k.kind);
        let row = self.kinds.iter().find(found)?.row;
        Some(Schema { table: self, row })
    }
}

/// All kinds that are known, as (API version, kind).
pub fn kinds() -> impl Iterator<Item = (&'static str, &'static str)> {
    KUBERNETES.kinds.iter().map(|k| (k.api_version, k.kind))
}

/// The names of the fields at a path of a kind: `Pod`, `spec.containers`.
///
/// Lists and maps are passed through to what they hold. None if there is no such path; empty if a
/// scalar stands there.
pub fn field_names(kind: &str, path: &str) -> Option<Vec<&'static str>> {
    let mut at = Type::Object(Schema::of(kind)?.row);
    for name in path.split('.').filter(|n| !n.is_empty()) {
        let schema = Schema::inside(&KUBERNETES, &at)?;
        at = schema.field(name)?.holds.clone();
    }
    let names = |s: Schema<'static>| s.fields().iter().map(|f| f.name).collect();
    Some(Schema::inside(&KUBERNETES, &at).map(names).unwrap_or_default())
}

impl<'a> Schema<'a> {
    /// The Go name of the struct: `DeploymentSpec`.
    pub fn name(self) -> &'a str {
        self.table.rows[self.row].name
    }

    /// The table that it is in: `core`, `apps`, `meta`, ….
    pub fn group(self) -> &'a str {
        self.table.rows[self.row].group
    }

    /// Whether server-side apply owns it as a whole.
    pub fn is_atomic(self) -> bool {
        self.table.rows[self.row].atomic
    }

    /// All fields, in the order of the Go struct, those of embedded structs among them.
    pub fn fields(self) -> &'a [Field] {
        self.table.fields(self.row)
    }

    /// The field of that name in JSON.
    pub fn field(self, name: &str) -> Option<&'a Field> {
        self.fields().iter().find(|f| f.name == name)
    }

    /// The schema of the struct that a type is, or that its elements or values are.
    pub fn of_type(self, holds: &Type) -> Option<Schema<'a>> {
        Schema::inside(self.table, holds)
    }

    fn inside(table: &'a Table, holds: &Type) -> Option<Schema<'a>> {
        match holds {
            Type::Object(row) => Some(Schema { table, row: *row }),
            Type::List(of) | Type::Map(of) => Schema::inside(table, of),
            Type::String
            | Type::Int32
            | Type::Int64
            | Type::Bool
            | Type::Bytes
            | Type::Quantity
            | Type::Time
            | Type::MicroTime
            | Type::IntOrString
            | Type::Any => None,
        }
    }

    /// The struct of another row of the same table.
    fn at(self, row: usize) -> Schema<'a> {
        Schema { table: self.table, row }
    }

    fn members(self) -> &'a [table::Member] {
        self.table.members(self.row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_through_lists_and_embedded_structs() {
        let names = field_names("Deployment", "spec.template.spec.volumes").expect("a path");
        assert_eq!(&names[..3], &["name", "hostPath", "emptyDir"]);
        assert_eq!(field_names("Deployment", "spec.replicas"), Some(Vec::new()));
        assert_eq!(field_names("Deployment", "spec.nope"), None);
    }

    #[test]
    fn every_line_of_the_tables_can_be_read() {
        let fields: usize = (0..KUBERNETES.rows.len()).map(|n| KUBERNETES.fields(n).len()).sum();
        assert!(fields > 1500, "only {fields} fields");
    }

    #[test]
    fn a_kind_is_found_by_name_and_by_version() {
        let reporting = |s: Option<Schema<'static>>| s.map(Schema::group);
        assert_eq!(reporting(Schema::of("Event")), Some("core"));
        assert_eq!(reporting(Schema::of_version("events.k8s.io/v1", "Event")), Some("events"));
        assert_eq!(reporting(Schema::of("Deploymnet")), None);
    }
}
