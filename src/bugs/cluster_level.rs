//! Interactions of the whole cluster: each part does what it should, and together they go in
//! circles. Cases of Kivi (Liu et al., ATC 2024) among them, with small models of a descheduler
//! and an autoscaler.

use std::sync::{Arc, LazyLock};

use serde_json::json;

use super::{Pair, setting};
use crate::api::Name;
use crate::api::apps::deployment::Deployment;
use crate::api::core::pod::Pod;
use crate::api::object::{Kind, ObjectKey};
use crate::api::request::{Patch, Subresource, Verb};
use crate::api::why::Why;
use crate::client::plan::{Plan, Write};
use crate::client::reconciler::{Reconciler, Settings, Watch};
use crate::client::view::View;
use crate::explore::Setting;
use crate::sim::time::SimDuration;

pub(super) const PAIRS: &[Pair] = &[
    Pair {
        id: "B10",
        family: 7,
        source: "kubernetes/kubernetes#75913, #95794; Kivi c7",
        what: "pods with a node's name on a node with a taint: evicted and made again for ever",
        make: |wrong| b10(wrong, 2),
    },
    Pair {
        id: "B18",
        family: 7,
        source: "kubernetes-sigs/descheduler#921, #1237; Kivi c5",
        what: "duplicates are evicted, and have nowhere else to go",
        make: |wrong| descheduler(wrong, duplicates, 2),
    },
    Pair {
        id: "B45",
        family: 7,
        source: "kubernetes/kubernetes#25238, #66385; Kivi c2",
        what: "a manifest with replicas is applied again and again, against an autoscaler",
        make: |wrong| two_writers(wrong, 2),
    },
    Pair {
        id: "B47",
        family: 7,
        source: "Kivi c1",
        what: "load is shared by the replicas, and an autoscaler without a tolerance swings",
        make: |wrong| swings(wrong, 2),
    },
    Pair {
        id: "C5",
        family: 7,
        source: "Kivi c5, 50 nodes",
        what: "as B18, at 50 nodes",
        make: |wrong| descheduler(wrong, duplicates, 50),
    },
    Pair {
        id: "B18b",
        family: 7,
        source: "kubernetes-sigs/descheduler#566, #707; Kivi c8",
        what: "pods of a node that is used more are evicted, and put there again",
        make: |wrong| descheduler(wrong, fullest, 2),
    },
    Pair {
        id: "C8",
        family: 7,
        source: "Kivi c8, 50 nodes",
        what: "as B18b, at 50 nodes",
        make: |wrong| descheduler(wrong, fullest, 50),
    },
    Pair {
        id: "C7",
        family: 7,
        source: "Kivi c7, 50 nodes",
        what: "as B10, at 50 nodes",
        make: |wrong| b10(wrong, 50),
    },
    Pair {
        id: "C1",
        family: 7,
        source: "Kivi c1, 50 nodes",
        what: "as B47, at 50 nodes",
        make: |wrong| swings(wrong, 50),
    },
    Pair {
        id: "C2",
        family: 7,
        source: "Kivi c2, 50 nodes",
        what: "as B45, at 50 nodes",
        make: |wrong| two_writers(wrong, 50),
    },
];

fn cluster(nodes: u32) -> String {
    format!("cluster: {{nodes: [{{name: node, count: {nodes}, cpu: '8', memory: 8Gi}}]}}")
}

fn b10(wrong: bool, nodes: u32) -> Setting {
    let place = if wrong { "nodeName: node-1, " } else { "" };
    let text = format!(
        "
name: pair
about: A node has a taint that evicts.
{}
steps:
- kubectl: taint nodes node-1 maintenance=yes:NoExecute
- apply:
    apiVersion: apps/v1
    kind: ReplicaSet
    metadata: {{name: web}}
    spec:
      replicas: 1
      selector: {{matchLabels: {{app: web}}}}
      template:
        metadata: {{labels: {{app: web}}}}
        spec:
          {{{place}terminationGracePeriodSeconds: 1, containers: [{{name: app, image: 'app:v1'}}]}}
- wait: 10s
",
        cluster(nodes)
    );
    setting(&text)
}

/// A rule that looks at the whole cluster.
type Rule = fn(&View<'_>, bool) -> Option<Write>;

/// A controller that looks at the cluster every few seconds of change.
#[derive(Clone)]
struct Watcher {
    name: &'static str,
    rule: Rule,
    wrong: bool,
}

static WATCHES: LazyLock<Vec<Watch>> = LazyLock::new(|| {
    let all = |_: &crate::client::reconciler::Observed<'_>,
               _: View<'_>,
               keys: &mut crate::client::reconciler::Keys| {
        keys.add_after(ObjectKey::new(Kind::NODE, "", "cluster"), SimDuration::secs(2));
    };
    [Kind::POD, Kind::NODE, Kind::DEPLOYMENT].map(|kind| Watch { kind, keys: all }).to_vec()
});

impl Reconciler for Watcher {
    fn name(&self) -> &'static str {
        self.name
    }

    fn watches(&self) -> &'static [Watch] {
        &WATCHES
    }

    fn settings(&self) -> Settings {
        Settings { workers: 1, ..Settings::default() }
    }

    fn reconcile(&mut self, _key: &ObjectKey, view: View<'_>) -> Plan {
        let mut plan = Plan::nothing();
        if let Some(write) = (self.rule)(&view, self.wrong) {
            plan.push(write);
        }
        plan
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}

