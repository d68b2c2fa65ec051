//! Commands that make new objects: `kubectl create`, `run`, `expose`, `autoscale`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::Name;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::request::Verb;
use crate::scenario::kubectl::{Autoscale, Create, CreateKind, DryRun, Expose, Run, SecretSort};
use crate::scenario::terminal::Scene;
use crate::scenario::terminal::choice::{self, Choice, Info, read};
use crate::scenario::terminal::failure::Failure;
use crate::scenario::terminal::made;
use crate::scenario::terminal::report;
use crate::scenario::terminal::script::{Play, Script};

/// Runs `kubectl create`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/create/create.go, `RunCreate`
pub(super) fn create(script: &mut Script<'_>, scene: &Scene, create: &Create) -> Play<()> {
    let Some(kind) = &create.kind else {
        let infos = script.keep(|_| Ok(Arc::new(choice::of_files(scene, &create.files))))?;
        if infos.is_empty() {
            return Err(Failure::text("no objects passed to create").into());
        }
        let failures = choice::for_each(script, &infos, |script, info| {
            let value = info.value.clone().unwrap_or_default();
            let post = post(info.kind(), &info.key.namespace, value, DryRun::None);
            let made = script.attempt(|script| script.object(&post))?;
            let object = made.map_err(|why| why.with_source("creating", &info.source))?;
            report(script, &Info::of(object), "created", DryRun::None, None)
        })?;
        return Ok(Failure::all(failures)?);
    };
    subcommand(script, scene, kind)
}

fn post(kind: Kind, namespace: &Name, value: Arc<Value>, dry_run: DryRun) -> Verb {
    Verb::Post {
        kind,
        namespace: choice::namespace_of(kind, namespace),
        value,
        dry_run: dry_run == DryRun::Server,
    }
}

/// Creates one object; a refusal is told as `wrapped` says, or as it is.
fn one(
    script: &mut Script<'_>,
    scene: &Scene,
    value: Value,
    dry_run: DryRun,
    wrapped: Option<&str>,
) -> Play<()> {
    create_as(script, scene, value, dry_run, wrapped, "created")
}

fn create_as(
    script: &mut Script<'_>,
    scene: &Scene,
    mut value: Value,
    dry_run: DryRun,
    wrapped: Option<&str>,
    done: &str,
) -> Play<()> {
    let of = |key: &str| value[key].as_str().unwrap_or_default();
    let kind = Kind::of_version(of("apiVersion"), of("kind"));
    let kind = kind.ok_or_else(|| Failure::text("the server does not know the kind"))?;
    let namespace = choice::namespace_of(kind, &scene.namespace);
    if !namespace.is_empty() {
        value["metadata"]["namespace"] = namespace.as_str().into();
    }
    let name = value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let key = ObjectKey::new(kind, &namespace, name);
    let mut info = Info { key, object: None, value: None, source: String::new() };
    if dry_run != DryRun::Client {
        let post = post(kind, &namespace, Arc::new(value), dry_run);
        let made = script.attempt(|script| script.object(&post))?;
        let object = made.map_err(|why| match (wrapped, why) {
            (Some(wrapped), why) => Failure::Text(format!("{wrapped}: {}", why.quoted())),
            (None, why) => why,
        })?;
        info = Info::of(object);
    }
    report(script, &info, done, dry_run, None)
}

