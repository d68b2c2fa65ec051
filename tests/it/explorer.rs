//! The search itself: copies are what runs from the beginning are, what is found is made small and
//! happens again anywhere, and circles and dead ends are told exactly.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;
use std::sync::{Arc, LazyLock};

use serde_json::json;
use wavetank::api::note::Note;
use wavetank::api::object::{Kind, ObjectKey};
use wavetank::api::why::Why;
use wavetank::client::plan::{Plan as Writes, Write};
use wavetank::client::reconciler::{Reconciler, Watch};
use wavetank::client::view::View;
use wavetank::cluster::Cluster;
use wavetank::explore::judge::Property;
use wavetank::explore::reference::Reference;
use wavetank::explore::token::{Token, number};
use wavetank::explore::{Finding, Options, Setting, shrink, sweep::Sweep, written};
use wavetank::fault::Plan;
use wavetank::scenario::load::{plan_of, tree_of};
use wavetank::sim::digest::DigestValue;
use wavetank::sim::time::SimDuration;
use wavetank::testing::Test;

use crate::random::described;

const ROLLOUT: &str = "\
name: a rollout
about: Three replicas are replaced while one of them is under way.
seed: 3
cluster:
  nodes:
    - {name: node, count: 2, cpu: \"4\", memory: 8Gi}
images:
  \"*\": {pull: 1s, start: 200ms, ready-after: 1s}
steps:
  - kubectl: create deployment web --image=app:v1 --replicas=3
  - kubectl: rollout status deploy/web --timeout=60s
  - kubectl: set image deploy/web app=app:v2
";

fn setting(text: &str) -> Setting {
    Setting::new(described("x.yaml", text.to_owned()), 3)
}

/// The digest of a run of a plan in a copy of the run without faults, taken after so many strokes.
fn by_copy(setting: &Setting, plan: &Plan, strokes: u64) -> DigestValue {
    let mut base = setting.world(&Plan::default(), !plan.is_calm()).unwrap();
    base.weather_mut().count_all();
    for _ in 0..strokes {
        base.go_on();
    }
    let mut copy = base.clone();
    plan.entries.iter().for_each(|entry| copy.arm(entry));
    copy.weather_mut().count_no_more();
    while copy.go_on() {}
    copy.cluster().engine.digest()
}

fn from_the_beginning(setting: &Setting, plan: &Plan) -> DigestValue {
    let mut world = setting.world(plan, false).unwrap();
    while world.go_on() {}
    world.cluster().engine.digest()
}

/// Some single faults of each family, evenly chosen.
fn some_of_each(reference: &Reference, most: usize) -> Vec<Plan> {
    let some = |sweep: &Sweep| {
        let all = sweep.plans(reference);
        let every = all.len().div_ceil(most).max(1);
        all.into_iter().step_by(every).collect::<Vec<Plan>>()
    };
    Sweep::ALL.iter().flat_map(some).collect()
}

#[test]
fn a_run_in_a_copy_is_the_run_from_the_beginning() {
    let setting = setting(ROLLOUT);
    let reference = setting.reference(false).unwrap();
    let plans = some_of_each(&reference, 3);
    assert!(plans.len() > 30, "{} plans", plans.len());
    for plan in plans {
        // Any copy from before the first fault will do; the first strokes are before all.
        for strokes in [0, 1, 17] {
            let entry = plan.to_value();
            assert_eq!(
                by_copy(&setting, &plan, strokes),
                from_the_beginning(&setting, &plan),
                "{strokes} {entry}"
            );
        }
    }
}

/// Broken by a run in which both of two faults have come.
struct NeverBoth(&'static str, &'static str);

impl Property for NeverBoth {
    fn name(&self) -> &'static str {
        "never both"
    }

    fn at_end(&self, cluster: &Cluster) -> Result<(), String> {
        let came = |name: &str| {
            let mut all = cluster.engine.log().iter();
            all.any(|r| matches!(&r.note, Note::Fault(f) if f.begins && f.fault == name))
        };
        if came(self.0) && came(self.1) {
            Err(format!("{} and {}", self.0, self.1))
        } else {
            Ok(())
        }
    }
}

