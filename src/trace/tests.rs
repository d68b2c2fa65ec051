//! Small clusters of which the views tell.

use serde_json::{Value, json};

use crate::api::message::Message;
use crate::api::note::{FaultNote, Note, StepNote};
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::request::{Patch, Request, Verb};
use crate::cluster::{Cluster, ClusterConfig, Guest, Moved, NodeTemplate};
use crate::sim::engine::{ActorId, Control, Peer};
use crate::sim::time::SimTime;
use crate::trace::history::{History, beginning};
use crate::trace::reader::Trace;
use crate::trace::rows::{Header, Heartbeats, Tracer};
use crate::trace::timeline::{Options, timeline};
use crate::trace::verdict::{Expected, Verdict};
use crate::trace::why::{Question, why};

/// A person who does one thing at a time, and a fault that hits a node.
#[derive(Clone)]
struct Person {
    server: ActorId,
    node: ActorId,
}

const CREATE: u64 = 1;
const UPDATE: u64 = 2;
const CRASH: u64 = 3;

fn deployment(image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "app", "image": image}]},
            },
        },
    })
}

impl Person {
    fn step(&self, number: usize, text: &str, verb: Verb, context: &mut Moved<'_>) {
        let step = StepNote {
            number,
            text: text.into(),
            output: "deployment.apps/web\n".into(),
            code: 0,
            begun: context.now(),
            begun_turn: context.turn(),
        };
        let turn = context.log(Note::Step(Box::new(step)));
        context.because(turn);
        let (user, manager) = ("kubectl".into(), crate::api::Name::default());
        let request = Request { user, manager, verb, why: crate::api::why::Why::default() };
        context.send(context.peer(self.server), Message::Request(1, Box::new(request)));
    }
}

impl Guest for Person {
    fn start(&mut self, context: &mut Moved<'_>) {
        for (seconds, tag) in [(1, CREATE), (10, UPDATE), (20, CRASH)] {
            context.alarm(SimTime(seconds * 1_000_000_000), tag);
        }
    }

