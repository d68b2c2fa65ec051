//! Built-in controllers with a rule switched: the bug is what they were without it.

use std::sync::Arc;

use serde_json::json;

use super::{Pair, setting};
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::Refusal;
use crate::client::plan::{Plan, Recovery, Write};
use crate::client::reconciler::{Observed, Reconciler, Settings, Watch};
use crate::client::view::View;
use crate::cluster::Cluster;
use crate::controllers;
use crate::explore::Setting;
use crate::explore::judge::Property;
use crate::fault::parameter::{Mutation, Requests};
use crate::fault::plan::Entry;
use crate::fault::{Fault, Plan as Faults};
use crate::sim::time::SimDuration;

pub(super) const PAIRS: &[Pair] = &[
    Pair {
        id: "B20",
        family: 5,
        source: "kubernetes/kubernetes#129795",
        what: "expectations run out while the cache still lags: a second set of pods",
        make: b20,
    },
    Pair {
        id: "B22",
        family: 5,
        source: "KEP-5647, kubernetes/kubernetes#134937",
        what: "a ReplicaSet acts on a cache older than its own last write",
        make: b22,
    },
    Pair {
        id: "B42",
        family: 5,
        source: "kubernetes/kubernetes#92928, #99345",
        what: "endpoints are listed twice when slices are written from a stale cache",
        make: b42,
    },
    Pair {
        id: "B36",
        family: 7,
        source: "kubernetes/kubernetes#58032, #57167",
        what: "a webhook changes the template of every ReplicaSet: none is ever the right one",
        make: b36,
    },
    Pair {
        id: "B05",
        family: 6,
        source: "kubernetes/kubernetes#112733",
        what: "a node that is not ready any more does not make its pods unready",
        make: b05,
    },
    Pair {
        id: "B52",
        family: 6,
        source: "kubernetes/kubernetes#26120",
        what: "the collector looks at owners only when they change",
        make: b52,
    },
    Pair {
        id: "B13",
        family: 4,
        source: "kubernetes/kubernetes#31123, #55587",
        what: "a pod that is gone is still counted by a set that counts events",
        make: b13,
    },
    Pair {
        id: "B53",
        family: 6,
        source: "kubernetes/kubernetes#73186",
        what: "a refusal in a namespace that is to go ends the work on it",
        make: b53,
    },
    Pair {
        id: "B21",
        family: 6,
        source: "kubernetes/kubernetes#108266",
        what: "nobody looks again when a pod becomes available by time alone",
        make: b21,
    },
];

/// A controller whose settings or answers are switched.
#[derive(Clone)]
struct Switched {
    inner: Box<dyn Reconciler>,
    settings: fn(Settings) -> Settings,
    plan: fn(Plan) -> Plan,
    recovers: bool,
    watches: &'static [Watch],
}

impl Reconciler for Switched {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn event_source(&self) -> &'static str {
        self.inner.event_source()
    }

    fn watches(&self) -> &'static [Watch] {
        self.watches
    }

    fn settings(&self) -> Settings {
        (self.settings)(self.inner.settings())
    }

    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        (self.plan)(self.inner.reconcile(key, view))
    }

    fn recover(&mut self, write: &Write, refusal: &Refusal) -> Recovery {
        if self.recovers { self.inner.recover(write, refusal) } else { Recovery::GiveUp }
    }

    fn observe(&mut self, change: &Observed<'_>, view: View<'_>) {
        self.inner.observe(change, view);
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}

/// The controllers with one of them switched.
fn with(name: &str, switch: impl Fn(Switched) -> Switched) -> Vec<Box<dyn Reconciler>> {
    let mut all = controllers::all();
    for rule in &mut all {
        if rule.name() == name {
            let watches = rule.watches();
            let settings: fn(Settings) -> Settings = |s| s;
            let plan: fn(Plan) -> Plan = |p| p;
            let same = Switched { inner: rule.clone(), settings, plan, recovers: true, watches };
            *rule = Box::new(switch(same));
        }
    }
    all
}

