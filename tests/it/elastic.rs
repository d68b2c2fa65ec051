//! Random histories with what moves pods and nodes about: the autoscaler of nodes and the
//! descheduler, drains, scaling, and crashes of each process in the middle of its work.
//!
//! Both are read from the log: groups keep their sizes, budgets hold whoever evicts, what may not
//! be moved is not, and in the end everything runs and nothing is left over.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use wavetank::api::Name;
use wavetank::api::core::node::Node;
use wavetank::api::core::pod::Pod;
use wavetank::api::note::Note;
use wavetank::api::object::{Kind, ObjectKey, Resource};
use wavetank::scenario::world::World;

use crate::batch::{kubectl, run};
use crate::policy::left_by_evictions;
use crate::random::histories;

/// What a person does, or what befalls a process.
#[derive(Clone, Debug)]
enum Deed {
    Scale(u8),
    Roll(u8),
    Drain(u8),
    Uncordon(u8),
    Crash(&'static str, u8),
    Wait(u8),
}

fn deed(processes: &'static [&'static str], most: u8) -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (0..=most).prop_map(Deed::Scale),
        1 => (1..4u8).prop_map(Deed::Roll),
        2 => (select(processes), 0..30u8).prop_map(|(who, n)| Deed::Crash(who, n)),
        4 => (1..30u8).prop_map(Deed::Wait),
    ]
}

impl Deed {
    fn step(&self) -> Value {
        match self {
            Deed::Scale(n) => kubectl(&format!("scale deployment web --replicas={n}")),
            Deed::Roll(n) => kubectl(&format!("set image deployment web app=web:v{n}")),
            Deed::Drain(n) => {
                json!({"kubectl": format!("drain node-{n} --force --timeout=20s || true &")})
            }
            Deed::Uncordon(n) => kubectl(&format!("uncordon node-{n}")),
            Deed::Crash(component, seconds) => json!({"inject": {
                "container-kill": {"component": component}, "duration": format!("{seconds}s")}}),
            Deed::Wait(seconds) => json!({"wait": format!("{}s", u64::from(*seconds) * 4)}),
        }
    }
}

fn template(app: &str, cpu: &str) -> Value {
    let container =
        json!({"name": "app", "image": "web:v0", "resources": {"requests": {"cpu": cpu}}});
    json!({"metadata": {"labels": {"app": app}}, "spec": {"containers": [container]}})
}

fn deployment(replicas: u8, cpu: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "template": template("web", cpu),
        },
    })
}

fn budget(least: u8) -> Value {
    json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"},
        "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": "web"}}},
    })
}

/// A pod that nobody would make again.
fn lonely(cpu: &str) -> Value {
    let mut pod = template("lonely", cpu);
    pod["apiVersion"] = "v1".into();
    pod["kind"] = "Pod".into();
    pod["metadata"]["name"] = "lonely".into();
    pod
}

/// Pods of the Deployment that are not as they are to be.
fn web_is_well(world: &World, replicas: u8) -> Vec<String> {
    let store = world.cluster().store();
    let pods: Vec<_> = store.iter(Kind::POD).filter_map(Pod::of).collect();
    let of_web = pods.iter().filter(|p| p.meta.labels.get("app").is_some_and(|a| a == "web"));
    let ready = of_web.clone().filter(|p| p.is_ready() && p.is_active()).count();
    let all = of_web.count();
    let is_well = ready == usize::from(replicas) && all == ready;
    if is_well { Vec::new() } else { vec![format!("{ready} of {all} are ready, not {replicas}")] }
}

/// What evictions left of the Deployment, where it was too little.
fn beyond_budget(world: &World, least: u8) -> Vec<String> {
    let left = left_by_evictions(world).into_iter();
    left.filter(|(_, healthy)| *healthy < usize::from(least))
        .map(|(what, healthy)| format!("{what}: {healthy} left, {least} are the least"))
        .collect()
}

