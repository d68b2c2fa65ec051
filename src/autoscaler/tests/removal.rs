//! Nodes that are not needed, and those that stay all the same.

use super::*;

/// Three nodes of a group and what is on each, in thousandths of a CPU.
fn planned(on: [&[u32]; 3], change: impl Fn(&mut World)) -> (Planner, Provider, World) {
    let mut world = World::default();
    world.set();
    for (n, pods) in on.iter().enumerate() {
        let node = format!("small-{}", n + 1);
        world.node(&node, "4");
        for (k, cpu) in pods.iter().enumerate() {
            world.pod(&format!("p{n}-{k}"), &node, &format!("{cpu}m"), &json!({}));
        }
    }
    change(&mut world);
    let provider = Provider::new(vec![small(3)].into(), ActorId(9));
    (Planner::default(), provider, world)
}

fn names() -> Vec<Name> {
    (1..=3).map(|n| smol_str::format_smolstr!("small-{n}")).collect()
}

fn update(planner: &mut Planner, provider: &Provider, world: &mut World, seconds: u64) {
    let (options, all) = (Options::default(), names());
    let (caches, now) = (&world.known.caches, later(seconds));
    let sight = Sight { options: &options, provider, caches, now };
    let mark = world.picture.mark();
    planner.update(&all, &all, &mut world.picture, &sight);
    world.picture.back_to(mark);
}

fn ripe(
    planner: &mut Planner,
    provider: &Provider,
    world: &World,
    seconds: u64,
) -> (Vec<Name>, Vec<Name>) {
    let options = Options::default();
    let (caches, now) = (&world.known.caches, later(seconds));
    planner.ripe(|_| 0, &Sight { options: &options, provider, caches, now })
}

#[test]
fn a_node_goes_when_it_has_not_been_needed_for_longer_than_ten_minutes() {
    let (mut planner, provider, mut world) = planned([&[3000], &[], &[500]], |_| {});
    update(&mut planner, &provider, &mut world, 100);
    let unneeded: Vec<&str> = planner.unneeded.keys().map(Name::as_str).collect();
    assert_eq!(unneeded, ["small-2", "small-3"]);
    assert_eq!(planner.unremovable["small-1"], Unremovable::NotUnderutilized);
    assert_eq!(ripe(&mut planner, &provider, &world, 700), (vec![], vec![]));
    assert_eq!(planner.unremovable["small-2"], Unremovable::NotUnneededLongEnough);
    // A look in between does not set the clock back.
    update(&mut planner, &provider, &mut world, 400);
    let (empty, drained) = ripe(&mut planner, &provider, &world, 701);
    assert_eq!((empty, drained), (vec!["small-2".into()], vec!["small-3".into()]));
}

#[test]
fn a_node_whose_pods_would_find_no_room_stays_and_is_looked_at_again_after_five_minutes() {
    let (mut planner, provider, mut world) = planned([&[3900], &[1900], &[3900]], |_| {});
    update(&mut planner, &provider, &mut world, 100);
    assert!(planner.unneeded.is_empty());
    assert_eq!(planner.unremovable["small-2"], Unremovable::NoPlaceToMovePods);
    update(&mut planner, &provider, &mut world, 399);
    assert_eq!(planner.unremovable["small-2"], Unremovable::RecentlyUnremovable);
    update(&mut planner, &provider, &mut world, 401);
    assert_eq!(planner.unremovable["small-2"], Unremovable::NoPlaceToMovePods);
}

#[test]
fn pods_that_move_to_one_node_take_its_room_for_the_next() {
    // 1.9 + 1.9 fit beside each other on no more than one of the others.
    let (mut planner, provider, mut world) = planned([&[1900], &[1900], &[1900]], |_| {});
    update(&mut planner, &provider, &mut world, 100);
    assert_eq!(planner.unneeded.len(), 1, "{:?}", planner.unremovable);
}

#[test]
fn a_budget_counts_for_all_nodes_that_are_to_go() {
    let pods: [&[u32]; 3] = [&[100], &[100], &[3000]];
    for (allowed, unneeded) in [(0, 0), (1, 1), (2, 2)] {
        let (mut planner, provider, mut world) = planned(pods, |w| w.budget(allowed));
        update(&mut planner, &provider, &mut world, 100);
        assert_eq!(planner.unneeded.len(), unneeded, "{allowed} allowed");
    }
}

#[test]
fn a_node_that_is_annotated_to_stay_stays() {
    let (mut planner, provider, mut world) = planned([&[], &[], &[]], |world| {
        let node = world.known.caches.of(Kind::NODE).get("", "small-2").unwrap();
        let mut value = node.to_value();
        value["metadata"]["annotations"] =
            json!({ "cluster-autoscaler.kubernetes.io/scale-down-disabled": "true" });
        world.put(Kind::NODE, value);
    });
    update(&mut planner, &provider, &mut world, 100);
    assert_eq!(planner.unremovable["small-2"], Unremovable::ScaleDownDisabledAnnotation);
    assert_eq!(planner.unneeded.len(), 2);
}

#[test]
fn a_group_keeps_its_least_size() {
    let (mut planner, _, mut world) = planned([&[], &[], &[]], |_| {});
    let group = NodeGroup { min: 2, ..small(3) };
    let provider = Provider::new(vec![group].into(), ActorId(9));
    update(&mut planner, &provider, &mut world, 100);
    let (empty, drained) = ripe(&mut planner, &provider, &world, 800);
    assert_eq!((empty.len(), drained.len()), (1, 0));
    let kept = planner.unremovable.values();
    assert_eq!(kept.filter(|r| **r == Unremovable::NodeGroupMinSizeReached).count(), 2);
}
