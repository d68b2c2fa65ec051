//! What stands on the page, part by part.

use std::fs;

use serde_json::json;
use tempfile::TempDir;

use super::{address, browser, click, is_quiet, page, press, text};

/// Of each kind that desires something: the scenario, the instant, and what stands beside what.
const DESIRED: &[(&str, &str, &[&str])] = &[
    (
        "cluster-autoscaler/load-pods-nodes",
        "203s",
        &["Deployment web", "HorizontalPodAutoscaler web", "target 60 %", "Node groups", "pool: "],
    ),
    (
        "storage/dead-node-holds-its-volume",
        "20s",
        &["Deployment db", "PersistentVolumeClaim data", "Bound to pvc-"],
    ),
    ("statefulsets/partition-canary", "5s", &["StatefulSet "]),
    ("jobs/cron-policies", "200s", &["CronJob allow", "2 jobs running", "Job replace-"]),
    ("jobs/failing-with-backoff", "5s", &["Job ", "completed"]),
    ("daemonsets/surge", "3s", &["DaemonSet "]),
    ("policy/drain-with-budget", "10s", &["PodDisruptionBudget ", "must stay"]),
    ("course/01-action-and-declaration", "10s", &["Pod ", "no controller replaces it"]),
];

#[test]
fn what_is_desired_stands_beside_what_is_observed_for_every_kind() {
    let Some(mut browser) = browser("what_is_desired_stands_beside_what_is_observed") else {
        return;
    };
    let folder = TempDir::new().unwrap();
    for (scenario, at, words) in DESIRED {
        let path = page(folder.path(), scenario, &[]);
        browser.go(&address(&path, &format!("#t={at}")));
        let told = text(&mut browser, "#desired");
        for word in *words {
            assert!(told.contains(word), "no {word:?} in {scenario} at {at}:\n{told}");
        }
        assert!(told.contains("desired") && told.contains("observed"), "{told}");
        is_quiet(&mut browser);
    }
}

#[test]
fn messages_travel_and_the_run_plays_to_its_end() {
    let Some(mut browser) = browser("messages_travel_and_the_run_plays_to_its_end") else { return };
    let folder = TempDir::new().unwrap();
    let path = page(folder.path(), "basics/first-deployment", &[]);
    browser.go(&address(&path, ""));
    // Something purple more than the frame of etcd: a message on its way there.
    let purple = include_str!("purple.js");
    let still = browser.ask(purple).as_u64().unwrap();
    assert!(text(&mut browser, "#hubtext").contains("Nothing is on its way"));
    press(&mut browser, "c");
    press(&mut browser, "ArrowRight");
    assert!(browser.ask(purple).as_u64().unwrap() > still + 20, "a message to etcd is drawn");
    assert!(text(&mut browser, "#hubtext").contains("kubectl creates Deployment web"));
    // The slider, and the other way.
    browser.ask(
        "(() => { const s = document.querySelector('#slider'); s.value = 50000; s.oninput(); })()",
    );
    browser.frame();
    let middle = text(&mut browser, "#clock");
    press(&mut browser, "ArrowLeft");
    assert_ne!(text(&mut browser, "#clock"), middle);
    // To where both agree, and back to where they part.
    press(&mut browser, "Home");
    press(&mut browser, "m");
    assert!(text(&mut browser, "#desired").contains("as desired"));
    press(&mut browser, "Home");
    press(&mut browser, "d");
    assert!(text(&mut browser, "#desired").contains("of 3 not ready"));
    // It plays at the pace that is chosen, and stops at the end.
    browser.ask("document.querySelector('#speed').value = '10'");
    click(&mut browser, "#play");
    assert!(text(&mut browser, "#play").contains("Pause"));
    browser.wait_for("document.querySelector('#play').textContent.includes('Play')");
    let end = text(&mut browser, "#clock");
    press(&mut browser, "End");
    assert_eq!(text(&mut browser, "#clock"), end);
    is_quiet(&mut browser);
}

