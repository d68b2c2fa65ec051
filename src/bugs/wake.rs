//! Families 6, 8 and 11: nobody looks again, nobody stops looking, and what hangs on the order of
//! a list.

use std::cmp::Reverse;
use std::sync::LazyLock;

use serde_json::json;

use super::Pair;
use super::rule::judged;
use super::subject::{
    Ask, DATABASE, Do, MACHINE, Model, Rule, VOLUME, WORKLOAD, body_of, setting, spec_of,
};
use crate::api::Name;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::time::Time;
use crate::client::plan::Plan;
use crate::client::reconciler::{Keys, Observed, Watch};
use crate::client::view::View;
use crate::cluster::Cluster;
use crate::explore::Setting;
use crate::explore::judge::Property;
use crate::sim::time::SimDuration;

pub(super) const PAIRS: &[Pair] = &[
    Pair {
        id: "U56",
        family: 6,
        source: "kube-rs/kube#1316, #1322, #1324",
        what: "what was there before a restart is never looked at",
        make: |wrong| handler(wrong, CHANGES_ONLY),
    },
    Pair {
        id: "U33",
        family: 6,
        source: "pravega/zookeeper-operator#513",
        what: "an error ends the work on a key, and nothing brings it back",
        make: |wrong| woken(wrong, deaf),
    },
    Pair {
        id: "U46",
        family: 6,
        source: "kubernetes-sigs/karpenter#2919",
        what: "a child that somebody else has taken away is not noticed",
        make: taken,
    },
    Pair {
        id: "U48",
        family: 6,
        source: "crossplane/crossplane#7220",
        what: "what was decided once is not decided again",
        make: |wrong| woken(wrong, decided),
    },
    Pair {
        id: "U47",
        family: 8,
        source: "crossplane/crossplane#7221",
        what: "the status is written whether it differs or not, with a number that does",
        make: |wrong| woken(wrong, counted),
    },
    Pair {
        id: "U50",
        family: 8,
        source: "syntasso/kratix#743",
        what: "the status has the time of the last look",
        make: |wrong| woken(wrong, timed),
    },
    Pair {
        id: "U22",
        family: 11,
        source: "instaclustr/cassandra-operator#400",
        what: "the first of a list is taken for the oldest",
        make: |wrong| judged(woken(wrong, first), OldestIsFirst),
    },
    Pair {
        id: "U58",
        family: 11,
        source: "pusher/faros#143",
        what: "a child whose owner is named in another namespace is collected",
        make: |wrong| judged(woken(wrong, far_owner), FarIsThere),
    },
];

const MADE: &[Do] = &[
    Do::Apply("{replicas: 3}"),
    Do::Wait(3),
    Do::Patch(r#"{"spec":{"replicas":4}}"#),
    Do::Wait(3),
];

fn woken(wrong: bool, rule: Rule) -> Setting {
    setting(vec![Model::new(rule, wrong)], MADE)
}

fn handler(wrong: bool, watches: &'static LazyLock<Vec<Watch>>) -> Setting {
    let mut model = Model::new(members, wrong);
    if wrong {
        model.watches = watches;
    }
    setting(vec![model], MADE)
}

/// A person takes a machine away.
fn taken(wrong: bool) -> Setting {
    const TAKEN: &[Do] = &[
        Do::Apply("{replicas: 3}"),
        Do::Wait(3),
        Do::Kubectl("delete machines.bugs.wavetank.dev db-1 --ignore-not-found"),
        Do::Wait(3),
    ];
    let mut model = Model::new(members, wrong);
    if wrong {
        model.watches = NO_CHILDREN;
    }
    judged(setting(vec![model], TAKEN), AllAreThere)
}

/// The machines that a database wants are there.
struct AllAreThere;

impl Property for AllAreThere {
    fn name(&self) -> &'static str {
        "the machines that are wanted are there"
    }

    fn at_rest(&self, cluster: &Cluster) -> Result<(), String> {
        for database in cluster.store().iter(*DATABASE) {
            let wanted = spec_of(database)["replicas"].as_u64().unwrap_or(0);
            let count = cluster.store().iter(*MACHINE).count() as u64;
            if count < wanted {
                return Err(format!("{wanted} are wanted, {count} are there"));
            }
        }
        Ok(())
    }
}

/// The status names the machine that was there first.
struct OldestIsFirst;

impl Property for OldestIsFirst {
    fn name(&self) -> &'static str {
        "the oldest machine is the first one"
    }

    fn at_rest(&self, cluster: &Cluster) -> Result<(), String> {
        for database in cluster.store().iter(*DATABASE) {
            let told = body_of(database).and_then(|body| body.get("status")).cloned();
            let told = told.unwrap_or_default()["primary"].as_str().unwrap_or_default().to_owned();
            let oldest = cluster.store().iter(*MACHINE).min_by_key(|o| age(o));
            if let Some(oldest) = oldest.filter(|o| o.meta().name != told) {
                return Err(format!("it is {}, and {told} is told", oldest.meta().name));
            }
        }
        Ok(())
    }
}

/// When a machine was made; of one second, the one with the greater number is the older.
fn age(object: &Object) -> (Time, Reverse<Name>) {
    let meta = object.meta();
    (meta.creation.unwrap_or_default(), Reverse(meta.name.clone()))
}