    fn receive(&mut self, _: Peer, _: Message, _: &mut Moved<'_>) {}

    fn alarm(&mut self, tag: u64, context: &mut Moved<'_>) {
        let namespace = "default".into();
        match tag {
            CREATE => {
                let value = deployment("registry.local/app:v1").into();
                let verb = Verb::Post { kind: Kind::DEPLOYMENT, namespace, value, dry_run: false };
                self.step(0, "kubectl apply -f web.yaml", verb, context);
            }
            UPDATE => {
                let value = deployment("registry.local/app:v2").into();
                let verb = Verb::Patch {
                    key: ObjectKey::new(Kind::DEPLOYMENT, "default", "web"),
                    patch: Patch::Merge(value),
                    part: crate::api::request::Subresource::Main,
                    dry_run: false,
                };
                self.step(1, "kubectl set image deploy/web app=app:v2", verb, context);
            }
            _ => {
                let fault = FaultNote {
                    fault: "node-stop".into(),
                    begins: true,
                    hit: vec!["node-1".into()],
                };
                let turn = context.log(Note::Fault(Box::new(fault)));
                context.because(turn);
                context.control(Control::Crash(self.node));
            }
        }
    }

    fn link_changed(&mut self, _: ActorId, _: bool, _: &mut Moved<'_>) {}

    fn boxed_clone(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }

    fn as_any_mut(&mut self) -> &mut dyn std::any::Any {
        self
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// A cluster of three nodes in which a deployment was created and changed, and a node stopped.
pub(super) fn cluster() -> Cluster {
    let capacity = [("cpu", "4"), ("memory", "8Gi"), ("pods", "110")];
    let node = |name: &str| NodeTemplate {
        name: name.into(),
        capacity: capacity.into_iter().map(|(k, v)| (k.into(), v.parse().unwrap())).collect(),
        ..NodeTemplate::default()
    };
    let nodes = ["node-1", "node-2", "node-3"].map(node).to_vec();
    let mut cluster = Cluster::new(&ClusterConfig { nodes, ..ClusterConfig::default() });
    let (server, node) = (cluster.topology.servers[0], cluster.topology.nodes["node-1"].0);
    cluster.add_guest("kubectl", Box::new(Person { server, node }));
    cluster.start();
    cluster.engine.run_until(SimTime(100_000_000_000));
    cluster
}

/// The trace of a cluster, and the trace read back.
fn traced(cluster: &Cluster) -> (String, Trace) {
    let header = Header { scenario: "a rollout".into(), seed: 0, ..Header::default() };
    let log = cluster.engine.log();
    let verdict = Verdict::of(&cluster.engine, vec![Expected::default()]);
    let mut out = Vec::new();
    Tracer::new(header, Heartbeats::Shown)
        .write(&beginning(cluster.store(), log), log, &verdict, &mut out)
        .unwrap();
    let text = String::from_utf8(out).unwrap();
    let trace = Trace::read(&text).unwrap();
    (text, trace)
}

#[test]
fn a_trace_read_back_gives_the_same_objects_timeline_and_trace() {
    let cluster = cluster();
    let (text, trace) = traced(&cluster);
    let (history, read) = (History::of(&cluster), trace.history());
    for seconds in [0, 2, 11, 71, 100] {
        let at = SimTime(seconds * 1_000_000_000);
        let values = |history: &History| history.at(at).map(Object::to_value).collect::<Vec<_>>();
        assert_eq!(values(&history), values(&read), "at {seconds} s");
    }
    let told = |log| timeline(log, trace.verdict.as_ref(), Options::default());
    assert_eq!(told(cluster.engine.log()), told(&trace.log));
    let mut again = Vec::new();
    let verdict = trace.verdict.clone().unwrap();
    Tracer::new(trace.header.clone(), Heartbeats::Shown)
        .write(&trace.beginning, &trace.log, &verdict, &mut again)
        .unwrap();
    assert_eq!(text, String::from_utf8(again).unwrap());
}

#[test]
fn the_rows_of_a_trace_are_in_the_order_of_their_turns() {
    let (text, _) = traced(&cluster());
    let rows: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let turns: Vec<u64> = rows.iter().map(|row| row["turn"].as_u64().unwrap()).collect();
    assert!(turns.is_sorted());
    assert_eq!(rows[0]["row"], "run");
    assert_eq!(rows[rows.len() - 1]["row"], "verdict");
    let binding = rows.iter().find(|row| row["subresource"] == "binding").unwrap();
    assert_eq!(binding["actor"], "kube-scheduler");
    assert_eq!((&binding["verb"], &binding["type"]), (&json!("create"), &json!("MODIFIED")));
}

#[test]
fn the_last_state_of_a_history_is_that_of_the_store() {
    let cluster = cluster();
    let history = History::of(&cluster);
    for kind in Kind::stored() {
        let found: Vec<Object> = history.list(kind, cluster.engine.now()).cloned().collect();
        let key = |object: &Object| object.key();
        let mut stored = cluster.store().list(kind);
        stored.sort_by_key(key);
        assert_eq!(found, stored);
    }
}

#[test]
fn a_timeline_is_no_wider_than_its_page_and_tells_of_siblings_together() {
    let cluster = cluster();
    for width in [100, 120] {
        let options = Options { width, ..Options::default() };
        let text = timeline(cluster.engine.log(), None, options);
        assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
    }
    let text = timeline(cluster.engine.log(), None, Options::default());
    for told in [
        "$ kubectl apply -f web.yaml",
        "Deployment web created: 3 pods of app:v1",
        "Deployment web template changed: app:v1 → app:v2",
        "Deployment web complete: 3 pods updated and available",
        "node-stop begins: node-1",
        "Node node-1 NotReady: NodeStatusUnknown",
    ] {
        assert_eq!(
            text.matches(told).count(),
            if told.contains("complete") { 2 } else { 1 },
            "{text}"
        );
    }
    assert!(text.contains("} created"), "{text}");
}

/// What `why` says, without times.
fn asked(cluster: &Cluster, kind: Kind, name: &str, field: Option<&str>) -> Result<String, String> {
    let namespace = if kind == Kind::NODE { "" } else { "default" };
    let key = ObjectKey::new(kind, namespace, name);
    let log = cluster.engine.log();
    let at = SimTime(100_000_000_000);
    let question = Question { key: &key, field, at };
    why(&beginning(cluster.store(), log), log, question, Options::default())
}

#[test]
fn causes_lead_back_to_the_person() {
    let cluster = cluster();
    for pod in cluster.store().list(Kind::POD) {
        let told = asked(&cluster, Kind::POD, &pod.meta().name, Some(".status.phase")).unwrap();
        let links = told.lines().filter_map(|line| line.split_once("● "));
        let actors: Vec<&str> = links.map(|(_, actor)| actor).collect();
        assert!(actors[0].starts_with("kubelet/"), "{told}");
        assert!(actors[1].starts_with("kube-scheduler"), "{told}");
        assert!(told.trim_end().ends_with("$ kubectl set image deploy/web app=app:v2"), "{told}");
    }
}

#[test]
fn causes_lead_back_to_the_fault() {
    let told = asked(&cluster(), Kind::NODE, "node-1", None).unwrap();
    assert!(told.trim_end().ends_with("◆ fault  node-stop begins: node-1"), "{told}");
}

#[test]
fn a_question_about_nothing_names_what_is_near() {
    let cluster = cluster();
    let said = |kind, name, field| asked(&cluster, kind, name, field).unwrap_err();
    assert_eq!(
        said(Kind::DEPLOYMENT, "wep", None),
        "Deployment wep never exists, did you mean `web`?"
    );
    assert_eq!(
        said(Kind::DEPLOYMENT, "web", Some(".spec.replica")),
        "Deployment web has no field `.spec.replica`, did you mean `.spec.replicas`?"
    );
    assert_eq!(said(Kind::JOB, "x", None), "Job x never exists, nor any other Job");
}

#[test]
fn a_trace_that_is_none_says_in_which_line() {
    let run = r#"{"row":"run","t_ms":0,"turn":0,"cause":0,"scenario":"s","namespace":"default","seed":0,"version":"","kubernetes":"","plan":null}"#;
    let said = |text: &str| Trace::read(text).err().map(|mistake| mistake.to_string());
    let row = r#"{"row":"wave","t_ms":1.5,"turn":1,"cause":0}"#;
    assert_eq!(said(run), None);
    assert_eq!(said(&format!("{run}\n{row}")).as_deref(), Some("line 2: unknown row `wave`"));
    assert_eq!(said(row).as_deref(), Some("line 1: a trace begins with a `run` row"));
}
