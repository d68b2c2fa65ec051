//! `kubectl apply`: from manifests to what the cluster shall hold.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::Name;
use crate::api::object::Object;
use crate::api::object::served::Served;
use crate::api::patch::{self, PatchError, strategic};
use crate::api::refusal::Reason;
use crate::api::request::{DeleteOptions, Patch, Subresource, Verb};
use crate::api::schema::Schema;
use crate::scenario::kubectl::{Apply, DryRun};
use crate::scenario::terminal::Scene;
use crate::scenario::terminal::choice::{self, Info};
use crate::scenario::terminal::failure::Failure;
use crate::scenario::terminal::report;
use crate::scenario::terminal::script::{Play, Round, Script};
use crate::sim::time::SimDuration;

/// Where apply notes down what it was given.
pub(super) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// So often a patch is made anew when the object changed in between.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/apply/patcher.go, `maxPatchRetry`
const MOST_TRIES: u32 = 5;

/// Runs `kubectl apply`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/apply/apply.go, `Run`
pub(super) fn apply(script: &mut Script<'_>, scene: &Scene, apply: &Apply) -> Play<()> {
    let infos = script.keep(|_| {
        let mut infos = choice::of_files(scene, &apply.files);
        if let Some(selector) = &apply.selector {
            infos.retain(|info| info.as_ref().map_or(true, |info| has_labels(info, selector)));
        }
        Ok(Arc::new(infos))
    })?;
    if infos.is_empty() {
        return Err(Failure::text("no objects passed to apply").into());
    }
    let failures = choice::for_each(script, &infos, |script, info| {
        if apply.server_side {
            return on_server(script, apply, info);
        }
        one(script, apply, info)
    })?;
    Ok(Failure::all(failures)?)
}

fn has_labels(info: &Info, selector: &crate::api::selector::Selector) -> bool {
    let labels = info.value.as_ref().and_then(|value| value.pointer("/metadata/labels"));
    let pairs = labels.and_then(Value::as_object).into_iter().flatten();
    let labels = pairs.map(|(k, v)| (Name::new(k), Name::new(v.as_str().unwrap_or_default())));
    selector.matches(&labels.collect())
}

/// Applies one object by comparing what was, what is and what shall be.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/apply/apply.go, `applyOneObject`
fn one(script: &mut Script<'_>, apply: &Apply, info: &Info) -> Play<()> {
    if info.key.name.is_empty() {
        let value = info.value.as_deref();
        let prefix = value.and_then(|value| value.pointer("/metadata/generateName"));
        let prefix = prefix.and_then(Value::as_str).unwrap_or_default();
        return Err(
            Failure::Text(format!("from {prefix}: cannot use generate name with apply")).into()
        );
    }
    let modified = with_annotation(info.value.as_deref().unwrap_or(&Value::Null));
    let current = match script.attempt(|script| script.get(&info.key))? {
        Ok(current) => current,
        Err(failure) if failure.is(Reason::NotFound) => {
            return create(script, apply, info, modified);
        }
        Err(failure) => {
            let what =
                format!("retrieving current configuration of:\n{}\nfrom server for:", about(info));
            return Err(with_context(failure, &what, &info.source).into());
        }
    };
    if current.meta().annotations.get(LAST_APPLIED).is_none() {
        script.say(&format!(
            "Warning: resource {} is missing the {LAST_APPLIED} annotation which is required by \
             kubectl apply. kubectl apply should only be used on resources created declaratively \
             by either kubectl create --save-config or kubectl apply. The missing annotation will \
             be patched automatically.",
            info.object_name()
        ));
    }
    let patched = if apply.dry_run == DryRun::Client {
        let is_same = is_empty(&difference(&current, &modified)?);
        (current.clone(), !is_same)
    } else {
        change(script, apply, info, current, &modified)?
    };
    let (object, is_changed) = patched;
    if is_changed && object.meta().is_deleting() {
        script.say(&format!(
            "Warning: Detected changes to resource {} which is currently being deleted.",
            info.key.name
        ));
    }
    let done = if is_changed { "configured" } else { "unchanged" };
    let info = Info { object: Some(object), ..info.clone() };
    report(script, &info, done, apply.dry_run, apply.output.as_ref())
}

