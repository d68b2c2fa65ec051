//! Strategies for those who draw with `proptest`: clusters, workloads from a CRD's schema, plans of
//! faults.
//!
//! What they give are values of a scenario, so that what fails is read, kept and shrunk as text:
//! [`Test::cluster`](super::Test::cluster) and [`Test::steps`](super::Test::steps) take them, and
//! proptest's own file of regressions gives the same world again.

mod schema;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::Sweep;
use crate::api::object::Kind;
use crate::explore::Setting;
use crate::fault::Plan;

pub use schema::values;

/// Clusters of one to `most` nodes in up to three zones, some of them small, some tainted: the
/// value of a scenario's `cluster:`.
pub fn clusters(most: u32) -> impl Strategy<Value = Value> {
    let group = |zone: char| {
        let size = (select(vec!["2", "4", "16"]), select(vec!["4Gi", "8Gi", "64Gi"]));
        (1..=most.div_ceil(3).max(1), size, prop::bool::weighted(0.2)).prop_map(
            move |(count, (cpu, memory), tainted)| {
                let taints = if tainted { vec!["dedicated=other:NoSchedule"] } else { Vec::new() };
                json!({
                    "name": format!("node-{zone}"), "count": count, "cpu": cpu, "memory": memory,
                    "taints": taints, "labels": {"topology.kubernetes.io/zone": zone.to_string()},
                })
            },
        )
    };
    let zones = (group('a'), group('b'), group('c'), 1..=most.clamp(1, 3));
    zones.prop_map(|(a, b, c, zones)| {
        let all: Vec<Value> = [a, b, c].into_iter().take(zones as usize).collect();
        json!({"nodes": all})
    })
}

/// What a person does to an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Deed {
    Apply,
    Delete,
    Wait(u32),
}

/// The life of one object of a kind of one's own, whose specs are drawn from its schema: applied,
/// then up to `most` times changed, deleted, made again or left alone for a while. The value of a
/// scenario's `steps:`.
///
/// # Panics
/// When the kind has no schema for its `spec`.
pub fn workloads(kind: Kind, name: &str, most: usize) -> impl Strategy<Value = Vec<Value>> + use<> {
    let spec = kind.schema().and_then(|schema| schema.pointer("/properties/spec"));
    let specs = values(spec.unwrap_or_else(|| panic!("{} has no schema of a spec", kind.name())));
    let deed = prop_oneof![
        4 => Just(Deed::Apply),
        1 => Just(Deed::Delete),
        3 => (1_u32..30).prop_map(Deed::Wait),
    ];
    let (name, first) = (name.to_owned(), specs.clone());
    (first, vec((deed, specs), 0..=most)).prop_map(move |(first, deeds)| {
        let mut there = true;
        let mut steps = vec![apply(kind, &name, &first)];
        for (deed, spec) in &deeds {
            let row = kind.row();
            steps.push(match deed {
                Deed::Wait(seconds) => json!({"wait": format!("{seconds}s")}),
                Deed::Delete if there => {
                    json!({"kubectl": format!("delete {}.{} {name}", row.plural, row.group)})
                }
                Deed::Apply | Deed::Delete => apply(kind, &name, spec),
            });
            there = match deed {
                Deed::Wait(_) => there,
                Deed::Delete => !there,
                Deed::Apply => true,
            };
        }
        steps
    })
}

fn apply(kind: Kind, name: &str, spec: &Value) -> Value {
    let row = kind.row();
    json!({"apply": {
        "apiVersion": row.api_version().as_str(),
        "kind": row.name,
        "metadata": {"name": name},
        "spec": spec,
    }})
}

/// Plans of one to `most` faults, each at a place where it can matter: where something occurs in
/// the run of this setting without faults.
///
/// # Panics
/// When the setting cannot be carried out, or nothing occurs in it.
pub fn plans(setting: &Setting, most: usize) -> impl Strategy<Value = Plan> + use<> {
    let reference = setting.reference(false).unwrap_or_else(|why| panic!("{}", why.join("; ")));
    let families = Sweep::ALL.iter().map(|sweep| sweep.plans(&reference));
    let families: Vec<Vec<Plan>> = families.filter(|family| !family.is_empty()).collect();
    assert!(!families.is_empty(), "nothing occurs that a fault could disturb");
    // Families first: the largest does not drown the rest.
    let one = select(families).prop_flat_map(select);
    vec(one, 1..=most.max(1)).prop_map(|plans| Plan {
        entries: plans.into_iter().flat_map(|plan| plan.entries).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Test, definition};

    const LANTERN: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: lanterns.strategy.example}
spec:
  group: strategy.example
  scope: Namespaced
  names: {kind: Lantern, plural: lanterns}
  versions:
    - name: v1
      served: true
      storage: true
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
";

    const SCENARIO: &str = "{name: drawn, about: Drawn., cluster: {nodes: []}, steps: []}";

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
        #[test]
        fn what_is_drawn_can_be_carried_out(
            cluster in clusters(6),
            steps in workloads(definition(LANTERN), "hall", 5),
        ) {
            let count = steps.len();
            let test = Test::new(SCENARIO).kind(definition(LANTERN)).cluster(cluster).steps(steps);
            let setting = test.setting();
            prop_assert_eq!(setting.described.scenario.steps.len(), count);
            prop_assert!(!setting.described.scenario.cluster.nodes.is_empty());
        }
    }

    #[test]
    fn a_life_that_is_drawn_fails_in_no_step() {
        use proptest::strategy::ValueTree;
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let lives = workloads(definition(LANTERN), "hall", 5);
        for _ in 0..8 {
            let steps = lives.new_tree(&mut runner).expect("it can be drawn").current();
            let bare = json!({"nodes": []});
            Test::new(SCENARIO).kind(definition(LANTERN)).cluster(bare).steps(steps).run();
        }
    }
}
