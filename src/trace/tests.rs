//! Small clusters of which the views tell.

use serde_json::{Value, json};

use crate::api::labels::Labels;
use crate::api::message::Message;
use crate::api::note::{FaultNote, Note, StepNote};
use crate::api::object::{Kind, ObjectKey};
use crate::api::request::{Request, Verb};
use crate::cluster::{Cluster, ClusterConfig, Guest, Moved, NodeTemplate};
use crate::sim::engine::{ActorId, Control, Peer};
use crate::sim::time::SimTime;

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
        let request = Request { user: "kubectl".into(), verb, why: crate::api::why::Why::default() };
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
                let verb =
                    Verb::Post { kind: Kind::DEPLOYMENT, namespace, value, dry_run: false };
                self.step(0, "kubectl apply -f web.yaml", verb, context);
            }
            UPDATE => {
                let value = deployment("registry.local/app:v2").into();
                let verb = Verb::Put {
                    key: ObjectKey::new(Kind::DEPLOYMENT, "default", "web"),
                    value,
                    part: crate::api::request::Subresource::Main,
                    dry_run: false,
                };
                self.step(1, "kubectl set image deploy/web app=app:v2", verb, context);
            }
            _ => {
                let fault =
                    FaultNote { fault: "node-stop".into(), begins: true, hit: vec!["node-1".into()] };
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
        labels: Labels::default(),
        taints: vec![],
        capacity: capacity.into_iter().map(|(k, v)| (k.into(), v.parse().unwrap())).collect(),
        started: true,
    };
    let nodes = ["node-1", "node-2", "node-3"].map(node).to_vec();
    let mut cluster = Cluster::new(&ClusterConfig { nodes, ..ClusterConfig::default() });
    let (server, node) = (cluster.topology.servers[0], cluster.topology.nodes["node-1"].0);
    cluster.add_guest("kubectl", Box::new(Person { server, node }));
    cluster.start();
    cluster.engine.run_until(SimTime(100_000_000_000));
    cluster
}

#[test]
fn show() {
    let cluster = cluster();
    let verdict = crate::trace::verdict::Verdict::of(&cluster.engine, vec![]);
    let text = crate::trace::timeline::timeline(cluster.engine.log(), Some(&verdict), Default::default());
    panic!("\n{text}");
}
