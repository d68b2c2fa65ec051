//! The log as a Kubernetes audit log: one `audit.k8s.io/v1` Event a line.
//!
//! Level `RequestResponse` for writes, with the object as it was stored; `Metadata` for refusals.
//! Reads that were answered are not in the log, so they are not in the audit log.
//!
//! Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/apis/audit/v1/types.go, `Event`

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::api::note::{Note, RefusedNote, WriteNote};
use crate::api::object::{Kind, ObjectKey};
use crate::api::time::Time;
use crate::sim::log::{Log, Record};
use crate::sim::time::{SimTime, Start};

/// The key of the annotation that holds the reason of a write.
pub const WHY: &str = "wavetank.dev/why";

/// Writes the audit log of a run; signs of life are left out.
///
/// # Errors
/// When `out` cannot be written to.
pub fn audit(log: &Log<Note>, out: &mut impl Write) -> io::Result<()> {
    for record in log.iter().filter(|r| r.turn > 0 && !r.note.is_heartbeat()) {
        let event = match &record.note {
            Note::Write(write) => written(write, (record, log.start())),
            Note::Refused(refused) => self::refused(refused, (record, log.start())),
            Note::Step(_) | Note::Fault(_) | Note::Mark(_) => continue,
        };
        writeln!(out, "{event}")?;
    }
    Ok(())
}

/// An instant as a `MicroTime` is written.
fn instant(start: Start, at: SimTime) -> String {
    Time::wall(start, at).micro_text()
}

/// A name that is the same in every run of a seed.
fn audit_id(record: &Record<Note>) -> String {
    let (turn, time) = (record.turn, record.time.0);
    let (a, b) = (turn & 0xffff_ffff, (turn >> 32) & 0xffff);
    format!("{a:08x}-{b:04x}-4000-8000-{:012x}", time & 0xffff_ffff_ffff)
}

fn user(name: &str) -> Value {
    if let Some(node) = name.strip_prefix("kubelet/") {
        let groups = ["system:nodes", "system:authenticated"];
        return json!({"username": format!("system:node:{node}"), "groups": groups});
    }
    let is_component = ["kube-scheduler", "kube-controller-manager"].contains(&name);
    if is_component {
        let groups = ["system:authenticated"];
        return json!({"username": format!("system:{name}"), "groups": groups});
    }
    if name == "kubectl" {
        let groups = ["system:masters", "system:authenticated"];
        return json!({"username": "kubernetes-admin", "groups": groups});
    }
    let groups = ["system:serviceaccounts", "system:serviceaccounts:kube-system"];
    json!({"username": format!("system:serviceaccount:kube-system:{name}"), "groups": groups})
}

/// The path of a request.
fn uri(key: &ObjectKey, verb: &str, subresource: &str) -> String {
    let row = key.kind.row();
    let root =
        if row.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", row.group) };
    let mut path = format!("{root}/{}", row.version);
    if row.namespaced && !key.namespace.is_empty() {
        path = format!("{path}/namespaces/{}", key.namespace);
    }
    path = format!("{path}/{}", row.plural);
    let is_of_one = verb != "create" || !subresource.is_empty();
    if is_of_one && verb != "deletecollection" {
        path = format!("{path}/{}", key.name);
    }
    if subresource.is_empty() { path } else { format!("{path}/{subresource}") }
}

/// A record, and what the wall clock showed when its run started.
type Told<'a> = (&'a Record<Note>, Start);

fn head(told: Told<'_>, level: &str, who: &str, verb: &str, uri: &str) -> Value {
    let (record, start) = told;
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": level,
        "auditID": audit_id(record), "stage": "ResponseComplete", "requestURI": uri,
        "verb": verb, "user": user(who), "userAgent": who,
        "requestReceivedTimestamp": instant(start, record.time),
        "stageTimestamp": instant(start, record.time),
        // Everybody may do everything here.
        "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""},
    })
}

fn written(write: &WriteNote, told: Told<'_>) -> Value {
    let (change, origin) = (&write.change, &write.origin);
    let object = &change.object;
    let (key, row, meta) = (object.key(), object.kind().row(), object.meta());
    let uri = uri(&key, origin.verb, origin.subresource);
    let mut event = head(told, "RequestResponse", &origin.user, origin.verb, &uri);
    let mut reference = json!({
        "resource": row.plural, "name": meta.name.as_str(), "apiVersion": row.version,
        "uid": meta.uid, "resourceVersion": meta.resource_version.to_string(),
    });
    for (field, value) in [
        ("namespace", meta.namespace.as_str()),
        ("apiGroup", row.group),
        ("subresource", origin.subresource),
    ] {
        if !value.is_empty() {
            reference[field] = value.into();
        }
    }
    event["objectRef"] = reference;
    let code = if origin.verb == "create" { 201 } else { 200 };
    event["responseStatus"] = json!({"metadata": {}, "code": code});
    event["responseObject"] = object.to_value();
    let why = origin.why.to_string();
    if !why.is_empty() {
        event["annotations"][WHY] = why.into();
    }
    event
}

fn refused(refused: &RefusedNote, told: Told<'_>) -> Value {
    let (plural, part) = refused.resource.split_once('/').unwrap_or((&refused.resource, ""));
    let kind = Kind::all().find(|kind| kind.row().plural == plural);
    let path = kind.map_or_else(String::new, |kind| {
        let key = ObjectKey::new(kind, &refused.namespace, &refused.name);
        uri(&key, refused.verb, part)
    });
    let mut event = head(told, "Metadata", &refused.user, refused.verb, &path);
    let mut reference = json!({"resource": plural, "name": refused.name.as_str()});
    let group = kind.map_or("", |kind| kind.row().group);
    let version = kind.map_or("", |kind| kind.row().version);
    for (field, value) in [
        ("namespace", refused.namespace.as_str()),
        ("apiGroup", group),
        ("apiVersion", version),
        ("subresource", part),
    ] {
        if !value.is_empty() {
            reference[field] = value.into();
        }
    }
    event["objectRef"] = reference;
    event["responseStatus"] = json!({
        "metadata": {}, "status": "Failure", "code": refused.refusal.code,
        "reason": serde_json::to_value(refused.refusal.reason).unwrap_or_default(),
        "message": &*refused.refusal.message,
    });
    event
}
