//! Built-in components with one rule that differs from that of 1.36: as it was before a bug was
//! mended, or as it would be if one were.

use std::sync::Arc;

use super::property::{
    NoOneIsTaken, NotTooManyFailures, OnePodAnIndex, PodsAreReady, RoomIsUsed, SomeDeployed,
    StaysWhileSilent,
};
use super::{Pair, pair, setting};
use crate::api::variant::Variant;
use crate::bugs::builtin::{Switched, small};
use crate::bugs::builtin::{blind, with};
use crate::client::reconciler::Settings;
use crate::explore::Setting;
use crate::explore::judge::Property;
use crate::sim::time::SimDuration;

pub(super) const PAIRS: &[Pair] = &[
    pair(
        ("B01", 2),
        "kubernetes/kubernetes#59848",
        "a kubelet begins with a list from the past and runs a pod that lives elsewhere by now",
        b01,
    ),
    pair(
        ("B04", 6),
        "kubernetes/kubernetes#80968",
        "pods of a node that was silent for a while stay unready: nobody sets them back",
        b04,
    ),
    pair(
        ("B07", 7),
        "kubernetes/kubernetes#28832, #24200",
        "the control plane hears of no node at all, and empties them",
        b07,
    ),
    pair(
        ("B08", 6),
        "kubernetes/kubernetes#90794",
        "a taint is taken off, and the evictions that it brought come all the same",
        b08,
    ),
    pair(
        ("B12", 4),
        "kubernetes/kubernetes#56261, #94437",
        "the end of a node is not noticed: pods are bound to it for ever",
        b12,
    ),
    pair(
        ("B13", 4),
        "kubernetes/kubernetes#55587, #51313",
        "the end of a pod is not noticed: its room is never given to another",
        b13,
    ),
    pair(("B16", 4), "kubernetes/kubernetes#109236", "a node is kept for a pod that is gone", b16),
    pair(
        ("B25", 1),
        "kubernetes/kubernetes#114650",
        "the failures of a job are forgotten when its controller begins anew",
        b25,
    ),
    pair(
        ("B26", 5),
        "kubernetes/kubernetes#130683",
        "an index of a job gets a pod again and again while the cache is late",
        b26,
    ),
    pair(
        ("B27", 9),
        "kubernetes/kubernetes#42649, #36311",
        "after more than a hundred missed starts nothing is started any more",
        b27,
    ),
    pair(
        ("B28", 5),
        "kubernetes/kubernetes#58748",
        "jobs pile up although they must not, as the cache of jobs is late",
        b28,
    ),
    pair(
        ("B29", 6),
        "kubernetes/kubernetes#67250, #60164",
        "a broken update that is taken back: everybody waits for the broken pod",
        b29,
    ),
    pair(
        ("B31", 8),
        "kubernetes/kubernetes#89067",
        "a pod that is refused is asked for again without a pause",
        b31,
    ),
    pair(
        ("B35", 6),
        "kubernetes/kubernetes#29735, #43449",
        "another set has the name that follows from the template: the rollout is stuck",
        b35,
    ),
    pair(
        ("B54", 10),
        "kubernetes/kubernetes#23731, #67651",
        "a lease runs out by another's clock: there are two leaders",
        b54,
    ),
];

/// A setting with a rule that differs, on one side.
pub(super) fn varied(mut setting: Setting, wrong: bool, variant: Variant) -> Setting {
    if wrong {
        setting.extras.variants = setting.extras.variants.with(variant);
    }
    setting
}

pub(super) fn judged(mut setting: Setting, property: impl Property + 'static) -> Setting {
    setting.properties.push(Arc::new(property));
    setting
}

fn b01(wrong: bool) -> Setting {
    let text = "
name: pair
about: The one pod of a set moves to another node.
cluster: {nodes: [{name: node, count: 2, cpu: '8', memory: 8Gi}]}
steps:
- kubectl: cordon node-2
- apply:
    apiVersion: apps/v1
    kind: StatefulSet
    metadata: {name: db}
    spec:
      replicas: 1
      serviceName: db
      selector: {matchLabels: {app: db}}
      template:
        metadata: {labels: {app: db}}
        spec: {terminationGracePeriodSeconds: 0, containers: [{name: app, image: 'app:v1'}]}
- wait: 5s
- kubectl: uncordon node-2
- kubectl: cordon node-1
- kubectl: delete pod db-0 --ignore-not-found
- wait: 5s
";
    // The rule of 1.36 is the one with the bug.
    varied(setting(text), !wrong, Variant::ListsTheStore)
}

fn b04(wrong: bool) -> Setting {
    varied(small(), wrong, Variant::TrustsItsStatus)
}