fn create(script: &mut Script<'_>, apply: &Apply, info: &Info, modified: Value) -> Play<()> {
    let mut info = info.clone();
    let mut value = modified;
    if apply.dry_run == DryRun::Client {
        if let Some(served) = Served::of_value(&value) {
            (served.to_stored)(&mut value);
        }
        info.object = Object::from_value(info.kind(), value).ok();
    } else {
        value.sort_all_objects();
        let post = Verb::Post {
            kind: info.kind(),
            namespace: info.key.namespace.clone(),
            value: Arc::new(value),
            dry_run: apply.dry_run == DryRun::Server,
        };
        let created = script.attempt(|script| script.object(&post))?;
        info.object = Some(created.map_err(|why| why.with_source("creating", &info.source))?);
    }
    report(script, &info, "created", apply.dry_run, apply.output.as_ref())
}

/// Patches an object, again when somebody else changed it in between; with `--force` replaces what
/// cannot be patched.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/apply/patcher.go, `Patcher.Patch`
fn change(
    script: &mut Script<'_>,
    apply: &Apply,
    info: &Info,
    current: Object,
    modified: &Value,
) -> Play<(Object, bool)> {
    let mut current = current;
    for attempt in 1.. {
        let difference = difference(&current, modified)?;
        if is_empty(&difference) {
            return Ok((current, attempt > 1));
        }
        let is_known = Schema::of(info.kind().name()).is_some();
        let body = Arc::new(difference.clone());
        let patch = Verb::Patch {
            key: info.key.clone(),
            part: Subresource::Main,
            patch: if is_known { Patch::Strategic(body) } else { Patch::Merge(body) },
            dry_run: apply.dry_run == DryRun::Server,
        };
        let failure = match script.attempt(|script| script.object(&patch))? {
            Ok(object) => return Ok((object, true)),
            Err(failure) => failure,
        };
        if failure.is(Reason::Conflict) && attempt <= MOST_TRIES {
            script.sleep(SimDuration::secs(u64::from(attempt > 1)))?;
            current = script.get(&info.key)?;
            continue;
        }
        if apply.force && (failure.is(Reason::Conflict) || failure.is(Reason::Invalid)) {
            return Ok((replace(script, info, modified)?, true));
        }
        let what = format!("applying patch:\n{}\nto:\n{}\nfor:", go_json(&difference), about(info));
        return Err(with_context(failure, &what, &info.source).into());
    }
    Ok((current, false))
}

/// Deletes an object, waits until it is gone and creates it anew.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/apply/patcher.go, `deleteAndCreate`
fn replace(script: &mut Script<'_>, info: &Info, modified: &Value) -> Play<Object> {
    let options = DeleteOptions {
        propagation_policy: Some(crate::api::request::Propagation::Background),
        ..DeleteOptions::default()
    };
    script.ask(&Verb::Delete { key: info.key.clone(), options })?;
    script.repeat((), |script, ()| {
        match script.attempt(|script| script.get(&info.key))? {
            Err(failure) if failure.is(Reason::NotFound) => return Ok(Round::Done(())),
            Err(failure) => return Err(failure.into()),
            Ok(_) => {}
        }
        script.sleep(SimDuration::secs(1))?;
        Ok(Round::Again(()))
    })?;
    script.object(&Verb::Post {
        kind: info.kind(),
        namespace: info.key.namespace.clone(),
        value: Arc::new(modified.clone()),
        dry_run: false,
    })
}

/// Lets the server merge.
fn on_server(script: &mut Script<'_>, apply: &Apply, info: &Info) -> Play<()> {
    if apply.dry_run == DryRun::Client {
        return Err(Failure::text("--dry-run=client doesn't work with --server-side").into());
    }
    let mut config = info.value.clone().unwrap_or_default();
    if let Some(served) = Served::of_value(&config) {
        (served.to_stored)(Arc::make_mut(&mut config));
    }
    let patch = Verb::Patch {
        key: info.key.clone(),
        part: Subresource::Main,
        patch: Patch::Apply {
            config,
            manager: Name::new(apply.field_manager.as_deref().unwrap_or("kubectl")),
            force: apply.force_conflicts,
        },
        dry_run: apply.dry_run == DryRun::Server,
    };
    let object = match script.attempt(|script| script.object(&patch))? {
        Ok(object) => object,
        Err(failure) if failure.is(Reason::Conflict) => {
            let why = failure.quoted();
            return Err(Failure::Text(format!("{why}\n{CONFLICT_HELP}")).into());
        }
        Err(failure) => return Err(failure.into()),
    };
    let info = Info { object: Some(object), ..info.clone() };
    report(script, &info, "serverside-applied", apply.dry_run, apply.output.as_ref())
}

