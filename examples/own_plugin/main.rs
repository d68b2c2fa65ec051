//! A scheduler plugin of one's own with its test: `cargo test --example own_plugin`; `cargo run
//! --example own_plugin` tells where three pods go, and why.

mod plugin;

use plugin::{LABEL, row};
use wavetank::api::core::pod::Pod;
use wavetank::api::object::{Kind, Object};
use wavetank::scenario::world::World;
use wavetank::testing::Test;
use wavetank::trace::scheduling::Attempt;

/// Three nodes, of which one says nothing, and three pods: one that takes any power, one that wants
/// clean power, one that wants power cleaner than there is until a node changes.
const SCENARIO: &str = "
name: clean power
about: A plugin of one's own keeps pods from dirty nodes and prefers clean ones.
cluster:
  nodes:
  - {name: coal, cpu: '4', memory: 8Gi, labels: {example.com/carbon: '800'}}
  - {name: sun, cpu: '4', memory: 8Gi, labels: {example.com/carbon: '40'}}
  - {name: unknown, cpu: '4', memory: 8Gi}
steps:
- kubectl: run any --image=registry.local/app:v1
- kubectl: run clean --image=registry.local/app:v1 --labels=example.com/carbon=100
- kubectl: run cleanest --image=registry.local/app:v1 --labels=example.com/carbon=10
- wait: 5s
- kubectl: label node unknown example.com/carbon=5
- kubectl: wait --for=condition=Ready pod --all --timeout=60s
";

/// The test of the plugin.
fn tested() -> Test {
    Test::new(SCENARIO).plugin(row())
}

/// The scenario, run to its end with all that the scheduler finds out.
fn world() -> World {
    let mut world = tested().world();
    world.cluster_mut().tell_scheduling(None);
    world.run();
    world
}

/// Where each pod is.
fn placements(world: &World) -> Vec<(String, String)> {
    let pods = world.cluster().store().list(Kind::POD);
    let pods = pods.iter().filter_map(Object::as_a::<Pod>);
    pods.map(|pod| (pod.meta.name.to_string(), pod.node_name.to_string())).collect()
}

/// Where the pods go, and what was found out about them.
pub(crate) fn told() -> String {
    let world = world();
    let attempts = world.cluster().told_scheduling().into_iter().map(|a| Attempt::from(a).text());
    let lines = placements(&world).into_iter().map(|(pod, node)| format!("{pod} is on {node}\n"));
    format!("{}\n{}", attempts.collect::<Vec<_>>().join("\n"), lines.collect::<String>())
}

#[expect(clippy::print_stdout, reason = "an example tells what it finds")]
fn main() {
    print!("{}", told());
    println!("the label is {LABEL}");
}

#[cfg(test)]
mod tests {
    use wavetank::testing::Sweep;

    use super::{placements, tested, told, world};

    #[test]
    fn each_pod_gets_the_cleanest_node_that_it_may_have() {
        let on = |pod: &str, node: &str| (pod.to_owned(), node.to_owned());
        assert_eq!(
            placements(&world()),
            [on("any", "sun"), on("clean", "sun"), on("cleanest", "unknown")]
        );
    }

    #[test]
    fn the_plugin_stands_among_the_reasons_and_the_scores() {
        let told = told();
        assert!(told.contains("2  Carbon  node(s) had power that is too dirty"), "{told}");
        assert!(told.contains("3 node(s) had power that is too dirty"), "the event: {told}");
        let scores = told.lines().find(|line| line.contains("Carbon  ")).expect("it scores");
        assert!(scores.contains("(40)"), "its scores stand beside the raw ones: {scores}");
    }

    #[test]
    fn a_crash_of_the_scheduler_changes_nothing() {
        tested().run();
        tested().sweep(&[Sweep::Errors]);
    }
}
