//! Whole commands against a small apiserver: what they send, and what the terminal shows.

#![expect(
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    clippy::needless_pass_by_value,
    reason = "the small apiserver and the player are read from top to bottom"
)]

mod change;
mod follow;
mod node;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::Name;
use crate::api::gates::Gates;
use crate::api::meta::Uid;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::patch;
use crate::api::refusal::Refusal;
use crate::api::request::{
    Answer, Change, ListOptions, ObjectList, Patch, Subresource, Verb, WatchEvent, WatchOptions,
};
use crate::api::schema::Schema;
use crate::api::time::{EPOCH, Time};
use crate::apiserver::registry::{self, Outcome};
use crate::apiserver::{edge, list};
use crate::scenario::kubectl::Line;
use crate::scenario::manifest;
use crate::scenario::source::{Place, Session};
use crate::scenario::terminal::{Input, Manifests, Running, Wants};
use crate::sim::time::SimDuration;

/// What happens to the cluster while a command waits.
type Later = (u64, Box<dyn FnOnce(&mut Cluster)>);

/// A map of objects behind the verbs.
#[derive(Default)]
struct Cluster {
    objects: BTreeMap<ObjectKey, Object>,
    revision: u64,
    log: Vec<WatchEvent>,
    watches: BTreeMap<u32, (Box<WatchOptions>, usize)>,
    now: Time,
    sent: String,
    /// So many evictions are refused.
    budget_refusals: usize,
}

impl Cluster {
    fn new() -> Cluster {
        Cluster { now: EPOCH, revision: 10, ..Cluster::default() }
    }

    fn put(&mut self, value: Value) {
        let kind = Kind::of_version(
            value["apiVersion"].as_str().unwrap(),
            value["kind"].as_str().unwrap(),
        );
        let mut object = Object::from_value(kind.unwrap(), value).unwrap();
        let key = object.key();
        if object.meta().uid.is_none() {
            object.meta_mut().uid = Uid::random(u128::from(self.revision) + 1);
        }
        object.meta_mut().generation = object.meta().generation.max(1);
        self.store(&key, object);
    }

    fn store(&mut self, key: &ObjectKey, mut object: Object) -> Object {
        self.revision += 1;
        object.meta_mut().resource_version = self.revision;
        let old = self.objects.insert(key.clone(), object.clone());
        let change = if old.is_some() { Change::Modified } else { Change::Added };
        self.log.push(WatchEvent {
            change,
            object: object.clone(),
            revision: self.revision,
            cause: 0,
        });
        object
    }

    fn remove(&mut self, key: &ObjectKey) {
        let Some(object) = self.objects.remove(key) else { return };
        self.revision += 1;
        let revision = self.revision;
        self.log.push(WatchEvent { change: Change::Deleted, object, revision, cause: 0 });
    }

    fn edit(&mut self, kind: Kind, name: &str, change: impl FnOnce(&mut Value)) {
        let namespace = if kind.row().namespaced { "default" } else { "" };
        let key = ObjectKey::new(kind, namespace, name);
        let mut value = self.objects[&key].to_value();
        change(&mut value);
        let object = Object::from_value(kind, value).unwrap();
        self.store(&key, object);
    }

    fn note(&mut self, verb: &Verb) {
        let key = verb.key();
        let part = verb.subresource();
        let body = match verb {
            Verb::Patch {
                patch: Patch::Strategic(v) | Patch::Merge(v) | Patch::Json(v), ..
            } => {
                let mut sorted = (**v).clone();
                sorted.sort_all_objects();
                let text = sorted.to_string();
                if text.len() > 400 { " {long}".to_owned() } else { format!(" {text}") }
            }
            _ => String::new(),
        };
        writeln!(
            self.sent,
            "{} {}/{}{}{body}",
            verb.name(),
            key.kind.row().plural,
            key.name,
            if part.is_empty() { String::new() } else { format!("/{part}") }
        )
        .unwrap();
    }

