//! smoke
use wavetank::api::labels::Labels;
use wavetank::api::message::Message;
use wavetank::api::note::Note;
use wavetank::api::object::Kind;
use wavetank::api::request::{Request, Verb};
use wavetank::cluster::*;
use wavetank::sim::engine::*;
use wavetank::sim::time::*;
#[derive(Clone)]
struct P(ActorId);
impl Guest for P {
    fn start(&mut self, c: &mut Moved<'_>) {
        c.alarm(SimTime(1_000_000_000), 1);
    }
    fn receive(&mut self, _: Peer, m: Message, _: &mut Moved<'_>) {
        if let Message::Answer(_, a) = m {
            if let wavetank::api::request::Answer::Refused(r) = a {
                println!("{}", r.message);
            }
        }
    }
    fn alarm(&mut self, _: u64, c: &mut Moved<'_>) {
        let v = serde_json::json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"replicas":3,"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"app","image":"registry.local/app:v1"}]}}}});
        let verb = Verb::Post {
            kind: Kind::DEPLOYMENT,
            namespace: "default".into(),
            value: v.into(),
            dry_run: false,
        };
        c.send(
            c.peer(self.0),
            Message::Request(
                1,
                Box::new(Request { user: "kubectl".into(), verb, why: Default::default() }),
            ),
        );
    }
    fn link_changed(&mut self, _: ActorId, _: bool, _: &mut Moved<'_>) {}
    fn boxed_clone(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
fn main() {
    let node = |n: &str| NodeTemplate {
        name: n.into(),
        labels: Labels::default(),
        taints: vec![],
        capacity: [("cpu", "4"), ("memory", "8Gi"), ("pods", "110")]
            .into_iter()
            .map(|(k, v)| (k.into(), v.parse().unwrap()))
            .collect(),
        started: true,
    };
    let config = ClusterConfig {
        nodes: vec![node("node-1"), node("node-2"), node("node-3")],
        ..Default::default()
    };
    let mut c = Cluster::new(&config);
    let s = c.topology.servers[0];
    c.add_guest("kubectl", Box::new(P(s)));
    c.start();
    c.engine.run_until(SimTime(60_000_000_000));
    for r in c.engine.log().iter() {
        match &r.note {
            Note::Write(w) => {
                let o = &w.change.object;
                println!(
                    "{} t{} <-{} rv{} {} {:?} {} {} by {}: {}",
                    r.time,
                    r.turn,
                    r.cause,
                    w.change.revision,
                    w.change.change().as_str(),
                    o.kind(),
                    o.meta().name,
                    w.origin.subresource,
                    w.origin.user,
                    w.origin.why
                );
            }
            Note::Refused(w) => println!(
                "{} t{} <-{} REFUSED {} {} {} {}: {}",
                r.time, r.turn, r.cause, w.user, w.verb, w.resource, w.name, w.refusal.message
            ),
            n => println!("{} {n:?}", r.time),
        }
    }
    println!(
        "{} turns, idle {:?}, digest {}",
        c.engine.turns(),
        c.engine.idle_since(),
        c.engine.digest()
    );
}
