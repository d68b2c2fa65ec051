//! Ends and new beginnings: hooks, kubelets and nodes that come back, pods that are refused or past
//! their time.

use super::*;

#[test]
fn a_stop_waits_for_the_hook_and_the_grace_period() {
    let row = Behaviour { term: SimDuration::secs(60), stop_code: 143, ..Behaviour::default() };
    let mut world = World::new(config(&[("*", row)]));
    let hook = json!({"preStop": {"exec": {"command": ["sleep", "5"]}}});
    let object = pod("slow", app(json!({"lifecycle": hook})));
    world.put(object);
    world.run(SimDuration::secs(10));
    let object = delete(&Object::Pod(world.pod("slow").clone()));
    let asked = world.now;
    world.put(object);
    world.run(SimDuration::secs(60));
    let end = world.log.iter().find(|(_, t)| t.starts_with("Failed app=exit 137 Error"));
    let took = end.expect("it ends").0.since(asked);
    assert!((30_000..30_200).contains(&took.as_millis()), "{took}");
}

#[test]
fn a_kubelet_that_comes_back_leaves_containers_alone() {
    let mut world = World::new(config(&[]));
    let probe = json!({"exec": {"command": ["true"]}});
    world.put(pod("web", app(json!({"readinessProbe": probe}))));
    world.run(SimDuration::secs(10));
    let (objects, now) = (world.objects, world.now);
    let runtime = world.kubelet.host.runtime;
    let kubelet = Kubelet::new(world.kubelet.host.config, runtime);
    let mut world = World::with(kubelet, objects, now + SimDuration::secs(60));
    world.run(SimDuration::secs(60));
    assert!(
        world.texts().iter().all(|t| !t.contains("net ") && !t.contains("Created")),
        "{:#?}",
        world.log
    );
}

#[test]
fn a_node_that_comes_back_starts_its_pods_again_and_ends_those_to_be_deleted() {
    let mut world = World::new(config(&[]));
    world.put(pod("stays", app(json!({}))));
    world.put(pod("goes", app(json!({}))));
    world.run(SimDuration::secs(10));
    let goes = delete(&Object::Pod(world.pod("goes").clone()));
    world.objects.insert(goes.key(), goes);
    let (objects, now) = (world.objects, world.now);
    let mut kubelet = world.kubelet;
    kubelet.crashed();
    let mut world = World::with(kubelet, objects, now + SimDuration::secs(60));
    world.run(SimDuration::secs(60));
    let texts = world.texts();
    assert!(texts.contains(&"Failed app=ContainerCreating x0 -net PodFailed"), "{:#?}", world.log);
    assert!(texts.contains(&"Failed app=exit 137 ContainerStatusUnknown x0 -net PodFailed"));
    assert!(texts.contains(&"deleted"));
    assert!(texts.contains(&"Running app=running x1 +net +ready"), "{:#?}", world.log);
}

#[test]
fn a_pod_that_does_not_fit_is_refused() {
    let mut world = World::new(config(&[]));
    world.put(pod("big", app(json!({"resources": {"requests": {"cpu": "5"}}}))));
    world.run(SimDuration::secs(10));
    assert_eq!(world.pod("big").status.reason, "OutOfcpu");
    assert_eq!(
        world.pod("big").status.message,
        "Pod was rejected: Node didn't have enough resource: cpu, requested: 5000, used: 0, \
         capacity: 4000"
    );
    assert!(world.pod("big").is_terminal());
}

#[test]
fn a_pod_past_its_deadline_fails() {
    let mut world = World::new(config(&[]));
    let mut spec = app(json!({}));
    spec["activeDeadlineSeconds"] = 5.into();
    world.put(pod("late", spec));
    world.run(SimDuration::secs(20));
    let pod = world.pod("late");
    assert_eq!(
        (pod.status.phase.as_str(), pod.status.reason.as_str()),
        ("Failed", "DeadlineExceeded"),
        "{:#?}",
        world.log
    );
}

#[test]
fn an_eager_kubelet_renews_its_lease_and_posts_its_status() {
    let mut world = World::new(Config { heartbeat: Heartbeat::Eager, ..config(&[]) });
    world.run(SimDuration::secs(905));
    let key = ObjectKey::new(Kind::LEASE, "kube-node-lease", "node-1");
    let Object::Lease(lease) = &world.objects[&key] else { panic!("a lease") };
    let age = Time::at(world.now).since(lease.spec.renew_time.expect("it was renewed"));
    assert!(age < SimDuration::millis(10_500), "{age}");
    assert!((88..=96).contains(&world.wakes), "{}", world.wakes);
}
