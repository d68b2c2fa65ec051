//! The text tables of fields, and how they are read.
//!
//! This module is responsible for the tables' format only; it must never know a kind by name.
//!
//! A table is a text of lines. `kind apps/v1 Deployment` names a kind. A line that starts at the
//! margin opens a type, with `atomic` after it if server-side apply owns it as a whole. Below it
//! stands, in the order of the Go struct, one line a field:
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

/// One struct type.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) group: &'static str,
    pub(super) name: &'static str,
    pub(super) atomic: bool,
    pub(super) members: Vec<Member>,
    /// All fields, those of embedded structs among them.
    pub(super) fields: Vec<Field>,
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
    /// Reads tables; each comes with the name by which the others refer to it.
    ///
    /// Panics when a table refers to a type that is not there: tables are part of the program.
    pub fn parse(files: &[(&'static str, &'static str)]) -> Table {
        let mut table = Table::default();
        for (group, text) in files {
            for (name, atomic) in lines(text).filter_map(heading) {
                table.names.insert((group, name), table.rows.len());
                table.rows.push(Row { group, name, atomic, ..Row::default() });
            }
        }
        for (group, text) in files {
            table.read(group, text);
        }
        for row in 0..table.rows.len() {
            table.rows[row].fields = table.flat(row);
        }
        table
    }

    fn read(&mut self, group: &'static str, text: &'static str) {
        let mut open = 0;
        for line in lines(text) {
            if let Some(kind) = line.strip_prefix("kind ") {
                let (version, kind) = kind.split_once(' ').expect("a kind has a version");
                let row = self.row(group, kind);
                self.kinds.push(KindRow { api_version: version, kind, row });
            } else if let Some((name, _)) = heading(line) {
                open = self.row(group, name);
            } else {
                let member = self.member(group, line.trim());
                self.rows[open].members.push(member);
            }
        }
    }

    fn row(&self, group: &str, name: &str) -> usize {
        let (group, name) = name.split_once('.').unwrap_or((group, name));
        let known = self.names.get(&(group, name));
        *known.unwrap_or_else(|| panic!("no type `{name}` of `{group}` in the tables"))
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
        for member in &self.rows[row].members {
            match member {
                Member::Field(field) => all.push(field.clone()),
                Member::Inline(row) => all.extend(self.flat(*row)),
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

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|l| l.bytes().any(|b| b != b' ') && !l.starts_with('#'))
}

/// The type that a line opens, and whether it is atomic.
fn heading(line: &'static str) -> Option<(&'static str, bool)> {
    if line.starts_with(' ') || line.starts_with("kind ") {
        return None;
    }
    let (name, more) = line.split_once(' ').unwrap_or((line, ""));
    Some((name, more == "atomic"))
}

fn capital(name: &str) -> String {
    let mut name = name.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    name
}
