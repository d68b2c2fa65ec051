//! The text tables of fields, and how they are read.
//!
//! This module is responsible for the tables' format only; it must never know a kind by name.
//!
//! A table is a text of lines. `kind apps/v1 Deployment` names a kind. A line that starts at the
//! margin opens a type, with `atomic` after it if server-side apply owns it as a whole. Below it
//! stands, in the order of the Go struct, one line a field, up to an empty line:
//!
//! ```text
//!   name type attributes…
//!   inline Type
//! ```
//!
//! A type is a scalar, a type of the same file, or `file.Type`; before it `*` for a Go pointer,
//! `[]` for a list and `{}` for a map of texts; after it `/Name` for its name in Go, which for a
//! list is the name of the elements. Pointers and Go names are told where the template hash needs
//! them. Attributes: `go=` the Go name of the field, `list=set`, `list=map:key,…`, `atomic`,
//! `merge`, `merge=key`, `retain`, `replace`, `default=`.

use std::sync::OnceLock;

use crate::sim::index::Map;

/// A set of types, with the kinds that are made of them.
#[derive(Debug, Default)]
pub struct Table {
    pub(super) rows: Vec<Row>,
    names: Map<(&'static str, &'static str), usize>,
    pub(super) kinds: Vec<KindRow>,
}

/// A kind by its API version and name, and its row.
#[derive(Debug)]
pub(super) struct KindRow {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) row: usize,
}

/// One struct type. Its lines are read when somebody asks for it: most runs ask for few.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) group: &'static str,
    pub(super) name: &'static str,
    pub(super) atomic: bool,
    /// The lines of its members.
    text: &'static str,
    members: OnceLock<Vec<Member>>,
    /// All fields, those of embedded structs among them.
    fields: OnceLock<Vec<Field>>,
}

/// A part of a Go struct.
#[derive(Debug, Clone)]
pub(super) enum Member {
    /// A field of its own.
    Field(Field),
    /// An embedded struct, whose fields stand in JSON beside the others.
    Inline(usize),
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// A text.
    String,
    /// A whole number of 32 bits.
    Int32,
    /// A whole number of 64 bits.
    Int64,
    /// A truth value.
    Bool,
    /// Bytes, base64 on the wire.
    Bytes,
    /// A resource quantity.
    Quantity,
    /// An instant in whole seconds.
    Time,
    /// An instant in microseconds.
    MicroTime,
    /// A number or a text, such as a percentage.
    IntOrString,
    /// Any JSON.
    Any,
    /// A struct: the row of its table.
    Object(usize),
    /// A list.
    List(Box<Type>),
    /// A map of texts to values.
    Map(Box<Type>),
}

/// How server-side apply sees a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ListKind {
    /// Owned as a whole.
    #[default]
    Atomic,
    /// Owned value by value.
    Set,
    /// Owned element by element, told apart by these fields.
    Map(Vec<&'static str>),
}

/// What a strategic merge patch does with a field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Strategy {
    /// Lists are merged: by the key, or as sets of scalars.
    pub merge: bool,
    /// The field that tells elements of a merged list apart; empty for scalars.
    pub merge_key: &'static str,
    /// The fields that the patch does not name are dropped.
    pub retain_keys: bool,
    /// The value is replaced as a whole.
    pub replace: bool,
}

/// One field of a struct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name in JSON.
    pub name: &'static str,
    /// What it holds.
    pub holds: Type,
    /// What a strategic merge patch does with it.
    pub strategy: Strategy,
    /// How server-side apply sees it if it is a list.
    pub list: ListKind,
    /// Whether server-side apply owns it as a whole.
    pub atomic: bool,
    /// What server-side apply takes for an absent key field; empty for none.
    pub default: &'static str,
    /// Whether it is a pointer in Go.
    pub pointer: bool,
    /// Its name in Go.
    pub go_name: String,
    /// The Go name of its type, where that is not plain; empty otherwise.
    pub go_type: &'static str,
}

impl Table {
    /// Finds the types of tables; each comes with the name by which the others refer to it.
    ///
    /// Panics when a kind is of a type that is not there: tables are part of the program.
    pub fn parse(files: &[(&'static str, &'static str)]) -> Table {
        let mut table = Table::default();
        let mut kinds = Vec::new();
        for (group, text) in files {
            for block in Blocks(text) {
                if let Some(kind) = block.strip_prefix("kind ") {
                    kinds.push((group, kind.trim_end()));
                } else {
                    table.open(group, block);
                }
            }
        }
        for (group, kind) in kinds {
            let (api_version, kind) = kind.split_once(' ').expect("a kind has a version");
            let row = table.row(group, kind);
            table.kinds.push(KindRow { api_version, kind, row });
        }
        table
    }

