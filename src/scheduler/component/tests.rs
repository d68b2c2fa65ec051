//! The scheduler as a whole: changes in, requests and events out.

use serde_json::json;

use super::*;
use crate::api::object::Kind;
use crate::api::refusal::{Reason, Refusal};
use crate::api::request::Verb;
use crate::api::time::Time;
use crate::client::component::Outbox;
use crate::client::view::Caches;
use crate::sim::rng::Rng;

/// A scheduler, what it has done so far as text, and its clock.
struct Bench {
    scheduler: Scheduler,
    rng: Rng,
    now: SimTime,
    wake_at: Option<SimTime>,
    leftover_at: Option<SimTime>,
    told: Vec<String>,
}

fn pod(name: &str, cpu: &str, node: &str) -> Object {
    let value = json!({
        "metadata": { "name": name, "namespace": "default", "uid": name },
        "spec": {
            "nodeName": node, "schedulerName": "default-scheduler",
            "containers": [{ "name": "c", "resources": { "requests": { "cpu": cpu } } }],
        },
    });
    Object::from_value(Kind::POD, value).expect("it is a pod")
}

fn node(name: &str, cpu: &str) -> Object {
    let value = json!({
        "metadata": { "name": name },
        "status": { "allocatable": { "cpu": cpu, "memory": "8Gi", "pods": "110" } },
    });
    Object::from_value(Kind::NODE, value).expect("it is a node")
}

impl Bench {
    fn new() -> Bench {
        let mut bench = Bench {
            scheduler: Scheduler::new(Config::default(), SimTime::ZERO),
            rng: Rng::named(1, "scheduler"),
            now: SimTime::ZERO,
            wake_at: None,
            leftover_at: None,
            told: Vec::new(),
        };
        bench.act(Component::synced);
        bench
    }

    fn act(&mut self, act: impl FnOnce(&mut Scheduler, &mut Moment<'_>)) {
        let (now, time) = (self.now, Time::at(self.now));
        let mut out = Outbox::default();
        let caches = Caches::default();
        let rng = &mut self.rng;
        let start = crate::sim::time::Start::USUAL;
        let mut moment = Moment { now, time, start, rng, caches: &caches, cause: 0, out: &mut out };
        act(&mut self.scheduler, &mut moment);
        self.leftover_at = out.background_wake_at;
        self.wake_at = match (self.wake_at, out.wake_at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        for request in &out.requests {
            let what = if let Verb::Bind { key, node, .. } = &request.verb {
                format!("bind {} to {node}", key.name)
            } else if let Verb::Patch { key, .. } = &request.verb {
                format!("patch {}", key.name)
            } else {
                format!("{:?}", request.verb)
            };
            self.told.push(format!("{now} #{} {what}", request.token));
        }
        let events = out.events.iter().map(|e| format!("{now} {}: {}", e.reason, e.message));
        self.told.extend(events);
    }

    fn sees(&mut self, old: Option<&Object>, new: Option<&Object>) {
        self.act(|s, m| s.observe(&Observed { old, new }, m));
    }

    fn answer(&mut self, token: u64, answer: &Answer) {
        self.act(|s, m| s.reply(token, answer, m));
    }

    /// Wakes it as often as it asks for, up to `end`.
    fn until(&mut self, end: SimTime) {
        while let Some(at) = self.wake_at.filter(|at| *at <= end) {
            self.now = at;
            self.wake_at = None;
            self.act(Component::wake);
        }
        self.now = end;
    }

    fn told(&mut self) -> String {
        std::mem::take(&mut self.told).join("\n")
    }
}

fn at(ms: u64) -> SimTime {
    SimTime(ms * 1_000_000)
}

#[test]
fn a_pod_is_bound_and_the_next_is_tried_meanwhile() {
    let mut bench = Bench::new();
    bench.sees(None, Some(&node("n1", "2")));
    bench.sees(None, Some(&node("n2", "1")));
    bench.sees(None, Some(&pod("a", "1500m", "")));
    bench.sees(None, Some(&pod("b", "1", "")));
    bench.until(at(10));
    bench.answer(1, &Answer::Done);
    assert_eq!(
        bench.told(),
        "1ms #1 bind a to n1\n2ms #2 bind b to n2\n\
         10ms Scheduled: Successfully assigned default/a to n1"
    );
    assert_eq!(bench.wake_at, None, "nothing waits, so nothing ticks");
}

#[test]
fn a_pod_that_does_not_fit_waits_for_room_and_then_for_its_pause() {
    let mut bench = Bench::new();
    let big = pod("big", "900m", "n1");
    bench.sees(None, Some(&node("n1", "1")));
    bench.sees(None, Some(&big));
    bench.sees(None, Some(&pod("a", "500m", "")));
    bench.until(at(400));
    assert_eq!(
        bench.told(),
        "1ms #1 patch a\n\
         1ms FailedScheduling: 0/1 nodes are available: 1 Insufficient cpu. \
         no new claims to deallocate, preemption: 0/1 nodes are available: \
         1 No preemption victims found for incoming pod."
    );
    assert_eq!(
        (bench.wake_at, bench.leftover_at),
        (None, Some(at(330_000))),
        "the look for leftovers is all that is due"
    );
    bench.sees(Some(&big), None);
    bench.until(at(2_000));
    assert_eq!(bench.told(), "401ms #2 bind a to n1", "a pause is cut short when no other waits");
}

#[test]
fn a_refused_binding_gives_the_room_back_and_is_tried_again() {
    let mut bench = Bench::new();
    bench.sees(None, Some(&node("n1", "1")));
    bench.sees(None, Some(&pod("a", "1", "")));
    bench.until(at(5));
    bench.told();
    let refusal =
        Refusal { code: 409, reason: Reason::Conflict, message: "no".into(), details: None };
    bench.answer(1, &Answer::Refused(refusal));
    bench.until(at(5_000));
    assert_eq!(
        bench.told(),
        "5ms #2 patch a\n5ms FailedScheduling: running Bind plugin \"DefaultBinder\": no\n\
         2.001s #3 bind a to n1"
    );
}

#[test]
fn without_nodes_a_pod_pauses_and_says_so_once() {
    let mut bench = Bench::new();
    let before = pod("a", "1", "");
    bench.sees(None, Some(&before));
    bench.until(at(1));
    assert_eq!(
        bench.told(),
        "1ms #1 patch a\n1ms FailedScheduling: no nodes available to schedule pods"
    );
}
