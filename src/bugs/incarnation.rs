//! Family 2: an old incarnation under the same name. What the rule with the bug sees of the former
//! database it does to the children of the new one, as it deletes them by name.

use serde_json::json;

use super::Pair;
use super::subject::{Ask, Do, MACHINE, Model, VOLUME, WORKLOAD, setting};
use crate::api::object::Kind;
use crate::client::plan::Plan;
use crate::explore::Setting;

pub(super) const PAIRS: &[Pair] = &[
    pair(
        "U02",
        "rabbitmq/cluster-operator#648",
        "deletes the live workload on a stale deletion mark",
        |wrong| of(wrong, workload),
    ),
    pair(
        "U06",
        "Orange-OpenSource/casskop#316",
        "deletes volumes and workload on a stale deletion mark",
        |wrong| of(wrong, both),
    ),
    pair("U11", "K8SPSMDB-430", "deletes volumes and members of the new cluster", |wrong| {
        of(wrong, members)
    }),
    pair("U15", "K8SPXC-716", "deletes the volume of the new cluster", |wrong| of(wrong, volume)),
    pair(
        "U20",
        "instaclustr/cassandra-operator#402",
        "deletes volumes by label when an old resource is seen",
        |wrong| of(wrong, volume),
    ),
    pair(
        "U21",
        "instaclustr/cassandra-operator#407",
        "deletes the volume of a member that was scaled down and up",
        rescaled,
    ),
    pair("U23", "K8SSAND-559", "deletes the volume on a stale deletion mark", |wrong| {
        of(wrong, volume_first)
    }),
    pair(
        "U31",
        "pravega/zookeeper-operator#312",
        "deletes the volume on a stale deletion mark",
        |wrong| of(wrong, members),
    ),
    pair(
        "U55",
        "volcano-sh/volcano#5986",
        "takes an old member's end for that of the new one of its name",
        |wrong| of(wrong, both),
    ),
];

const fn pair(
    id: &'static str,
    source: &'static str,
    what: &'static str,
    make: super::Make,
) -> Pair {
    Pair { id, family: 2, source, what, make }
}

/// Made, deleted and made again.
const AGAIN: &[Do] = &[
    Do::Apply("{replicas: 2}"),
    Do::Wait(2),
    Do::Delete,
    Do::Wait(2),
    Do::Apply("{replicas: 2}"),
    Do::Wait(2),
];

/// Scaled down and up again.
const RESCALED: &[Do] = &[
    Do::Apply("{replicas: 2}"),
    Do::Wait(2),
    Do::Patch(r#"{"spec":{"replicas":1}}"#),
    Do::Wait(2),
    Do::Patch(r#"{"spec":{"replicas":2}}"#),
    Do::Wait(2),
];

/// The children of a model: kind and name.
type Children = fn() -> Vec<(Kind, &'static str)>;

fn workload() -> Vec<(Kind, &'static str)> {
    vec![(*WORKLOAD, "run")]
}

fn volume() -> Vec<(Kind, &'static str)> {
    vec![(*WORKLOAD, "run"), (*VOLUME, "data")]
}

fn volume_first() -> Vec<(Kind, &'static str)> {
    vec![(*VOLUME, "data"), (*WORKLOAD, "run")]
}

fn both() -> Vec<(Kind, &'static str)> {
    vec![(*VOLUME, "data-0"), (*VOLUME, "data-1"), (*WORKLOAD, "run")]
}

fn members() -> Vec<(Kind, &'static str)> {
    vec![(*MACHINE, "0"), (*MACHINE, "1"), (*VOLUME, "data")]
}

fn of(wrong: bool, children: Children) -> Setting {
    let rules: [(Children, super::subject::Rule); 5] = [
        (workload, |ask| hold(ask, &workload())),
        (volume, |ask| hold(ask, &volume())),
        (volume_first, |ask| hold(ask, &volume_first())),
        (both, |ask| hold(ask, &both())),
        (members, |ask| hold(ask, &members())),
    ];
    let wanted = children();
    let rule = rules.iter().find(|(of, _)| of() == wanted).map(|(_, rule)| *rule);
    let model = Model::new(rule.expect("each list of children has its rule"), wrong);
    let mut setting = setting(vec![model], AGAIN);
    setting.precious = wanted.into_iter().map(|(kind, _)| kind).collect();
    setting.precious.dedup();
    setting
}

/// Makes the children of a database that is there, and deletes them before it goes.
fn hold(ask: &mut Ask<'_>, children: &[(Kind, &'static str)]) -> Plan {
    let mut plan = Plan::nothing();
    if ask.database().is_none() || ask.hold(&mut plan) {
        return plan;
    }
    if !ask.is_deleting() {
        for (kind, name) in children {
            ask.ensure(*kind, name, json!({}), &mut plan);
        }
        return plan;
    }
    if ask.wrong {
        for (kind, name) in children {
            ask.delete_by_name(*kind, name, &mut plan);
        }
        ask.release(&mut plan);
        return plan;
    }
    let uid = ask.database().map(|db| db.meta.uid);
    let mine = |kind: Kind, name: &str| {
        ask.child(kind, name).is_some_and(|o| o.meta().controller().map(|o| o.uid) == uid)
    };
    let left: Vec<_> = children.iter().filter(|(kind, name)| mine(*kind, name)).collect();
    for (kind, name) in &left {
        ask.delete_known(*kind, name, &mut plan);
    }
    if left.is_empty() {
        ask.release(&mut plan);
    }
    plan
}

fn rescaled(wrong: bool) -> Setting {
    let mut setting = setting(vec![Model::new(scale, wrong)], RESCALED);
    setting.precious = vec![*VOLUME];
    setting
}

/// Members and their volumes by ordinal; those beyond the number are deleted.
fn scale(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    if ask.database().is_none() {
        return plan;
    }
    let replicas = ask.number("replicas");
    for n in 0..replicas {
        ask.ensure(*VOLUME, &format!("data-{n}"), json!({}), &mut plan);
        ask.ensure(*MACHINE, &n.to_string(), json!({}), &mut plan);
    }
    for n in replicas..3 {
        ask.delete_known(*MACHINE, &n.to_string(), &mut plan);
        if ask.wrong {
            ask.delete_by_name(*VOLUME, &format!("data-{n}"), &mut plan);
        } else {
            ask.delete_known(*VOLUME, &format!("data-{n}"), &mut plan);
        }
    }
    plan
}
