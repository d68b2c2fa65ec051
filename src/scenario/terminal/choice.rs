//! Which objects a command is about: from files, by name, by selector.

use std::sync::Arc;

use serde_json::Value;

use crate::api::Name;
use crate::api::object::{Kind, Object, ObjectKey, served};
use crate::api::refusal::Reason;
use crate::api::request::ListOptions;
use crate::api::selector::{FieldSelector, Selector};
use crate::scenario::kubectl::{Files, Resource, Target, Trouble};
use crate::scenario::terminal::Scene;
use crate::scenario::terminal::failure::Failure;
use crate::scenario::terminal::name;
use crate::scenario::terminal::script::{Play, Round, Script};

/// An object that a command is about.
#[derive(Clone, Debug)]
pub(super) struct Info {
    pub(super) key: ObjectKey,
    /// The object as the server has it, when it was fetched.
    pub(super) object: Option<Object>,
    /// The object as a file has it.
    pub(super) value: Option<Arc<Value>>,
    /// The file.
    pub(super) source: String,
}

impl Info {
    /// An object that the server showed.
    pub(super) fn of(object: Object) -> Info {
        Info { key: object.key(), object: Some(object), value: None, source: String::new() }
    }

    pub(super) fn kind(&self) -> Kind {
        self.key.kind
    }

    /// `deployment.apps/web`.
    pub(super) fn shown(&self) -> String {
        format!("{}/{}", name::singular(self.key.kind), self.key.name)
    }

    /// `deployments/web`.
    pub(super) fn object_name(&self) -> String {
        format!("{}/{}", self.key.kind.row().plural, self.key.name)
    }

    /// The object as the server has it.
    pub(super) fn fetched(&self) -> Result<&Object, Failure> {
        self.object.as_ref().ok_or_else(|| Failure::text("the object was not fetched"))
    }
}

/// Whether objects are fetched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fetch {
    /// Those that are named, and those of files.
    Each,
    /// Only where a list shows them anyway.
    Never,
}

/// What a command says about its objects.
pub(super) struct Choice<'a> {
    pub(super) targets: Vec<Target>,
    pub(super) files: Option<&'a Files>,
    pub(super) labels: Option<&'a Selector>,
    pub(super) fields: Option<&'a FieldSelector>,
    pub(super) all: bool,
    pub(super) all_namespaces: bool,
    pub(super) ignore_not_found: bool,
    pub(super) fetch: Fetch,
}

impl<'a> Choice<'a> {
    /// Named objects.
    pub(super) fn new(targets: Result<Vec<Target>, Trouble>) -> Result<Choice<'a>, Failure> {
        Ok(Choice {
            targets: read(targets)?,
            files: None,
            labels: None,
            fields: None,
            all: false,
            all_namespaces: false,
            ignore_not_found: false,
            fetch: Fetch::Each,
        })
    }
}

/// What a command says, or its mistake as a complaint.
pub(super) fn read<T>(parsed: Result<T, Trouble>) -> Result<T, Failure> {
    parsed.map_err(|trouble| Failure::Text(trouble.mistake.message.clone()))
}

/// Nodes by name or by label.
pub(super) fn nodes<'a>(
    names: &[String],
    labels: Option<&'a Selector>,
) -> Result<Choice<'a>, Failure> {
    let resource = crate::api::resource_names::find("node").map(Resource::Known);
    let resource = resource.ok_or_else(|| Failure::text("nodes have no name"))?;
    let of = |name: Option<&String>| Target { resource: resource.clone(), name: name.cloned() };
    let targets = match names {
        [] => vec![of(None)],
        names => names.iter().map(|name| of(Some(name))).collect(),
    };
    Ok(Choice { labels, ..Choice::new(Ok(targets))? })
}

/// The kind that a target means.
pub(super) fn kind_of(target: &Target) -> Result<Kind, Failure> {
    let known = match &target.resource {
        Resource::Known(row) => Kind::of_version(row.api_version, row.kind),
        Resource::Custom(word) => Kind::of_resource(word),
    };
    known.ok_or_else(|| {
        let name = target.resource.name();
        Failure::Text(format!("the server doesn't have a resource type {name:?}"))
    })
}

/// The namespace of a kind's objects.
pub(super) fn namespace_of(kind: Kind, namespace: &Name) -> Name {
    if kind.row().namespaced { namespace.clone() } else { Name::default() }
}

/// Finds the objects of a choice; what cannot be found is a complaint among them.
pub(super) fn find(
    script: &mut Script<'_>,
    scene: &Scene,
    choice: &Choice<'_>,
) -> Play<Vec<Result<Info, Failure>>> {
    let mut found = Vec::new();
    if let Some(files) = choice.files {
        for info in of_files(scene, files) {
            let info = match (info, choice.fetch) {
                (Ok(info), Fetch::Each) => script.attempt(|script| {
                    let object = script.get(&info.key)?;
                    Ok(Info { object: Some(object), ..info })
                })?,
                (info, _) => info,
            };
            found.push(info);
        }
    }
    for target in &choice.targets {
        of_target(script, scene, choice, target, &mut found)?;
    }
    if choice.ignore_not_found {
        found.retain(|info| !matches!(info, Err(why) if why.is(Reason::NotFound)));
    }
    Ok(found)
}

