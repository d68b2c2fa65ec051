//! Tests of one's own controllers: what they find, what they say, and that it happens again.

use std::sync::LazyLock;

use serde_json::json;
use wavetank::api::object::{Kind, ObjectKey};
use wavetank::api::why::Why;
use wavetank::client::plan::{Plan, Write};
use wavetank::client::reconciler::{Reconciler, Watch};
use wavetank::client::view::View;
use wavetank::explore::{Finding, Options};
use wavetank::sim::digest::DigestValue;
use wavetank::testing::object::{field, object, owned_by, status};
use wavetank::testing::{Sweep, Test, always, at_rest, definition};

static LAMP: LazyLock<Kind> = LazyLock::new(|| {
    definition(
        "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: lamps.testing.example}
spec:
  group: testing.example
  scope: Namespaced
  names: {kind: Lamp, plural: lamps}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              required: [colour]
              properties:
                colour: {type: string, enum: [red, green]}
                watts: {type: integer, minimum: 1, default: 5}
            status:
              type: object
              properties:
                lit: {type: boolean}
",
    )
});

static WATCHES: LazyLock<Vec<Watch>> =
    LazyLock::new(|| vec![Watch::own(*LAMP), Watch::owned(Kind::CONFIG_MAP)]);

/// Makes a bulb and a wire for each lamp; a hasty one looks only for the bulb.
#[derive(Clone)]
struct Electrician {
    hasty: bool,
}

impl Reconciler for Electrician {
    fn name(&self) -> &'static str {
        "electrician"
    }

    fn watches(&self) -> &'static [Watch] {
        &WATCHES
    }

    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let mut plan = Plan::nothing();
        let Some(lamp) = view.object(key).filter(|o| o.kind() == *LAMP) else { return plan };
        let maps = view.cache(Kind::CONFIG_MAP);
        let has = |part: &str| maps.get(&key.namespace, &format!("{}-{part}", key.name)).is_some();
        for part in ["bulb", "wire"] {
            if !(has(part) || self.hasty && has("bulb")) {
                let name = format!("{}-{part}", key.name);
                let data = json!({"data": {"watts": field(lamp, "/spec/watts").to_string()}});
                let new = object(Kind::CONFIG_MAP, &key.namespace, &name, data);
                plan.push(Write::create(owned_by(new, lamp), Why::new("it is missing")));
            }
        }
        let lit = json!({"lit": has("bulb") && has("wire")});
        plan.extend(status(lamp, lit, Why::new("what is there")));
        plan
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}

const SCENARIO: &str = "
name: a lamp
about: A lamp gets a bulb and a wire.
cluster: {nodes: []}
steps:
- apply:
    apiVersion: testing.example/v1
    kind: Lamp
    metadata: {name: hall}
    spec: {colour: red, smell: none}
- wait: 2s
";

fn test(hasty: bool) -> Test {
    Test::new(SCENARIO).kind(*LAMP).operator(Electrician { hasty })
}

fn found() -> Finding {
    let sweeps = vec![Sweep::Crashes];
    let options = Options { sweeps, pairs: false, drawn: false, ..Options::default() };
    test(true).search(&options).findings.into_iter().next().expect("the bug is found")
}

fn again(test: &Test, plan: &wavetank::fault::Plan) -> DigestValue {
    test.try_plan(plan).digest
}

/// What a failing test says.
fn told(test: impl FnOnce()) -> String {
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(test));
    failed.expect_err("it fails").downcast_ref::<String>().expect("a text").clone()
}

#[test]
fn the_right_operator_holds_under_every_single_fault_of_these_families() {
    test(false).run();
    let found = test(false).sweep(&[Sweep::Crashes, Sweep::Ambiguous, Sweep::Errors]);
    assert!(found.complete && found.runs > 10, "{} runs", found.runs);
}

#[test]
fn the_schema_defaults_and_prunes_and_the_status_is_written() {
    let mut world = test(false).world();
    while world.go_on() {}
    let lamp = ObjectKey::new(*LAMP, "default", "hall");
    let lamp = world.cluster().store().get(&lamp).expect("it is there");
    assert_eq!(field(lamp, "/spec"), json!({"colour": "red", "watts": 5}));
    assert_eq!(field(lamp, "/status"), json!({"lit": true}));
}

