//! The fifteen steps of one apply, in order, in every place that tells them: the timeline, the
//! page, and the Mermaid diagram. One list is held against all three.

use std::process::Command;

use tempfile::TempDir;

use super::{address, browser, click, is_quiet, page, press, text};

const SCENARIO: &str = "course/05-one-apply";

/// A message: what it is, from whom, to whom, and the kind and the beginning of the name of what it
/// is about.
type Message = (String, String, String, String);

/// The steps as lesson 5 has them. A step that is a notice and a request is two messages.
const STEPS: &[(u32, &str, &str, &str, &str, &str)] = &[
    (1, "asks", "kubectl", "apiserver", "Deployment", "web"),
    (2, "stores", "apiserver", "etcd", "Deployment", "web"),
    (3, "notices", "apiserver", "deployment-controller", "Deployment", "web"),
    (4, "asks", "deployment-controller", "apiserver", "ReplicaSet", "web-"),
    (5, "stores", "apiserver", "etcd", "ReplicaSet", "web-"),
    (6, "notices", "apiserver", "replicaset-controller", "ReplicaSet", "web-"),
    (7, "asks", "replicaset-controller", "apiserver", "Pod", "web-"),
    (8, "stores", "apiserver", "etcd", "Pod", "web-"),
    (9, "notices", "apiserver", "kube-scheduler", "Pod", "web-"),
    (10, "asks", "kube-scheduler", "apiserver", "Pod", "web-"),
    (11, "stores", "apiserver", "etcd", "Pod", "web-"),
    (12, "notices", "apiserver", "kubelet/node-1", "Pod", "web-"),
    (13, "asks", "kubelet/node-1", "apiserver", "Pod", "web-"),
    (14, "notices", "apiserver", "replicaset-controller", "Pod", "web-"),
    (14, "asks", "replicaset-controller", "apiserver", "ReplicaSet", "web-"),
    (15, "notices", "apiserver", "deployment-controller", "ReplicaSet", "web-"),
    (15, "asks", "deployment-controller", "apiserver", "Deployment", "web"),
];

/// Every step is there, each after the one before it; the first eight follow one another.
fn are_in_order(told: &[Message], place: &str) {
    let mut from = 0;
    for (n, what, sender, receiver, kind, name) in STEPS {
        let is_it = |(w, s, r, text): &Message| {
            // `ReplicaSet web-…`, and `Pod/status web-…`.
            let thing = text.split(' ').any(|word| word.split('/').next() == Some(*kind));
            let named = text.split(' ').any(|word| word.starts_with(name));
            w == what && s == sender && r == receiver && thing && named
        };
        let at = told[from..].iter().position(is_it);
        let at = at.unwrap_or_else(|| {
            panic!("{place}: no step {n} ({what} {kind}, {sender} → {receiver}) in {told:#?}")
        });
        assert!(at == 0 || *n == 1 || *n > 8, "{place}: before step {n} stands {:?}", told[from]);
        from += at + 1;
    }
}