#[test]
fn a_plan_is_made_as_small_as_its_failure_allows() {
    let mut setting = setting(ROLLOUT);
    setting.properties.push(Arc::new(NeverBoth("pause", "watch-cut")));
    let plan = plan_of(&json!([
        {"at": "2s", "inject": {"resync": {"component": "kube-controller-manager"}}},
        {"at": "3s", "inject": {"pause": {"component": "kube-scheduler"}, "duration": "8s"}},
        {"at": "4s", "inject": {"etcd-compact": {}}},
        {"at": "5s", "inject": {"watch-lag": {"actor": "kube-scheduler"}, "duration": "2s"}},
        {"at": "6s", "inject": {"watch-cut": {"actor": "kube-controller-manager", "kind": "Pod"}}},
        {"at": "7s", "inject": {"api-lost": {"actor": "replicaset-controller", "kind": "Pod"}}},
        {"at": "8s", "inject": {"pod-failure": {"nodes": ["node-1"]}, "duration": "3s"}},
        {"at": "9s", "inject": {"container-kill": {"nodes": ["node-1"], "mode": "one"}}},
    ]))
    .unwrap();
    let outcome = setting.try_plan(&plan).unwrap();
    let breach = outcome.breaches.first().expect("it is broken").clone();
    assert_eq!(breach.id, "P");
    let (end, digest) = (outcome.end, outcome.digest);
    let finding =
        Finding { breach, plan, faults_before: 8, after_runs: 1, after_millis: 0, end, digest };
    let smaller = shrink::plan(&setting, &finding).unwrap();
    let names: Vec<&str> =
        smaller.plan.entries.iter().map(|entry| entry.inject.fault.name()).collect();
    assert_eq!(names, ["pause", "watch-cut"]);
    assert_eq!(smaller.breach.fingerprint(), finding.breach.fingerprint());
    // It is what its own run gives, and the pause has become shorter.
    let again = setting.try_plan(&smaller.plan).unwrap();
    assert_eq!((again.digest, again.end), (smaller.digest, smaller.end));
    assert!(smaller.plan.entries[0].inject.duration < finding.plan.entries[1].inject.duration);
}

static WATCHES: LazyLock<Vec<Watch>> = LazyLock::new(|| vec![Watch::own(Kind::CONFIG_MAP)]);

/// Paints a ConfigMap in its colour whenever it has another.
#[derive(Clone)]
struct Painter(&'static str, &'static str);

impl Reconciler for Painter {
    fn name(&self) -> &'static str {
        self.0
    }

    fn watches(&self) -> &'static [Watch] {
        &WATCHES
    }

    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Writes {
        let mut plan = Writes::nothing();
        let Some(map) = view.object(key).filter(|o| o.meta().name == "wall") else { return plan };
        let mut value = map.to_value();
        if value["data"]["colour"] != self.1 {
            value["data"]["colour"] = json!(self.1);
            let new = wavetank::api::object::Object::from_value(Kind::CONFIG_MAP, value).unwrap();
            plan.push(Write::update(new, Why::new("the wrong colour")));
        }
        plan
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}

const WALL: &str = "
name: a wall
about: Two painters and one wall.
cluster: {nodes: []}
steps:
- kubectl: create configmap wall --from-literal=colour=white
";

#[test]
fn a_circle_is_told_write_by_write() {
    let one = Test::new(WALL).operator(Painter("red-painter", "red"));
    one.run();
    let two = one.operator(Painter("blue-painter", "blue"));
    let outcome = two.try_plan(&Plan::default());
    let breach = outcome.breaches.first().expect("they paint for ever");
    assert_eq!(breach.id, "L3", "{breach}");
    let circle = breach.what.split_once(": ").unwrap().1;
    let mut writes: Vec<&str> = circle.split(", then ").collect();
    writes.sort_unstable();
    assert_eq!(
        writes,
        [
            "blue-painter changes ConfigMap wall (the wrong colour)",
            "red-painter changes ConfigMap wall (the wrong colour)",
        ],
        "{breach}"
    );
}

#[test]
fn what_nobody_will_mend_is_told_as_soon_as_nothing_is_left_to_do() {
    let without = ROLLOUT.replace(
        "images:",
        "  flags: {kube-controller-manager: {controllers: \"*,-replicaset\"}}\nimages:",
    );
    let short = without.replace("  - kubectl: rollout status deploy/web --timeout=60s\n", "");
    let reference = setting(&short).reference(false).unwrap();
    let breach = reference.breaches.first().expect("nobody makes pods");
    assert_eq!(breach.id, "L5", "{breach}");
    assert!(breach.what.starts_with("nothing is left to do, and web-"), "{breach}");
    assert!(breach.what.ends_with("has 0 pods, 3 wanted"), "{breach}");
    // The last timer is the Deployment's deadline of ten minutes; nobody waits beyond it.
    assert!(reference.finish.0 < 610_000_000_000, "{}", reference.finish);
}

