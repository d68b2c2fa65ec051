//! Whole commands against a small apiserver: what they send, and what the terminal shows.

#![expect(
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    clippy::needless_pass_by_value,
    reason = "the small apiserver and the player are read from top to bottom"
)]

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

#[test]
fn an_apply_creates_then_changes_then_leaves_alone() {
    let mut cluster = with_web();
    let text = cluster.objects.values().next().unwrap().meta().annotations.clone();
    assert_eq!(
        text.get("kubectl.kubernetes.io/last-applied-configuration").unwrap().as_str(),
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"annotations\":{},\
         \"name\":\"web\",\"namespace\":\"default\"},\"spec\":{\"replicas\":3,\"selector\":{\
         \"matchLabels\":{\"app\":\"web\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":\"web\"\
         }},\"spec\":{\"containers\":[{\"image\":\"app:v1\",\"name\":\"app\"}]}}}}\n"
    );
    let second = WEB.replace("v1'", "v2'");
    let files = [("a.yaml", WEB), ("b.yaml", second.as_str())];
    let mut apply = |line| play(&mut cluster, &files, line, Vec::new());
    assert_eq!(apply("apply -f a.yaml"), "deployment.apps/web unchanged\nexit 0");
    assert_eq!(
        apply("apply -f b.yaml --dry-run=client"),
        "deployment.apps/web configured (dry run)\nexit 0"
    );
    assert_eq!(apply("apply -f b.yaml"), "deployment.apps/web configured\nexit 0");
    assert_eq!(apply("apply -f b.yaml"), "deployment.apps/web unchanged\nexit 0");
    assert_eq!(
        apply("apply -f b.yaml -n other"),
        "deployment.apps/web created\nexit 0"
            .replace("Error from server (NotFound): x", "deployment.apps/web created")
            .replace("exit 1", "exit 0")
    );
}

#[test]
fn a_rollout_is_followed_to_its_end() {
    let mut cluster = with_web();
    let later: Vec<Later> = vec![
        (100, Box::new(|c| status(c, 1, 1, 1, 0))),
        (200, Box::new(|c| status(c, 1, 4, 3, 2))),
        (300, Box::new(|c| status(c, 1, 3, 3, 2))),
        (400, Box::new(|c| status(c, 1, 3, 3, 3))),
    ];
    let output = play(&mut cluster, &[], "rollout status deploy/web --timeout=180s", later);
    assert_eq!(
        output,
        "Waiting for deployment spec update to be observed...\n\
         Waiting for deployment \"web\" rollout to finish: 1 out of 3 new replicas have been \
         updated...\n\
         Waiting for deployment \"web\" rollout to finish: 1 old replicas are pending \
         termination...\n\
         Waiting for deployment \"web\" rollout to finish: 2 of 3 updated replicas are \
         available...\n\
         deployment \"web\" successfully rolled out\nexit 0"
    );
    assert_eq!(cluster.sent, "get deployments/web\nlist deployments/\nwatch deployments/\n");
    let mut cluster = with_web();
    let later: Vec<Later> = vec![(100, Box::new(|c| status(c, 1, 1, 1, 0)))];
    let output = play(&mut cluster, &[], "rollout status deploy/web --timeout=2s", later);
    assert_eq!(
        output,
        "Waiting for deployment spec update to be observed...\n\
         Waiting for deployment \"web\" rollout to finish: 1 out of 3 new replicas have been \
         updated...\n\
         error: timed out waiting for the condition\nexit 1"
    );
    assert_eq!(cluster.now, EPOCH.plus(SimDuration::secs(2)));
    let late: Vec<Later> = vec![(
        100,
        Box::new(|c| {
            status(c, 1, 1, 1, 0);
            c.edit(Kind::DEPLOYMENT, "web", |value| {
                value["status"]["conditions"] = json!([{
                    "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"
                }]);
            });
        }),
    )];
    let output = play(&mut with_web(), &[], "rollout status deploy/web", late);
    assert!(
        output.ends_with("error: deployment \"web\" exceeded its progress deadline\nexit 1"),
        "{output}"
    );
    check(
        &mut Cluster::new(),
        "rollout status deploy/web",
        "Error from server (NotFound): deployments.apps \"web\" not found\nexit 1",
    );
}

