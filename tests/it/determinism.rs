//! The same scenario and seed give the same run: twice, as a clone from the middle, and on two
//! threads at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wavetank::scenario::load::{Described, load};
use wavetank::scenario::manifest::File;
use wavetank::scenario::world::World;
use wavetank::sim::digest::DigestValue;

use crate::random;

/// How many random stories are run; `WAVETANK_RANDOM` says otherwise (1000 before a release).
const STORIES: u64 = 100;

/// Each half of them on a thread of its own.
const THREADS: u64 = 2;

/// How long a story goes on after its calm: these runs are to be short.
const AFTER: u64 = 5;

#[expect(clippy::disallowed_methods, reason = "how much is tested, not how a run goes")]
pub(crate) fn number_from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A world can go to another thread.
const fn is_send<T: Send>() {}
const _: () = is_send::<World>();

/// What two runs are held against each other by.
type Whole = (DigestValue, u64, u64);

fn whole(world: &mut World) -> Whole {
    let report = world.run();
    (report.digest, report.turns, report.end.0)
}

/// Runs a world, and a clone of it from the middle of the same run.
fn with_clone(mut world: World, turns: u64) -> (Whole, Whole) {
    for _ in 0..turns / 2 {
        world.go_on();
    }
    let mut clone = world.clone();
    let original = whole(&mut world);
    (original, whole(&mut clone))
}

fn check(name: &str, described: &Arc<Described>, seed: u64) {
    let world = || World::new(Arc::clone(described), seed, None).expect("it can be carried out");
    let first = whole(&mut world());
    let (second, clone) = with_clone(world(), first.1);
    assert_eq!(first, second, "{name} with seed {seed}: two runs differ");
    assert_eq!(first, clone, "{name} with seed {seed}: a clone from the middle differs");
}

#[test]
fn random_stories_repeat() {
    let stories = number_from_environment("WAVETANK_RANDOM", STORIES);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for seed in (thread..stories).step_by(THREADS as usize) {
                    check("a random story", &random::of_seed(seed).described(AFTER), seed);
                }
            });
        }
    });
}

#[test]
fn seeds_differ() {
    let story = random::of_seed(1);
    assert_ne!(whole(&mut story.world(1, AFTER)), whole(&mut story.world(2, AFTER)));
}

#[test]
fn threads_do_not_disturb_each_other() {
    for seed in 0..10 {
        let described = random::of_seed(seed).described(AFTER);
        let run = || {
            let world = World::new(Arc::clone(&described), seed, None);
            whole(&mut world.expect("it can be carried out"))
        };
        let alone = run();
        let both = std::thread::scope(|scope| {
            let threads = [scope.spawn(run), scope.spawn(run)];
            threads.map(|thread| thread.join().expect("the run ends"))
        });
        assert_eq!([alone, alone], both, "seed {seed}");
    }
}

#[test]
fn shipped_scenarios_repeat() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    for path in scenarios_below(&root) {
        check(&path.display().to_string(), &read(&path), 1);
    }
}

/// The files below a folder that are scenarios, in order: manifests lie beside them.
fn scenarios_below(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let is_yaml = path.extension().is_some_and(|e| e == "yaml");
            if is_yaml && text.lines().any(|l| l.starts_with("steps:") || l.starts_with("expect:"))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Reads a scenario and the files that it names.
pub(crate) fn read(path: &Path) -> Arc<Described> {
    read_as(path, std::fs::read(path).expect("the scenario can be read"))
}

/// Reads a scenario of this content and the files that it names.
pub(crate) fn read_as(path: &Path, bytes: Vec<u8>) -> Arc<Described> {
    let folder = path.parent().expect("a file is in a folder");
    let mut files = |wanted: &str| {
        let wanted = folder.join(wanted);
        let mut paths = vec![wanted.clone()];
        if wanted.is_dir() {
            let entries = std::fs::read_dir(&wanted).map_err(|e| e.to_string())?;
            paths = entries.flatten().map(|entry| entry.path()).collect();
            paths.sort();
        }
        let one = |path: PathBuf| {
            let bytes = std::fs::read(&path).map_err(|e| e.to_string())?;
            Ok(File { name: path.display().to_string(), bytes })
        };
        paths.into_iter().map(one).collect()
    };
    match load(&path.display().to_string(), bytes, &[], &mut files) {
        Ok(described) => Arc::new(described),
        Err(problems) => panic!("{}: {problems:#?}", path.display()),
    }
}
