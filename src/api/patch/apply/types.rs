//! The types that server-side apply goes by: how lists and maps are owned.
//!
//! It must never hold a rule of merging.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::api::schema::{Field, ListKind, Schema, Type};

/// A type: a row of [`Types`].
pub type TypeId = usize;

/// A set of types that refer to each other.
#[derive(Clone, Debug, Default)]
pub struct Types {
    rows: Vec<Shape>,
    known: BTreeMap<(String, String), TypeId>,
}

/// What a value is, and who may own it how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Owned as a whole.
    Scalar,
    /// No schema: maps are owned key by key, all else as a whole.
    Deduced,
    /// A struct or a map.
    Map {
        /// The fields that are known by name.
        fields: BTreeMap<String, TypeId>,
        /// What all other keys hold; none if there are no others.
        rest: Option<TypeId>,
        /// Whether it is owned as a whole.
        atomic: bool,
    },
    /// A list.
    List {
        /// What the elements are.
        of: TypeId,
        /// How the elements are owned.
        relation: Relation,
    },
}

/// How the elements of a list are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Not at all: the list is owned as a whole.
    Atomic,
    /// By their values.
    Set,
    /// By these fields, each with what is taken if it is absent.
    Keyed(Vec<(String, Option<Value>)>),
}

impl Types {
    /// Adds a type; one that refers to itself is added first and then put right by [`Types::put`].
    pub fn add(&mut self, shape: Shape) -> TypeId {
        self.rows.push(shape);
        self.rows.len() - 1
    }

    /// Replaces a type.
    pub fn put(&mut self, id: TypeId, shape: Shape) {
        self.rows[id] = shape;
    }

    /// What a type is.
    pub fn shape(&self, id: TypeId) -> &Shape {
        &self.rows[id]
    }

    /// The type of a struct of the tables, with all that it refers to.
    pub fn add_schema(&mut self, schema: Schema<'_>) -> TypeId {
        let name = (schema.group().to_owned(), schema.name().to_owned());
        if let Some(id) = self.known.get(&name) {
            return *id;
        }
        let id = self.add(Shape::Scalar);
        self.known.insert(name, id);
        let fields = schema
            .fields()
            .iter()
            .map(|field| (field.name.to_owned(), self.add_field(schema, field)))
            .collect();
        self.put(id, Shape::Map { fields, rest: None, atomic: schema.is_atomic() });
        id
    }

    fn add_field(&mut self, schema: Schema<'_>, field: &Field) -> TypeId {
        let id = self.add_type(schema, &field.holds);
        match (self.rows[id].clone(), &field.list) {
            (Shape::List { of, .. }, ListKind::Set) => {
                self.add(Shape::List { of, relation: Relation::Set })
            }
            (Shape::List { of, .. }, ListKind::Map(keys)) => {
                let element = schema.of_type(&field.holds);
                let keys = keys.iter().map(|key| ((*key).to_owned(), key_default(element, key)));
                self.add(Shape::List { of, relation: Relation::Keyed(keys.collect()) })
            }
            (Shape::Map { fields, rest, .. }, _) if field.atomic => {
                self.add(Shape::Map { fields, rest, atomic: true })
            }
            (Shape::Scalar | Shape::Deduced | Shape::Map { .. } | Shape::List { .. }, _) => id,
        }
    }

    fn add_type(&mut self, schema: Schema<'_>, holds: &Type) -> TypeId {
        match holds {
            Type::Object(_) => match schema.of_type(holds) {
                Some(inner) => self.add_schema(inner),
                None => self.add(Shape::Scalar),
            },
            Type::List(of) => {
                let of = self.add_type(schema, of);
                self.add(Shape::List { of, relation: Relation::Atomic })
            }
            Type::Map(of) => {
                let rest = Some(self.add_type(schema, of));
                self.add(Shape::Map { fields: BTreeMap::new(), rest, atomic: false })
            }
            Type::Any
            | Type::String
            | Type::Int32
            | Type::Int64
            | Type::Bool
            | Type::Bytes
            | Type::Quantity
            | Type::Time
            | Type::MicroTime
            | Type::IntOrString => self.add(Shape::Scalar),
        }
    }

    /// The type of a field of a map, named or not.
    pub(super) fn field(&self, id: TypeId, name: &str) -> Option<TypeId> {
        match &self.rows[id] {
            Shape::Map { fields, rest, .. } => fields.get(name).copied().or(*rest),
            Shape::Deduced => Some(id),
            Shape::Scalar | Shape::List { .. } => None,
        }
    }

    /// Whether a map knows a field by its name.
    pub(super) fn names(&self, id: TypeId, name: &str) -> bool {
        match &self.rows[id] {
            Shape::Map { fields, .. } => fields.contains_key(name),
            Shape::Scalar | Shape::Deduced | Shape::List { .. } => false,
        }
    }
}

fn key_default(element: Option<Schema<'_>>, key: &str) -> Option<Value> {
    let default = element?.field(key)?.default;
    (!default.is_empty()).then(|| Value::from(default))
}
