//! Manifests: Kubernetes objects as people write them, with the place of each field.
//!
//! Responsible for finding the objects in a text (several documents, lists of objects) and for what
//! makes an object one: apiVersion, kind, a name. It never knows a kind's fields.

use std::sync::Arc;

use serde_json::Value;

use crate::api::schema;
use crate::api::schema::strict;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::source::Place;
use crate::scenario::source::Session;
use crate::scenario::yaml;
use crate::scenario::yaml::Base;
use crate::scenario::yaml::Data;
use crate::scenario::yaml::Node;

/// One file that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct File {
    /// Its path as people shall see it.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// Reads the file of a path, or all manifests of a folder; `Err` says why not.
///
/// Paths are as they are written; what they are relative to is the loader's to know.
pub type Loader<'l> = dyn FnMut(&str) -> Result<Vec<File>, String> + 'l;

/// Whether fields that a kind does not have are refused, as `kubectl --validate` says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strictness {
    /// They are reported.
    Strict,
    /// They are left to the apiserver.
    Lax,
}

/// One object as it was written.
#[derive(Clone, PartialEq, Debug)]
pub struct Manifest {
    /// Group and version.
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// The name; empty when the apiserver is to generate one.
    pub name: String,
    /// The namespace, when it is written.
    pub namespace: Option<String>,
    /// The whole object.
    pub value: Arc<Value>,
    /// The same with its places.
    pub tree: Arc<Node>,
}

impl Manifest {
    /// The place of a field, by its JSON path; of the deepest field on the way that is there.
    pub fn place(&self, path: &str) -> Place {
        self.tree.locate(path)
    }
}

/// The objects of a file or folder; `at` is where the path is written.
pub fn load(
    path: &str,
    at: Place,
    strictness: Strictness,
    loader: &mut Loader<'_>,
    session: &mut Session,
) -> Vec<Manifest> {
    let files = match loader(path) {
        Ok(files) => files,
        Err(why) => {
            session.report(at, Mistake::unreadable(path, &why));
            return Vec::new();
        }
    };
    if files.is_empty() {
        session.report(at, Mistake::unreadable(path, "no manifest in this folder"));
    }
    files.into_iter().flat_map(|file| of_file(file, strictness, session)).collect()
}

/// The objects of one file.
fn of_file(file: File, strictness: Strictness, session: &mut Session) -> Vec<Manifest> {
    let File { name, bytes } = file;
    let Some(text) = yaml::text_of(&name, bytes, session) else { return Vec::new() };
    let source = session.add(&name, &text);
    let before = session.count();
    let documents = yaml::parse(session, source);
    if session.count() > before {
        return Vec::new();
    }
    if documents.is_empty() {
        let place = Place { source, line: 1, column: 1, length: 1 };
        session.report(place, Mistake::empty("a Kubernetes object"));
    }
    let documents = documents.into_iter();
    documents.flat_map(|document| objects(document, strictness, session)).collect()
}

/// The objects written inside a scenario: one, a list of them, or a text of several documents.
pub fn inline(node: &Node, session: &mut Session) -> Vec<Manifest> {
    let before = session.count();
    let documents = match &node.data {
        Data::Map(_) => vec![node.clone()],
        Data::List(items) => items.clone(),
        Data::Scalar(scalar) if node.text().is_some() => {
            yaml::parse_text(&scalar.text, scalar.base(node.place), session)
        }
        Data::Scalar(_) => Vec::new(),
    };
    if documents.is_empty() && session.count() == before {
        session.report(node.place, Mistake::empty("a Kubernetes object"));
    }
    let documents = documents.into_iter();
    documents.flat_map(|document| objects(document, Strictness::Strict, session)).collect()
}

/// The objects of a text that stands alone, under the name that people know it by.
pub fn of_text(name: &str, text: &str, session: &mut Session) -> Vec<Manifest> {
    let source = session.add(name, text);
    let documents = yaml::parse_text(text, Base::Source(source), session);
    let documents = documents.into_iter();
    documents.flat_map(|document| objects(document, Strictness::Strict, session)).collect()
}

/// A document as an object, or a list's items as objects.
fn objects(document: Node, strictness: Strictness, session: &mut Session) -> Vec<Manifest> {
    if document.entries().is_none() {
        document.report_type("a Kubernetes object", session);
        return Vec::new();
    }
    let kind = document.get("kind").and_then(Node::text).unwrap_or("");
    let items = document.get("items").and_then(Node::items);
    match items {
        Some(items) if kind.ends_with("List") => {
            items.iter().flat_map(|item| objects(item.clone(), strictness, session)).collect()
        }
        _ => object(document, strictness, session).into_iter().collect(),
    }
}