/// The sizes of a group, and what went with its nodes.
fn nodes_on_the_way(world: &World, (least, most): (u8, u8)) -> Vec<String> {
    let mut wrong = Vec::new();
    let beginning = world.beginning().iter().filter_map(Node::of);
    let mut nodes: BTreeSet<Name> = beginning.map(|n| n.meta.name.clone()).collect();
    let mut on: BTreeMap<ObjectKey, (Name, bool)> = BTreeMap::new();
    for record in world.cluster().engine.log().iter() {
        let Note::Write(write) = &record.note else { continue };
        let (object, time) = (&write.change.object, record.time);
        if let Some(pod) = Pod::of(object) {
            if write.change.deleted {
                on.remove(&object.key());
            } else {
                on.insert(object.key(), (pod.node_name.clone(), pod.is_active()));
            }
            if pod.meta.name == "lonely" && (write.change.deleted || pod.meta.is_deleting()) {
                wrong.push(format!("{time}: lonely is taken by {}", write.origin.user));
            }
        }
        let Some(node) = Node::of(object) else { continue };
        let name = node.meta.name.clone();
        if !write.change.deleted {
            nodes.insert(name);
            if nodes.len() > usize::from(most) {
                wrong.push(format!("{time}: {} nodes, at most {most}", nodes.len()));
            }
            continue;
        }
        nodes.remove(&name);
        if nodes.len() < usize::from(least) {
            wrong.push(format!("{time}: {} nodes, at least {least}", nodes.len()));
        }
        let busy = on.iter().filter(|(_, (node, is_active))| *node == name && *is_active);
        let busy: Vec<&Name> = busy.map(|(key, _)| &key.name).collect();
        if !busy.is_empty() {
            wrong.push(format!("{time}: {name} goes with {busy:?} at work"));
        }
    }
    wrong
}

/// Nodes that are there in the end: as many as are needed, and none that is half removed.
fn nodes_in_the_end(world: &World, wanted: usize) -> Vec<String> {
    let mut wrong = Vec::new();
    let nodes: Vec<_> = world.cluster().store().iter(Kind::NODE).filter_map(Node::of).collect();
    for node in &nodes {
        let is_marked = node.spec.taints.iter().any(|t| t.key.contains("ToBeDeleted"));
        if node.spec.unschedulable || is_marked {
            wrong.push(format!("{} is half removed: {:?}", node.meta.name, node.spec.taints));
        }
    }
    if nodes.len() != wanted {
        let names: Vec<&Name> = nodes.iter().map(|n| &n.meta.name).collect();
        wrong.push(format!("{names:?} are there, {wanted} are needed"));
    }
    wrong
}

/// Whom the descheduler took that it may not take.
fn not_to_be_moved(world: &World) -> (Vec<String>, usize) {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for record in world.cluster().engine.log().iter() {
        let Note::Write(write) = &record.note else { continue };
        let Some(pod) = Pod::of(&write.change.object) else { continue };
        if write.origin.user != "descheduler" || write.origin.subresource != "eviction" {
            continue;
        }
        count += 1;
        if pod.meta.controller().is_none_or(|o| o.kind != "ReplicaSet") {
            wrong.push(format!("{}: {} is moved", record.time, pod.meta.name));
        }
    }
    (wrong, count)
}

const SCALERS: &[&str] = &["cluster-autoscaler", "kube-controller-manager", "kube-scheduler"];

const MOVERS: &[&str] = &["descheduler", "kube-controller-manager", "kube-scheduler"];

