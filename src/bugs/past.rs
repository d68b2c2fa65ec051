//! Family 3: an old spec that is seen after a restart. The rule with the bug deletes by name what
//! that spec does not want; the one without deletes only what it knows, in the incarnation that it
//! knows.

use serde_json::json;

use super::Pair;
use super::subject::{Ask, Do, MACHINE, Model, Rule, VOLUME, WORKLOAD, setting, spec_of};
use crate::api::object::Kind;
use crate::client::plan::Plan;
use crate::explore::Setting;

pub(super) const PAIRS: &[Pair] = &[
    pair(
        "U03",
        "rabbitmq/cluster-operator#653",
        "a stale spec deletes the workload and makes it again",
        |wrong| of(wrong, |ask| optional(ask, *WORKLOAD, "run")),
    ),
    pair(
        "U07",
        "Orange-OpenSource/casskop#321",
        "a stale spec deletes the disruption budget",
        |wrong| of(wrong, |ask| optional(ask, Kind::CONFIG_MAP, "budget")),
    ),
    pair("U12", "K8SPSMDB-433", "a stale `sharding.enabled` deletes the routers", |wrong| {
        of(wrong, |ask| optional(ask, *WORKLOAD, "router"))
    }),
    pair("U13", "K8SPSMDB-438", "a stale arbiter setting deletes the arbiter", |wrong| {
        of(wrong, |ask| optional(ask, *WORKLOAD, "arbiter"))
    }),
    pair("U17", "K8SPXC-763", "a stale proxy flag deletes the proxy's workload", |wrong| {
        of(wrong, |ask| optional(ask, *WORKLOAD, "proxysql"))
    }),
    pair(
        "U25",
        "elastic/cloud-on-k8s#5274, #4956",
        "a stale number of nodes shrinks the workload for a moment: a member with data goes",
        |wrong| {
            let mut setting = setting(vec![Model::new(resized, wrong)], RESCALED);
            setting.precious = vec![*MACHINE];
            setting
        },
    ),
    pair(
        "U28",
        "yugabyte/yugabyte-operator#35, #36",
        "a stale TLS flag removes the secrets",
        |wrong| of(wrong, |ask| optional(ask, Kind::SECRET, "tls")),
    ),
    pair(
        "U30",
        "pravega/zookeeper-operator#314",
        "a stale number of replicas deletes the volume of a member that is there again",
        |wrong| of(wrong, |ask| optional(ask, *VOLUME, "data-2")),
    ),
];

const fn pair(
    id: &'static str,
    source: &'static str,
    what: &'static str,
    make: super::Make,
) -> Pair {
    Pair { id, family: 3, source, what, make }
}

/// An option is turned on.
const TURNED_ON: &[Do] = &[
    Do::Apply("{replicas: 1, option: false}"),
    Do::Wait(2),
    Do::Patch(r#"{"spec":{"option":true}}"#),
    Do::Wait(2),
];

/// Scaled down, and up again.
const RESCALED: &[Do] = &[
    Do::Apply("{replicas: 2}"),
    Do::Wait(2),
    Do::Patch(r#"{"spec":{"replicas":1}}"#),
    Do::Wait(2),
    Do::Patch(r#"{"spec":{"replicas":2}}"#),
    Do::Wait(2),
];

fn of(wrong: bool, rule: Rule) -> Setting {
    let mut setting = setting(vec![Model::new(rule, wrong)], TURNED_ON);
    setting.precious = vec![*WORKLOAD, *VOLUME, Kind::SECRET, Kind::CONFIG_MAP];
    setting
}

/// The workload has the number of the database, and the members that of the workload. The rule with
/// the bug sets the number whatever the workload is by now; the one without only in the version of
/// it that it has seen.
fn resized(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    if ask.database().is_none() {
        return plan;
    }
    let wanted = json!({"replicas": ask.number("replicas")});
    let Some(run) = ask.child(*WORKLOAD, "run") else {
        ask.create(*WORKLOAD, "run", wanted, &mut plan);
        return plan;
    };
    let has = spec_of(run);
    if has != wanted && ask.wrong {
        ask.patch(*WORKLOAD, "run", json!({"spec": wanted}), &mut plan);
    } else {
        ask.respec(run, &wanted, &mut plan);
    }
    let replicas = has["replicas"].as_i64().unwrap_or(0);
    (0..replicas).for_each(|n| ask.ensure(*MACHINE, &n.to_string(), json!({}), &mut plan));
    (replicas..3).for_each(|n| ask.delete_known(*MACHINE, &n.to_string(), &mut plan));
    plan
}

/// A child that is there while the option is on.
fn optional(ask: &mut Ask<'_>, kind: Kind, name: &'static str) -> Plan {
    let mut plan = Plan::nothing();
    if ask.database().is_none() {
        return plan;
    }
    ask.ensure(*WORKLOAD, "main", json!({}), &mut plan);
    if ask.flag("option") {
        ask.ensure(kind, name, json!({}), &mut plan);
    } else if ask.wrong {
        ask.delete_by_name(kind, name, &mut plan);
    } else {
        ask.delete_known(kind, name, &mut plan);
    }
    plan
}