    fn answer(&mut self, token: u32, verb: &Verb) -> Answer {
        self.note(verb);
        self.try_answer(token, verb).unwrap_or_else(Answer::Refused)
    }

    fn try_answer(&mut self, token: u32, verb: &Verb) -> Result<Answer, Refusal> {
        let key = verb.key();
        let missing = || Refusal::not_found(&registry::resource(key.kind), &key.name);
        match verb {
            Verb::List(options) => {
                let all = self.objects.values().filter(|o| o.kind() == options.kind).cloned();
                let found = ObjectList {
                    resource_version: self.revision,
                    items: all.collect(),
                    continue_token: Name::default(),
                    remaining: None,
                };
                let page: ObjectList = list::stored_page(options, &found)?;
                return Ok(Answer::List(Arc::new(page)));
            }
            Verb::Watch(options) => {
                let from = options.resource_version.parse::<u64>().unwrap();
                let at = self.log.iter().position(|e| e.revision > from).unwrap_or(self.log.len());
                self.watches.insert(token, (options.clone(), at));
                return Ok(Answer::Watching);
            }
            Verb::Post { kind, namespace, value, .. } => {
                let name = value["metadata"]["name"].as_str().unwrap();
                let mut object =
                    edge::create(*kind, namespace, name, (**value).clone(), Gates::DEFAULT)?;
                let key = object.key();
                if self.objects.contains_key(&key) {
                    return Err(Refusal::already_exists(&registry::resource(*kind), &key.name));
                }
                object.meta_mut().uid = Uid::random(u128::from(self.revision) + 1);
                object.meta_mut().generation = 1;
                return Ok(Answer::Object(self.store(&key, object)));
            }
            Verb::Evict { .. } if self.budget_refusals > 0 => {
                self.budget_refusals -= 1;
                let why = "Cannot evict pod as it would violate the pod's disruption budget.";
                return Err(Refusal::too_many_requests(why, 0));
            }
            _ => {}
        }
        let current = self.objects.get(&key).cloned().ok_or_else(missing)?;
        if let Verb::Get(_) = verb {
            return Ok(Answer::Object(current));
        }
        if let Verb::Patch { part, patch, .. } = verb
            && *part != Subresource::Scale
        {
            let before = current.to_value();
            let after = match patch {
                Patch::Strategic(change) => {
                    let schema = Schema::of(key.kind.name()).unwrap();
                    patch::strategic::apply(&before, change, schema).unwrap()
                }
                Patch::Merge(change) => patch::merge_patch(&before, change),
                Patch::Json(change) => patch::json_patch(&before, change).unwrap(),
                Patch::Apply { .. } | Patch::Edit(_) => panic!("no such patch here"),
            };
            let mut object = Object::from_value(key.kind, after).unwrap();
            if object == current {
                return Ok(Answer::Object(current));
            }
            object.meta_mut().generation += i64::from(!object.same_spec(&current));
            return Ok(Answer::Object(self.store(&key, object)));
        }
        match registry::change(verb, &current, self.now, Gates::DEFAULT)? {
            Outcome::Store(object) => Ok(Answer::Object(self.store(&key, object))),
            Outcome::Unchanged(object) => Ok(Answer::Object(object)),
            Outcome::StoreThenRemove(object) | Outcome::Remove(object) => {
                self.remove(&key);
                Ok(Answer::Deleted(object))
            }
        }
    }

    /// What the watches have not shown yet.
    fn news(&mut self) -> Vec<(u32, Vec<WatchEvent>)> {
        let mut news = Vec::new();
        for (token, (options, at)) in &mut self.watches {
            let list = ListOptions {
                namespace: options.namespace.clone(),
                labels: options.labels.clone(),
                fields: options.fields.clone(),
                ..ListOptions::all(options.kind)
            };
            let fits = |e: &&WatchEvent| {
                e.object.kind() == options.kind && list::matches(&e.object, &list)
            };
            let events: Vec<_> = self.log[*at..].iter().filter(fits).cloned().collect();
            *at = self.log.len();
            if !events.is_empty() {
                news.push((*token, events));
            }
        }
        news
    }
}