#[test]
fn templates_are_changed_by_the_smallest_patch() {
    let mut cluster = with_web();
    check(
        &mut cluster,
        "set image deploy/web app=app:v2",
        "deployment.apps/web image updated\nexit 0",
    );
    check(&mut cluster, "set image deploy/web app=app:v2", "exit 0");
    check(
        &mut cluster,
        "set image deploy/web other=app:v2",
        "error: unable to find container named \"other\"\nexit 1",
    );
    check(&mut cluster, "set env deploy/web A=b", "deployment.apps/web env updated\nexit 0");
    check(
        &mut cluster,
        "set resources deploy web --limits=cpu=200m",
        "deployment.apps/web resource requirements updated\nexit 0",
    );
    check(&mut cluster, "scale deploy/web --replicas=7", "deployment.apps/web scaled\nexit 0");
    check(
        &mut cluster,
        "scale deploy/web --replicas=2 --current-replicas=3",
        "error: Expected replicas to be 3, was 7\nexit 1",
    );
    check(&mut cluster, "rollout pause deploy/web", "deployment.apps/web paused\nexit 0");
    check(
        &mut cluster,
        "rollout pause deploy/web",
        "error: deployments.apps \"web\" is already paused\nexit 1",
    );
    check(
        &mut cluster,
        "rollout restart deploy/web",
        "error: deployments.apps \"web\" can't restart paused deployment (run rollout resume \
         first)\nexit 1",
    );
    check(&mut cluster, "rollout resume deploy/web", "deployment.apps/web resumed\nexit 0");
    check(&mut cluster, "rollout restart deploy/web", "deployment.apps/web restarted\nexit 0");
    let sent: Vec<&str> = cluster.sent.lines().filter(|line| line.starts_with("patch")).collect();
    assert_eq!(
        sent,
        [
            "patch deployments/web {\"spec\":{\"template\":{\"spec\":{\"$setElementOrder/containe\
             rs\":[{\"name\":\"app\"}],\"containers\":[{\"image\":\"app:v2\",\"name\":\"app\"}]}}\
             }}",
            "patch deployments/web {\"spec\":{\"template\":{\"spec\":{\"$setElementOrder/containe\
             rs\":[{\"name\":\"app\"}],\"containers\":[{\"env\":[{\"name\":\"A\",\"value\":\"b\"}\
             ],\"name\":\"app\"}]}}}}",
            "patch deployments/web {\"spec\":{\"template\":{\"spec\":{\"$setElementOrder/containe\
             rs\":[{\"name\":\"app\"}],\"containers\":[{\"name\":\"app\",\"resources\":{\"limits\
             \":{\"cpu\":\"200m\"}}}]}}}}",
            "patch deployments/web/scale {\"spec\":{\"replicas\":7}}",
            "patch deployments/web {\"spec\":{\"paused\":true}}",
            "patch deployments/web {\"spec\":{\"paused\":null}}",
            "patch deployments/web {\"spec\":{\"template\":{\"metadata\":{\"annotations\":{\"kube\
             ctl.kubernetes.io/restartedAt\":\"2026-01-01T00:00:00Z\"}}}}}",
        ]
    );
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

#[test]
fn a_deletion_waits_until_the_object_is_gone() {
    let mut cluster = Cluster::new();
    cluster.put(pod("a", json!({})));
    let key = ObjectKey::new(Kind::POD, "default", "a");
    let later: Vec<Later> = vec![(3_000, Box::new(move |c| c.remove(&key)))];
    let output = play(&mut cluster, &[], "delete pod a", later);
    assert_eq!(output, "pod \"a\" deleted from default namespace\nexit 0");
    assert_eq!(cluster.now, EPOCH.plus(SimDuration::secs(3)));
    assert_eq!(cluster.sent, "delete pods/a\nget pods/a\nlist pods/\nwatch pods/\n");
    check(
        &mut cluster,
        "delete pod a b",
        "Error from server (NotFound): pods \"a\" not found\n\
         Error from server (NotFound): pods \"b\" not found\nexit 1",
    );
    check(&mut cluster, "delete pod -l app=web", "No resources found\nexit 0");
    cluster.put(pod("a", json!({})));
    check(
        &mut cluster,
        "delete pod a --timeout=5s",
        "pod \"a\" deleted from default namespace\n\
         error: timed out waiting for the condition on pods/a\nexit 1",
    );
    check(
        &mut cluster,
        "delete pod a --grace-period=0 --force",
        "Warning: Immediate deletion does not wait for confirmation that the running resource has \
         been terminated. The resource may continue to run on the cluster indefinitely.\n\
         pod \"a\" force deleted from default namespace\nexit 0",
    );
}

#[test]
fn a_wait_ends_with_its_condition() {
    let mut cluster = Cluster::new();
    cluster.put(pod("a", json!({})));
    let later: Vec<Later> = vec![(
        700,
        Box::new(|c| {
            c.edit(Kind::POD, "a", |pod| {
                pod["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
            });
        }),
    )];
    let output = play(&mut cluster, &[], "wait --for=condition=ready pod -l app=web", later);
    assert_eq!(output, "pod/a condition met\nexit 0");
    check(
        &mut cluster,
        "wait --for=jsonpath='{.status.phase}'=Running pod/a",
        "pod/a condition met\nexit 0",
    );
    check(
        &mut cluster,
        "wait --for=jsonpath='{.status.conditions[?(@.type==\"Ready\")].status}'=False pod/a \
         --timeout=1s",
        "error: timed out waiting for the condition on pods/a\nexit 1",
    );
    let later: Vec<Later> = vec![(1_200, Box::new(|c| c.put(pod("b", json!({})))))];
    let output = play(&mut cluster, &[], "wait --for=create pod/b", later);
    assert_eq!(output, "pod/b condition met\nexit 0");
    check(&mut cluster, "wait --for=delete pod/c", "pod/c condition met\nexit 0");
    check(
        &mut cluster,
        "wait --for=condition=Ready pod -l app=none",
        "error: no matching resources found\nexit 1",
    );
}

#[test]
fn labels_and_annotations_are_set_and_removed() {
    let mut cluster = Cluster::new();
    cluster.put(pod("a", json!({})));
    check(&mut cluster, "label pod a tier=x", "pod/a labeled\nexit 0");
    check(&mut cluster, "label pod a tier=x", "pod/a not labeled\nexit 0");
    check(
        &mut cluster,
        "label pod a tier=y",
        "error: 'tier' already has a value (x), and --overwrite is false\nexit 1",
    );
    check(&mut cluster, "label pod a tier=y --overwrite", "pod/a labeled\nexit 0");
    check(&mut cluster, "label pod a tier-", "pod/a unlabeled\nexit 0");
    check(
        &mut cluster,
        "label pod a tier-",
        "label \"tier\" not found.\npod/a not labeled\nexit 0",
    );
    check(&mut cluster, "annotate pod a note=x", "pod/a annotated\nexit 0");
    check(
        &mut cluster,
        "annotate pod a note=y",
        "error: --overwrite is false but found the following declared annotation(s): 'note' \
         already \
         has a value (x)\nexit 1",
    );
    check(
        &mut cluster,
        "patch pod a -p '{\"metadata\":{\"labels\":{\"app\":\"web\"}}}'",
        "pod/a patched (no change)\nexit 0",
    );
    check(
        &mut cluster,
        "patch pod a --type=json -p '[{\"op\":\"remove\",\"path\":\"/metadata/labels/app\"}]'",
        "pod/a patched\nexit 0",
    );
}

fn node(cluster: &mut Cluster, name: &str) {
    cluster
        .put(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {}}));
}