fn subcommand(script: &mut Script<'_>, scene: &Scene, kind: &CreateKind) -> Play<()> {
    let (value, dry_run, wrapped) = match kind {
        CreateKind::Configmap(it) => {
            let value = made::config_map(&it.name, &read(it.data())?);
            (value, it.dry_run, Some("failed to create configmap"))
        }
        CreateKind::CronJob(it) => {
            (made::cron_job(it), it.dry_run, Some("failed to create cronjob"))
        }
        CreateKind::Deployment(it) => {
            if it.image.len() > 1 && !it.command.is_empty() {
                let text = "cannot specify multiple --image options and command";
                return Err(Failure::text(text).into());
            }
            (made::deployment(it), it.dry_run, Some("failed to create deployment"))
        }
        CreateKind::Job(it) => {
            let value = match &it.from {
                None => made::job(it),
                Some(from) => made::job_from(&cron_job(script, scene, from)?, &it.name),
            };
            (value, it.dry_run, Some("failed to create job"))
        }
        CreateKind::Namespace(it) => {
            let value = made::bare("v1", "Namespace", &it.name);
            (value, it.dry_run, None)
        }
        CreateKind::PodDisruptionBudget(it) => {
            let value = made::budget(it)?;
            (value, it.dry_run, Some("failed to create poddisruptionbudgets"))
        }
        CreateKind::PriorityClass(it) => {
            (made::priority_class(it), it.dry_run, Some("failed to create priorityclass"))
        }
        CreateKind::Quota(it) => (made::quota(it)?, it.dry_run, Some("failed to create quota")),
        CreateKind::Secret(it) => {
            let SecretSort::Generic(it) = &it.sort;
            let value = made::secret(&it.name, &read(it.data())?);
            (value, it.dry_run, Some("failed to create secret"))
        }
        CreateKind::ServiceAccount(it) => {
            let value = made::bare("v1", "ServiceAccount", &it.name);
            (value, it.dry_run, Some("failed to create serviceaccount"))
        }
    };
    one(script, scene, value, dry_run, wrapped)
}

/// The CronJob that a Job is to be made from.
fn cron_job(script: &mut Script<'_>, scene: &Scene, from: &str) -> Play<Object> {
    let (kind, name) = from.split_once('/').unwrap_or(("", from));
    let is_cron_job =
        crate::api::resource_names::find(kind).is_some_and(|row| row.kind == "CronJob");
    if !is_cron_job {
        return Err(Failure::text("from must be an existing cronjob").into());
    }
    script.get(&ObjectKey::new(Kind::CRON_JOB, &scene.namespace, name))
}

/// Runs `kubectl run`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/run/run.go, `Run`
pub(super) fn run(script: &mut Script<'_>, scene: &Scene, run: &Run) -> Play<()> {
    let value = made::pod(run, read(run.override_value())?)?;
    one(script, scene, value, run.dry_run, None)
}

/// Runs `kubectl expose`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/expose/expose.go, `RunExpose`
pub(super) fn expose(script: &mut Script<'_>, scene: &Scene, expose: &Expose) -> Play<()> {
    let choice = Choice::new(expose.targets())?;
    choice::visit(script, scene, &choice, |script, info| {
        let service = made::service(expose, info.fetched()?)?;
        create_as(script, scene, service, DryRun::None, None, "exposed")
    })?;
    Ok(())
}

/// Runs `kubectl autoscale`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/autoscale/autoscale.go, `Run`
pub(super) fn autoscale(script: &mut Script<'_>, scene: &Scene, scale: &Autoscale) -> Play<()> {
    if scale.max < 1 {
        let text = format!("--max=MAXPODS is required and must be at least 1, max: {}", scale.max);
        return Err(Failure::Text(text).into());
    }
    if scale.max < scale.min {
        let (max, min) = (scale.max, scale.min);
        let text = format!(
            "--max=MAXPODS must be larger or equal to --min=MINPODS, max: {max}, min: {min}"
        );
        return Err(Failure::Text(text).into());
    }
    let choice = Choice::new(scale.targets())?;
    choice::visit(script, scene, &choice, |script, info| {
        let row = info.kind().row();
        if !SCALABLE.contains(&info.kind()) {
            let name = crate::scenario::terminal::name::resource(info.kind());
            return Err(Failure::Text(format!("cannot autoscale a {name}: not scalable")).into());
        }
        let target = json!({
            "apiVersion": row.api_version().as_str(), "kind": row.name,
            "name": info.key.name.as_str()
        });
        let value = made::autoscaler(scale, &info.key.name, &target)?;
        create_as(script, scene, value, DryRun::None, None, "autoscaled")
    })?;
    Ok(())
}

/// The kinds with a number of replicas.
const SCALABLE: [Kind; 4] =
    [Kind::DEPLOYMENT, Kind::REPLICA_SET, Kind::STATEFUL_SET, Kind::REPLICATION_CONTROLLER];