const CONFLICT_HELP: &str =
    "Please review the fields above--they currently have other managers. Here
are the ways you can resolve this warning:
* If you intend to manage all of these fields, please re-run the apply
  command with the `--force-conflicts` flag.
* If you do not intend to manage all of the fields, please edit your
  manifest to remove references to the fields that should keep their
  current managers.
* You may co-own fields by updating your manifest to match the existing
  value; in this case, you'll become the manager if the other manager(s)
  stop managing the field (remove it from their configuration).
See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts";

/// What has to change.
fn difference(current: &Object, modified: &Value) -> Result<Value, Failure> {
    let original = current.meta().annotations.get(LAST_APPLIED);
    let original = original.and_then(|text| serde_json::from_str(text).ok());
    let original = original.unwrap_or(Value::Null);
    let kind = current.kind().name();
    let current = current.to_value();
    let patch = match Served::of_value(modified) {
        None => patch::three_way(&original, modified, &current, kind),
        Some(served) => in_version(served, &original, modified, &current),
    };
    patch.map_err(|why| Failure::Text(why.to_string()))
}

/// What has to change of an object that is written in another version than it is stored in: it is
/// compared in the version of the file.
///
/// Differs: the patch that is sent is the change of the stored version, as requests bear no version
/// here; what it makes is the same.
fn in_version(
    served: &Served,
    original: &Value,
    modified: &Value,
    current: &Value,
) -> Result<Value, PatchError> {
    let kind = served.kind.name();
    let Some(schema) = Schema::of_version(served.api_version, kind) else {
        return Ok(Value::Null);
    };
    let mut shown = current.clone();
    (served.from_stored)(&mut shown);
    let documents = strategic::Documents { original, modified, current: &shown };
    let patch = strategic::three_way(documents, schema, strategic::Overwrite::Yes)?;
    if is_empty(&patch) {
        return Ok(patch);
    }
    let mut wanted = strategic::apply(&shown, &patch, schema)?;
    (served.to_stored)(&mut wanted);
    Ok(patch::merge::create(current, &wanted))
}

fn is_empty(patch: &Value) -> bool {
    patch.as_object().is_some_and(serde_json::Map::is_empty)
}

/// The object with a note of itself.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/util/apply.go,
/// `GetModifiedConfiguration`
fn with_annotation(value: &Value) -> Value {
    let mut value = value.clone();
    if !value["metadata"]["annotations"].is_object() {
        value["metadata"]["annotations"] = json!({});
    }
    if let Some(annotations) = value["metadata"]["annotations"].as_object_mut() {
        annotations.remove(LAST_APPLIED);
    }
    value.sort_all_objects();
    let text = format!("{}\n", go_json(&value));
    value["metadata"]["annotations"][LAST_APPLIED] = text.into();
    value
}

/// JSON as Go writes it: three characters are escaped.
fn go_json(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// Which object, as long complaints say it.
fn about(info: &Info) -> String {
    let row = info.kind().row();
    let version = row.api_version();
    let shown = if row.group.is_empty() { format!("/{version}") } else { version.to_string() };
    format!(
        "Resource: \"{shown}, Resource={}\", GroupVersionKind: \"{shown}, Kind={}\"\nName: {:?}, \
         Namespace: {:?}",
        row.plural,
        row.name,
        info.key.name.as_str(),
        info.key.namespace.as_str()
    )
}

/// A complaint with what was tried.
fn with_context(failure: Failure, what: &str, source: &str) -> Failure {
    failure.with_source(what, source)
}
