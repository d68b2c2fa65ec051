//! The scenarios that are shipped: each holds, repeats itself, and tells what its stored timeline
//! tells. `UPDATE=1` writes the timelines anew.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wavetank::scenario::diagnostic::{self, Look};
use wavetank::scenario::load::{Described, load};
use wavetank::scenario::manifest::File;
use wavetank::scenario::spec::Timeline;
use wavetank::scenario::world::{Report, World};
use wavetank::trace::export::messages;
use wavetank::trace::timeline::{Options, timeline};

fn shipped() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut open = vec![root];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of scenarios") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "yaml") && is_scenario(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Manifests may lie beside a scenario; only a scenario has steps.
fn is_scenario(path: &Path) -> bool {
    let text = std::fs::read_to_string(path).expect("a readable file");
    text.lines().any(|line| line == "steps:")
}

fn load_file(path: &Path) -> Result<Arc<Described>, String> {
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    let mut files = |wanted: &str| {
        let path = folder.join(wanted);
        let name = path.display().to_string();
        let bytes = std::fs::read(&path).map_err(|e| e.to_string())?;
        Ok(vec![File { name, bytes }])
    };
    let loaded = load(&path.display().to_string(), bytes, &[], &mut files);
    loaded.map(Arc::new).map_err(|problems| diagnostic::render(&problems, Look::default()))
}

fn run(described: &Arc<Described>) -> (Report, String) {
    let seed = described.scenario.seed;
    let mut world = World::new(Arc::clone(described), seed, None).expect("a possible scenario");
    let report = world.run();
    let verdict = world.traced_verdict();
    let (log, options) = (world.cluster().engine.log(), Options::default());
    let text = match described.scenario.timeline {
        Timeline::Happenings => timeline(log, Some(&verdict), options),
        Timeline::Messages => messages::timeline(log, Some(&verdict), options),
    };
    (report, text)
}

/// What is wrong with a scenario.
fn trouble(path: &Path) -> Vec<String> {
    let described = match load_file(path) {
        Ok(described) => described,
        Err(why) => return vec![why],
    };
    let ((first, told), (second, _)) = (run(&described), run(&described));
    let mut wrong = Vec::new();
    for outcome in first.verdict.expectations.iter().filter(|o| !o.held) {
        wrong.push(format!("{}: {}", outcome.text, outcome.detail));
    }
    wrong.extend(first.verdict.failures.iter().cloned());
    wrong.extend(first.verdict.breaches.iter().cloned());
    if first.digest != second.digest {
        wrong.push(format!("two runs differ: {} and {}", first.digest, second.digest));
    }
    let golden = path.with_extension("timeline");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&golden, &told).expect("the timeline is written");
    } else if let Ok(stored) = std::fs::read_to_string(&golden)
        && stored != told
    {
        let place = stored.lines().zip(told.lines()).position(|(a, b)| a != b);
        let line = place.unwrap_or(stored.lines().count().min(told.lines().count())) + 1;
        wrong.push(format!("the timeline differs from line {line} on"));
    }
    wrong
}

#[test]
fn shipped_scenarios_hold_and_repeat_themselves() {
    let all = shipped();
    assert!(all.len() >= 16, "only {} scenarios are shipped", all.len());
    let mut wrong = Vec::new();
    for path in &all {
        wrong.extend(trouble(path).into_iter().map(|why| format!("{}: {why}", path.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn shipped_scenarios_say_what_they_are_about() {
    for path in shipped() {
        let described = load_file(&path).unwrap_or_else(|why| panic!("{why}"));
        let scenario = &described.scenario;
        assert!(scenario.name.is_some(), "{} has no name", path.display());
        assert!(!scenario.about.is_empty(), "{} does not say what it is about", path.display());
        assert!(!scenario.expect.is_empty(), "{} expects nothing", path.display());
    }
}

/// What to watch is said in a sentence of its own, and the instants that a text names to the tenth
/// of a second are those of the run's timeline.
#[test]
fn shipped_scenarios_say_what_to_watch() {
    let mut wrong = Vec::new();
    for path in shipped() {
        let described = load_file(&path).unwrap_or_else(|why| panic!("{why}"));
        let about = &described.scenario.about;
        let mut sentences = about.split(['.', ')', '?']).map(str::trim);
        if !sentences.any(|s| s.starts_with("Watch ") || s.starts_with("Look ")) {
            wrong.push(format!("{} does not say what to watch", path.display()));
        }
        let told = std::fs::read_to_string(path.with_extension("timeline")).unwrap_or_default();
        let clocks: Vec<&str> = told.lines().filter_map(|l| l.get(..12)).map(str::trim).collect();
        for instant in instants(about) {
            if !clocks.iter().any(|clock| clock.starts_with(&instant)) {
                let of = path.display();
                wrong.push(format!("{of}: nothing happens at {instant} s, which is to be watched"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Those of a text's last sentences that have a tenth: `105.0 s`.
fn instants(about: &str) -> Vec<String> {
    let watched = about.find("Watch ").map_or("", |at| &about[at..]);
    let words: Vec<&str> = watched.split_whitespace().collect();
    let is_tenth = |word: &str| {
        word.split_once('.').is_some_and(|(whole, tenth)| {
            tenth.len() == 1 && [whole, tenth].iter().all(|d| d.parse::<u64>().is_ok())
        })
    };
    let number = |word: &str| word.trim_start_matches(['(', ':']).to_owned();
    let pairs =
        words.windows(2).filter(|pair| pair[1].trim_end_matches([',', '.', ';', ':', ')']) == "s");
    pairs.map(|pair| number(pair[0])).filter(|word| is_tenth(word)).collect()
}
