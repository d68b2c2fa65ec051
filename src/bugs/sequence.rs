//! Family 1: two writes, and a crash between them leaves what nobody mends.
//!
//! The rule with the bug asks only whether the first thing is there; the one without looks at
//! each by itself.

use serde_json::json;

use super::Pair;
use super::subject::{Ask, Do, MACHINE, Model, VOLUME, WORKLOAD, body_of, setting, spec_of};
use crate::api::object::Kind;
use crate::client::plan::Plan;

pub(super) const PAIRS: &[Pair] = &[
    Pair {
        id: "U01",
        family: 1,
        source: "rabbitmq/cluster-operator#782",
        what: "a workload is deleted, its volume grown, and the workload made again; after a crash \
               between, the new workload looks right and the volume stays small",
        make: |wrong| setting(vec![Model::new(grow, wrong)], GROWN),
    },
    Pair {
        id: "U09",
        family: 1,
        source: "K8SPSMDB-578, K8SPSMDB-579",
        what: "two secrets for TLS are made one after the other, and only the first is looked for",
        make: |wrong| setting(vec![Model::new(two_secrets, wrong)], MADE),
    },
    Pair {
        id: "U10",
        family: 1,
        source: "K8SPXC-896, K8SPXC-897",
        what: "a secret and the internal secret that is made from it, guarded by the first",
        make: |wrong| setting(vec![Model::new(secret_and_copy, wrong)], MADE),
    },
    Pair {
        id: "U24",
        family: 1,
        source: "K8SSAND-1023",
        what: "a node is marked as starting, and started only by whoever has marked it",
        make: |wrong| setting(vec![Model::new(start, wrong)], MADE),
    },
    Pair {
        id: "U26",
        family: 1,
        source: "konpyutaika/nifikop#49",
        what: "the configuration is written, and that it is out of sync is told later: after a \
               crash between, nothing is restarted",
        make: |wrong| setting(vec![Model::new(reconfigure, wrong)], CHANGED),
    },
    Pair {
        id: "U27",
        family: 1,
        source: "konpyutaika/nifikop#79",
        what: "a member is taken off the list first, and never removed after a crash",
        make: |wrong| setting(vec![Model::new(scale_down, wrong)], SHRUNK),
    },
    Pair {
        id: "U49",
        family: 1,
        source: "crossplane/crossplane#7222, #7223",
        what: "an object is created under a drawn name before the reference to it is stored",
        make: |wrong| setting(vec![Model::new(reference, wrong)], MADE),
    },
    Pair {
        id: "U51",
        family: 1,
        source: "syntasso/kratix#741",
        what: "a work is created and then initialised, and after a crash it stays uninitialised",
        make: |wrong| setting(vec![Model::new(initialise, wrong)], MADE),
    },
    Pair {
        id: "U52",
        family: 1,
        source: "kubernetes-sigs/kro#1170, #1171",
        what: "the parts of a graph are applied in one go and counted as done with the first",
        make: |wrong| setting(vec![Model::new(graph, wrong)], MADE),
    },
    Pair {
        id: "U53",
        family: 1,
        source: "kcp-dev/kcp#3925, #3926",
        what: "a phase is written before what it promises is done",
        make: |wrong| setting(vec![Model::new(phase, wrong)], MADE),
    },
];