fn b07(wrong: bool) -> Setting {
    let text = "
name: pair
about: Two pods on the only node.
cluster: {nodes: [{name: node, count: 1, cpu: '8', memory: 8Gi}]}
steps:
- kubectl: create deployment web --image=app:v1 --replicas=2
- wait: 5s
";
    let setting = varied(setting(text), wrong, Variant::EvictsWhenAllAreSilent);
    judged(setting, StaysWhileSilent)
}

fn b08(wrong: bool) -> Setting {
    let text = "
name: pair
about: A node has a taint for a moment; its pods would bear it for long.
cluster: {nodes: [{name: node, count: 1, cpu: '8', memory: 8Gi}]}
steps:
- apply:
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web}
    spec:
      replicas: 2
      selector: {matchLabels: {app: web}}
      template:
        metadata: {labels: {app: web}}
        spec:
          tolerations:
          - {key: maintenance, operator: Exists, effect: NoExecute, tolerationSeconds: 1500}
          - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute}
          - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute}
          containers: [{name: app, image: 'app:v1'}]
- wait: 5s
- kubectl: taint nodes node-1 maintenance=yes:NoExecute
- wait: 5s
- kubectl: taint nodes node-1 maintenance-
- wait: 1600s
";
    judged(varied(setting(text), wrong, Variant::EvictsAfterTheTaint), NoOneIsTaken)
}

fn b12(wrong: bool) -> Setting {
    let text = "
name: pair
about: A node goes, and pods come.
cluster: {nodes: [{name: node, count: 2, cpu: '8', memory: 8Gi}]}
steps:
- inject: {node-stop: {nodes: [node-2]}}
- kubectl: delete node node-2
- wait: 10s
- kubectl: create deployment web --image=app:v1 --replicas=4
- wait: 5s
";
    varied(setting(text), wrong, Variant::IgnoresTombstones)
}

/// Pods of which only one fits.
fn large(names: &[(&str, &str)], deeds: &str) -> Setting {
    let pod = |(name, more): &(&str, &str)| {
        format!(
            "
- apply:
    apiVersion: v1
    kind: Pod
    metadata: {{name: {name}}}
    spec:
      {more}
      tolerations: [{{operator: Exists, effect: NoExecute}}]
      containers: [{{name: app, image: 'app:v1', resources: {{requests: {{cpu: 800m}}}}}}]"
        )
    };
    let mut text = "
name: pair
about: Pods of which only one fits.
cluster: {nodes: [{name: node, count: 1, cpu: '1', memory: 8Gi}]}
images: {'*': {term: 3s}}
steps:"
        .to_owned();
    let mut deeds = deeds.lines();
    for name in names {
        text.push_str(&pod(name));
        for line in deeds.by_ref().take_while(|line| !line.is_empty()) {
            text.push('\n');
            text.push_str(line);
        }
    }
    let mut setting = judged(setting(&text), RoomIsUsed);
    // Who has the room in the end hangs on when each was placed.
    setting.oracle.same_end = false;
    setting
}

fn b13(wrong: bool) -> Setting {
    let deeds = "- wait: 5s\n- kubectl: delete pod first --wait=false --ignore-not-found\n\
                 - wait: 10s\n\n- wait: 5s";
    let setting = large(&[("first", ""), ("second", "")], deeds);
    varied(setting, wrong, Variant::IgnoresTombstones)
}

fn b16(wrong: bool) -> Setting {
    let high = "priorityClassName: system-cluster-critical";
    let deeds = "- wait: 5s\n\n- wait: 1s\n\
                 - kubectl: delete pod second --wait=false --ignore-not-found\n\
                 - wait: 8s\n\n- wait: 5s";
    let setting = large(&[("first", ""), ("second", high), ("third", "")], deeds);
    varied(setting, wrong, Variant::KeepsNominations)
}

fn b25(wrong: bool) -> Setting {
    let text = "
name: pair
about: A job that always fails, and is given up after the third failure.
cluster: {nodes: [{name: node, count: 1, cpu: '8', memory: 8Gi}]}
steps:
- apply:
    apiVersion: batch/v1
    kind: Job
    metadata: {name: work}
    spec:
      backoffLimit: 2
      template:
        spec:
          restartPolicy: Never
          containers: [{name: app, image: 'app:v1', command: [exit, '1', '1']}]
- wait: 60s
";
    judged(varied(setting(text), wrong, Variant::CountsFailuresInMemory), NotTooManyFailures(4))
}

fn b26(wrong: bool) -> Setting {
    let text = "
name: pair
about: Three indexes are worked on.
cluster: {nodes: [{name: node, count: 1, cpu: '8', memory: 8Gi}]}
steps:
- apply:
    apiVersion: batch/v1
    kind: Job
    metadata: {name: work}
    spec:
      completions: 3
      parallelism: 3
      completionMode: Indexed
      template:
        spec:
          restartPolicy: Never
          containers: [{name: app, image: 'app:v1', command: [exit, '20', '0']}]
- wait: 30s
";
    let mut setting = judged(setting(text), OnePodAnIndex);
    if wrong {
        let rules = with("job-controller", |s| Switched { settings: blind, ..s });
        setting.extras.controllers = Some(rules);
    }
    setting
}