#[test]
fn a_failure_is_jumped_to_and_a_fault_is_a_band() {
    let Some(mut browser) = browser("a_failure_is_jumped_to_and_a_fault_is_a_band") else { return };
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("fails.yaml");
    let scenario = "name: it fails\nabout: A pod is asked for in vain.\nsteps:\n  - kubectl: \
                    create deployment web --image=app:v1\n  - wait: 3s\nfaults:\n  - at: 2s\n    \
                    inject: {network-partition: {from: node-1, to: apiserver, direction: both}, \
                    duration: 2s}\nexpect:\n  - at: 4s\n    holds: {pods: {selector: app=web, \
                    count: 7}}\n";
    fs::write(&file, scenario).unwrap();
    let path = page(folder.path(), &file.display().to_string(), &[]);
    browser.go(&address(&path, ""));
    assert!(text(&mut browser, "#verdict").contains("1 expectation failed"));
    press(&mut browser, "e");
    assert_eq!(text(&mut browser, "#clock"), "4.000 s");
    assert!(text(&mut browser, "#expectations").contains("✗ failed"));
    assert!(text(&mut browser, "#lanekeys").contains("while a fault lasts"));
    // In the swim lanes the time of the fault is shaded, and no other.
    let shade = browser.ask(include_str!("shade.js"));
    let at = |n: usize| shade[n].as_u64().unwrap_or(0);
    assert!(at(2) > 20 && at(1) < at(3) - 20 && at(0) > 200, "the band is {shade}");
    is_quiet(&mut browser);
}

#[test]
fn every_part_of_the_page_tells_something() {
    let Some(mut browser) = browser("every_part_of_the_page_tells_something") else { return };
    let folder = TempDir::new().unwrap();
    let path = page(folder.path(), "nodes/node-failure", &[]);
    browser.go(&address(&path, "#t=110s"));
    // Pods as tiles by node, with a sign and words of their phase.
    let tiles = browser.ask(include_str!("tiles.js"));
    let tiles = tiles.to_string();
    assert!(tiles.contains("node-2") && tiles.contains("◐ Pod web-"), "{tiles}");
    assert!(tiles.contains("running, not ready") && tiles.contains("✓ Pod web-"), "{tiles}");
    // Lanes lead to an instant and an object.
    let box_of = browser.ask(include_str!("lane.js"));
    assert!(box_of.is_array());
    browser.frame();
    assert_ne!(text(&mut browser, "#clock"), "110.000 s");
    assert!(text(&mut browser, "#object").contains("Deployment web"));
    // Curves of all four.
    let keys = text(&mut browser, "#chartkeys");
    for curve in ["desired", "ready", "available", "pending"] {
        assert!(keys.contains(curve), "{keys}");
    }
    let options = text(&mut browser, "#charted");
    assert!(options.contains("Deployment web"), "{options}");
    // Queues, caches, and how far they lag.
    let queues = text(&mut browser, "#queues");
    for word in ["revisions behind etcd", "changes not seen yet", "keys", "kube-scheduler"] {
        assert!(queues.contains(word), "no {word} in {queues}");
    }
    assert!(text(&mut browser, "#expectations").contains("✓ held"));
    let scenario = browser.ask("document.querySelector('#scenario').textContent");
    assert!(scenario.as_str().unwrap().contains("steps:"));
    // Light and dark, and the help.
    let theme = "document.documentElement.dataset.theme";
    let before = browser.ask(theme);
    click(&mut browser, "#theme");
    assert_ne!(browser.ask(theme), before);
    press(&mut browser, "?");
    assert!(text(&mut browser, "#helptext").contains("next parting of desired and observed"));
    is_quiet(&mut browser);
}

#[test]
fn colours_can_be_told_apart_and_text_can_be_read() {
    let Some(mut browser) = browser("colours_can_be_told_apart_and_text_can_be_read") else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let path = page(folder.path(), "course/05-one-apply", &[]);
    browser.go(&address(&path, ""));
    // Contrast as WCAG has it; the difference of colours as CIE 1976 has it, as they are and as
    // people without red or green cones see them (Viénot, Brettel and Mollon 1999).
    let script = include_str!("colours.js");
    assert_eq!(browser.ask(script), json!([]));
}