fn wavetank(words: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wavetank"));
    let done = command.current_dir(env!("CARGO_MANIFEST_DIR")).args(words).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// `asks     kubectl → apiserver: create Deployment web`.
fn of_timeline(line: &str) -> Option<Message> {
    let at = ["asks ", "stores ", "notices "].iter().find_map(|word| line.find(word))?;
    let (what, rest) = line[at..].split_once(' ')?;
    let (ends, text) = rest.split_once(": ")?;
    let (from, to) = ends.split_once(" → ")?;
    Some((what.to_owned(), from.trim().to_owned(), to.to_owned(), text.to_owned()))
}

#[test]
fn fifteen_steps_stand_in_order_in_the_timeline() {
    // The scenario asks for messages, so nobody has to know of an option.
    let told = wavetank(&["run", SCENARIO]);
    are_in_order(&told.lines().filter_map(of_timeline).collect::<Vec<_>>(), "the timeline");
    let told = wavetank(&["learn", "5", "--run"]);
    are_in_order(&told.lines().filter_map(of_timeline).collect::<Vec<_>>(), "the lesson");
}

#[test]
fn fifteen_steps_stand_in_order_in_the_mermaid_diagram() {
    let told = wavetank(&["export", "--format", "mermaid", SCENARIO]);
    let names: Vec<(&str, &str)> = told
        .lines()
        .filter_map(|line| line.trim().strip_prefix("participant ")?.split_once(" as "))
        .collect();
    let name = |id: &str| names.iter().find(|(i, _)| *i == id).map(|(_, name)| (*name).to_owned());
    let message = |line: &str| {
        let (ends, text) = line.trim().split_once(": ")?;
        let arrow = ["->>", "--)"].into_iter().find(|arrow| ends.contains(arrow))?;
        let (from, to) = ends.split_once(arrow)?;
        let (from, to) = (name(from)?, name(to)?);
        let what = match (arrow, to.as_str()) {
            ("--)", _) => "notices",
            (_, "etcd") => "stores",
            _ => "asks",
        };
        Some((what.to_owned(), from, to, text.to_owned()))
    };
    are_in_order(&told.lines().filter_map(message).collect::<Vec<_>>(), "the diagram");
}

/// `noticed: apiserver → kube-scheduler` below `kube-scheduler notices Pod web-…`.
fn of_page(entry: &str) -> Option<Message> {
    let (first, second) = entry.rsplit_once('\n')?;
    let (what, ends) = second.split_once(": ")?;
    let (from, to) = ends.split_once(" → ")?;
    let what = match what {
        "noticed" => "notices",
        "asked" => "asks",
        "stored" => "stores",
        _ => return None,
    };
    let said = first.replace("'s ", " ").replace(':', "");
    Some((what.to_owned(), from.to_owned(), to.to_owned(), said))
}

#[test]
fn fifteen_steps_stand_in_order_on_the_page_and_are_stepped_through() {
    let Some(mut browser) = browser("fifteen_steps_stand_in_order_on_the_page") else { return };
    let folder = TempDir::new().unwrap();
    let path = page(folder.path(), SCENARIO, &[]);
    browser.go(&address(&path, ""));
    // The story as it is listed.
    let mut told = Vec::new();
    loop {
        let next = told.len();
        let script = format!(
            "(() => {{ const at = document.querySelector('#log .item[data-n=\"{next}\"]'); \
             if (at) return at.innerText; document.querySelector('#log').scrollTop += 100; \
             return ''; }})()"
        );
        let (entry, scrolled) = (browser.ask(&script), "document.querySelector('#log').scrollTop");
        let entry = entry.as_str().unwrap_or_default().to_owned();
        if !entry.is_empty() {
            told.push(entry);
            continue;
        }
        let before = browser.ask(scrolled);
        browser.frame();
        let script = format!("document.querySelector('#log .item[data-n=\"{next}\"]') === null");
        browser.ask("document.querySelector('#log').scrollTop += 100");
        browser.frame();
        if browser.ask(&script) == true && browser.ask(scrolled) == before {
            break;
        }
    }
    are_in_order(&told.iter().filter_map(|e| of_page(e)).collect::<Vec<_>>(), "the page's story");

    // One by one: each step forward is one message, which is seen on its way and said in words.
    press(&mut browser, "c");
    let mut said = Vec::new();
    for _ in 0..told.len() {
        press(&mut browser, "ArrowRight");
        let chosen = "document.querySelector('#log .item.cur')?.innerText";
        let entry = browser.ask(chosen).as_str().unwrap_or_default().to_owned();
        if let Some(message) = of_page(&entry) {
            let now = text(&mut browser, "#now");
            let word = match message.0.as_str() {
                "notices" => "notices",
                "asks" => "asks the apiserver",
                _ => "The apiserver stores",
            };
            assert!(now.contains(word), "{now:?} at {entry:?}");
            assert!(text(&mut browser, "#hubtext").contains(word), "{entry:?}");
            said.push(message);
        }
    }
    are_in_order(&said, "the page, step by step");
    // Without messages a step is a happening.
    click(&mut browser, "#messages");
    press(&mut browser, "Home");
    press(&mut browser, "c");
    press(&mut browser, "ArrowRight");
    assert!(!text(&mut browser, "#now").contains("asks the apiserver"));
    is_quiet(&mut browser);
}