#[test]
fn what_the_schema_forbids_fails_its_step() {
    let wrong = SCENARIO.replace("colour: red", "colour: blue");
    let test = Test::new(&wrong).kind(*LAMP).operator(Electrician { hasty: false });
    let told = told(|| test.run());
    assert!(told.contains("BROKEN expect") && told.contains("failed"), "{told}");
}

#[test]
fn a_failure_tells_property_plan_story_and_token() {
    let told = told(|| drop(test(true).sweep(&[Sweep::Crashes])));
    for part in ["BROKEN D1 at ", "\nplan:\n  - {", "\nstory:\n", "\nreplay: WAVETANK_REPLAY=wt1-"]
    {
        assert!(told.contains(part), "no {part:?} in:\n{told}");
    }
    let story = told.split("\nstory:\n").nth(1).and_then(|rest| rest.split("\nreplay:").next());
    assert!(story.is_some_and(|story| story.lines().count() <= 30), "{told}");
    assert_eq!(found().plan.entries.len(), 1, "one fault is enough: {told}");
}

#[test]
fn properties_of_ones_own_are_judged() {
    let dark = |cluster: &wavetank::cluster::Cluster| {
        let wires = cluster.store().iter(Kind::CONFIG_MAP);
        match wires.filter(|map| map.meta().name == "hall-wire").count() {
            0 => Ok(()),
            n => Err(format!("{n} wires")),
        }
    };
    for property in [always("no wire", dark), at_rest("no wire at rest", dark)] {
        let test = test(false).property(property);
        let told = told(|| test.run());
        assert!(told.contains("BROKEN P at") && told.contains("1 wires"), "{told}");
    }
}

#[test]
fn tokens_and_saved_scenarios_give_the_same_run_on_another_thread() {
    let finding = found();
    assert_eq!(again(&test(true), &finding.plan), finding.digest);
    let (plan, digest) = (finding.plan.clone(), finding.digest);
    let saved = test(true).saved(&finding, false);
    let token = test(true).token(&finding.plan);
    let read = wavetank::explore::token::Token::decode(&token).expect("it is a token");
    assert_eq!(read.plan, plan);
    let elsewhere = std::thread::spawn(move || {
        let by_token = again(&test(true).seed(read.seed), &read.plan);
        let saved = Test::new(&saved).kind(*LAMP).operator(Electrician { hasty: true });
        let mut world = saved.world();
        while world.go_on() {}
        (by_token, world.cluster().engine.digest())
    });
    let (by_token, by_scenario) = elsewhere.join().expect("it runs there, too");
    assert_eq!(by_token, digest);
    assert_eq!(by_scenario, digest);
    // The token is run by its own test and no other.
    assert!(told(|| test(true).replay(&token)).contains("BROKEN D1"));
    let other = Test::new(&SCENARIO.replace("2s", "3s")).kind(*LAMP);
    let other = other.operator(Electrician { hasty: true });
    assert!(told(|| other.replay(&token)).contains("another scenario"));
}

#[test]
fn what_is_saved_smaller_still_fails() {
    let finding = found();
    let saved = test(true).saved(&finding, true);
    let saved = Test::new(&saved).kind(*LAMP).operator(Electrician { hasty: true });
    let mut world = saved.world();
    while world.go_on() {}
    assert!(!world.report().verdict.held);
}

#[cfg(feature = "testing")]
mod drawn {
    use proptest::prelude::*;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    use wavetank::testing::strategy::{clusters, plans, workloads};

    use super::*;

    /// What a seed, as proptest keeps it in its file of regressions, gives.
    fn digest_of(seed: [u8; 32]) -> (DigestValue, usize) {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let steps = workloads(*LAMP, "hall", 4).new_tree(&mut runner).expect("drawn").current();
        let test = test(false).steps(steps);
        let plan = plans(&test.setting(), 3).new_tree(&mut runner).expect("drawn").current();
        (test.try_plan(&plan).digest, plan.entries.len())
    }

    #[test]
    fn a_regression_gives_the_same_run_on_another_thread() {
        for n in 0..6 {
            let here = digest_of([n; 32]);
            let there = std::thread::spawn(move || digest_of([n; 32])).join().expect("it runs");
            assert_eq!(here, there);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 8, ..crate::random::histories() })]
        #[test]
        fn the_right_operator_holds_in_any_life(
            cluster in clusters(3),
            steps in workloads(*LAMP, "hall", 4),
        ) {
            test(false).cluster(cluster).steps(steps).run();
        }
    }
}