#[test]
fn nodes_are_marked() {
    let mut cluster = Cluster::new();
    node(&mut cluster, "node-1");
    node(&mut cluster, "node-2");
    check(
        &mut cluster,
        "cordon node-1 node-2",
        "node/node-1 cordoned\nnode/node-2 cordoned\nexit 0",
    );
    check(&mut cluster, "cordon node-1", "node/node-1 already cordoned\nexit 0");
    check(&mut cluster, "uncordon node-1", "node/node-1 uncordoned\nexit 0");
    check(&mut cluster, "uncordon node-1", "node/node-1 already uncordoned\nexit 0");
    check(
        &mut cluster,
        "cordon node-9",
        "Error from server (NotFound): nodes \"node-9\" not found\nexit 1",
    );
    check(&mut cluster, "taint node node-1 k=v:NoSchedule", "node/node-1 tainted\nexit 0");
    check(
        &mut cluster,
        "taint node node-1 k=w:NoSchedule",
        "error: node node-1 already has k taint(s) with same effect(s) and --overwrite is \
         false\nexit 1",
    );
    check(
        &mut cluster,
        "taint node node-1 k=w:NoSchedule --overwrite",
        "node/node-1 tainted\nexit 0",
    );
    check(&mut cluster, "taint node node-1 k-", "node/node-1 untainted\nexit 0");
    check(
        &mut cluster,
        "taint node node-1 k:NoSchedule-",
        "error: taint \"k:NoSchedule\" not found\nexit 1",
    );
}