#[test]
fn a_scenario_of_a_circle_fails_by_the_circle_alone() {
    let expects = "expect:\n- {at: 20m, holds: {cel: 'true'}}\n- {eventually: {cel: 'true'}}\n";
    let test = Test::new(&format!("{WALL}until: 30m\n{expects}"));
    let test =
        test.operator(Painter("red-painter", "red")).operator(Painter("blue-painter", "blue"));
    let outcome = test.try_plan(&Plan::default());
    let breach = outcome.breaches.first().expect("they paint for ever").clone();
    let (end, digest) = (outcome.end, outcome.digest);
    let finding = Finding {
        breach,
        plan: Plan::default(),
        faults_before: 0,
        after_runs: 1,
        after_millis: 0,
        end,
        digest,
    };
    let tree = tree_of(test.scenario().as_bytes()).unwrap();
    let text = written::scenario(&test.setting(), &tree, None, &finding);
    assert!(!text.contains("holds") && !text.contains("eventually"), "{text}");
    let saved = Test::new(&text)
        .operator(Painter("red-painter", "red"))
        .operator(Painter("blue-painter", "blue"));
    let mut world = saved.world();
    while world.go_on() {}
    let verdict = world.report().verdict;
    let failed: Vec<&str> =
        verdict.expectations.iter().filter(|e| !e.held).map(|e| e.text.as_str()).collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains("health"), "{failed:?}");
}

#[test]
fn a_token_gives_the_same_run_in_another_process() {
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::write(folder.path().join("x.yaml"), ROLLOUT).unwrap();
    let setting = setting(ROLLOUT);
    let reference = setting.reference(false).unwrap();
    let plans = [Sweep::Crashes, Sweep::Missed, Sweep::Nodes]
        .map(|sweep| sweep.plans(&reference).into_iter().nth(2).unwrap());
    for plan in plans {
        let text = number(ROLLOUT.as_bytes());
        let scenario = "x.yaml".to_owned();
        let token = Token { scenario, text, seed: 3, plan: plan.clone() }.encode();
        let here = setting.try_plan(&plan).unwrap().digest.to_string();
        let there = std::thread::spawn({
            let (setting, plan) = (setting.clone(), plan.clone());
            move || setting.try_plan(&plan).unwrap().digest.to_string()
        });
        assert_eq!(there.join().unwrap(), here);
        let mut command = Command::new(env!("CARGO_BIN_EXE_wavetank"));
        let output = command.args(["replay", &token]).current_dir(folder.path()).output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(told.contains(&here), "{told}\n{here}\n{}", plan.to_value());
    }
}

#[test]
fn the_longest_recovery_is_known() {
    let budget = wavetank::explore::budget::Budget::runs(60);
    let options = Options { sweeps: vec![Sweep::Pauses], budget, ..Options::default() };
    let found = wavetank::explore::explore(&setting(ROLLOUT), &options, &wavetank::explore::Nobody)
        .unwrap();
    assert!(found.findings.is_empty());
    let (span, plan) = found.slowest.expect("something recovers");
    assert!(span.0 > 0 && !plan.is_empty());
    assert!(found.settles.is_some_and(|settles| settles.0 > 0));
}

#[test]
fn kubectl_notices_a_deletion_that_overtakes_the_begin_of_its_watch() {
    let pair = wavetank::bugs::all().into_iter().find(|pair| pair.id == "U02");
    let setting = (pair.expect("it is in the list").make)(false);
    let reference = setting.reference(true).expect("it can be carried out");
    for seed in (0..24).chain([192_223_530_601_845_955_u64]) {
        let shuffle = json!({"seed": seed, "most": "5ms", "ranks": true});
        let faults = json!([{"at": "0s", "inject": {"shuffle": shuffle, "duration": "4s"}}]);
        let plan = plan_of(&faults).expect("it is a plan");
        let outcome = setting.try_plan(&plan).expect("it can be carried out");
        assert_eq!(outcome.breaches, [], "seed {seed}");
        assert!(outcome.end <= reference.finish + SimDuration::secs(60), "seed {seed}");
    }
}