/// Jobs that come each minute.
fn cron(policy: &str, seconds: u32, more: &str) -> String {
    format!(
        "
name: pair
about: A job each minute.
cluster: {{nodes: [{{name: node, count: 1, cpu: '8', memory: 8Gi}}]}}
steps:
- apply:
    apiVersion: batch/v1
    kind: CronJob
    metadata: {{name: clean}}
    spec:
      schedule: '* * * * *'
      concurrencyPolicy: {policy}
      successfulJobsHistoryLimit: 1
      jobTemplate:
        spec:
          ttlSecondsAfterFinished: 100
          template:
            spec:
              restartPolicy: Never
              containers: [{{name: app, image: 'app:v1', command: [exit, '{seconds}', '0']}}]
{more}"
    )
}

fn b27(wrong: bool) -> Setting {
    let suspends = |yes: bool| {
        let patch = format!(r#"{{"spec":{{"suspend":{yes}}}}}"#);
        format!("- kubectl: patch cronjob clean --type=merge -p '{patch}'\n")
    };
    let (off, on) = (suspends(true), suspends(false));
    let deeds = format!("- wait: 130s\n{off}- wait: 6200s\n{on}- wait: 200s\nuntil: 6700s\n");
    let text = cron("Allow", 2, &deeds);
    judged(varied(setting(&text), wrong, Variant::StopsAfterManyMissed), SomeDeployed)
}

fn b28(wrong: bool) -> Setting {
    let text = cron("Forbid", 150, "until: 400s\n");
    varied(setting(&text), wrong, Variant::ForbidsByCache)
}

fn b29(wrong: bool) -> Setting {
    let apply = |probe: &str| {
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
        metadata: {{labels: {{app: db}}}}
        spec:
          tolerations: [{{operator: Exists, effect: NoExecute}}]
          terminationGracePeriodSeconds: 0
          containers:
          - {{name: app, image: 'app:v1', readinessProbe: {{exec: {{command: ['{probe}']}}}}}}
- wait: 20s"
        )
    };
    let (good, bad) = (apply("true"), apply("false"));
    let text = format!(
        "
name: pair
about: An update that is never ready is taken back.
cluster: {{nodes: [{{name: node, count: 2, cpu: '8', memory: 8Gi}}]}}
steps:{good}{bad}{good}
until: 200s
"
    );
    judged(varied(setting(&text), !wrong, Variant::ReplacesBroken), PodsAreReady)
}

fn b31(wrong: bool) -> Setting {
    let text = "
name: pair
about: There is no room in the quota.
cluster: {nodes: [{name: node, count: 1, cpu: '8', memory: 8Gi}]}
steps:
- kubectl: create quota none --hard=pods=1
- wait: 2s
- apply:
    apiVersion: apps/v1
    kind: StatefulSet
    metadata: {name: db}
    spec:
      replicas: 2
      serviceName: db
      selector: {matchLabels: {app: db}}
      template:
        metadata: {labels: {app: db}}
        spec: {containers: [{name: app, image: 'app:v1'}]}
- wait: 30s
until: 120s
";
    let mut setting = setting(text);
    if wrong {
        let hasty = |s: Settings| Settings {
            first_backoff: SimDuration::millis(5),
            longest_backoff: SimDuration::millis(5),
            ..s
        };
        let rules = with("statefulset-controller", |s| Switched { settings: hasty, ..s });
        setting.extras.controllers = Some(rules);
    }
    setting
}

fn b35(wrong: bool) -> Setting {
    let text = "
name: pair
about: A set of somebody else has the name that a Deployment would give.
cluster: {nodes: [{name: node, count: 2, cpu: '8', memory: 8Gi}]}
steps:
- kubectl: create deployment web --image=app:v1
- wait: 5s
- kubectl: delete deployment web --cascade=orphan
- wait: 2s
- kubectl: label rs -l app=web app=old --overwrite
- wait: 2s
- kubectl: create deployment web --image=app:v1
- wait: 30s
";
    judged(varied(setting(text), wrong, Variant::TakesCollisionForError), SomeDeployed)
}

fn b54(wrong: bool) -> Setting {
    let text = "
name: pair
about: Two controller managers, of which one leads.
cluster: {nodes: [], controller-managers: 2}
steps:
- kubectl: create deployment web --image=app:v1
- wait: 30s
";
    varied(setting(text), wrong, Variant::TrustsClocks)
}
