//! Words that have no place, and the few places that they have.

use super::none;
use super::source::files;

/// (a word, where it may stand, why nowhere else).
const WORDS: &[(&str, &[&str], &str)] = &[
    ("todo!", &[], "finish it or leave it out"),
    ("unimplemented!", &[], "finish it or leave it out"),
    ("dbg!", &[], "only the command line prints"),
    ("println!", &["src/cli/"], "only the command line prints"),
    ("print!", &["src/cli/"], "only the command line prints"),
    ("std::fs", &["src/cli/", "src/main.rs"], "only the command line reads files"),
    (
        "std::env",
        &["src/cli/", "src/main.rs", "src/testing/environment.rs"],
        "a run depends on nothing of its surroundings",
    ),
    ("process::exit", &["src/main.rs"], "only the program exits"),
    ("std::thread", &["src/cli/", "src/explore/"], "one world is one thread"),
    ("std::process", &["src/cli/", "src/main.rs"], "a world starts nothing"),
    ("Instant::now", &["src/cli/", "src/testing/environment.rs"], "time is virtual"),
    ("SystemTime", &["src/cli/"], "time is virtual"),
    ("HashMap", &["src/sim/index.rs"], "its order is not the same in two runs"),
    ("HashSet", &["src/sim/index.rs"], "its order is not the same in two runs"),
    ("saphyr", &["src/scenario/yaml"], "YAML exists only at the edge"),
    ("rand_chacha", &["src/sim/rng.rs"], "streams come from our own Rng"),
    ("xxhash", &["src/sim/"], "a digest is taken in one place"),
];

/// (an exact line, its file, why it is good).
const ALLOWED: &[(&str, &str, &str)] = &[];

/// Whether `line` holds `word` and not a longer one.
fn holds(line: &str, word: &str) -> bool {
    let part = |c: char| c == '_' || c.is_alphanumeric();
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(part))
}

#[test]
fn a_word_stands_only_where_it_belongs() {
    let mut complaints = Vec::new();
    for file in files("src", ".rs") {
        for (number, line) in file.code() {
            for (word, homes, why) in WORDS {
                let home = homes.iter().any(|home| file.path.starts_with(home));
                let allowed = ALLOWED.iter().any(|row| row.0 == line.trim() && row.1 == file.path);
                if !home && !allowed && holds(line, word) {
                    complaints.push(format!("{}:{number}: `{word}`: {why}", file.path));
                }
            }
        }
    }
    none(&complaints);
}

#[test]
fn no_file_names_a_place_on_one_machine() {
    let places = ["work", "root", "Users", "home"].map(|folder| format!(" /{folder}/"));
    let mut complaints = Vec::new();
    let ends = [".rs", ".md", ".toml", ".yaml", ".txt", "/run"];
    let folders = ["src", "tests/it", "benches", "examples", "docs", "scenarios", ".ci"];
    for file in folders.iter().flat_map(|f| ends.map(|end| files(f, end))).flatten() {
        for (number, line) in file.text.lines().enumerate() {
            let spaced = format!(" {}", line.replace(['"', '`', '(', '\''], " "));
            if places.iter().any(|place| spaced.contains(place)) {
                complaints.push(format!("{}:{}: {line}", file.path, number + 1));
            }
        }
    }
    none(&complaints);
}
