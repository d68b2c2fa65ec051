//! Built-in controllers with a rule switched: the bug is what they were without it.

use std::sync::Arc;

use serde_json::json;

use super::property::{AllAvailable, DeadAreNotReady, ListedOnce};
use super::rule::varied;
use super::{Pair, setting};
use crate::api::object::ObjectKey;
use crate::api::refusal::Refusal;
use crate::api::request::Answer;
use crate::api::time::Time;
use crate::api::variant::Variant;
use crate::client::plan::{Plan, Recovery, Settled, Write};
use crate::client::reconciler::{Observed, Reconciler, Settings, Watch};
use crate::client::view::View;
use crate::controllers;
use crate::explore::Setting;
use crate::fault::parameter::{Mutation, Requests};
use crate::fault::plan::Entry;
use crate::fault::{Fault, Plan as Faults};
use crate::sim::time::{SimDuration, SimTime};

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
        what: "a node falls silent that was not ready before, and its pods stay ready",
        make: b05,
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
pub(super) struct Switched {
    pub(super) inner: Box<dyn Reconciler>,
    pub(super) settings: fn(Settings) -> Settings,
    pub(super) plan: fn(Plan) -> Plan,
    pub(super) recovers: bool,
    pub(super) watches: &'static [Watch],
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

    fn resume(&mut self, key: &ObjectKey, settled: Vec<Settled>, view: View<'_>) -> Plan {
        self.inner.resume(key, settled, view)
    }

    fn answered(&mut self, key: &ObjectKey, write: &Write, answer: &Answer) {
        self.inner.answered(key, write, answer);
    }

    fn idle_until(&self, now: Time) -> Option<SimTime> {
        self.inner.idle_until(now)
    }

    fn observe(&mut self, change: &Observed<'_>, view: View<'_>) {
        self.inner.observe(change, view);
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}

/// The controllers with one of them switched.
pub(super) fn with(name: &str, switch: impl Fn(Switched) -> Switched) -> Vec<Box<dyn Reconciler>> {
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

pub(super) fn small() -> Setting {
    setting(SMALL)
}

/// A controller that does not wait for what it has written itself.
pub(super) fn blind(s: Settings) -> Settings {
    Settings { expectations: false, awaits_own_writes: false, ..s }
}

fn b22(wrong: bool) -> Setting {
    let mut setting = small();
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

fn b42(wrong: bool) -> Setting {
    let text = SMALL.replace(
        "- wait: 5s\n- kubectl: scale",
        "- kubectl: expose deploy/web --port=80\n- wait: 5s\n- kubectl: scale",
    );
    let mut setting = setting(&text);
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
    let fault = Fault::Webhook(Mutation::merging(requests, patch));
    let begin = SimDuration::millis(100);
    let entry = Entry::at(begin, fault, Some(SimDuration::secs(3600)));
    setting.extras.plan = Faults::one(entry);
    setting
}

/// A node that was not ready yet falls silent.
fn b05(wrong: bool) -> Setting {
    let mut setting = setting(&SMALL.replace(
        "- wait: 5s\n- kubectl: scale",
        "- kubectl: expose deploy/web --port=80\n- wait: 5s\n- kubectl: scale",
    ));
    // The rule of 1.36 is the one with the bug.
    setting = varied(setting, !wrong, Variant::MarksWhenSilent);
    setting.properties.push(Arc::new(DeadAreNotReady));
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