fn add(setting: &mut Setting, name: &'static str, rule: Rule, wrong: bool) {
    let watcher: Box<dyn Reconciler> = Box::new(Watcher { name, rule, wrong });
    setting.extras.operators.push((Name::new_static(name), vec![watcher]));
}

/// The running pods of the one workload, by name.
fn running(view: &View<'_>) -> Vec<Arc<Pod>> {
    let mut all: Vec<Arc<Pod>> = view.all::<Pod>().filter(|p| p.is_active()).cloned().collect();
    all.retain(|p| p.meta.namespace == "default" && !p.node_name.is_empty());
    all.sort_by(|a, b| a.meta.name.cmp(&b.meta.name));
    all
}

fn evict(pod: &Arc<Pod>, why: &'static str) -> Write {
    Write::delete(&crate::api::object::Object::Pod(pod.clone()), Why::new(why))
}

fn descheduler(wrong: bool, rule: Rule, nodes: u32) -> Setting {
    let text = format!(
        "
name: pair
about: More replicas than nodes that take them.
{}
steps:
- kubectl: cordon node-2
- apply:
    apiVersion: apps/v1
    kind: Deployment
    metadata: {{name: web}}
    spec:
      replicas: 2
      selector: {{matchLabels: {{app: web}}}}
      template:
        metadata: {{labels: {{app: web}}}}
        spec:
          nodeSelector: {{kubernetes.io/hostname: node-1}}
          terminationGracePeriodSeconds: 0
          containers: [{{name: app, image: 'app:v1'}}]
- wait: 15s
",
        cluster(nodes)
    );
    let mut setting = setting(&text);
    add(&mut setting, "descheduler", rule, wrong);
    setting
}

/// Two pods of one owner on one node: one is evicted. Without the bug only if another node would
/// take it, which here none does.
fn duplicates(view: &View<'_>, wrong: bool) -> Option<Write> {
    let all = running(view);
    let second = all
        .iter()
        .enumerate()
        .find(|(n, pod)| all[..*n].iter().any(|other| other.node_name == pod.node_name));
    let (_, pod) = second.filter(|_| wrong)?;
    Some(evict(pod, "a second one on its node"))
}

/// A pod of the node with most pods is evicted. Without the bug only if another node would take it.
fn fullest(view: &View<'_>, wrong: bool) -> Option<Write> {
    let all = running(view);
    let most = all.iter().max_by_key(|p| all.iter().filter(|o| o.node_name == p.node_name).count());
    let pod = most.filter(|_| wrong && all.len() > 1)?;
    Some(evict(pod, "its node is used most"))
}

const WORKLOAD: &str = "
steps:
- kubectl: create deployment web --image=app:v1 --replicas=2
- wait: 20s
";

fn scaled(view: &View<'_>, replicas: i32, why: Why) -> Option<Write> {
    let web = view.get::<Deployment>("default", "web")?;
    if web.spec.replicas == replicas {
        return None;
    }
    let key = ObjectKey::new(Kind::DEPLOYMENT, "default", "web");
    let patch = Patch::Merge(Arc::new(json!({"spec": {"replicas": replicas}})));
    let verb = Verb::Patch { key: key.clone(), part: Subresource::Main, patch, dry_run: false };
    let edit = crate::api::edit::Edit::UnblockOwners;
    Some(Write { verb, ..Write::edit(key, edit, why) })
}

fn two_writers(wrong: bool, nodes: u32) -> Setting {
    let text = format!("name: pair\nabout: Two set the replicas.\n{}{WORKLOAD}", cluster(nodes));
    let mut setting = setting(&text);
    let applies: Rule = |view, wrong| {
        if wrong { scaled(view, 2, Why::new("the manifest says 2")) } else { None }
    };
    let scales: Rule = |view, _| scaled(view, 3, Why::new("the load asks for 3"));
    add(&mut setting, "gitops", applies, wrong);
    add(&mut setting, "autoscaler", scales, wrong);
    setting
}

/// A load of 250 is shared by the replicas that run; each should have 100.
fn swings(wrong: bool, nodes: u32) -> Setting {
    let text = format!("name: pair\nabout: Load is shared.\n{}{WORKLOAD}", cluster(nodes));
    let mut setting = setting(&text);
    let rule: Rule = |view, wrong| {
        let ready = i32::try_from(running(view).iter().filter(|p| p.is_ready()).count()).ok()?;
        if ready == 0 {
            return None;
        }
        let each = 250 / ready;
        let wanted = match (wrong, each) {
            // Below the aim one goes, above it one comes: there is no number between.
            (true, 101..) => ready + 1,
            (true, ..=99) => ready - 1,
            // Within a tolerance nothing is done.
            (false, 131..) => ready + 1,
            (false, ..=60) => ready - 1,
            _ => ready,
        };
        let have = view.get::<Deployment>("default", "web")?.spec.replicas;
        if have != ready {
            return None;
        }
        scaled(view, wanted, Why::one("each has {}", each))
    };
    add(&mut setting, "autoscaler", rule, wrong);
    setting
}
