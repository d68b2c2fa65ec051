//! The page in a real browser: it loads, plays, jumps, explains, links to an instant, and asks
//! nobody for anything.
//!
//! Without Chromium the tests say so and pass; `.ci/run` installs it, and `WAVETANK_BROWSER=must`
//! makes its absence a failure.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod chromium;
mod elements;
mod large;
mod one_apply;
mod pictures;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use chromium::Browser;

/// A browser, or a visible line that says that there is none.
fn browser(test: &str) -> Option<Browser> {
    let program = Browser::program();
    if program.is_none() {
        let must = std::env::var("WAVETANK_BROWSER").is_ok_and(|v| v == "must");
        assert!(!must, "no Chromium is installed, and WAVETANK_BROWSER=must asks for one");
        chromium::tell_skipped(test);
    }
    Some(Browser::open(&program?))
}

/// The page of a shipped scenario, made by the built command.
fn page(folder: &Path, source: &str, words: &[&str]) -> PathBuf {
    let path = folder.join("run.html");
    let mut command = Command::new(env!("CARGO_BIN_EXE_wavetank"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["report", source, "-o"]).arg(&path);
    let done = command.args(words).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    path
}

fn address(path: &Path, hash: &str) -> String {
    format!("file://{}{hash}", path.display())
}

/// Nothing was complained about, and nobody was asked.
fn is_quiet(browser: &mut Browser) {
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "{complaints:?}");
    let strangers: Vec<String> =
        browser.requests().into_iter().filter(|url| !url.starts_with("file:")).collect();
    let strangers: Vec<_> =
        strangers.iter().filter(|u| !u.starts_with("data:") && *u != "about:blank").collect();
    assert!(strangers.is_empty(), "{strangers:?}");
}

fn text(browser: &mut Browser, selector: &str) -> String {
    let script = format!("document.querySelector({}).innerText", json!(selector));
    browser.ask(&script).as_str().unwrap_or_default().to_owned()
}

fn click(browser: &mut Browser, selector: &str) {
    browser.ask(&format!("document.querySelector({}).click()", json!(selector)));
    browser.frame();
}

fn press(browser: &mut Browser, key: &str) {
    browser.press(key);
    browser.frame();
}

#[test]
fn the_page_loads_plays_jumps_and_explains() {
    let Some(mut browser) = browser("the_page_loads_plays_jumps_and_explains") else { return };
    let folder = TempDir::new().unwrap();
    let path = page(folder.path(), "nodes/node-failure", &[]);
    browser.go(&address(&path, ""));
    assert_eq!(text(&mut browser, "#name"), "a node loses its power");
    assert!(text(&mut browser, "#verdict").contains("expectations held"));
    assert!(text(&mut browser, "#about").contains("At 60 s node-2 goes dark"));

    // It plays, and stops when it is told to.
    click(&mut browser, "#play");
    browser.wait_for("parseFloat(document.querySelector('#clock').textContent) > 1.04");
    click(&mut browser, "#play");
    let stopped = text(&mut browser, "#clock");
    browser.frame();
    assert_eq!(text(&mut browser, "#clock"), stopped);

    // It jumps to where desired and observed part: first when they are asked for, then when the
    // node is given up.
    press(&mut browser, "f");
    assert!(text(&mut browser, "#now").contains("node-stop begins: node-2"), "the fault");
    press(&mut browser, "d");
    assert!(text(&mut browser, "#clock").starts_with("105."), "{}", text(&mut browser, "#clock"));
    assert!(text(&mut browser, "#desired").contains("1 of 3 not ready"));
    assert!(text(&mut browser, "#board").contains("not heard of: status Unknown"));

    // The chain of causes leads back to the fault.
    let why = text(&mut browser, "#why");
    let at = |word: &str| why.find(word).unwrap_or_else(|| panic!("no {word:?} in {why}"));
    assert!(at("deployment-controller") < at("node-controller"), "{why}");
    assert!(at("node-controller") < at("node-stop begins: node-2"), "{why}");

    // A pod's tile tells all its versions.
    click(&mut browser, "#board .tile.ready");
    let object = text(&mut browser, "#object");
    assert!(object.contains("Pod web-") && object.contains("kubelet/node-"), "{object}");
    assert!(object.contains(".status.phase: \"Pending\" → \"Running\""), "{object}");
    assert!(object.contains("owned by ReplicaSet web-"), "{object}");
    is_quiet(&mut browser);
}

#[test]
fn a_link_leads_to_an_instant_and_an_object() {
    let Some(mut browser) = browser("a_link_leads_to_an_instant_and_an_object") else { return };
    let folder = TempDir::new().unwrap();
    let path = page(folder.path(), "nodes/node-failure", &[]);
    browser.go(&address(&path, "#t=110s&object=Deployment/default/web"));
    assert_eq!(text(&mut browser, "#clock"), "110.000 s");
    let object = text(&mut browser, "#object");
    assert!(object.contains("3 desired") && object.contains("2 ready"), "{object}");
    press(&mut browser, "m");
    browser.wait_for("location.hash.includes('t=408.')");
    let hash = browser.ask("location.hash").as_str().unwrap().to_owned();
    assert!(hash.contains("object=Deployment/default/web"), "{hash}");
    // The link of one leads another to the same place.
    let told = text(&mut browser, "#why");
    browser.go(&address(&path, &hash));
    assert_eq!(text(&mut browser, "#why"), told);
    is_quiet(&mut browser);
}

#[test]
fn five_thousand_nodes_are_shown_as_clusters() {
    let Some(mut browser) = browser("five_thousand_nodes_are_shown_as_clusters") else { return };
    let folder = TempDir::new().unwrap();
    let scenario = "name: many nodes\nabout: Many.\ncluster:\n  nodes:\n    - {name: node, count: \
                    5000, cpu: \"4\", memory: 8Gi}\nsteps:\n  - kubectl: create deployment web \
                    --image=app:v1 --replicas=30\nuntil: 5s\n";
    let file = folder.path().join("many.yaml");
    std::fs::write(&file, scenario).unwrap();
    let path = page(folder.path(), &file.display().to_string(), &[]);
    browser.go(&address(&path, "#t=4s"));
    let boxes = browser.ask("document.querySelectorAll('#board .node.cluster').length");
    assert!((2..=41).contains(&boxes.as_u64().unwrap()), "{boxes}");
    assert!(text(&mut browser, "#board").contains("125 nodes, all ready"));
    let all = browser.ask("document.querySelectorAll('*').length").as_u64().unwrap();
    assert!(all < 2_000, "{all} elements");
    is_quiet(&mut browser);
}

#[test]
fn every_control_has_a_name_and_the_page_fits_a_phone() {
    let Some(mut browser) = browser("every_control_has_a_name_and_the_page_fits_a_phone") else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let path = page(folder.path(), "rollout/bad-image-and-undo", &[]);
    browser.size(390, 844);
    browser.go(&address(&path, "#t=20s"));
    let nameless = browser.ask(
        "[...document.querySelectorAll('button,input,select,canvas:not([aria-hidden])')].filter((e) \
         => !(e.innerText || e.getAttribute('aria-label') || e.closest('label'))).map((e) => \
         e.outerHTML.slice(0, 90))",
    );
    assert_eq!(nameless, json!([]));
    let wide = browser.ask("document.documentElement.scrollWidth");
    assert!(wide.as_u64().unwrap() <= 390, "{wide} wide");
    assert!(text(&mut browser, "#board").contains("node-1"));
    is_quiet(&mut browser);
}