#[test]
fn a_drain_evicts_until_the_node_is_empty() {
    let mut cluster = Cluster::new();
    node(&mut cluster, "node-1");
    let owned = json!({"metadata": {"ownerReferences": [{"apiVersion": "apps/v1", "kind": "Replic\
    aSet",
        "name": "web", "uid": "00000000-0000-4000-8000-000000000001", "controller": true}]}});
    cluster.put(pod("a", owned.clone()));
    cluster.put(pod("b", owned));
    cluster.put(pod("lone", json!({})));
    check(
        &mut cluster,
        "drain node-1",
        "node/node-1 cordoned\n\
         error: unable to drain node \"node-1\" due to error: cannot delete Pods that declare no \
         controller (use --force to override): default/lone, continuing command...\n\
         There are pending nodes to be drained:\n node-1\n\
         error: cannot delete Pods that declare no controller (use --force to override): \
         default/lone\nexit 1",
    );
    cluster.budget_refusals = 1;
    let gone = |name: &'static str| {
        move |c: &mut Cluster| c.remove(&ObjectKey::new(Kind::POD, "default", name))
    };
    let start = cluster.now;
    let later: Vec<Later> = vec![
        (2_500, Box::new(gone("b"))),
        (2_700, Box::new(gone("lone"))),
        (9_100, Box::new(gone("a"))),
    ];
    let output = play(&mut cluster, &[], "drain node-1 --force --timeout=60s", later);
    assert_eq!(
        output,
        "node/node-1 already cordoned\n\
         Warning: deleting Pods that declare no controller: default/lone\n\
         evicting pod default/a\nevicting pod default/b\nevicting pod default/lone\n\
         error when evicting pods/\"a\" -n \"default\" (will retry after 5s): Cannot evict pod \
         as it \
         would violate the pod's disruption budget.\n\
         pod/b evicted\npod/lone evicted\n\
         evicting pod default/a\npod/a evicted\n\
         node/node-1 drained\nexit 0"
    );
    assert_eq!(cluster.now, start.plus(SimDuration::secs(10)));
    cluster.put(pod("c", json!({})));
    let output = play(&mut cluster, &[], "drain node-1 --force --timeout=3s", Vec::new());
    assert_eq!(
        output,
        "node/node-1 already cordoned\n\
         Warning: deleting Pods that declare no controller: default/c\n\
         evicting pod default/c\n\
         There are pending pods in node \"node-1\" when an error occurred: error when waiting \
         for pod \
         \"c\" in namespace \"default\" to terminate: global timeout reached: 3s\n\
         pod/c\n\
         error: unable to drain node \"node-1\" due to error: error when waiting for pod \"c\" in \
         namespace \"default\" to terminate: global timeout reached: 3s, continuing command...\n\
         There are pending nodes to be drained:\n node-1\n\
         error: error when waiting for pod \"c\" in namespace \"default\" to terminate: global \
         timeout \
         reached: 3s\nexit 1"
    );
}