const MADE: &[Do] = &[Do::Apply("{replicas: 3, size: 1}"), Do::Wait(2)];
const GROWN: &[Do] = &[
    Do::Apply("{replicas: 3, size: 1}"),
    Do::Wait(2),
    Do::Patch(r#"{"spec":{"size":5}}"#),
    Do::Wait(2),
];
const CHANGED: &[Do] = &[
    Do::Apply("{replicas: 1, size: 1}"),
    Do::Wait(2),
    Do::Patch(r#"{"spec":{"size":2}}"#),
    Do::Wait(2),
];
const SHRUNK: &[Do] = &[
    Do::Apply("{replicas: 2}"),
    Do::Wait(2),
    Do::Patch(r#"{"spec":{"replicas":1}}"#),
    Do::Wait(2),
];

fn grow(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    let size = json!({"size": ask.number("size")});
    let (volume, workload) = (ask.child(*VOLUME, "data"), ask.child(*WORKLOAD, "run"));
    match (volume, workload) {
        (None, _) => ask.create(*VOLUME, "data", size, &mut plan),
        (Some(volume), None) => {
            if !ask.wrong {
                ask.respec(volume, &size, &mut plan);
            }
            ask.create(*WORKLOAD, "run", size, &mut plan);
        }
        (Some(volume), Some(workload)) if spec_of(workload) != size => {
            ask.delete_known(*WORKLOAD, "run", &mut plan);
            ask.respec(volume, &size, &mut plan);
            ask.create(*WORKLOAD, "run", size, &mut plan);
        }
        (Some(volume), Some(_)) => {
            if !ask.wrong {
                ask.respec(volume, &size, &mut plan);
            }
        }
    }
    plan
}

fn two_secrets(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    if ask.wrong && ask.child(Kind::SECRET, "ssl").is_some() {
        return plan;
    }
    ask.ensure(Kind::SECRET, "ssl", json!({"tls.crt": "YQ=="}), &mut plan);
    ask.ensure(Kind::SECRET, "ssl-internal", json!({"tls.crt": "Yg=="}), &mut plan);
    plan
}

fn secret_and_copy(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    let first = ask.child(Kind::SECRET, "users").is_none();
    ask.ensure(Kind::SECRET, "users", json!({"root": "cA=="}), &mut plan);
    if first || !ask.wrong {
        ask.ensure(Kind::SECRET, "users-internal", json!({"root": "cA=="}), &mut plan);
        ask.ensure(*WORKLOAD, "run", json!({"replicas": ask.number("replicas")}), &mut plan);
    }
    plan
}

fn start(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    let marked = ask.child(Kind::CONFIG_MAP, "starting").is_some();
    if ask.wrong && marked {
        return plan;
    }
    ask.ensure(Kind::CONFIG_MAP, "starting", json!({"node": "0"}), &mut plan);
    ask.ensure(*MACHINE, "0", json!({"started": true}), &mut plan);
    plan
}

fn reconfigure(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    let size = ask.number("size");
    let data = json!({"size": size.to_string()});
    let Some(config) = ask.child(Kind::CONFIG_MAP, "config") else {
        ask.create(Kind::CONFIG_MAP, "config", data, &mut plan);
        ask.create(*WORKLOAD, "run", json!({"config": size}), &mut plan);
        return plan;
    };
    let Some(run) = ask.child(*WORKLOAD, "run") else {
        ask.create(*WORKLOAD, "run", json!({"config": size}), &mut plan);
        return plan;
    };
    let changed = body_of(config).is_some_and(|body| body.get("data") != Some(&data));
    if changed {
        ask.delete_known(Kind::CONFIG_MAP, "config", &mut plan);
        ask.create(Kind::CONFIG_MAP, "config", data, &mut plan);
    }
    // The workload reads its configuration when it starts: it has to be told of another one.
    if changed || !ask.wrong {
        ask.respec(run, &json!({"config": size}), &mut plan);
    }
    plan
}

fn scale_down(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    let replicas = ask.number("replicas");
    let list = json!({"members": replicas});
    let Some(run) = ask.child(*WORKLOAD, "run") else {
        (0..replicas).for_each(|n| ask.ensure(*MACHINE, &n.to_string(), json!({}), &mut plan));
        ask.create(*WORKLOAD, "run", list, &mut plan);
        return plan;
    };
    let listed = spec_of(run)["members"].as_i64().unwrap_or(0);
    ask.respec(run, &list, &mut plan);
    let first = if ask.wrong { replicas.max(listed) } else { replicas };
    let last = if ask.wrong { listed } else { 5 };
    let gone = if ask.wrong { replicas..last } else { first..last };
    gone.for_each(|n| ask.delete_known(*MACHINE, &n.to_string(), &mut plan));
    plan
}

fn reference(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    if !ask.wrong {
        ask.ensure(*MACHINE, "composed", json!({}), &mut plan);
        ask.status(json!({"composed": true}), &mut plan);
        return plan;
    }
    let known = ask.database().is_some_and(|db| db.body.contains_key("status"));
    if !known {
        ask.create_one_of_many(*MACHINE, &mut plan);
        ask.status(json!({"composed": true}), &mut plan);
    }
    plan
}

fn initialise(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    match ask.child(*WORKLOAD, "work") {
        None => {
            ask.create(*WORKLOAD, "work", json!({"initialised": false}), &mut plan);
            ask.create(Kind::CONFIG_MAP, "work-ready", json!({"ready": "yes"}), &mut plan);
        }
        Some(_) if !ask.wrong => {
            ask.ensure(Kind::CONFIG_MAP, "work-ready", json!({"ready": "yes"}), &mut plan);
        }
        Some(_) => {}
    }
    plan
}

fn graph(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    if ask.wrong && ask.child(*WORKLOAD, "run").is_some() {
        return plan;
    }
    ask.ensure(*WORKLOAD, "run", json!({"replicas": 1}), &mut plan);
    ask.ensure(Kind::CONFIG_MAP, "service", json!({"port": "80"}), &mut plan);
    ask.ensure(Kind::CONFIG_MAP, "ingress", json!({"host": "a"}), &mut plan);
    plan
}

fn phase(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    let told = ask.database().is_some_and(|db| db.body.contains_key("status"));
    if ask.wrong && told {
        return plan;
    }
    if ask.wrong {
        ask.status(json!({"phase": "Ready"}), &mut plan);
        ask.ensure(Kind::CONFIG_MAP, "endpoint", json!({"url": "a"}), &mut plan);
    } else {
        ask.ensure(Kind::CONFIG_MAP, "endpoint", json!({"url": "a"}), &mut plan);
        ask.status(json!({"phase": "Ready"}), &mut plan);
    }
    plan
}