const SMALL: &str = "
name: pair
about: Three replicas come up, and one more.
cluster: {nodes: [{name: node, count: 2, cpu: '8', memory: 8Gi}]}
steps:
- kubectl: create deployment web --image=app:v1 --replicas=2
- wait: 5s
- kubectl: scale deploy/web --replicas=3
- wait: 5s
";

fn small() -> Setting {
    setting(SMALL)
}

fn b22(wrong: bool) -> Setting {
    let mut setting = small();
    let blind = |s: Settings| Settings { expectations: false, awaits_own_writes: false, ..s };
    if wrong {
        setting.extras.controllers =
            Some(with("replicaset-controller", |s| Switched { settings: blind, ..s }));
    }
    setting
}

fn b20(wrong: bool) -> Setting {
    let mut setting = small();
    let before = |s: Settings| Settings { awaits_own_writes: false, ..s };
    let after = |s: Settings| Settings { awaits_own_writes: true, ..s };
    let settings: fn(Settings) -> Settings = if wrong { before } else { after };
    setting.extras.controllers =
        Some(with("replicaset-controller", |s| Switched { settings, ..s }));
    setting
}

/// No address is listed twice by the slices of a Service.
struct ListedOnce;

impl Property for ListedOnce {
    fn name(&self) -> &'static str {
        "no endpoint is listed twice"
    }

    fn at_rest(&self, cluster: &Cluster) -> Result<(), String> {
        let store = cluster.store();
        let mut all: Vec<String> = Vec::new();
        for slice in store
            .iter(Kind::ENDPOINT_SLICE)
            .filter_map(|o| o.as_a::<crate::api::discovery::endpoint_slice::EndpointSlice>())
        {
            let addresses = slice.endpoints.iter().filter_map(|e| e.addresses.first());
            all.extend(addresses.map(ToString::to_string));
        }
        let count = all.len();
        all.sort();
        all.dedup();
        if all.len() == count {
            Ok(())
        } else {
            Err(format!("{count} entries, {} addresses", all.len()))
        }
    }
}

fn b42(wrong: bool) -> Setting {
    let text = SMALL.replace(
        "- wait: 5s\n- kubectl: scale",
        "- kubectl: expose deploy/web --port=80\n- wait: 5s\n- kubectl: scale",
    );
    let mut setting = setting(&text);
    let blind = |s: Settings| Settings { expectations: false, awaits_own_writes: false, ..s };
    if wrong {
        setting.extras.controllers =
            Some(with("endpointslice-controller", |s| Switched { settings: blind, ..s }));
    }
    setting.properties.push(Arc::new(ListedOnce));
    setting
}

fn b36(wrong: bool) -> Setting {
    let mut setting = small();
    let requests = Requests {
        actor: Some("deployment-controller".to_owned()),
        kind: Some("ReplicaSet".to_owned()),
        verbs: vec!["create".to_owned()],
        ..Requests::default()
    };
    let added = json!({"spec": {"template": {"metadata": {"labels": {"injected": "yes"}}}}});
    let harmless = json!({"metadata": {"annotations": {"injected": "yes"}}});
    let patch = if wrong { added } else { harmless };
    let fault = Fault::Webhook(Mutation { requests, patch });
    let begin = SimDuration::millis(100);
    let entry = Entry::at(begin, fault, Some(SimDuration::secs(3600)));
    setting.extras.plan = Faults::one(entry);
    setting
}

fn unwatched(rule: &str, kind: Kind) -> &'static [Watch] {
    let all = controllers::all();
    let of = all.iter().find(|r| r.name() == rule).map_or(&[][..], |r| r.watches());
    let silent = |w: &Watch| {
        if w.kind == kind { Watch { kind, keys: |_, _, _| {} } } else { *w }
    };
    let kept: Vec<Watch> = of.iter().map(silent).collect();
    kept.leak()
}

