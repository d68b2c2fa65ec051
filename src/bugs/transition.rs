//! Family 4: a transition that is never seen. The rule with the bug acts when it sees a number
//! fall; when the fall is not seen, nothing makes good for it. The one without compares what is
//! wanted with what is there.

use serde_json::json;

use super::Pair;
use super::subject::{Ask, Do, MACHINE, Model, Rule, VOLUME, WORKLOAD, body_of, setting, spec_of};
use crate::api::object::Kind;
use crate::client::plan::Plan;
use crate::explore::Setting;

pub(super) const PAIRS: &[Pair] = &[
    pair(
        "U04",
        "rabbitmq/cluster-operator#758",
        "scaling down and up is not noticed, and what went with it stays",
        |wrong| of(wrong, |ask| renew(ask, *VOLUME), DOWN_UP),
    ),
    pair(
        "U08",
        "Orange-OpenSource/casskop#342",
        "the change of a setting and back is not noticed",
        |wrong| of(wrong, |ask| renew(ask, Kind::CONFIG_MAP), DOWN_UP),
    ),
    pair("U14", "K8SPSMDB-585", "scaling down is not noticed, and the volume stays", |wrong| {
        of(wrong, leftover, DOWN)
    }),
    pair("U18", "K8SPXC-918", "the end of a proxy is not noticed, and its volume stays", |wrong| {
        of(wrong, off, OFF)
    }),
    pair(
        "U29",
        "yugabyte/yugabyte-operator#39",
        "a change between two looks is not noticed",
        |wrong| of(wrong, |ask| renew(ask, *MACHINE), DOWN_UP),
    ),
    pair(
        "U32",
        "pravega/zookeeper-operator#453",
        "a volume keeps the identity of the member before",
        |wrong| of(wrong, |ask| renew(ask, Kind::SECRET), DOWN_UP),
    ),
];

const fn pair(
    id: &'static str,
    source: &'static str,
    what: &'static str,
    make: super::Make,
) -> Pair {
    Pair { id, family: 4, source, what, make }
}

const DOWN_UP: &[Do] = &[
    Do::Apply("{replicas: 2, epoch: 1}"),
    Do::Wait(2),
    Do::Patch(r#"{"spec":{"replicas":1,"epoch":2}}"#),
    Do::Wait(1),
    Do::Patch(r#"{"spec":{"replicas":2,"epoch":3}}"#),
    Do::Wait(2),
];

const DOWN: &[Do] = &[
    Do::Apply("{replicas: 2}"),
    Do::Wait(2),
    Do::Patch(r#"{"spec":{"replicas":1}}"#),
    Do::Wait(2),
];

const OFF: &[Do] = &[
    Do::Apply("{replicas: 1, option: true}"),
    Do::Wait(2),
    Do::Patch(r#"{"spec":{"option":false}}"#),
    Do::Wait(2),
];

fn of(wrong: bool, rule: Rule, deeds: &[Do]) -> Setting {
    setting(vec![Model::new(rule, wrong)], deeds)
}

/// A child of the second member carries the epoch in which the member began.
fn renew(ask: &mut Ask<'_>, kind: Kind) -> Plan {
    let mut plan = Plan::nothing();
    if ask.database().is_none() {
        return plan;
    }
    let (replicas, epoch) = (ask.number("replicas"), ask.number("epoch"));
    let fresh = json!({"epoch": epoch.to_string()});
    let child = ask.child(kind, "second");
    if replicas < 2 {
        ask.delete_known(kind, "second", &mut plan);
        return plan;
    }
    let Some(child) = child else {
        ask.create(kind, "second", fresh, &mut plan);
        return plan;
    };
    let known = body_of(child).and_then(|body| body.get("data").or(body.get("spec")).cloned());
    if !ask.wrong && known != Some(fresh) {
        ask.delete_known(kind, "second", &mut plan);
    }
    plan
}

/// Members have volumes; those of members that went are deleted.
fn leftover(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    if ask.database().is_none() {
        return plan;
    }
    let replicas = ask.number("replicas");
    for n in 0..replicas {
        ask.ensure(*VOLUME, &format!("data-{n}"), json!({}), &mut plan);
    }
    let known = ask.memory.insert("replicas".into(), replicas).unwrap_or(replicas);
    let last = if ask.wrong { known } else { 3 };
    for n in replicas..last {
        ask.delete_known(*VOLUME, &format!("data-{n}"), &mut plan);
    }
    let Some(run) = ask.child(*WORKLOAD, "run") else {
        ask.create(*WORKLOAD, "run", json!({"replicas": replicas}), &mut plan);
        return plan;
    };
    if spec_of(run)["replicas"] != json!(replicas) {
        ask.respec(run, &json!({"replicas": replicas}), &mut plan);
    }
    plan
}

/// A proxy and its volume, which goes when the proxy is seen to go.
fn off(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    if ask.database().is_none() {
        return plan;
    }
    if ask.flag("option") {
        ask.ensure(*WORKLOAD, "proxy", json!({}), &mut plan);
        ask.ensure(*VOLUME, "proxy", json!({}), &mut plan);
        return plan;
    }
    let was_there = ask.child(*WORKLOAD, "proxy").is_some();
    ask.delete_known(*WORKLOAD, "proxy", &mut plan);
    if was_there || !ask.wrong {
        ask.delete_known(*VOLUME, "proxy", &mut plan);
    }
    plan
}
