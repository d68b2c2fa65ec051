//! What a command is about: `deploy/web`, `pods a b`, `deploy,rs`; and `key=value`, `key-`.

use serde_json::Value;

use crate::api::resource_names;
use crate::api::resource_names::RESOURCE_NAMES;
use crate::api::resource_names::ResourceName;
use crate::scenario::amount::Amount;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::kubectl::Trouble;
use crate::scenario::source::Session;
use crate::scenario::yaml;
use crate::scenario::yaml::Node;

/// A kind of object, as the command line names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resource {
    /// A built-in one.
    Known(&'static ResourceName),
    /// One of a custom resource, by its name and group: `widgets.example.com`.
    Custom(String),
}

impl Resource {
    /// The kind; a custom resource's is known to the apiserver only.
    pub fn kind(&self) -> Option<&'static str> {
        match self {
            Resource::Known(row) => Some(row.kind),
            Resource::Custom(_) => None,
        }
    }

    /// How it is called in messages: `deployments.apps`.
    pub fn name(&self) -> String {
        match self {
            Resource::Known(row) => row.qualified(),
            Resource::Custom(name) => name.clone(),
        }
    }
}

/// Objects of one kind, or one of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// The kind.
    pub resource: Resource,
    /// The object's name; without it, all that the command's other flags choose.
    pub name: Option<String>,
}

/// What becomes of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// It is set.
    Set(String, String),
    /// It is removed.
    Remove(String),
}

/// Reads kinds and names: all of the form `KIND/NAME`, or kinds and then names.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/cli-runtime/pkg/resource/builder.go,
/// `ResourceTypeOrNameArgs`
pub(super) fn targets(words: &[String]) -> Result<Vec<Target>, Trouble> {
    if words.iter().any(|word| word.contains('/')) {
        return words.iter().map(|word| kind_and_name(word)).collect();
    }
    let Some((kinds, names)) = words.split_first() else { return Ok(Vec::new()) };
    let mut resources = Vec::new();
    for word in kinds.split(',') {
        if word == "all" {
            let rows = RESOURCE_NAMES.iter().filter(|row| row.in_all);
            resources.extend(rows.map(Resource::Known));
        } else {
            resources.push(resource(word)?);
        }
    }
    let mut targets = Vec::new();
    for resource in resources {
        let of = |name: Option<&String>| Target { resource: resource.clone(), name: name.cloned() };
        match names {
            [] => targets.push(of(None)),
            names => targets.extend(names.iter().map(|name| of(Some(name)))),
        }
    }
    Ok(targets)
}

fn kind_and_name(word: &str) -> Result<Target, Trouble> {
    let Some((kind, name)) = word.split_once('/') else {
        let message = "there is no need to specify a resource type as a separate argument when \
                       passing arguments in resource/name form";
        return Err(Trouble::at(word, message.to_owned()));
    };
    if name.is_empty() || name.contains('/') {
        let message = "arguments in resource/name form must have a single resource and name";
        return Err(Trouble::at(word, message.to_owned()));
    }
    Ok(Target { resource: resource(kind)?, name: Some(name.to_owned()) })
}

fn resource(word: &str) -> Result<Resource, Trouble> {
    if let Some(row) = resource_names::find(word) {
        return Ok(Resource::Known(row));
    }
    let grouped = word.split_once('.').is_some_and(|(_, group)| group.contains('.'));
    if grouped {
        return Ok(Resource::Custom(word.to_owned()));
    }
    let known: Vec<&str> = resource_names::words().collect();
    let mut mistake = Mistake::unknown_name("resource type", word, &known);
    mistake.expected.clear();
    Err(Trouble::new(mistake, Some(word.to_owned())))
}

/// Reads kinds and names, and behind them `key=value` and `key-`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/util/helpers.go,
/// `GetResourcesAndPairs`
pub(super) fn targets_and_changes(
    words: &[String],
    what: &str,
) -> Result<(Vec<Target>, Vec<Change>), Trouble> {
    let is_change = |word: &String| word.contains('=') || word.ends_with('-');
    let split = words.iter().position(is_change).unwrap_or(words.len());
    let (objects, changes) = words.split_at(split);
    if changes.is_empty() {
        return Err(Trouble::whole(format!("no {what} is given, as in `key=value` or `key-`")));
    }
    let changes = changes.iter().map(|word| change(word, what)).collect::<Result<_, _>>()?;
    Ok((targets(objects)?, changes))
}

fn change(word: &str, what: &str) -> Result<Change, Trouble> {
    match (word.split_once('='), word.strip_suffix('-')) {
        (Some((key, value)), _) if !key.is_empty() => {
            Ok(Change::Set(key.to_owned(), value.to_owned()))
        }
        (None, Some(key)) if !key.is_empty() => Ok(Change::Remove(key.to_owned())),
        _ => Err(Trouble::at(word, format!("`{word}` is no {what} such as `key=value` or `key-`"))),
    }
}

/// Reads names of nodes, each also as `node/NAME`, or all behind the word `node`.
pub(super) fn node_names(words: &[String]) -> Result<Vec<String>, Trouble> {
    let words = match words.split_first() {
        Some((first, rest)) if matches!(&**first, "node" | "nodes" | "no") && !rest.is_empty() => {
            rest
        }
        _ => words,
    };
    let name = |word: &String| match word.split_once('/') {
        None => Ok(word.clone()),
        Some(("node" | "nodes" | "no", name)) => Ok(name.to_owned()),
        Some(_) => Err(Trouble::at(word, format!("`{word}` is no node"))),
    };
    words.iter().map(name).collect()
}

/// Reads `cpu=200m,memory=512Mi`.
pub(super) fn amounts(text: &str) -> Result<Vec<(String, String)>, Trouble> {
    let one = |part: &str| match part.split_once('=') {
        Some((name, amount)) if !name.is_empty() && Amount::parse(amount).is_some() => {
            Ok((name.to_owned(), amount.to_owned()))
        }
        _ => Err(Trouble::at(text, format!("`{part}` is no amount such as `cpu=200m`"))),
    };
    text.split(',').filter(|part| !part.is_empty()).map(one).collect()
}

/// A value of a flag that is JSON or YAML.
pub(super) fn yaml_value(text: &str) -> Result<Value, String> {
    let mut session = Session::default();
    let source = session.add("", text);
    let documents = yaml::parse(&mut session, source);
    if let Some(problem) = session.take_problems().into_iter().next() {
        return Err(problem.message);
    }
    documents.first().map(Node::to_json).ok_or_else(|| "it is empty".to_owned())
}