/// Plays a line to its end; gives the exit code (none when it would wait for ever) and the output.
fn play(cluster: &mut Cluster, files: &[(&str, &str)], text: &str, later: Vec<Later>) -> String {
    let mut session = Session::default();
    let files: Manifests = files
        .iter()
        .map(|(name, text)| {
            ((*name).to_owned(), Arc::from(manifest::of_text(name, text, &mut session)))
        })
        .collect();
    assert_eq!(session.take_problems(), []);
    let line =
        Line::parse(text, Place::default()).unwrap_or_else(|e| panic!("{}", e.mistake.message));
    let mut running = Running::new(&line.command, &files, &Name::new("default"));
    let start = cluster.now;
    let mut later = later.into_iter().peekable();
    let mut wants = running.step(Input::Begin, cluster.now);
    loop {
        for token in wants.stop_watches.drain(..) {
            assert!(cluster.watches.remove(&token).is_some(), "no such watch: {token}");
        }
        if let Some(code) = wants.done {
            assert!(cluster.watches.is_empty(), "watches are left open");
            return format!("{}exit {code}", running.output());
        }
        // A command is data: a copy goes on as the original does.
        running = running.clone();
        let mut next = Wants { wake_at: wants.wake_at, ..Wants::default() };
        let take = |next: &mut Wants, more: Wants| {
            next.requests.extend(more.requests);
            next.stop_watches.extend(more.stop_watches);
            next.wake_at = more.wake_at;
            next.done = more.done;
        };
        if !wants.requests.is_empty() {
            for (token, verb) in std::mem::take(&mut wants.requests) {
                let answer = cluster.answer(token, &verb);
                let more = running.step(Input::Answer(token, &answer), cluster.now);
                take(&mut next, more);
            }
            wants = next;
            continue;
        }
        let news = cluster.news();
        if !news.is_empty() {
            for (token, events) in news {
                let more = running.step(Input::Watched(token, &events), cluster.now);
                take(&mut next, more);
            }
            wants = next;
            continue;
        }
        let change = later.peek().map(|(ms, _)| start.plus(SimDuration::millis(*ms)));
        match (change, wants.wake_at) {
            (Some(change), wake) if wake.is_none_or(|wake| change <= wake) => {
                cluster.now = change;
                let (_, act) = later.next().unwrap();
                act(cluster);
                let more = running.step(Input::Woken, cluster.now);
                take(&mut next, more);
            }
            (_, Some(wake)) => {
                cluster.now = wake;
                let more = running.step(Input::Woken, cluster.now);
                take(&mut next, more);
            }
            (_, None) => return format!("{}waits", running.output()),
        }
        wants = next;
    }
}

fn check(cluster: &mut Cluster, text: &str, expected: &str) {
    assert_eq!(play(cluster, &[], text, Vec::new()), expected, "{text}");
}

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: 'app:v1'}]}
";

fn with_web() -> Cluster {
    let mut cluster = Cluster::new();
    let output = play(&mut cluster, &[("web.yaml", WEB)], "apply -f web.yaml", Vec::new());
    assert_eq!(output, "deployment.apps/web created\nexit 0");
    cluster.sent.clear();
    cluster
}

fn status(cluster: &mut Cluster, observed: i64, all: i64, updated: i64, available: i64) {
    cluster.edit(Kind::DEPLOYMENT, "web", |value| {
        value["status"] = json!({
            "observedGeneration": observed, "replicas": all, "updatedReplicas": updated,
            "readyReplicas": available, "availableReplicas": available
        });
    });
}

fn pod(name: &str, more: Value) -> Value {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": "web"}},
        "spec": {"nodeName": "node-1", "terminationGracePeriodSeconds": 30,
                 "containers": [{"name": "app", "image": "a"}]},
        "status": {"phase": "Running"}
    });
    json_patch::merge(&mut pod, &more);
    pod
}