fn of_target(
    script: &mut Script<'_>,
    scene: &Scene,
    choice: &Choice<'_>,
    target: &Target,
    found: &mut Vec<Result<Info, Failure>>,
) -> Play<()> {
    let kind = kind_of(target)?;
    let namespace = namespace_of(kind, &scene.namespace);
    if let Some(name) = &target.name {
        if choice.all_namespaces {
            let text = "a resource cannot be retrieved by name across all namespaces";
            return Err(Failure::text(text).into());
        }
        let key = ObjectKey::new(kind, &namespace, name);
        let info = Info { key, object: None, value: None, source: String::new() };
        found.push(match choice.fetch {
            Fetch::Never => Ok(info),
            Fetch::Each => script.attempt(|script| {
                let object = script.get(&info.key)?;
                Ok(Info { object: Some(object), ..info })
            })?,
        });
        return Ok(());
    }
    if !choice.all && choice.labels.is_none() && choice.fields.is_none() {
        let text = "resource(s) were provided, but no name was specified";
        return Err(Failure::text(text).into());
    }
    let list = ListOptions {
        namespace: if choice.all_namespaces { Name::default() } else { namespace },
        labels: choice.labels.cloned().unwrap_or_default(),
        fields: choice.fields.cloned().unwrap_or_default(),
        ..ListOptions::all(kind)
    };
    match script.attempt(|script| script.list(&list))? {
        Ok(list) => found.extend(list.items.into_iter().map(|object| Ok(Info::of(object)))),
        Err(failure) => found.push(Err(failure)),
    }
    Ok(())
}

/// The objects of files, in their order.
pub(super) fn of_files(scene: &Scene, files: &Files) -> Vec<Result<Info, Failure>> {
    let mut infos = Vec::new();
    for path in &files.filename {
        let Some(manifests) = scene.files.get(path) else {
            infos.push(Err(Failure::Text(format!("the path {path:?} does not exist"))));
            continue;
        };
        for manifest in manifests.iter() {
            infos.push(of_manifest(scene, path, manifest));
        }
    }
    infos
}

fn of_manifest(
    scene: &Scene,
    path: &str,
    manifest: &crate::scenario::manifest::Manifest,
) -> Result<Info, Failure> {
    let (version, name) = (&manifest.api_version, &manifest.name);
    let given = manifest.namespace.as_deref().unwrap_or("");
    let kind = served::kind_of(version, &manifest.kind).ok_or_else(|| {
        Failure::Text(format!(
            "resource mapping not found for name: {name:?} namespace: {given:?} from {path:?}: no \
             matches for kind {:?} in version {version:?}\nensure CRDs are installed first",
            manifest.kind
        ))
    })?;
    let named = scene.command.scope.namespace.as_deref();
    if kind.row().namespaced && !given.is_empty() && named.is_some_and(|named| named != given) {
        return Err(Failure::Text(format!(
            "the namespace from the provided object {given:?} does not match the namespace {:?}. \
             You must pass '--namespace={given}' to perform this operation.",
            named.unwrap_or("")
        )));
    }
    let namespace = if given.is_empty() { scene.namespace.as_str() } else { given };
    let namespace = namespace_of(kind, &Name::new(namespace));
    let mut value = (*manifest.value).clone();
    if !namespace.is_empty() {
        value["metadata"]["namespace"] = namespace.as_str().into();
    }
    let key = ObjectKey::new(kind, &namespace, name);
    Ok(Info { key, object: None, value: Some(Arc::new(value)), source: path.to_owned() })
}

/// Does something with each object that a choice finds; a complaint about one does not keep it from
/// the others. Gives how many there were.
pub(super) fn visit(
    script: &mut Script<'_>,
    scene: &Scene,
    choice: &Choice<'_>,
    each: impl FnMut(&mut Script<'_>, &Info) -> Play<()>,
) -> Play<usize> {
    let found = script.keep(|script| find(script, scene, choice).map(Arc::new))?;
    let failures = for_each(script, &found, each)?;
    Failure::all(failures)?;
    Ok(found.len())
}

/// Does something with each of several objects; gives all complaints.
pub(super) fn for_each(
    script: &mut Script<'_>,
    found: &[Result<Info, Failure>],
    mut each: impl FnMut(&mut Script<'_>, &Info) -> Play<()>,
) -> Play<Vec<Failure>> {
    script.repeat((0, Vec::new()), |script, (at, mut failures)| {
        let Some(next) = found.get(at) else { return Ok(Round::Done(failures)) };
        match next {
            Err(failure) => failures.push(failure.clone()),
            Ok(info) => {
                let result = script.attempt(|script| each(script, info))?;
                failures.extend(result.err());
            }
        }
        Ok(Round::Again((at + 1, failures)))
    })
}
