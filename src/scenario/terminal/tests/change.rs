//! Commands that change objects, or look at them.

use super::*;

#[test]
fn an_apply_creates_then_changes_then_leaves_alone() {
    let mut cluster = with_web();
    let text = cluster.objects.values().next().unwrap().meta().annotations.clone();
    assert_eq!(
        text.get("kubectl.kubernetes.io/last-applied-configuration").unwrap().as_str(),
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"annotations\":{},\
         \"name\":\"web\",\"namespace\":\"default\"},\"spec\":{\"replicas\":3,\"selector\":{\
         \"matchLabels\":{\"app\":\"web\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":\"web\"\
         }},\"spec\":{\"containers\":[{\"image\":\"app:v1\",\"name\":\"app\"}]}}}}\n"
    );
    let second = WEB.replace("v1'", "v2'");
    let files = [("a.yaml", WEB), ("b.yaml", second.as_str())];
    let mut apply = |line| play(&mut cluster, &files, line, Vec::new());
    assert_eq!(apply("apply -f a.yaml"), "deployment.apps/web unchanged\nexit 0");
    assert_eq!(
        apply("apply -f b.yaml --dry-run=client"),
        "deployment.apps/web configured (dry run)\nexit 0"
    );
    assert_eq!(apply("apply -f b.yaml"), "deployment.apps/web configured\nexit 0");
    assert_eq!(apply("apply -f b.yaml"), "deployment.apps/web unchanged\nexit 0");
    assert_eq!(
        apply("apply -f b.yaml -n other"),
        "deployment.apps/web created\nexit 0"
            .replace("Error from server (NotFound): x", "deployment.apps/web created")
            .replace("exit 1", "exit 0")
    );
}

#[test]
fn templates_are_changed_by_the_smallest_patch() {
    let mut cluster = with_web();
    check(
        &mut cluster,
        "set image deploy/web app=app:v2",
        "deployment.apps/web image updated\nexit 0",
    );
    check(&mut cluster, "set image deploy/web app=app:v2", "exit 0");
    check(
        &mut cluster,
        "set image deploy/web other=app:v2",
        "error: unable to find container named \"other\"\nexit 1",
    );
    check(&mut cluster, "set env deploy/web A=b", "deployment.apps/web env updated\nexit 0");
    check(
        &mut cluster,
        "set resources deploy web --limits=cpu=200m",
        "deployment.apps/web resource requirements updated\nexit 0",
    );
    check(&mut cluster, "scale deploy/web --replicas=7", "deployment.apps/web scaled\nexit 0");
    check(
        &mut cluster,
        "scale deploy/web --replicas=2 --current-replicas=3",
        "error: Expected replicas to be 3, was 7\nexit 1",
    );
    check(&mut cluster, "rollout pause deploy/web", "deployment.apps/web paused\nexit 0");
    check(
        &mut cluster,
        "rollout pause deploy/web",
        "error: deployments.apps \"web\" is already paused\nexit 1",
    );
    check(
        &mut cluster,
        "rollout restart deploy/web",
        "error: deployments.apps \"web\" can't restart paused deployment (run rollout resume \
         first)\nexit 1",
    );
    check(&mut cluster, "rollout resume deploy/web", "deployment.apps/web resumed\nexit 0");
    check(&mut cluster, "rollout restart deploy/web", "deployment.apps/web restarted\nexit 0");
    let sent: Vec<&str> = cluster.sent.lines().filter(|line| line.starts_with("patch")).collect();
    assert_eq!(
        sent,
        [
            "patch deployments/web {\"spec\":{\"template\":{\"spec\":{\"$setElementOrder/containe\
             rs\":[{\"name\":\"app\"}],\"containers\":[{\"image\":\"app:v2\",\"name\":\"app\"}]}}\
             }}",
            "patch deployments/web {\"spec\":{\"template\":{\"spec\":{\"$setElementOrder/containe\
             rs\":[{\"name\":\"app\"}],\"containers\":[{\"env\":[{\"name\":\"A\",\"value\":\"b\"}\
             ],\"name\":\"app\"}]}}}}",
            "patch deployments/web {\"spec\":{\"template\":{\"spec\":{\"$setElementOrder/containe\
             rs\":[{\"name\":\"app\"}],\"containers\":[{\"name\":\"app\",\"resources\":{\"limits\
             \":{\"cpu\":\"200m\"}}}]}}}}",
            "patch deployments/web/scale {\"spec\":{\"replicas\":7}}",
            "patch deployments/web {\"spec\":{\"paused\":true}}",
            "patch deployments/web {\"spec\":{\"paused\":null}}",
            "patch deployments/web {\"spec\":{\"template\":{\"metadata\":{\"annotations\":{\"kube\
             ctl.kubernetes.io/restartedAt\":\"2026-01-01T00:00:00Z\"}}}}}",
        ]
    );
}

