//! The exports, each held against its format.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

fn export(words: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wavetank"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).arg("export").args(words);
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn a_diagram_names_everybody_who_speaks() {
    let diagram = export(&["--format", "mermaid", "course/05-one-apply"]);
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let mut lines = diagram.lines();
    assert_eq!(lines.next(), Some("sequenceDiagram"));
    let mut arrows = 0;
    for line in lines.map(str::trim) {
        if let Some(rest) = line.strip_prefix("participant ") {
            names.insert(rest.split_once(" as ").unwrap().0);
            continue;
        }
        let is_other = line == "autonumber" || line.starts_with("Note over ");
        let Some((ends, text)) = line.split_once(": ").filter(|_| !is_other) else { continue };
        let arrow = ["->>", "--)", "--x"].into_iter().find(|a| ends.contains(a)).unwrap();
        let (from, to) = ends.split_once(arrow).unwrap();
        assert!(names.contains(from) && names.contains(to), "{line}");
        assert!(!text.contains([';', '#']), "{text}");
        arrows += 1;
    }
    assert!(arrows > 30, "{diagram}");
}

#[test]
fn a_window_holds_what_was_asked_for() {
    let all = export(&["--format", "mermaid", "rollout/rolling-update"]);
    let window = export(&[
        "--format",
        "mermaid",
        "--from",
        "1s",
        "--to",
        "1.1s",
        "--actors",
        "kubelet",
        "rollout/rolling-update",
    ]);
    assert!(window.len() < all.len());
    assert!(!window.contains("as deployment-controller") && window.contains("as apiserver"));
    let few = export(&["--format", "mermaid", "--most", "5", "rollout/rolling-update"]);
    assert!(few.contains("further messages are not drawn"));
}

#[test]
fn an_audit_event_has_what_the_api_asks_for() {
    let log = export(&["--format", "audit", "rollout/rolling-update"]);
    let events: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.len() > 50);
    let mut ids = BTreeSet::new();
    let mut last = String::new();
    for event in &events {
        assert_eq!(event["apiVersion"], "audit.k8s.io/v1");
        assert_eq!(event["kind"], "Event");
        assert_eq!(event["stage"], "ResponseComplete");
        for field in ["level", "auditID", "requestURI", "verb"] {
            assert!(event[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {event}");
        }
        assert!(
            event["user"]["username"].is_string() && event["objectRef"]["resource"].is_string()
        );
        assert!(event["responseStatus"]["code"].as_u64().is_some());
        let stamp = event["stageTimestamp"].as_str().unwrap().to_owned();
        assert!(stamp.len() == 27 && stamp.ends_with('Z'), "{stamp}");
        assert!(stamp >= last, "{last} {stamp}");
        last = stamp;
        ids.insert(event["auditID"].as_str().unwrap().to_owned());
    }
    let creation = events
        .iter()
        .find(|e| e["verb"] == "create" && e["objectRef"]["resource"] == "replicasets");
    let creation = creation.unwrap();
    assert_eq!(creation["requestURI"], "/apis/apps/v1/namespaces/default/replicasets");
    assert_eq!(creation["responseStatus"]["code"], 201);
    assert_eq!(
        creation["user"]["username"],
        "system:serviceaccount:kube-system:deployment-controller"
    );
    assert_eq!(creation["responseObject"]["kind"], "ReplicaSet");
    assert_eq!(creation["annotations"]["authorization.k8s.io/decision"], "allow");
    assert!(creation["annotations"]["wavetank.dev/why"].as_str().is_some_and(|w| !w.is_empty()));
    let conflict = events.iter().find(|e| e["responseStatus"]["code"] == 409).unwrap();
    assert_eq!(conflict["responseStatus"]["reason"], "Conflict");
    let by_kubelet = events.iter().find(|e| e["user"]["username"] == "system:node:node-1").unwrap();
    assert!(by_kubelet["user"]["groups"].as_array().unwrap().contains(&"system:nodes".into()));
}

#[test]
fn a_perfetto_trace_has_a_track_an_actor_and_flows_inside_of_slices() {
    let trace: Value =
        serde_json::from_str(&export(&["--format", "perfetto", "nodes/node-failure"])).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let mut tracks = BTreeMap::new();
    for event in events.iter().filter(|e| e["name"] == "thread_name") {
        tracks.insert(event["tid"].as_u64().unwrap(), event["args"]["name"].as_str().unwrap());
    }
    let names: Vec<&str> = tracks.values().copied().collect();
    for actor in ["kubectl", "deployment-controller", "kube-scheduler", "kubelet/node-1", "faults"]
    {
        assert!(names.contains(&actor), "no track of {actor} in {names:?}");
    }
    let number = |e: &Value, key: &str| e[key].as_u64().unwrap();
    let slices: Vec<&Value> = events.iter().filter(|e| e["ph"] == "X").collect();
    for event in events.iter().filter(|e| e["ph"] != "M") {
        // Counters belong to the process.
        assert!(event["ph"] == "C" || tracks.contains_key(&number(event, "tid")), "{event}");
        assert!(["X", "s", "f", "b", "e", "i", "C"].contains(&event["ph"].as_str().unwrap()));
    }
    let mut begun = BTreeSet::new();
    for flow in events.iter().filter(|e| e["ph"] == "s" || e["ph"] == "f") {
        let (tid, ts) = (number(flow, "tid"), number(flow, "ts"));
        let is_inside = slices.iter().any(|slice| {
            let from = number(slice, "ts");
            number(slice, "tid") == tid && from <= ts && ts <= from + number(slice, "dur")
        });
        assert!(is_inside, "{flow}");
        if flow["ph"] == "s" {
            begun.insert(number(flow, "id"));
        } else {
            assert!(begun.contains(&number(flow, "id")), "{flow}");
        }
    }
    assert!(begun.len() > 30);
    // The curves are counters, and end where the run does: all are ready.
    let curves: Vec<&Value> = events.iter().filter(|e| e["ph"] == "C").collect();
    let last = curves.iter().rfind(|e| e["name"] == "Deployment web").unwrap();
    assert_eq!(last["args"]["desired"], last["args"]["ready"], "{last}");
    assert!(curves.iter().any(|e| e["args"]["pending"].as_u64() > Some(0)));
    let faults: Vec<&Value> = events.iter().filter(|e| e["cat"] == "fault").collect();
    for phase in ["b", "e"] {
        assert!(faults.iter().any(|e| e["ph"] == phase && e["name"] == "node-stop"), "{phase}");
    }
    assert!(faults.iter().any(|e| e["ph"] == "i" && e["name"] == "node-start"));
    // Slices of a track follow one another, or lie one in the other.
    let mut by_track: BTreeMap<u64, Vec<(u64, u64)>> = BTreeMap::new();
    for slice in &slices {
        let from = number(slice, "ts");
        by_track.entry(number(slice, "tid")).or_default().push((from, from + number(slice, "dur")));
    }
    for spans in by_track.values_mut() {
        spans.sort_unstable();
        for pair in spans.windows(2) {
            assert!(
                pair[1].0 >= pair[0].1 || pair[1].1 <= pair[0].1 || pair[0].0 == pair[1].0,
                "{pair:?}"
            );
        }
    }
}

#[test]
fn the_curves_are_csv_and_end_as_the_run_does() {
    let text = export(&["--format", "csv", "rollout/rolling-update"]);
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!(head.len(), 10);
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let mut last = BTreeMap::new();
    let mut time = 0.0;
    for row in &rows {
        assert_eq!(row.len(), head.len(), "{row:?}");
        let at: f64 = row[0].parse().unwrap();
        assert!(at >= time);
        time = at;
        row[4..].iter().for_each(|number| assert!(number.parse::<u32>().is_ok(), "{row:?}"));
        last.insert((row[2], row[3]), row.clone());
    }
    let web = &last[&("Deployment", "web")];
    assert_eq!(web[4], web[6], "desired is ready at the end: {web:?}");
    assert!(rows.iter().any(|row| row[2] == "Deployment" && row[9] != "0"), "some were pending");
}

#[test]
fn the_metrics_are_openmetrics_under_their_real_names() {
    let text = export(&["--format", "metrics", "--interval", "500ms", "rollout/rolling-update"]);
    assert!(text.ends_with("# EOF\n"));
    let (mut families, mut types) = (Vec::new(), BTreeMap::new());
    let mut series: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (family, kind) = rest.split_once(' ').unwrap();
            assert!(types.insert(family.to_owned(), kind.to_owned()).is_none(), "{family} twice");
            families.push(family.to_owned());
            continue;
        }
        if line.starts_with("# HELP ") {
            continue;
        }
        let (name, rest) = line.split_once('{').unwrap();
        let (labels, numbers) = rest.rsplit_once("} ").unwrap();
        let (value, stamp) = numbers.split_once(' ').unwrap();
        let family = families.last().unwrap();
        let counter = types[family] == "counter";
        // A family's samples stand together.
        assert_eq!(name, if counter { format!("{family}_total") } else { family.clone() });
        let points = series.entry(format!("{name}{{{labels}}}")).or_default();
        let (value, stamp): (f64, f64) = (value.parse().unwrap(), stamp.parse().unwrap());
        if let Some((last, at)) = points.last() {
            assert!(stamp > *at && (!counter || value >= *last), "{line}");
        }
        points.push((value, stamp));
    }
    for name in [
        "apiserver_request",
        "workqueue_depth",
        "scheduler_pending_pods",
        "apiserver_resource_objects",
        "kube_deployment_spec_replicas",
        "kube_deployment_status_replicas_available",
        "kube_replicaset_status_ready_replicas",
        "kube_node_status_condition",
    ] {
        assert!(types.contains_key(name), "no {name} in {families:?}");
    }
    let binding = series.iter().find(|(name, _)| name.contains("subresource=\"binding\"")).unwrap();
    for label in ["verb=\"POST\"", "code=\"201\"", "version=\"v1\"", "scope=\"resource\""] {
        assert!(binding.0.contains(label), "no {label} in {}", binding.0);
    }
    // As kube-state-metrics has them: what is desired is available at the end, nodes are ready.
    let last = |name: &str| series[name].last().unwrap().0.to_string();
    let of = "{namespace=\"default\",deployment=\"web\"}";
    let desired = last(&format!("kube_deployment_spec_replicas{of}"));
    assert_eq!(last(&format!("kube_deployment_status_replicas_available{of}")), desired);
    let ready = "{node=\"node-1\",condition=\"Ready\",status=\"true\"}";
    assert_eq!(last(&format!("kube_node_status_condition{ready}")), "1");
    assert!(series.keys().any(|name| name.contains("verb=\"WATCH\"")), "reads are counted");
    assert!(series.keys().any(|name| name.contains("job=\"kube-controller-manager\"")
        && name.contains("name=\"deployment-controller\"")));
}