fn replica_set(cluster: &mut Cluster, revision: u32, image: &str) {
    let owner = cluster.objects.keys().find(|k| k.kind == Kind::DEPLOYMENT).unwrap();
    let uid = cluster.objects[owner].meta().uid.to_string();
    let labels = json!({"app": "web", "pod-template-hash": format!("h{revision}")});
    cluster.put(json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": format!("web-h{revision}"), "namespace": "default", "labels": labels,
            "annotations": {"deployment.kubernetes.io/revision": revision.to_string()},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web",
                                 "uid": uid, "controller": true}]
        },
        "spec": {
            "replicas": 0, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels},
                         "spec": {"containers": [{"name": "app", "image": image}]}}
        }
    }));
}

#[test]
fn a_rollout_is_undone_by_its_history() {
    let mut cluster = with_web();
    check(
        &mut cluster,
        "rollout undo deploy/web",
        "error: no rollout history found for deployment \"web\"\nexit 1",
    );
    replica_set(&mut cluster, 1, "app:v0");
    replica_set(&mut cluster, 2, "app:v1");
    check(
        &mut cluster,
        "rollout history deploy/web",
        "deployment.apps/web \nREVISION  CHANGE-CAUSE\n1         <none>\n2         \
         <none>\n\nexit 0",
    );
    check(
        &mut cluster,
        "rollout undo deploy/web --to-revision=7",
        "error: unable to find specified revision 7 in history\nexit 1",
    );
    check(&mut cluster, "rollout undo deploy/web", "deployment.apps/web rolled back\nexit 0");
    check(
        &mut cluster,
        "rollout undo deploy/web --to-revision=1",
        "deployment.apps/web skipped rollback (current template already matches revision \
         1)\nexit 0",
    );
    let web = &cluster.objects[&ObjectKey::new(Kind::DEPLOYMENT, "default", "web")].to_value();
    assert_eq!(web.pointer("/spec/template/metadata/labels"), Some(&json!({"app": "web"})));
    assert_eq!(web.pointer("/spec/template/spec/containers/0/image"), Some(&json!("app:v0")));
}

#[test]
fn objects_are_made_from_flags() {
    let mut cluster = Cluster::new();
    for (line, expected) in [
        (
            "create deployment web --image=registry.local/app:v1 --replicas=3 --port=80",
            "deployment.apps/web created",
        ),
        ("create job work --image=x -- exit 3 0", "job.batch/work created"),
        (
            "create cronjob tick --image=x --schedule='*/5 * * * *' -- true",
            "cronjob.batch/tick created",
        ),
        ("create job now --from=cronjob/tick", "job.batch/now created"),
        ("create cm late --from-literal=a=b", "configmap/late created"),
        ("create secret generic s --from-literal=a=hi", "secret/s created"),
        ("create ns other", "namespace/other created"),
        ("create sa robot", "serviceaccount/robot created"),
        (
            "create pdb web --selector=app=web --min-available=50%",
            "poddisruptionbudget.policy/web created",
        ),
        ("create quota q --hard=pods=5", "resourcequota/q created"),
        ("create priorityclass high --value=1000", "priorityclass.scheduling.k8s.io/high created"),
        ("run big --image=x:v1", "pod/big created"),
        ("run big --image=x:v1 --dry-run=client", "pod/big created (dry run)"),
        ("expose deploy/web", "service/web exposed"),
        (
            "autoscale deploy web --min=1 --max=5 --cpu-percent=80",
            "horizontalpodautoscaler.autoscaling/web autoscaled",
        ),
    ] {
        check(&mut cluster, line, &format!("{expected}\nexit 0"));
    }
    check(
        &mut cluster,
        "create deployment web --image=x",
        "error: failed to create deployment: deployments.apps \"web\" already exists\nexit 1",
    );
    check(
        &mut cluster,
        "create ns other",
        "Error from server (AlreadyExists): namespaces \"other\" already exists\nexit 1",
    );
    let secret = cluster.objects[&ObjectKey::new(Kind::SECRET, "default", "s")].to_value();
    assert_eq!(secret["data"], json!({"a": "aGk="}));
    let service = cluster.objects[&ObjectKey::new(Kind::SERVICE, "default", "web")].to_value();
    assert_eq!(
        service["spec"]["ports"],
        json!([{"port": 80, "protocol": "TCP", "targetPort": 80}])
    );
}