/// What names an owner in another namespace stays.
struct FarIsThere;

impl Property for FarIsThere {
    fn name(&self) -> &'static str {
        "the child in the other namespace is there"
    }

    fn at_rest(&self, cluster: &Cluster) -> Result<(), String> {
        let key = ObjectKey::new(Kind::CONFIG_MAP, "kube-public", "db-far");
        let wanted = cluster.store().iter(*DATABASE).next().is_some();
        if !wanted || cluster.store().get(&key).is_some() {
            Ok(())
        } else {
            Err("it is not".into())
        }
    }
}

/// The handler with the bug lets pass what it sees for the first time, after its first list.
static CHANGES_ONLY: &LazyLock<Vec<Watch>> = {
    static ROWS: LazyLock<Vec<Watch>> = LazyLock::new(|| {
        let children =
            [*MACHINE, *VOLUME, *WORKLOAD].map(|kind| Watch { kind, keys: |_, _, _| {} });
        std::iter::once(Watch { kind: *DATABASE, keys: young }).chain(children).collect()
    });
    &ROWS
};

/// The handler with the bug does not look at children.
static NO_CHILDREN: &LazyLock<Vec<Watch>> = {
    static ROWS: LazyLock<Vec<Watch>> = LazyLock::new(|| {
        let children =
            [*MACHINE, *VOLUME, *WORKLOAD].map(|kind| Watch { kind, keys: |_, _, _| {} });
        std::iter::once(Watch { kind: *DATABASE, keys: own }).chain(children).collect()
    });
    &ROWS
};

fn own(change: &Observed<'_>, _: View<'_>, keys: &mut Keys) {
    keys.add(change.latest().key());
}

/// What is older than a second when it is seen for the first time counts as known.
fn young(change: &Observed<'_>, view: View<'_>, keys: &mut Keys) {
    let created = change.latest().meta().creation.unwrap_or_default();
    if change.old.is_some() || view.now().since(created) < SimDuration::secs(2) {
        keys.add(change.latest().key());
    }
}

fn members(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    if ask.database().is_none() {
        return plan;
    }
    let wanted = ask.number("replicas");
    (0..wanted).for_each(|n| ask.ensure(*MACHINE, &n.to_string(), json!({}), &mut plan));
    plan
}

/// The rule with the bug takes each key up once for each generation, and an error is the end.
fn deaf(ask: &mut Ask<'_>) -> Plan {
    let generation = ask.database().map_or(0, |db| db.meta.generation);
    let name = ask.key.name.clone();
    if ask.wrong && ask.memory.insert(name, generation) == Some(generation) {
        return Plan::nothing();
    }
    members(ask)
}

/// What was decided is kept in the status, and with the bug never looked at again.
fn decided(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    let generation = ask.database().map_or(0, |db| db.meta.generation);
    let status = ask.database().and_then(|db| db.body.get("status").cloned()).unwrap_or_default();
    if ask.wrong && status["decided"] == json!(generation) {
        return plan;
    }
    ask.status(json!({"decided": generation}), &mut plan);
    let rest = members(ask);
    plan.steps.extend(rest.steps);
    plan
}

fn counted(ask: &mut Ask<'_>) -> Plan {
    let mut plan = members(ask);
    let status = ask.database().and_then(|db| db.body.get("status").cloned()).unwrap_or_default();
    let looks = status["looks"].as_i64().unwrap_or(0);
    let next = if ask.wrong { looks + 1 } else { 1 };
    ask.status(json!({"looks": next}), &mut plan);
    plan
}

fn timed(ask: &mut Ask<'_>) -> Plan {
    let mut plan = members(ask);
    let now = ask.view.now().micro_text();
    let generation = ask.database().map_or(0, |db| db.meta.generation);
    let status = if ask.wrong { json!({"at": now}) } else { json!({"of": generation}) };
    ask.status(status, &mut plan);
    plan
}

/// Machines are made from the last to the first; the status names the oldest one, which the rule
/// with the bug takes to be the first of the list.
fn first(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    if ask.database().is_none() {
        return plan;
    }
    let wanted = ask.number("replicas");
    (0..wanted).rev().for_each(|n| ask.ensure(*MACHINE, &n.to_string(), json!({}), &mut plan));
    let all = ask.children(*MACHINE);
    let found = if ask.wrong {
        all.first().copied()
    } else {
        all.iter().min_by_key(|machine| age(machine)).copied()
    };
    if let Some(found) = found {
        ask.status(json!({"primary": found.meta().name}), &mut plan);
    }
    plan
}

/// A child in the namespace of the system that names a database of another namespace its owner.
fn far_owner(ask: &mut Ask<'_>) -> Plan {
    let mut plan = members(ask);
    let key = ObjectKey::new(Kind::CONFIG_MAP, "kube-public", "db-far");
    let there = ask.view.object(&key).is_some();
    if !there && let Some(mut child) = ask.make(Kind::CONFIG_MAP, "far", json!({})) {
        child.meta_mut().namespace = "kube-public".into();
        if !ask.wrong {
            child.meta_mut().set_owners(Vec::new());
        }
        let why = crate::api::why::Why::new("it is missing");
        plan.push(crate::client::plan::Write::create(child, why));
    }
    plan
}