#[test]
fn labels_and_annotations_are_set_and_removed() {
    let mut cluster = Cluster::new();
    cluster.put(pod("a", json!({})));
    check(&mut cluster, "label pod a tier=x", "pod/a labeled\nexit 0");
    check(&mut cluster, "label pod a tier=x", "pod/a not labeled\nexit 0");
    check(
        &mut cluster,
        "label pod a tier=y",
        "error: 'tier' already has a value (x), and --overwrite is false\nexit 1",
    );
    check(&mut cluster, "label pod a tier=y --overwrite", "pod/a labeled\nexit 0");
    check(&mut cluster, "label pod a tier-", "pod/a unlabeled\nexit 0");
    check(
        &mut cluster,
        "label pod a tier-",
        "label \"tier\" not found.\npod/a not labeled\nexit 0",
    );
    check(&mut cluster, "annotate pod a note=x", "pod/a annotated\nexit 0");
    check(
        &mut cluster,
        "annotate pod a note=y",
        "error: --overwrite is false but found the following declared annotation(s): 'note' \
         already \
         has a value (x)\nexit 1",
    );
    check(
        &mut cluster,
        "patch pod a -p '{\"metadata\":{\"labels\":{\"app\":\"web\"}}}'",
        "pod/a patched (no change)\nexit 0",
    );
    check(
        &mut cluster,
        "patch pod a --type=json -p '[{\"op\":\"remove\",\"path\":\"/metadata/labels/app\"}]'",
        "pod/a patched\nexit 0",
    );
}

#[test]
fn objects_are_made_from_flags() {
    let mut cluster = Cluster::new();
    for (line, expected) in [
        (
            "create deployment web --image=registry.local/app:v1 --replicas=3 --port=80",
            "deployment.apps/web created",
        ),
        ("create job work --image=x -- exit 3 0", "job.batch/work created"),
        (
            "create cronjob tick --image=x --schedule='*/5 * * * *' -- true",
            "cronjob.batch/tick created",
        ),
        ("create job now --from=cronjob/tick", "job.batch/now created"),
        ("create cm late --from-literal=a=b", "configmap/late created"),
        ("create secret generic s --from-literal=a=hi", "secret/s created"),
        ("create ns other", "namespace/other created"),
        ("create sa robot", "serviceaccount/robot created"),
        (
            "create pdb web --selector=app=web --min-available=50%",
            "poddisruptionbudget.policy/web created",
        ),
        ("create quota q --hard=pods=5", "resourcequota/q created"),
        ("create priorityclass high --value=1000", "priorityclass.scheduling.k8s.io/high created"),
        ("run big --image=x:v1", "pod/big created"),
        ("run big --image=x:v1 --dry-run=client", "pod/big created (dry run)"),
        ("expose deploy/web", "service/web exposed"),
        (
            "autoscale deploy web --min=1 --max=5 --cpu-percent=80",
            "horizontalpodautoscaler.autoscaling/web autoscaled",
        ),
    ] {
        check(&mut cluster, line, &format!("{expected}\nexit 0"));
    }
    check(
        &mut cluster,
        "create deployment web --image=x",
        "error: failed to create deployment: deployments.apps \"web\" already exists\nexit 1",
    );
    check(
        &mut cluster,
        "create ns other",
        "Error from server (AlreadyExists): namespaces \"other\" already exists\nexit 1",
    );
    let secret = cluster.objects[&ObjectKey::new(Kind::SECRET, "default", "s")].to_value();
    assert_eq!(secret["data"], json!({"a": "aGk="}));
    let service = cluster.objects[&ObjectKey::new(Kind::SERVICE, "default", "web")].to_value();
    assert_eq!(
        service["spec"]["ports"],
        json!([{"port": 80, "protocol": "TCP", "targetPort": 80}])
    );
}