proptest! {
    #![proptest_config(histories())]

    /// Two pods fit on a node; the group always has room for those that are asked for in the end.
    #[test]
    fn a_group_of_nodes_keeps_its_size_and_comes_to_what_is_needed(
        (least, more) in (1..3u8, 2..4u8),
        kept in 0..3u8,
        with_lonely in any::<bool>(),
        deeds in vec(deed(SCALERS, 9), 1..9),
        last in 0..5u8,
        seed in 0..1000u64,
    ) {
        let most = least + more;
        let group = json!({
            "name": "pool", "min": least, "max": most, "cpu": "4", "memory": "8Gi",
            "startup": "20s",
        });
        let mut steps = vec![json!({"apply": budget(kept)})];
        if with_lonely {
            steps.push(json!({"apply": lonely("1500m")}));
        }
        steps.push(json!({"apply": deployment(2, "1500m")}));
        steps.extend(deeds.iter().map(Deed::step));
        let replicas = (kept + 1 + last).min(2 * most - 1);
        steps.push(json!({"wait": "30s"}));
        steps.push(Deed::Scale(replicas).step());
        let scenario = json!({
            "name": "group", "steps": steps,
            "cluster": {
                "nodes": [], "cluster-autoscaler": {"groups": [group]},
                "flags": {"cluster-autoscaler": {
                    "scale-down-unneeded-time": "1m", "scale-down-delay-after-add": "1m",
                    "unremovable-node-recheck-timeout": "1m", "max-node-provision-time": "3m",
                }},
            },
            "images": {"web:*": {"pull": "500ms", "start": "200ms", "term": "500ms"}},
            "until": {"after-last-step": "1800s"},
        });
        let world = run("group", &scenario, seed);
        let mut wrong = nodes_on_the_way(&world, (least, most));
        wrong.extend(beyond_budget(&world, kept));
        wrong.extend(web_is_well(&world, replicas));
        let pods = usize::from(replicas) + usize::from(with_lonely);
        wrong.extend(nodes_in_the_end(&world, pods.div_ceil(2).max(usize::from(least))));
        prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// Pods of one set are moved apart by a descheduler, beside drains and roll-outs.
    #[test]
    fn a_descheduler_keeps_budgets_and_comes_to_rest(
        least in 0..4u8,
        deeds in vec(prop_oneof![
            3 => deed(MOVERS, 8),
            1 => (1..=3u8).prop_map(Deed::Drain),
            2 => (1..=3u8).prop_map(Deed::Uncordon),
        ], 1..10),
        last in 1..5u8,
        seed in 0..1000u64,
    ) {
        let policy = json!({
            "apiVersion": "descheduler/v1alpha2", "kind": "DeschedulerPolicy",
            "profiles": [{
                "name": "usual",
                "pluginConfig": [{"name": "DefaultEvictor", "args": {"nodeFit": true}}],
                "plugins": {"balance": {"enabled": ["RemoveDuplicates"]}},
            }],
        });
        let agent = json!({
            "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent"},
            "spec": {
                "selector": {"matchLabels": {"app": "agent"}},
                "template": template("agent", "10m"),
            },
        });
        let mut steps: Vec<Value> =
            [budget(least), agent, deployment(4, "100m")].map(|o| json!({"apply": o})).into();
        // A node that is away makes the others hold too many.
        steps.push(kubectl("cordon node-3"));
        steps.extend(deeds.iter().map(Deed::step));
        let replicas = least + last;
        steps.push(json!({"wait": "40s"}));
        steps.push(kubectl("uncordon node-1 node-2 node-3"));
        steps.push(Deed::Scale(replicas).step());
        steps.push(json!({"wait": "30s"}));
        steps.push(json!({"apply": lonely("100m")}));
        let scenario = json!({
            "name": "moved", "steps": steps,
            "cluster": {
                "nodes": [{"name": "node", "count": 3, "cpu": "4"}],
                "descheduler": {"interval": "30s", "policy": policy},
            },
            "images": {"web:*": {"pull": "500ms", "start": "200ms", "term": "500ms"}},
            "until": {"after-last-step": "600s"},
        });
        let world = run("moved", &scenario, seed);
        let (mut wrong, _) = not_to_be_moved(&world);
        wrong.extend(beyond_budget(&world, least));
        wrong.extend(web_is_well(&world, replicas));
        let mut on: BTreeMap<&Name, usize> = BTreeMap::new();
        let store = world.cluster().store();
        for pod in store.iter(Kind::POD).filter_map(Pod::of) {
            if pod.meta.labels.get("app").is_some_and(|app| app == "web") {
                *on.entry(&pod.node_name).or_default() += 1;
            }
        }
        let even = usize::from(replicas).div_ceil(3);
        if on.values().any(|count| *count > even) {
            wrong.push(format!("{replicas} pods are spread as {on:?}"));
        }
        prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

/// The descheduler has something to do in such histories: the checks on it are not empty.
#[test]
fn a_descheduler_moves_pods_when_a_node_comes_back() {
    let policy = json!({
        "apiVersion": "descheduler/v1alpha2", "kind": "DeschedulerPolicy",
        "profiles": [{
            "name": "usual", "plugins": {"balance": {"enabled": ["RemoveDuplicates"]}},
        }],
    });
    let scenario = json!({
        "name": "moved",
        "steps": [
            kubectl("cordon node-3"), {"apply": deployment(6, "100m")}, {"wait": "20s"},
            kubectl("uncordon node-3"),
        ],
        "cluster": {
            "nodes": [{"name": "node", "count": 3, "cpu": "4"}],
            "descheduler": {"interval": "30s", "policy": policy},
        },
        "until": {"after-last-step": "120s"},
    });
    let (wrong, count) = not_to_be_moved(&run("moved", &scenario, 1));
    assert!(wrong.is_empty() && count >= 2, "{count} moved: {wrong:?}");
}
