//! Family 7: controllers that each are right, and together are not.

use serde_json::json;

use super::Pair;
use super::subject::{Ask, Do, MACHINE, Model, Rule, WORKLOAD, setting, spec_of};
use crate::client::plan::Plan;
use crate::explore::Setting;

pub(super) const PAIRS: &[Pair] = &[
    Pair {
        id: "U39",
        family: 7,
        source: "outscale/cluster-api-provider-outscale#543",
        what: "the selector does not mean what is made: it is made without end",
        make: |wrong| of(wrong, vec![(blind, "database-operator")]),
    },
    Pair {
        id: "U45",
        family: 7,
        source: "kubernetes-sigs/karpenter#2922, #2920",
        what: "one makes a machine, the other finds it unused and takes it away",
        make: |wrong| of(wrong, vec![(provision, "provisioner"), (consolidate, "consolidator")]),
    },
    Pair {
        id: "U57",
        family: 7,
        source: "kubestellar/kubestellar#3962",
        what: "a tool that applies a repository, and an autoscaler, both set the replicas",
        make: |wrong| of(wrong, vec![(apply, "gitops"), (autoscale, "autoscaler")]),
    },
];

const MADE: &[Do] = &[Do::Apply("{replicas: 2, load: 6}"), Do::Wait(5)];

fn of(wrong: bool, rules: Vec<(Rule, &'static str)>) -> Setting {
    let model = |(rule, name)| Model { name, ..Model::new(rule, wrong) };
    setting(rules.into_iter().map(model).collect(), MADE)
}

/// Makes machines, and with the bug looks for them where they are not.
fn blind(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    if ask.database().is_none() {
        return plan;
    }
    let wanted = usize::try_from(ask.number("replicas")).unwrap_or(0);
    if ask.wrong {
        (0..wanted).for_each(|_| ask.create_one_of_many(*MACHINE, &mut plan));
    } else {
        (0..wanted).for_each(|n| ask.ensure(*MACHINE, &n.to_string(), json!({}), &mut plan));
    }
    plan
}

fn provision(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    if ask.database().is_some() {
        let wanted = if ask.wrong { 2 } else { 1 };
        (0..wanted).for_each(|n| ask.ensure(*MACHINE, &format!("{n}"), json!({}), &mut plan));
    }
    plan
}

/// What one machine can bear needs no second.
fn consolidate(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    if ask.database().is_some() && ask.child(*MACHINE, "0").is_some() {
        ask.delete_known(*MACHINE, "1", &mut plan);
    }
    plan
}

fn apply(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    if ask.database().is_none() {
        return plan;
    }
    let wanted = json!({"replicas": ask.number("replicas")});
    match ask.child(*WORKLOAD, "run") {
        None => ask.create(*WORKLOAD, "run", wanted, &mut plan),
        // Without the bug the field is left to whoever scales.
        Some(run) if ask.wrong => ask.respec(run, &wanted, &mut plan),
        Some(_) => {}
    }
    plan
}

fn autoscale(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    let Some(run) = ask.child(*WORKLOAD, "run") else { return plan };
    let wanted = (ask.number("load") + 1) / 2;
    if spec_of(run)["replicas"] != json!(wanted) {
        ask.respec(run, &json!({"replicas": wanted}), &mut plan);
    }
    plan
}
