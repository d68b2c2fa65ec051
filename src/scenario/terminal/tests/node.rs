//! Nodes: marked, and emptied.

use super::*;

fn node(cluster: &mut Cluster, name: &str) {
    cluster
        .put(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {}}));
}

#[test]
fn nodes_are_marked() {
    let mut cluster = Cluster::new();
    node(&mut cluster, "node-1");
    node(&mut cluster, "node-2");
    check(
        &mut cluster,
        "cordon node-1 node-2",
        "node/node-1 cordoned\nnode/node-2 cordoned\nexit 0",
    );
    check(&mut cluster, "cordon node-1", "node/node-1 already cordoned\nexit 0");
    check(&mut cluster, "uncordon node-1", "node/node-1 uncordoned\nexit 0");
    check(&mut cluster, "uncordon node-1", "node/node-1 already uncordoned\nexit 0");
    check(
        &mut cluster,
        "cordon node-9",
        "Error from server (NotFound): nodes \"node-9\" not found\nexit 1",
    );
    check(&mut cluster, "taint node node-1 k=v:NoSchedule", "node/node-1 tainted\nexit 0");
    check(
        &mut cluster,
        "taint node node-1 k=w:NoSchedule",
        "error: node node-1 already has k taint(s) with same effect(s) and --overwrite is \
         false\nexit 1",
    );
    check(
        &mut cluster,
        "taint node node-1 k=w:NoSchedule --overwrite",
        "node/node-1 tainted\nexit 0",
    );
    check(&mut cluster, "taint node node-1 k-", "node/node-1 untainted\nexit 0");
    check(
        &mut cluster,
        "taint node node-1 k:NoSchedule-",
        "error: taint \"k:NoSchedule\" not found\nexit 1",
    );
}

#[test]
fn a_drain_evicts_until_the_node_is_empty() {
    let mut cluster = Cluster::new();
    node(&mut cluster, "node-1");
    let owned = json!({"metadata": {"ownerReferences": [{"apiVersion": "apps/v1", "kind": "Replic\
    aSet",
        "name": "web", "uid": "00000000-0000-4000-8000-000000000001", "controller": true}]}});
    cluster.put(pod("a", owned.clone()));
    cluster.put(pod("b", owned));
    cluster.put(pod("lone", json!({})));
    check(
        &mut cluster,
        "drain node-1",
        "node/node-1 cordoned\n\
         error: unable to drain node \"node-1\" due to error: cannot delete Pods that declare no \
         controller (use --force to override): default/lone, continuing command...\n\
         There are pending nodes to be drained:\n node-1\n\
         error: cannot delete Pods that declare no controller (use --force to override): \
         default/lone\nexit 1",
    );
    cluster.budget_refusals = 1;
    let gone = |name: &'static str| {
        move |c: &mut Cluster| c.remove(&ObjectKey::new(Kind::POD, "default", name))
    };
    let start = cluster.now;
    let later: Vec<Later> = vec![
        (2_500, Box::new(gone("b"))),
        (2_700, Box::new(gone("lone"))),
        (9_100, Box::new(gone("a"))),
    ];
    let output = play(&mut cluster, &[], "drain node-1 --force --timeout=60s", later);
    assert_eq!(
        output,
        "node/node-1 already cordoned\n\
         Warning: deleting Pods that declare no controller: default/lone\n\
         evicting pod default/a\nevicting pod default/b\nevicting pod default/lone\n\
         error when evicting pods/\"a\" -n \"default\" (will retry after 5s): Cannot evict pod \
         as it \
         would violate the pod's disruption budget.\n\
         pod/b evicted\npod/lone evicted\n\
         evicting pod default/a\npod/a evicted\n\
         node/node-1 drained\nexit 0"
    );
    assert_eq!(cluster.now, start.plus(SimDuration::secs(10)));
    cluster.put(pod("c", json!({})));
    let output = play(&mut cluster, &[], "drain node-1 --force --timeout=3s", Vec::new());
    assert_eq!(
        output,
        "node/node-1 already cordoned\n\
         Warning: deleting Pods that declare no controller: default/c\n\
         evicting pod default/c\n\
         There are pending pods in node \"node-1\" when an error occurred: error when waiting \
         for pod \
         \"c\" in namespace \"default\" to terminate: global timeout reached: 3s\n\
         pod/c\n\
         error: unable to drain node \"node-1\" due to error: error when waiting for pod \"c\" in \
         namespace \"default\" to terminate: global timeout reached: 3s, continuing command...\n\
         There are pending nodes to be drained:\n node-1\n\
         error: error when waiting for pod \"c\" in namespace \"default\" to terminate: global \
         timeout \
         reached: 3s\nexit 1"
    );
}
