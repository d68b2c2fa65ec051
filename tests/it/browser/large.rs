//! Large runs: only what is seen is built, and versions stay packed until they are asked for.

use std::fs;

use tempfile::TempDir;

use super::{address, browser, click, is_quiet, page, press, text};

#[test]
fn ten_thousand_rows_are_packed_and_only_what_is_seen_is_built() {
    let Some(mut browser) = browser("ten_thousand_rows_are_packed") else { return };
    let folder = TempDir::new().unwrap();
    let scenario = "name: many pods\nabout: Many.\ncluster:\n  nodes:\n    - {name: node, \
                    count: 50, cpu: \"64\", memory: 256Gi}\n  flags:\n    kube-controller-manager: \
                    {kube-api-qps: 5000, kube-api-burst: 5000}\n    kube-scheduler: {kube-api-qps: \
                    5000, kube-api-burst: 5000}\nsteps:\n  - kubectl: create deployment web \
                    --image=app:v1 --replicas=1200\nuntil: 30s\n";
    let file = folder.path().join("many.yaml");
    fs::write(&file, scenario).unwrap();
    let path = page(folder.path(), &file.display().to_string(), &[]);
    let size = fs::metadata(&path).unwrap().len();
    browser.go(&address(&path, ""));
    let foot = text(&mut browser, "#foot");
    let count = foot.split(" rows here").next().unwrap().rsplit(' ').next().unwrap();
    let count: u64 = count.parse().unwrap();
    assert!(count >= 10_000, "{foot}");
    assert!(size < 200_000 + 100 * count, "{size} bytes for {count} rows");

    // The versions are still packed, and come when somebody asks for one of them.
    let packed = "document.querySelectorAll('script[id^=data-versions]').length";
    let before = browser.ask(packed).as_u64().unwrap();
    assert!(before > 4, "{before} chunks");
    press(&mut browser, "End");
    click(&mut browser, "#desired .work");
    browser.wait_for("document.querySelector('#object').innerText.includes('Version ')");
    assert!(text(&mut browser, "#object").contains("1200 desired"));
    assert!(browser.ask(packed).as_u64().unwrap() >= before - 2, "the others stay packed");

    // However long the story, few of its lines are built; the last of them is reached.
    click(&mut browser, "#messages");
    browser.ask("document.querySelector('#log').scrollTop = 1e9");
    browser.frame();
    let lines = browser.ask("document.querySelectorAll('#log .item').length").as_u64().unwrap();
    assert!((1..40).contains(&lines), "{lines} lines");
    let last = browser
        .ask("Math.max(...[...document.querySelectorAll('#log .item')].map((e) => +e.dataset.n))");
    assert!(last.as_u64().unwrap() > count, "{last}");
    let all = browser.ask("document.querySelectorAll('*').length").as_u64().unwrap();
    assert!(all < 4_000, "{all} elements");
    is_quiet(&mut browser);
}
