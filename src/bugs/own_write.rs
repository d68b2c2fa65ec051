//! Family 5: acts again before it sees its own write. The rule with the bug counts what its cache
//! shows and makes the rest; the one without waits until it has seen what it made, or gives what
//! it makes names that follow from their number.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Pair;
use super::subject::{Ask, Do, MACHINE, Model, Rule, VOLUME, WORKLOAD, setting};
use crate::api::object::Object;
use crate::client::plan::{Plan, Write};
use crate::cluster::Cluster;
use crate::explore::Setting;
use crate::explore::judge::Property;

pub(super) const PAIRS: &[Pair] = &[
    pair(
        "U34",
        "pravega/zookeeper-operator#410",
        "makes children for a database that is gone",
        |wrong| of(wrong, orphan, DELETED),
    ),
    pair(
        "U35",
        "kubernetes-sigs/cluster-api#13649",
        "a set is made twice when the cache is late",
        |wrong| of(wrong, |ask| drawn(ask, 1), MADE),
    ),
    pair(
        "U36",
        "kubernetes-sigs/cluster-api#3001, #2176",
        "an empty list yields many control planes",
        |wrong| of(wrong, |ask| drawn(ask, 3), MADE),
    ),
    pair("U37", "kubernetes-sigs/cluster-api#9629", "scales up while it deletes", |wrong| {
        of(wrong, replace, SCALED)
    }),
    pair("U40", "ray-project/kuberay#715", "too many workers from a stale cache", |wrong| {
        of(wrong, |ask| drawn(ask, 4), SCALED)
    }),
    pair(
        "U41",
        "gardener/machine-controller-manager#1068",
        "a wrong count of machines from a stale cache",
        |wrong| of(wrong, |ask| drawn(ask, 2), SCALED),
    ),
    pair(
        "U42",
        "kubernetes-sigs/karpenter#2917",
        "a budget for disruptions is spent twice",
        |wrong| of(wrong, budget, SCALED),
    ),
    pair(
        "U43",
        "kubernetes-sigs/karpenter#2916",
        "a machine found empty is deleted although it is in use by then",
        |wrong| of(wrong, empty, SCALED),
    ),
    pair(
        "U44",
        "kubernetes-sigs/karpenter#2915",
        "a limit is passed by counting what is seen",
        |wrong| of(wrong, |ask| drawn(ask, 5), SCALED),
    ),
    pair(
        "U59",
        "kubernetes-sigs/karpenter#3176",
        "a claim is stranded when it is made again before it is seen",
        |wrong| of(wrong, |ask| drawn(ask, 6), MADE),
    ),
];

const fn pair(
    id: &'static str,
    source: &'static str,
    what: &'static str,
    make: super::Make,
) -> Pair {
    Pair { id, family: 5, source, what, make }
}

const MADE: &[Do] = &[Do::Apply("{replicas: 2}"), Do::Wait(3)];
const SCALED: &[Do] = &[
    Do::Apply("{replicas: 1}"),
    Do::Wait(3),
    Do::Patch(r#"{"spec":{"replicas":3}}"#),
    Do::Wait(3),
];
const DELETED: &[Do] = &[Do::Apply("{replicas: 2}"), Do::Wait(3), Do::Delete, Do::Wait(3)];

/// Never more machines than the database was ever to have.
struct AtMost(usize);

impl Property for AtMost {
    fn name(&self) -> &'static str {
        "no more machines than wanted"
    }

    fn always(&self, cluster: &Cluster) -> Result<(), String> {
        let living = |o: &&Object| !o.meta().is_deleting();
        let found = cluster.store().iter(*MACHINE).filter(living).count();
        if found <= self.0 { Ok(()) } else { Err(format!("{found} machines, {} wanted", self.0)) }
    }
}

fn of(wrong: bool, rule: Rule, deeds: &[Do]) -> Setting {
    let mut model = Model::new(rule, wrong);
    model.settings.expectations = !wrong;
    model.settings.awaits_own_writes = !wrong;
    let most = deeds.iter().filter_map(|deed| match deed {
        Do::Apply(text) | Do::Patch(text) => {
            text.find("replicas").and_then(|at| text[at..].chars().find_map(|c| c.to_digit(10)))
        }
        Do::Delete | Do::Kubectl(_) | Do::Wait(_) => None,
    });
    let most = most.max().unwrap_or(0) as usize;
    let mut setting = setting(vec![model], deeds);
    setting.properties.push(Arc::new(AtMost(most)));
    setting
}

