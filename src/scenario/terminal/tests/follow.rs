//! Commands that wait: rollouts, deletions, conditions.

use super::*;

#[test]
fn a_rollout_is_followed_to_its_end() {
    let mut cluster = with_web();
    let later: Vec<Later> = vec![
        (100, Box::new(|c| status(c, 1, 1, 1, 0))),
        (200, Box::new(|c| status(c, 1, 4, 3, 2))),
        (300, Box::new(|c| status(c, 1, 3, 3, 2))),
        (400, Box::new(|c| status(c, 1, 3, 3, 3))),
    ];
    let output = play(&mut cluster, &[], "rollout status deploy/web --timeout=180s", later);
    assert_eq!(
        output,
        "Waiting for deployment spec update to be observed...\n\
         Waiting for deployment \"web\" rollout to finish: 1 out of 3 new replicas have been \
         updated...\n\
         Waiting for deployment \"web\" rollout to finish: 1 old replicas are pending \
         termination...\n\
         Waiting for deployment \"web\" rollout to finish: 2 of 3 updated replicas are \
         available...\n\
         deployment \"web\" successfully rolled out\nexit 0"
    );
    assert_eq!(cluster.sent, "get deployments/web\nlist deployments/\nwatch deployments/\n");
    let mut cluster = with_web();
    let later: Vec<Later> = vec![(100, Box::new(|c| status(c, 1, 1, 1, 0)))];
    let output = play(&mut cluster, &[], "rollout status deploy/web --timeout=2s", later);
    assert_eq!(
        output,
        "Waiting for deployment spec update to be observed...\n\
         Waiting for deployment \"web\" rollout to finish: 1 out of 3 new replicas have been \
         updated...\n\
         error: timed out waiting for the condition\nexit 1"
    );
    assert_eq!(cluster.now, EPOCH.plus(SimDuration::secs(2)));
    let late: Vec<Later> = vec![(
        100,
        Box::new(|c| {
            status(c, 1, 1, 1, 0);
            c.edit(Kind::DEPLOYMENT, "web", |value| {
                value["status"]["conditions"] = json!([{
                    "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"
                }]);
            });
        }),
    )];
    let output = play(&mut with_web(), &[], "rollout status deploy/web", late);
    assert!(
        output.ends_with("error: deployment \"web\" exceeded its progress deadline\nexit 1"),
        "{output}"
    );
    check(
        &mut Cluster::new(),
        "rollout status deploy/web",
        "Error from server (NotFound): deployments.apps \"web\" not found\nexit 1",
    );
}

#[test]
fn a_deletion_waits_until_the_object_is_gone() {
    let mut cluster = Cluster::new();
    cluster.put(pod("a", json!({})));
    let key = ObjectKey::new(Kind::POD, "default", "a");
    let later: Vec<Later> = vec![(3_000, Box::new(move |c| c.remove(&key)))];
    let output = play(&mut cluster, &[], "delete pod a", later);
    assert_eq!(output, "pod \"a\" deleted from default namespace\nexit 0");
    assert_eq!(cluster.now, EPOCH.plus(SimDuration::secs(3)));
    assert_eq!(cluster.sent, "delete pods/a\nget pods/a\nlist pods/\nwatch pods/\n");
    check(
        &mut cluster,
        "delete pod a b",
        "Error from server (NotFound): pods \"a\" not found\n\
         Error from server (NotFound): pods \"b\" not found\nexit 1",
    );
    check(&mut cluster, "delete pod -l app=web", "No resources found\nexit 0");
    cluster.put(pod("a", json!({})));
    check(
        &mut cluster,
        "delete pod a --timeout=5s",
        "pod \"a\" deleted from default namespace\n\
         error: timed out waiting for the condition on pods/a\nexit 1",
    );
    check(
        &mut cluster,
        "delete pod a --grace-period=0 --force",
        "Warning: Immediate deletion does not wait for confirmation that the running resource has \
         been terminated. The resource may continue to run on the cluster indefinitely.\n\
         pod \"a\" force deleted from default namespace\nexit 0",
    );
}

#[test]
fn a_wait_ends_with_its_condition() {
    let mut cluster = Cluster::new();
    cluster.put(pod("a", json!({})));
    let later: Vec<Later> = vec![(
        700,
        Box::new(|c| {
            c.edit(Kind::POD, "a", |pod| {
                pod["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
            });
        }),
    )];
    let output = play(&mut cluster, &[], "wait --for=condition=ready pod -l app=web", later);
    assert_eq!(output, "pod/a condition met\nexit 0");
    check(
        &mut cluster,
        "wait --for=jsonpath='{.status.phase}'=Running pod/a",
        "pod/a condition met\nexit 0",
    );
    check(
        &mut cluster,
        "wait --for=jsonpath='{.status.conditions[?(@.type==\"Ready\")].status}'=False pod/a \
         --timeout=1s",
        "error: timed out waiting for the condition on pods/a\nexit 1",
    );
    let later: Vec<Later> = vec![(1_200, Box::new(|c| c.put(pod("b", json!({})))))];
    let output = play(&mut cluster, &[], "wait --for=create pod/b", later);
    assert_eq!(output, "pod/b condition met\nexit 0");
    check(&mut cluster, "wait --for=delete pod/c", "pod/c condition met\nexit 0");
    check(
        &mut cluster,
        "wait --for=condition=Ready pod -l app=none",
        "error: no matching resources found\nexit 1",
    );
}

fn replica_set(cluster: &mut Cluster, revision: u32, image: &str) {
    let owner = cluster.objects.keys().find(|k| k.kind == Kind::DEPLOYMENT).unwrap();
    let uid = cluster.objects[owner].meta().uid.to_string();
    let labels = json!({"app": "web", "pod-template-hash": format!("h{revision}")});
    cluster.put(json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": format!("web-h{revision}"), "namespace": "default", "labels": labels,
            "annotations": {"deployment.kubernetes.io/revision": revision.to_string()},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web",
                                 "uid": uid, "controller": true}]
        },
        "spec": {
            "replicas": 0, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels},
                         "spec": {"containers": [{"name": "app", "image": image}]}}
        }
    }));
}

#[test]
fn a_rollout_is_undone_by_its_history() {
    let mut cluster = with_web();
    check(
        &mut cluster,
        "rollout undo deploy/web",
        "error: no rollout history found for deployment \"web\"\nexit 1",
    );
    replica_set(&mut cluster, 1, "app:v0");
    replica_set(&mut cluster, 2, "app:v1");
    check(
        &mut cluster,
        "rollout history deploy/web",
        "deployment.apps/web \nREVISION  CHANGE-CAUSE\n1         <none>\n2         \
         <none>\n\nexit 0",
    );
    check(
        &mut cluster,
        "rollout undo deploy/web --to-revision=7",
        "error: unable to find specified revision 7 in history\nexit 1",
    );
    check(&mut cluster, "rollout undo deploy/web", "deployment.apps/web rolled back\nexit 0");
    check(
        &mut cluster,
        "rollout undo deploy/web --to-revision=1",
        "deployment.apps/web skipped rollback (current template already matches revision \
         1)\nexit 0",
    );
    let web = &cluster.objects[&ObjectKey::new(Kind::DEPLOYMENT, "default", "web")].to_value();
    assert_eq!(web.pointer("/spec/template/metadata/labels"), Some(&json!({"app": "web"})));
    assert_eq!(web.pointer("/spec/template/spec/containers/0/image"), Some(&json!("app:v0")));
}
