//! What the rule plans, on small caches.

use super::*;
use crate::api::apps::pod_template::PodTemplate;
use crate::api::core::pod::PodPhase;
use crate::api::labels::Labels;
use crate::api::meta::Meta;
use crate::api::time::{EPOCH, Time};
use crate::client::plan::{Expect, Step};
use crate::client::view::Caches;

fn replica_set(replicas: i32) -> ReplicaSet {
    let labels = Labels::from([("app", "web")]);
    let mut set = ReplicaSet { meta: Meta::named("default", "web"), ..ReplicaSet::default() };
    set.meta.uid = Uid::parse("set");
    set.meta.generation = 1;
    set.spec.replicas = replicas;
    set.spec.selector =
        Arc::new(LabelSelector { match_labels: labels.clone(), ..LabelSelector::default() });
    let meta = Meta { labels, ..Meta::default() };
    set.spec.template = Arc::new(PodTemplate { meta, ..PodTemplate::default() });
    set
}

fn pod(name: &str, set: &ReplicaSet) -> Pod {
    let owner = controller_reference(Kind::REPLICA_SET, &set.meta);
    let mut pod = pod_from_template(&set.spec.template, &set.meta, owner);
    pod.meta.name = name.into();
    pod.meta.uid = Uid::parse(name);
    pod.meta.creation = Some(EPOCH);
    pod
}

struct World {
    caches: Caches,
    controller: ReplicaSetController,
}

impl World {
    fn of(set: &ReplicaSet, pods: &[Pod]) -> World {
        let mut caches = Caches::default();
        caches.of_mut(Kind::REPLICA_SET).put(set.clone().into());
        for pod in pods {
            caches.of_mut(Kind::POD).put(pod.clone().into());
        }
        World { caches, controller: ReplicaSetController::default() }
    }

    fn plan(&mut self) -> Plan {
        let key = ObjectKey::new(Kind::REPLICA_SET, "default", "web");
        self.controller.reconcile(&key, View::new(&self.caches, EPOCH))
    }
}

/// The writes of a plan, each as one line.
fn lines(plan: &Plan) -> Vec<String> {
    let line = |write: &Write| match &write.verb {
        Verb::Create { object, .. } => {
            format!("create {} because {}", object.meta().generate_name, write.why)
        }
        Verb::Delete { key, .. } => format!("delete {} because {}", key.name, write.why),
        Verb::Update { object, .. } => {
            format!("status of {}: {}", object.meta().name, write.why)
        }
        Verb::Patch { key, .. } => format!("patch {} because {}", key.name, write.why),
        Verb::Get(_)
        | Verb::Post { .. }
        | Verb::Put { .. }
        | Verb::List(_)
        | Verb::Watch(_)
        | Verb::DeleteCollection { .. }
        | Verb::Bind { .. }
        | Verb::Evict { .. } => panic!("{write:?}"),
    };
    plan.writes().map(line).collect()
}

#[test]
fn missing_pods_are_created_slowly_before_the_status_is_written() {
    let set = replica_set(2);
    let mut world = World::of(&set, &[]);
    let plan = world.plan();
    let create = "create web- because 0 of 2 pods are there";
    let status = "status of web: 0 pods, 0 ready, 0 available";
    assert_eq!(lines(&plan), [create, create, status]);
    let Step::Batch { writes, slow_start: true } = &plan.steps[0] else { panic!("{plan:?}") };
    assert!(writes.iter().all(|w| w.expect == Expect::Creation));
}

#[test]
fn a_settled_replica_set_plans_nothing() {
    let mut set = replica_set(1);
    let pod = pod("a", &set);
    set.status = status::status(&set, &[&Arc::new(pod.clone())], 0, None, EPOCH);
    assert!(World::of(&set, &[pod]).plan().is_empty());
}

#[test]
fn a_surplus_pod_that_does_not_run_yet_goes_first() {
    let set = replica_set(1);
    let (mut old, young) = (pod("a", &set), pod("b", &set));
    old.node_name = "node-1".into();
    Arc::make_mut(&mut old.status).phase = PodPhase::Running;
    let plan = World::of(&set, &[old, young]).plan();
    assert_eq!(lines(&plan)[0], "delete b because 2 pods are there, 1 are wanted");
    let told = plan.writes().next().and_then(|w| w.on_success.as_ref()).expect("an event");
    assert_eq!((told.reason, &*told.message), ("SuccessfulDelete", "Deleted pod: b"));
}

#[test]
fn orphans_are_adopted_and_strangers_released() {
    let set = replica_set(1);
    let (mut orphan, mut stranger) = (pod("orphan", &set), pod("stranger", &set));
    orphan.meta.owners = None;
    stranger.meta.labels = Labels::from([("app", "db")]);
    let plan = World::of(&set, &[orphan, stranger]).plan();
    assert_eq!(
        lines(&plan),
        [
            "patch stranger because it does not match the selector any more",
            "patch orphan because it matches the selector and belongs to nobody",
            "status of web: 1 pod, 0 ready, 0 available",
        ]
    );
}

#[test]
fn a_refused_creation_shows_in_the_status_of_the_next_try() {
    let mut world = World::of(&replica_set(1), &[]);
    let plan = world.plan();
    let refusal = Refusal {
        code: 403,
        reason: Reason::Forbidden,
        message: "exceeded quota".into(),
        details: None,
    };
    let create = plan.writes().next().expect("a creation");
    assert_eq!(world.controller.recover(create, &refusal), Recovery::GoOnThenRetry);
    let failure = |plan: &Plan| {
        let updated = |w: &Write| {
            let Verb::Update { object, .. } = &w.verb else { return None };
            object.as_a::<ReplicaSet>().cloned()
        };
        let set = plan.writes().find_map(updated)?;
        set.status.conditions.first().map(|c| (c.reason.clone(), c.message.clone()))
    };
    assert_eq!(failure(&world.plan()), Some(("FailedCreate".into(), "exceeded quota".into())));
    assert_eq!(failure(&world.plan()), None);
}

#[test]
fn a_pod_is_looked_at_when_its_min_ready_seconds_are_over() {
    let mut set = replica_set(1);
    set.spec.min_ready_seconds = 10;
    let mut pod = pod("a", &set);
    let ready = crate::api::condition::Condition {
        last_transition_time: Some(Time(EPOCH.0 - 4_000_000_000)),
        ..crate::api::condition::Condition::new("Ready", true.into(), "")
    };
    Arc::make_mut(&mut pod.status).conditions.push(ready);
    let plan = World::of(&set, &[pod]).plan();
    assert_eq!(plan.look_again, Some(SimDuration::secs(6)));
}