#[test]
fn what_is_looked_at_is_shown() {
    let mut cluster = Cluster::new();
    check(&mut cluster, "get pods", "No resources found in default namespace.\nexit 0");
    check(&mut cluster, "get nodes", "No resources found\nexit 0");
    cluster.put(pod("a", json!({})));
    cluster.put(pod("b", json!({})));
    check(&mut cluster, "get pods -o name", "pod/a\npod/b\nexit 0");
    check(
        &mut cluster,
        "get pods c a -o name",
        "pod/a\nError from server (NotFound): pods \"c\" not found\nexit 1",
    );
    let later: Vec<Later> = vec![(50, Box::new(|c| c.put(pod("c", json!({})))))];
    let output = play(&mut cluster, &[], "get pods -w -o name", later);
    assert_eq!(output, "pod/a\npod/b\npod/c\nwaits");
    let line =
        Line::parse("delete $(kubectl get pod -o name | head -1)", Place::default()).unwrap();
    assert_eq!(super::words_of(&line.substitutions[0], "pod/a\npod/b\n"), ["pod/a"]);
}

#[test]
fn many_objects_are_handled_in_one_go() {
    fn moves_between_threads<T: Clone + Send + Sync>(_: &T) {}
    let mut cluster = Cluster::new();
    for number in 0..600 {
        cluster.put(pod(&format!("pod-{number:03}"), json!({})));
    }
    let output = play(&mut cluster, &[], "delete pods --all --wait=false", Vec::new());
    assert_eq!(output.lines().count(), 601);
    assert!(output.ends_with("pod \"pod-599\" deleted from default namespace\nexit 0"));
    let line = Line::parse("get pods", Place::default()).unwrap();
    moves_between_threads(&Running::new(&line.command, &Manifests::new(), &Name::new("default")));
}

#[test]
fn a_server_that_is_away_is_told_of() {
    let line = Line::parse("get pods", Place::default()).unwrap();
    let mut running = Running::new(&line.command, &Manifests::new(), &Name::new("default"));
    let wants = running.step(Input::Begin, EPOCH);
    let wants = running.step(Input::Lost(wants.requests[0].0), EPOCH);
    assert_eq!(wants.done, Some(1));
    assert!(running.output().ends_with("did you specify the right host or port?\n"));
    let mut running = Running::new(&line.command, &Manifests::new(), &Name::new("default"));
    let token = running.step(Input::Begin, EPOCH).requests[0].0;
    let busy = Refusal::too_many_requests("too many requests", 1);
    let wants = running.step(Input::Answer(token, &Answer::Refused(busy)), EPOCH);
    assert_eq!(wants.wake_at, Some(EPOCH.plus(SimDuration::secs(1))));
    let wants = running.step(Input::Woken, EPOCH.plus(SimDuration::secs(1)));
    let down = Answer::Refused(Refusal::service_unavailable("etcdserver: no leader"));
    let wants = running.step(Input::Answer(wants.requests[0].0, &down), EPOCH);
    assert_eq!(wants.done, Some(1));
    assert_eq!(running.output(), "Error from server (ServiceUnavailable): etcdserver: no leader\n");
}