#[test]
fn what_is_looked_at_is_shown() {
    let mut cluster = Cluster::new();
    check(&mut cluster, "get pods", "No resources found in default namespace.\nexit 0");
    check(&mut cluster, "get nodes", "No resources found\nexit 0");
    cluster.put(pod("a", json!({})));
    cluster.put(pod("b", json!({})));
    check(&mut cluster, "get pods -o name", "pod/a\npod/b\nexit 0");
    check(
        &mut cluster,
        "get pods c a -o name",
        "pod/a\nError from server (NotFound): pods \"c\" not found\nexit 1",
    );
    let later: Vec<Later> = vec![(50, Box::new(|c| c.put(pod("c", json!({})))))];
    let output = play(&mut cluster, &[], "get pods -w -o name", later);
    assert_eq!(output, "pod/a\npod/b\npod/c\nwaits");
    let line =
        Line::parse("delete $(kubectl get pod -o name | head -1)", Place::default()).unwrap();
    assert_eq!(super::super::words_of(&line.substitutions[0], "pod/a\npod/b\n"), ["pod/a"]);
}

#[test]
fn many_objects_are_handled_in_one_go() {
    fn moves_between_threads<T: Clone + Send + Sync>(_: &T) {}
    let mut cluster = Cluster::new();
    for number in 0..600 {
        cluster.put(pod(&format!("pod-{number:03}"), json!({})));
    }
    let output = play(&mut cluster, &[], "delete pods --all --wait=false", Vec::new());
    assert_eq!(output.lines().count(), 601);
    assert!(output.ends_with("pod \"pod-599\" deleted from default namespace\nexit 0"));
    let line = Line::parse("get pods", Place::default()).unwrap();
    moves_between_threads(&Running::new(&line.command, &Manifests::new(), &Name::new("default")));
}

#[test]
fn a_server_that_is_away_is_told_of() {
    let line = Line::parse("get pods", Place::default()).unwrap();
    let mut running = Running::new(&line.command, &Manifests::new(), &Name::new("default"));
    let wants = running.step(Input::Begin, EPOCH);
    let wants = running.step(Input::Lost(wants.requests[0].0), EPOCH);
    assert_eq!(wants.done, Some(1));
    assert!(running.output().ends_with("did you specify the right host or port?\n"));
    let mut running = Running::new(&line.command, &Manifests::new(), &Name::new("default"));
    let token = running.step(Input::Begin, EPOCH).requests[0].0;
    let busy = Refusal::too_many_requests("too many requests", 1);
    let wants = running.step(Input::Answer(token, &Answer::Refused(busy)), EPOCH);
    assert_eq!(wants.wake_at, Some(EPOCH.plus(SimDuration::secs(1))));
    let wants = running.step(Input::Woken, EPOCH.plus(SimDuration::secs(1)));
    let down = Answer::Refused(Refusal::service_unavailable("etcdserver: no leader"));
    let wants = running.step(Input::Answer(wants.requests[0].0, &down), EPOCH);
    assert_eq!(wants.done, Some(1));
    assert_eq!(running.output(), "Error from server (ServiceUnavailable): etcdserver: no leader\n");
}
