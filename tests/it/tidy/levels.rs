//! Who may know whom.

use super::none;
use super::source::{File, files, text};

/// The modules from the bottom up. A module imports only from rows above its own; the modules of
/// one row never import each other.
const LEVELS: &[&[&str]] = &[
    &["sim"],
    &["api"],
    &["etcd"],
    &["apiserver"],
    &["client"],
    &["controllers", "scheduler", "node", "metrics"],
    &["autoscaler", "descheduler"],
    &["cluster"],
    &["fault", "check", "trace", "course"],
    &["scenario"],
    &["explore", "scheduler_perf"],
    &["bugs", "testing"],
    &["cli"],
];

/// (a module, what it must not import although it lies lower, why).
const STRANGERS: &[(&str, &[&str], &str)] = &[
    ("client", &["etcd", "apiserver"], "a client speaks by requests"),
    ("controllers", &["etcd", "apiserver"], "controllers see only their caches"),
    ("scheduler", &["etcd", "apiserver"], "the scheduler sees only its caches"),
    ("node", &["etcd", "apiserver"], "nodes see only their caches"),
    ("autoscaler", &["etcd", "apiserver"], "the autoscaler sees only its caches"),
    ("descheduler", &["etcd", "apiserver"], "the descheduler sees only its caches"),
    ("metrics", &["etcd", "apiserver"], "metrics see only what nodes and caches tell"),
];

/// (an import that breaks the rule, as `from -> to`, why it is still there).
const KNOWN: &[(&str, &str)] = &[];

fn level(module: &str) -> Option<usize> {
    LEVELS.iter().position(|row| row.contains(&module))
}

/// The module that a file belongs to: the folder or file below `src`.
fn module(file: &File) -> &str {
    let below = file.path.strip_prefix("src/").unwrap_or(&file.path);
    below.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

/// The modules that a line names after `crate::`.
fn named(line: &str) -> impl Iterator<Item = &str> {
    let word = |rest: &str| rest.find(|c: char| c != '_' && !c.is_alphanumeric());
    line.match_indices("crate::").filter_map(move |(at, found)| {
        let rest = &line[at + found.len()..];
        let name = &rest[..word(rest).unwrap_or(rest.len())];
        name.starts_with(|c: char| c.is_lowercase()).then_some(name)
    })
}

/// Why `from` may not import `to`.
fn objection(from: &str, to: &str) -> Option<String> {
    if from == to {
        return None;
    }
    let (Some(own), Some(other)) = (level(from), level(to)) else {
        return Some(format!("`{to}` has no row in LEVELS"));
    };
    if other >= own {
        return Some(format!("`{from}` is on level {own}, `{to}` on level {other}"));
    }
    let stranger = STRANGERS.iter().find(|row| row.0 == from && row.1.contains(&to));
    stranger.map(|row| row.2.to_owned())
}

#[test]
fn a_module_imports_only_from_lower_levels() {
    let mut complaints = Vec::new();
    let mut seen = Vec::new();
    let files = files("src", ".rs");
    for file in files.iter().filter(|file| level(module(file)).is_some()) {
        for (number, line) in file.code() {
            for to in named(line) {
                let Some(why) = objection(module(file), to) else { continue };
                let import = format!("{} -> {to}", module(file));
                if !KNOWN.iter().any(|row| row.0 == import) {
                    complaints.push(format!("{}:{number}: {why}", file.path));
                }
                seen.push(import);
            }
        }
    }
    let healed = KNOWN.iter().filter(|row| !seen.iter().any(|import| import == row.0));
    complaints.extend(healed.map(|row| format!("`{}` is gone: take its row out of KNOWN", row.0)));
    none(&complaints);
}

#[test]
fn every_module_has_a_level() {
    let lib = text("src/lib.rs");
    let modules = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let homeless = modules.filter(|module| level(module).is_none());
    none(&homeless.map(|m| format!("`{m}` has no row in LEVELS")).collect::<Vec<_>>());
}

#[test]
fn an_import_from_the_crate_has_a_line_of_its_own() {
    let mut complaints = Vec::new();
    for file in files("src", ".rs") {
        let braces = |line: &str| line.trim_start().starts_with("use crate::{");
        let lines = file.code().into_iter().filter(|(_, line)| braces(line));
        complaints.extend(lines.map(|(n, _)| format!("{}:{n}: one module a line", file.path)));
    }
    none(&complaints);
}