/// The rule that makes pods unready with their node is left out.
fn b05(wrong: bool) -> Setting {
    let mut setting = setting(&SMALL.replace(
        "- wait: 5s\n- kubectl: scale",
        "- kubectl: expose deploy/web --port=80\n- wait: 5s\n- kubectl: scale",
    ));
    if wrong {
        let no_pods = |mut plan: Plan| {
            plan.steps.retain(|step| match step {
                crate::client::plan::Step::One(write) => write.verb.key().kind != Kind::POD,
                crate::client::plan::Step::Batch { .. } | crate::client::plan::Step::Landmark => {
                    true
                }
            });
            plan
        };
        setting.extras.controllers =
            Some(with("node-controller", |s| Switched { plan: no_pods, ..s }));
    }
    setting.properties.push(Arc::new(DeadAreNotListed));
    setting
}

/// A node that has not told of itself for two minutes has no ready pod.
struct DeadAreNotListed;

impl Property for DeadAreNotListed {
    fn name(&self) -> &'static str {
        "pods of dead nodes are not ready"
    }

    fn at_rest(&self, cluster: &Cluster) -> Result<(), String> {
        let store = cluster.store();
        for pod in store.iter(Kind::POD).filter_map(|o| o.as_a::<crate::api::core::pod::Pod>()) {
            let key = ObjectKey::new(Kind::NODE, "", &pod.node_name);
            let node = store.get(&key).and_then(|o| o.as_a::<crate::api::core::node::Node>());
            if pod.is_ready() && node.is_some_and(|n| !n.is_ready()) {
                return Err(format!("{} on {} is ready", pod.meta.name, pod.node_name));
            }
        }
        Ok(())
    }
}

fn b52(wrong: bool) -> Setting {
    let text = SMALL.to_owned() + "- kubectl: delete deploy/web\n- wait: 5s\n";
    let mut setting = setting(&text);
    if wrong {
        setting.extras.controllers =
            Some(with("generic-garbage-collector", |s| Switched { recovers: false, ..s }));
    }
    setting
}

fn b13(wrong: bool) -> Setting {
    let mut setting = small();
    if wrong {
        let watches = unwatched("replicaset-controller", Kind::POD);
        setting.extras.controllers =
            Some(with("replicaset-controller", |s| Switched { watches, ..s }));
    }
    setting
}

fn b53(wrong: bool) -> Setting {
    let text = "
name: pair
about: A namespace goes with what is in it.
cluster: {nodes: []}
steps:
- kubectl: create namespace shop
- kubectl: create configmap a --from-literal=k=v -n shop
- wait: 2s
- kubectl: delete namespace shop --wait=false
- wait: 5s
";
    let mut setting = setting(text);
    if wrong {
        setting.extras.controllers =
            Some(with("namespace-controller", |s| Switched { recovers: false, ..s }));
    }
    setting
}

fn b21(wrong: bool) -> Setting {
    let text = "
name: pair
about: Pods count only after they were ready for a while.
cluster: {nodes: [{name: node, count: 1, cpu: '8', memory: 8Gi}]}
steps:
- apply:
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web}
    spec:
      replicas: 2
      minReadySeconds: 5
      selector: {matchLabels: {app: web}}
      template:
        metadata: {labels: {app: web}}
        spec: {containers: [{name: app, image: 'app:v1'}]}
- wait: 15s
expect:
- eventually: {available: {deployment: web, at-least: 2}}
";
    let mut setting = setting(text);
    if wrong {
        let forgets = |mut plan: Plan| {
            plan.look_again = None;
            plan
        };
        setting.extras.controllers =
            Some(with("replicaset-controller", |s| Switched { plan: forgets, ..s }));
    }
    // The side with the bug does not hold even without faults.
    setting.properties.push(Arc::new(AllAvailable));
    setting
}

/// What is ready for longer than it needs is counted as available.
struct AllAvailable;

impl Property for AllAvailable {
    fn name(&self) -> &'static str {
        "ready pods are available in the end"
    }

    fn at_rest(&self, cluster: &Cluster) -> Result<(), String> {
        for object in cluster.store().iter(Kind::REPLICA_SET) {
            let Object::ReplicaSet(set) = object else { continue };
            let (ready, available) = (set.status.ready_replicas, set.status.available_replicas);
            if ready != available {
                return Err(format!("{}: {ready} ready, {available} available", set.meta.name));
            }
        }
        Ok(())
    }
}
