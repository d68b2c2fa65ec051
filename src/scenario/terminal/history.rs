//! The revisions of workloads, and `kubectl rollout history`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::api::object::{Kind, Object};
use crate::api::patch::strategic;
use crate::api::request::ListOptions;
use crate::api::schema::Schema;
use crate::scenario::kubectl::RolloutHistory;
use crate::scenario::terminal::Scene;
use crate::scenario::terminal::choice::{self, Info};
use crate::scenario::terminal::failure::Failure;
use crate::scenario::terminal::get::{is_controlled, selector_of};
use crate::scenario::terminal::rollout::{self, dotted};
use crate::scenario::terminal::script::{Play, Script};

/// Where the reason of a change is noted down.
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

/// One revision of a workload.
#[derive(Clone, Debug)]
pub(super) struct Revision {
    pub(super) number: i64,
    /// The ReplicaSet or ControllerRevision that holds it.
    pub(super) holder: Object,
}

/// The revisions of a workload by their numbers; a ReplicaSet's is in an annotation.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/polymorphichelpers/history.go
pub(super) fn revisions(script: &mut Script<'_>, object: &Object) -> Play<Vec<Revision>> {
    let value = object.to_value();
    let selector = value.pointer("/spec/selector").cloned().and_then(selector_of);
    let kind = match object.kind() {
        Kind::DEPLOYMENT => Kind::REPLICA_SET,
        _ => Kind::CONTROLLER_REVISION,
    };
    let list = ListOptions {
        namespace: object.meta().namespace.clone(),
        labels: selector.unwrap_or_default(),
        ..ListOptions::all(kind)
    };
    let holders = script.list(&list)?.items.into_iter();
    let holders = holders.filter(|holder| is_controlled(holder, object));
    let mut all: Vec<Revision> = holders
        .filter_map(|holder| Some(Revision { number: number_of(&holder)?, holder }))
        .collect();
    all.sort_by_key(|revision| (revision.number, revision.holder.meta().name.clone()));
    Ok(all)
}

fn number_of(holder: &Object) -> Option<i64> {
    if holder.kind() == Kind::REPLICA_SET {
        let annotation = holder.meta().annotations.get("deployment.kubernetes.io/revision");
        return annotation.and_then(|text| text.parse().ok());
    }
    holder.to_value()["revision"].as_i64()
}

/// The pod template that a revision holds.
pub(super) fn template(object: &Object, revision: &Revision) -> Result<Value, Failure> {
    let holder = revision.holder.to_value();
    if revision.holder.kind() == Kind::REPLICA_SET {
        return Ok(holder.pointer("/spec/template").cloned().unwrap_or_default());
    }
    let schema = Schema::of(object.kind().name());
    let schema = schema.ok_or_else(|| Failure::text("the kind has no known fields"))?;
    let applied = strategic::apply(&object.to_value(), &holder["data"], schema)
        .map_err(|why| Failure::Text(why.to_string()))?;
    Ok(applied.pointer("/spec/template").cloned().unwrap_or_default())
}

/// Runs `kubectl rollout history`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/rollout/rollout_history.go, `Run`
pub(super) fn history(
    script: &mut Script<'_>,
    scene: &Scene,
    history: &RolloutHistory,
) -> Play<()> {
    if history.revision < 0 {
        let text = format!("revision must be a positive integer: {}", history.revision);
        return Err(Failure::Text(text).into());
    }
    let choice = rollout::choice(&history.which)?;
    choice::visit(script, scene, &choice, |script, info| one(script, history, info))?;
    Ok(())
}

fn one(script: &mut Script<'_>, history: &RolloutHistory, info: &Info) -> Play<()> {
    if ![Kind::DEPLOYMENT, Kind::DAEMON_SET, Kind::STATEFUL_SET].contains(&info.kind()) {
        let kind = dotted(info.kind());
        let text = format!("no history viewer has been implemented for {kind:?}");
        return Err(Failure::Text(text).into());
    }
    let object = info.fetched()?.clone();
    let revisions = revisions(script, &object)?;
    let number = history.revision;
    let wanted = revisions.iter().rfind(|revision| revision.number == number);
    if let Some(output) = &history.output {
        let shown = wanted.or(revisions.last());
        let shown = shown.ok_or_else(|| Failure::text("no rollout history found"))?;
        let now = script.now();
        let text = super::seam::one(&shown.holder, output, now)?;
        script.print(&text);
        return Ok(());
    }
    let (title, text) = if revisions.is_empty() {
        (String::new(), "No rollout history found.".to_owned())
    } else if number > 0 {
        let wanted =
            wanted.ok_or_else(|| Failure::text("unable to find the specified revision"))?;
        let mut template = template(&object, wanted)?;
        if let Some(cause) = wanted.holder.meta().annotations.get(CHANGE_CAUSE) {
            template["metadata"]["annotations"][CHANGE_CAUSE] = cause.as_str().into();
        }
        (format!("with revision #{number}"), template_text(&template))
    } else {
        (String::new(), table(info.kind(), &revisions))
    };
    script.say(&format!("{} {title}\n{text}", info.shown()));
    Ok(())
}

/// The revisions as a table; one number stands for the newest that bears it.
fn table(kind: Kind, revisions: &[Revision]) -> String {
    let by_number: BTreeMap<i64, &Revision> = revisions.iter().map(|r| (r.number, r)).collect();
    if kind == Kind::STATEFUL_SET {
        let rows: Vec<String> = by_number.keys().map(ToString::to_string).collect();
        return format!("REVISION\n{}\n", rows.join("\n"));
    }
    let mut text = "REVISION  CHANGE-CAUSE\n".to_owned();
    for (number, revision) in by_number {
        let cause = revision.holder.meta().annotations.get(CHANGE_CAUSE);
        let cause = cause.filter(|c| !c.is_empty()).map_or("<none>", |cause| cause.as_str());
        let _ = writeln!(text, "{number:<10}{cause}");
    }
    text
}

/// A pod template for people.
///
/// Differs: labels, annotations and containers' images are told, not every field.
pub(super) fn template_text(template: &Value) -> String {
    let empty = json!({});
    let mut text = "Pod Template:\n".to_owned();
    for (title, key) in [("  Labels:", "labels"), ("  Annotations:", "annotations")] {
        let map = template["metadata"].get(key).unwrap_or(&empty);
        let pairs = map.as_object().into_iter().flatten();
        let mut lead = title;
        for (name, value) in pairs {
            let value = value.as_str().unwrap_or_default();
            let pair = match key {
                "labels" => format!("{name}={value}"),
                _ => format!("{name}: {value}"),
            };
            let _ = writeln!(text, "{lead}\t{pair}");
            lead = "\t";
        }
    }
    text.push_str("  Containers:\n");
    for container in
        template.pointer("/spec/containers").and_then(Value::as_array).into_iter().flatten()
    {
        let of = |key: &str| container[key].as_str().unwrap_or_default().to_owned();
        let _ = writeln!(text, "   {}:\n    Image:\t{}", of("name"), of("image"));
    }
    text
}
