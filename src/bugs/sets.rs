//! Sets of pods and the garbage collector with one decision taken otherwise than in 1.36.

use std::collections::BTreeSet;

use serde_json::json;

use super::builtin::{Switched, blind, with};
use super::property::came;
use super::rule::{judged, varied};
use super::subject::{self, Ask, Do, MACHINE, Model};
use super::{Pair, pair, setting};
use crate::api::apps::controller_revision::ControllerRevision;
use crate::api::core::pod::Pod;
use crate::api::note::Note;
use crate::api::object::Kind;
use crate::api::variant::Variant;
use crate::client::plan::Plan;
use crate::cluster::Cluster;
use crate::explore::Setting;
use crate::explore::judge::Property;

pub(super) const PAIRS: &[Pair] = &[
    pair(
        ("B33", 5),
        "kubernetes/kubernetes#82613",
        "two revisions of a set have one number, as the cache of revisions is late",
        b33,
    ),
    pair(
        ("B34", 8),
        "kubernetes/kubernetes#122709",
        "a pod that has ended is deleted and asked for anew all the while it goes",
        b34,
    ),
    pair(
        ("B38", 7),
        "kubernetes/kubernetes#123232",
        "broken updates one after the other take all pods of a DaemonSet, whatever its limit",
        b38,
    ),
    pair(
        ("B50", 11),
        "kubernetes/kubernetes#88097",
        "the garbage collector takes away what has a living owner that it has not seen",
        b50,
    ),
];

/// What an operator makes for a database.
fn b50(wrong: bool) -> Setting {
    const MADE: &[Do] = &[Do::Apply("{replicas: 3}"), Do::Wait(3)];
    let rule = |ask: &mut Ask<'_>| {
        let mut plan = Plan::nothing();
        if ask.database().is_some() {
            let all = 0..ask.number("replicas");
            all.for_each(|n| ask.ensure(*MACHINE, &n.to_string(), json!({}), &mut plan));
        }
        plan
    };
    let setting = subject::setting(vec![Model::new(rule, false)], MADE);
    varied(setting, wrong, Variant::TrustsItsGraph)
}

/// The revisions of a set have numbers of their own.
struct OneNumberEach;

impl Property for OneNumberEach {
    fn name(&self) -> &'static str {
        "no two revisions of a set have one number"
    }

    fn always(&self, cluster: &Cluster) -> Result<(), String> {
        let all = cluster.store().iter(Kind::CONTROLLER_REVISION);
        let mut known = BTreeSet::new();
        for revision in all.filter_map(|o| o.as_a::<ControllerRevision>()) {
            let owner = revision.meta.controller().map(|o| o.uid);
            if !known.insert((owner, revision.revision)) {
                return Err(format!("two have {}", revision.revision));
            }
        }
        Ok(())
    }
}

fn stateful(version: u32, more: &str) -> String {
    format!(
        "
- apply:
    apiVersion: apps/v1
    kind: StatefulSet
    metadata: {{name: db}}
    spec:
      replicas: 2
      serviceName: db
      selector: {{matchLabels: {{app: db}}}}
      template:
        metadata: {{labels: {{app: db}}{more}}}
        spec:
          terminationGracePeriodSeconds: 1
          containers: [{{name: app, image: 'app:v{version}'}}]"
    )
}

fn b33(wrong: bool) -> Setting {
    let (first, second, third) = (stateful(1, ""), stateful(2, ""), stateful(3, ""));
    let text = format!(
        "
name: pair
about: A set is updated, and updated again.
cluster: {{nodes: [{{name: node, count: 2, cpu: '8', memory: 8Gi}}]}}
steps:{first}
- wait: 5s{second}
- wait: 2s{third}
- wait: 20s
"
    );
    let mut setting = judged(setting(&text), OneNumberEach);
    // A version that nobody has seen has no revision.
    setting.oracle.same_end = false;
    if wrong {
        let rules = with("statefulset-controller", |s| Switched { settings: blind, ..s });
        setting.extras.controllers = Some(rules);
    }
    setting
}

/// A pod that is there is not asked for again and again.
struct NotAskedForAgain;