    /// Takes up a type: its first line names it, the others are its members.
    fn open(&mut self, group: &'static str, block: &'static str) {
        let (heading, text) = block.split_once('\n').unwrap_or((block, ""));
        let (name, more) = heading.split_once(' ').unwrap_or((heading, ""));
        self.names.insert((group, name), self.rows.len());
        let atomic = more == "atomic";
        self.rows.push(Row { group, name, atomic, text, ..Row::default() });
    }

    /// The parts of the Go struct of a row.
    ///
    /// Panics when a line refers to a type that is not there.
    pub(super) fn members(&self, row: usize) -> &[Member] {
        let row = &self.rows[row];
        row.members.get_or_init(|| {
            let lines = row.text.lines().map(str::trim).filter(|l| !l.is_empty());
            let lines = lines.filter(|line| !line.starts_with('#'));
            lines.map(|line| self.member(row.group, line)).collect()
        })
    }

    /// All fields of a row, those of embedded structs among them.
    pub(super) fn fields(&self, row: usize) -> &[Field] {
        self.rows[row].fields.get_or_init(|| self.flat(row))
    }

    /// The row of a type of a table.
    pub(super) fn place(&self, group: &str, name: &str) -> Option<usize> {
        self.names.get(&(group, name)).copied()
    }

    fn row(&self, group: &str, name: &str) -> usize {
        let (group, name) = name.split_once('.').unwrap_or((group, name));
        let known = self.place(group, name);
        known.unwrap_or_else(|| panic!("no type `{name}` of `{group}` in the tables"))
    }

    fn member(&self, group: &str, line: &'static str) -> Member {
        if let Some(name) = line.strip_prefix("inline ") {
            return Member::Inline(self.row(group, name));
        }
        let mut words = line.split(' ');
        let name = words.next().unwrap_or_default();
        let text = words.next().unwrap_or_else(|| panic!("no type in the line `{line}`"));
        let (text, pointer) = text.strip_prefix('*').map_or((text, false), |t| (t, true));
        let (text, go_type) = text.split_once('/').unwrap_or((text, ""));
        let mut field = Field {
            name,
            holds: self.holds(group, text),
            strategy: Strategy::default(),
            list: ListKind::default(),
            atomic: false,
            default: "",
            pointer,
            go_name: capital(name),
            go_type,
        };
        for word in words {
            field.attribute(word);
        }
        Member::Field(field)
    }

    fn holds(&self, group: &str, text: &str) -> Type {
        if let Some(of) = text.strip_prefix("[]") {
            return Type::List(Box::new(self.holds(group, of)));
        }
        if let Some(of) = text.strip_prefix("{}") {
            return Type::Map(Box::new(self.holds(group, of)));
        }
        match text {
            "string" => Type::String,
            "int32" => Type::Int32,
            "int64" => Type::Int64,
            "bool" => Type::Bool,
            "bytes" => Type::Bytes,
            "quantity" => Type::Quantity,
            "time" => Type::Time,
            "microtime" => Type::MicroTime,
            "intorstring" => Type::IntOrString,
            "any" => Type::Any,
            name => Type::Object(self.row(group, name)),
        }
    }

    fn flat(&self, row: usize) -> Vec<Field> {
        let mut all = Vec::new();
        for member in self.members(row) {
            match member {
                Member::Field(field) => all.push(field.clone()),
                Member::Inline(row) => all.extend_from_slice(self.fields(*row)),
            }
        }
        all
    }
}

impl Field {
    fn attribute(&mut self, word: &'static str) {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        match name {
            "go" => value.clone_into(&mut self.go_name),
            "default" => self.default = value,
            "atomic" => self.atomic = true,
            "replace" => self.strategy.replace = true,
            "retain" => self.strategy.retain_keys = true,
            "merge" => {
                self.strategy.merge = true;
                self.strategy.merge_key = value;
            }
            "list" => self.list = list_kind(value),
            other => panic!("no attribute `{other}` in the tables"),
        }
    }
}

fn list_kind(text: &'static str) -> ListKind {
    match text.strip_prefix("map:") {
        Some(keys) => ListKind::Map(keys.split(',').collect()),
        None => ListKind::Set,
    }
}

/// The parts of a table: the lines that name kinds, and the types, each of which ends at an empty
/// line; comments are left out.
struct Blocks(&'static str);

impl Iterator for Blocks {
    type Item = &'static str;

    fn next(&mut self) -> Option<&'static str> {
        loop {
            self.0 = self.0.trim_start_matches('\n');
            if self.0.is_empty() {
                return None;
            }
            let is_comment = self.0.starts_with('#');
            let end: &[u8] = if is_comment || self.0.starts_with("kind ") { b"\n" } else { b"\n\n" };
            // Each run reads the tables when it starts.
            let end = memchr::memmem::find(self.0.as_bytes(), end).unwrap_or(self.0.len());
            let (block, rest) = self.0.split_at(end);
            self.0 = rest;
            if !is_comment {
                return Some(block);
            }
        }
    }
}

fn capital(name: &str) -> String {
    let mut name = name.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    name
}
