//! One seed, one run: what everything else rests on.

use std::sync::Arc;

use wavetank::scenario::world::{Report, World};

/// A rollout that a change of the scale interrupts.
const SCENARIO: &str = r#"
name: a rollout and a scale
about: Something of everything.
cluster:
  nodes: [{name: node, count: 3, cpu: "4", memory: 8Gi}]
steps:
  - kubectl: create deployment web --image=registry.local/app:v1 --replicas=4
  - kubectl: rollout status deploy/web --timeout=60s
  - kubectl: set image deploy/web app=registry.local/app:v2
  - wait: 700ms
  - kubectl: scale deploy/web --replicas=6
until: 90s
"#;

fn world(seed: u64) -> World {
    let mut no_files = |_: &str| Err("there are no files".to_owned());
    let described =
        wavetank::scenario::load("test.yaml", SCENARIO.as_bytes().to_vec(), &[], &mut no_files)
            .unwrap_or_else(|problems| panic!("{problems:?}"));
    World::new(Arc::new(described), seed, None).expect("the scenario can be carried out")
}

/// All that two runs can be told apart by.
fn outcome(report: &Report) -> (String, u64, u64, u64) {
    (report.digest.to_string(), report.turns, report.writes, report.end.0)
}

#[test]
fn two_runs_of_one_seed_are_one_run() {
    let first = world(7).run();
    assert!(first.writes > 50 && first.steps.len() == 5, "much happens: {}", first.writes);
    assert_eq!(outcome(&first), outcome(&world(7).run()));
}

#[test]
fn another_seed_is_another_run() {
    assert_ne!(world(7).run().digest, world(8).run().digest);
}

#[test]
fn a_clone_in_the_middle_of_a_run_ends_as_the_original_does() {
    let middle = world(7).run().turns / 2;
    let mut original = world(7);
    while original.cluster().engine.turns() < middle {
        assert!(original.go_on(), "the middle comes before the end");
    }
    let mut clone = original.clone();
    let theirs = std::thread::scope(|scope| {
        scope.spawn(|| clone.run()).join().expect("a world can be run on another thread")
    });
    assert_eq!(outcome(&original.run()), outcome(&theirs));
}