/// What is said of the members: another text than before, so that the rule is asked again.
fn told(ask: &Ask<'_>, plan: &mut Plan) {
    let count = ask.children(*MACHINE).len();
    ask.status(
        json!({"machines": count, "generation": ask.database().map(|d| d.meta.generation)}),
        plan,
    );
}

/// Machines, as many as are missing: with the bug under names that are drawn, without it under
/// names that follow from their numbers; `_salt` tells rows apart.
fn drawn(ask: &mut Ask<'_>, _salt: u8) -> Plan {
    let mut plan = Plan::nothing();
    if ask.database().is_none() || ask.is_deleting() {
        return plan;
    }
    let wanted = usize::try_from(ask.number("replicas")).unwrap_or(0);
    let there = ask.children(*MACHINE).iter().filter(|o| !o.meta().is_deleting()).count();
    if ask.wrong {
        (there..wanted).for_each(|_| ask.create_one_of_many(*MACHINE, &mut plan));
    } else {
        (0..wanted).for_each(|n| ask.ensure(*MACHINE, &n.to_string(), json!({}), &mut plan));
    }
    told(ask, &mut plan);
    plan
}

/// Machines of another size are replaced: the rule with the bug counts those that are to go.
fn replace(ask: &mut Ask<'_>) -> Plan {
    let mut plan = drawn(ask, 0);
    if ask.database().is_none() {
        return plan;
    }
    let wanted = usize::try_from(ask.number("replicas")).unwrap_or(0);
    let mut all = ask.children(*MACHINE);
    all.retain(|o| !o.meta().is_deleting());
    all.sort_by(|a, b| a.meta().name.cmp(&b.meta().name));
    for object in all.into_iter().skip(wanted) {
        plan.push(Write::delete(object, crate::api::why::Why::new("too many are there")));
    }
    plan
}

/// The children of a database that is seen, whether it is still there or not.
fn orphan(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    let Some(db) = ask.database() else { return plan };
    if db.meta.is_deleting() {
        return plan;
    }
    if ask.wrong {
        // Without an owner nobody collects it.
        if ask.child(*VOLUME, "data").is_none()
            && let Some(mut volume) = ask.make(*VOLUME, "data", json!({}))
        {
            volume.meta_mut().set_owners(Vec::new());
            plan.push(Write::create(volume, crate::api::why::Why::new("it is missing")));
        }
        return plan;
    }
    ask.ensure(*VOLUME, "data", json!({}), &mut plan);
    plan
}

/// One volume may be renewed for each change of the database: the rule with the bug forgets that
/// it has done so until it sees it.
fn budget(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    let Some(db) = ask.database() else { return plan };
    let wanted = ask.number("replicas");
    let of = |n: i64| format!("data-{n}");
    for n in 0..wanted {
        if ask.wrong {
            if ask.child(*VOLUME, &of(n)).is_none() {
                ask.create_one_of_many(*MACHINE, &mut plan);
            }
        } else {
            ask.ensure(*MACHINE, &n.to_string(), json!({}), &mut plan);
        }
        ask.ensure(*VOLUME, &of(n), json!({}), &mut plan);
    }
    ask.status(json!({"seen": db.meta.generation}), &mut plan);
    plan
}

/// A workload is to run on a machine that is in use; one that is found unused goes.
fn empty(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    if ask.database().is_none() {
        return plan;
    }
    let wanted = ask.number("replicas");
    for n in 0..wanted {
        let name = n.to_string();
        match ask.child(*MACHINE, &name) {
            None => ask.create(*MACHINE, &name, Value::Null, &mut plan),
            Some(_) => {
                let used = ask.child(*WORKLOAD, &name).is_some();
                // The workload of a machine is made one look later.
                if !used && ask.wrong && ask.memory.contains_key(name.as_str()) {
                    ask.delete_known(*MACHINE, &name, &mut plan);
                }
                ask.ensure(*WORKLOAD, &name, json!({}), &mut plan);
                ask.memory.insert(name.as_str().into(), 1);
            }
        }
    }
    plan
}