/// One object; what it lacks to be one is reported.
fn object(document: Node, strictness: Strictness, session: &mut Session) -> Option<Manifest> {
    let before = session.count();
    let api_version = text_field(&document, "apiVersion", session);
    let kind = text_field(&document, "kind", session);
    let (name, namespace) = match document.get("metadata") {
        None => {
            session
                .report(document.place, Mistake::missing_field("a Kubernetes object", "metadata"));
            (None, None)
        }
        Some(metadata) if metadata.entries().is_none() => {
            metadata.report_type("a mapping for `metadata`", session);
            (None, None)
        }
        Some(metadata) => {
            let name = match (metadata.get("name"), metadata.get("generateName")) {
                (None, Some(_)) => Some(String::new()),
                _ => text_field(metadata, "name", session),
            };
            let namespace = metadata.get("namespace").filter(|node| !node.is_null());
            (name, namespace.and_then(|_| text_field(metadata, "namespace", session)))
        }
    };
    if session.count() > before {
        return None;
    }
    let (api_version, kind) = (api_version?, kind?);
    let value = Arc::new(document.to_json());
    if strictness == Strictness::Strict {
        fields_are_known(&document, &api_version, &kind, &value, session);
    }
    let tree = Arc::new(document);
    Some(Manifest { api_version, kind, name: name?, namespace, value, tree })
}

/// Reports fields that the kind does not have, values of another type, and kinds that are
/// misspelt; a custom resource's fields are the apiserver's to know.
fn fields_are_known(
    document: &Node,
    api_version: &str,
    kind: &str,
    value: &Value,
    session: &mut Session,
) {
    let Some(schema) = schema::Schema::of_version(api_version, kind) else {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        if !group.contains('.') || group.ends_with(".k8s.io") {
            kind_is_unknown(document, api_version, kind, session);
        }
        return;
    };
    for problem in strict::check_against(schema, value) {
        let mistake = match problem.mistake {
            strict::Mistake::UnknownField { nearest } => {
                Mistake::unknown_manifest_field(&problem.path, nearest)
            }
            strict::Mistake::WrongType { message } => Mistake::other(message),
        };
        session.report(document.locate(&problem.path), mistake);
    }
}

/// Reports a kind that no group of Kubernetes has, or that another version has.
fn kind_is_unknown(document: &Node, api_version: &str, kind: &str, session: &mut Session) {
    let versions: Vec<&str> =
        schema::kinds().filter(|(_, known)| *known == kind).map(|(version, _)| version).collect();
    let place = |key| document.get(key).map_or(document.place, |node| node.place);
    if versions.is_empty() {
        let known: Vec<&str> = schema::kinds().map(|(_, kind)| kind).collect();
        session.report(place("kind"), Mistake::unknown_name("kind", kind, &known));
    } else {
        let what = format!("apiVersion of {kind}");
        session.report(place("apiVersion"), Mistake::not_one_of(&what, api_version, &versions));
    }
}

/// A field that must be there, as text that is not empty.
fn text_field(node: &Node, key: &str, session: &mut Session) -> Option<String> {
    match node.get(key) {
        Some(field) if field.text().is_some_and(|text| !text.is_empty()) => {
            field.text().map(str::to_owned)
        }
        Some(field) if !field.is_null() => {
            field.report_type(&format!("text for `{key}`"), session);
            None
        }
        _ => {
            let what = if key.ends_with("ame") { "`metadata`" } else { "a Kubernetes object" };
            session.report(node.place, Mistake::missing_field(what, key));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> (Vec<String>, Vec<String>) {
        let mut session = Session::default();
        let objects = of_text("m.yaml", text, &mut session);
        let told = objects.iter().map(|o| format!("{} {} {}", o.api_version, o.kind, o.name));
        let problems = session.take_problems().iter().map(ToString::to_string).collect();
        (told.collect(), problems)
    }

    #[test]
    fn documents_and_lists_give_objects() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\n---\napiVersion: v1\n\
                    kind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: b}}\n\
                    - {apiVersion: v1, kind: Pod, metadata: {generateName: c-}}\n";
        assert_eq!(
            check(text),
            (vec!["v1 Pod a".into(), "v1 Pod b".into(), "v1 Pod ".into()], vec![])
        );
    }

    #[test]
    fn fields_that_a_kind_does_not_have_are_told_at_their_place() {
        let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  \
                    replicas: many\n  tempalte:\n    x: 1\n---\napiVersion: apps/v1\n\
                    kind: Deploymnet\nmetadata: {name: b}\n---\napiVersion: v1\n\
                    kind: Deployment\nmetadata: {name: c}\n---\napiVersion: example.com/v1\n\
                    kind: Widget\nmetadata: {name: d}\nspec: {any: thing}\n";
        let (_, problems) = check(text);
        let expected = [
            "m.yaml:5:3: error: ",
            "m.yaml:6:3: error: unknown field `spec.tempalte`, did you mean `template`?",
            "m.yaml:10:7: error: unknown kind `Deploymnet`, did you mean `Deployment`?",
            "m.yaml:13:13: error: `v1` is no apiVersion of Deployment",
        ];
        assert_eq!(problems.len(), expected.len(), "{problems:#?}");
        for (told, expected) in problems.iter().zip(expected) {
            assert!(told.starts_with(expected), "{told}");
        }
    }

    #[test]
    fn what_is_no_object_is_told_with_everything_it_lacks() {
        let (objects, problems) = check("metadata: {name: 3}\n---\n- x\n");
        assert_eq!(objects, [""; 0]);
        assert_eq!(
            problems,
            [
                "m.yaml:1:1: error: missing field `apiVersion` in a Kubernetes object",
                "m.yaml:1:1: error: missing field `kind` in a Kubernetes object",
                "m.yaml:1:18: error: expected text for `name`, found the number `3`",
                "m.yaml:3:1: error: expected a Kubernetes object, found a list",
            ]
        );
    }
}