/// So often at most.
const OFTEN: usize = 6;

impl Property for NotAskedForAgain {
    fn name(&self) -> &'static str {
        "a pod whose name is taken is not asked for again and again"
    }

    fn at_end(&self, cluster: &Cluster) -> Result<(), String> {
        let is_one = |note: &Note| match note {
            Note::Refused(refused) => {
                refused.user == "statefulset-controller"
                    && refused.verb == "create"
                    && refused.refusal.code == 409
            }
            Note::Write(_) | Note::Step(_) | Note::Fault(_) | Note::Mark(_) => false,
        };
        let count = cluster.engine.log().iter().filter(|r| is_one(&r.note)).count();
        if count <= OFTEN { Ok(()) } else { Err(format!("it was {count} times")) }
    }
}

fn b34(wrong: bool) -> Setting {
    let set = stateful(1, ", finalizers: [example.com/backup]");
    let free = r#"patch pod db-1 --type=merge -p '{"metadata":{"finalizers":null}}'"#;
    let text = format!(
        "
name: pair
about: A pod of a set is deleted, and somebody else still has to do with what it was.
cluster: {{nodes: [{{name: node, count: 2, cpu: '8', memory: 8Gi}}]}}
steps:{set}
- wait: 10s
- kubectl: delete pod db-1 --wait=false --ignore-not-found
- wait: 30s
- kubectl: {free}
- wait: 10s
"
    );
    let mut setting = setting(&text);
    // Where a fault has taken the pod, there is none to be let go.
    setting.oracle.expectations = false;
    setting.oracle.same_end = false;
    judged(varied(setting, wrong, Variant::RemakesWhatGoes), NotAskedForAgain)
}

/// Faults by which a controller sees less than there is.
const HIDE: &[&str] = &[
    "watch-lag",
    "watch-skip",
    "time-travel",
    "shuffle",
    "pause",
    "network-partition",
    "network-delay",
];

/// An update does not take the last pod that is ready, as long as its controller can know.
struct LastStays;

impl Property for LastStays {
    fn name(&self) -> &'static str {
        "an update does not take the last pod that is ready"
    }

    fn always(&self, cluster: &Cluster) -> Result<(), String> {
        let log = cluster.engine.log();
        let taken = log.iter().rev().take(20).find_map(|record| {
            let Note::Write(write) = &record.note else { return None };
            let was = write.change.old.as_ref()?.as_a::<Pod>()?;
            let is = write.change.object.as_a::<Pod>()?;
            let goes = !was.meta.is_deleting() && (is.meta.is_deleting() || write.change.deleted);
            let by_update = write.origin.user == "daemonset-controller";
            (goes && by_update && was.is_ready()).then(|| was.meta.name.clone())
        });
        let Some(taken) = taken.filter(|_| !came(cluster, HIDE)) else { return Ok(()) };
        let mut others = cluster.store().iter(Kind::POD).filter_map(|o| o.as_a::<Pod>());
        if others.any(|pod| pod.is_ready() && !pod.meta.is_deleting()) {
            return Ok(());
        }
        Err(taken.to_string())
    }
}

fn b38(wrong: bool) -> Setting {
    let set = |version: u32, probe: &str| {
        format!(
            "
- apply:
    apiVersion: apps/v1
    kind: DaemonSet
    metadata: {{name: agent}}
    spec:
      selector: {{matchLabels: {{app: agent}}}}
      template:
        metadata: {{labels: {{app: agent}}}}
        spec:
          terminationGracePeriodSeconds: 1
          containers:
          - name: app
            image: 'app:v{version}'
            readinessProbe: {{exec: {{command: ['{probe}']}}, periodSeconds: 1}}
- wait: 15s"
        )
    };
    let all: String = (1..=4).map(|n| set(n, if n == 1 { "true" } else { "false" })).collect();
    let text = format!(
        "
name: pair
about: An update does not become ready, nor does the next one, nor the one after it.
cluster: {{nodes: [{{name: node, count: 3, cpu: '8', memory: 8Gi}}]}}
steps:{all}
"
    );
    judged(varied(setting(&text), wrong, Variant::CountsNoOldUnready), LastStays)
}
