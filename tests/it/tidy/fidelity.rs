//! What the comments say about Kubernetes, collected into `docs/fidelity.md`.
//!
//! `UPDATE=1 cargo test tidy` rewrites the file.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::none;
use super::source::{File, files, keep_up};

/// Where rules come from: what a `Source:` begins with, and what the path after it begins with.
const ORIGINS: &[(&str, &[&str])] = &[
    ("kubernetes v1.36 ", &["pkg/", "staging/", "vendor/", "plugin/", "cmd/", "api/", "test/"]),
    ("etcd v3.6 ", &["server/", "api/", "client/"]),
    ("go ", &["src/"]),
    ("autoscaler cluster-autoscaler-1.36 ", &["cluster-autoscaler/"]),
    ("descheduler ", &["pkg/"]),
    ("", &["github.com/", "golang.org/", "cel.dev/"]),
];

/// What a comment notes.
#[derive(Clone, Copy, PartialEq)]
enum Sort {
    Source,
    Differs,
}

/// One note: its text on one line, the line that it begins on, and what it is about.
struct Note {
    sort: Sort,
    line: usize,
    about: String,
    text: String,
}

/// A comment line's text.
fn comment(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("//")?;
    Some(rest.trim_start_matches(['/', '!']).trim())
}

/// The note that begins on a line.
fn begin(line: &str) -> Option<(Sort, &str)> {
    let text = comment(line)?;
    let source = text.strip_prefix("Source:").map(|rest| (Sort::Source, rest.trim()));
    source.or_else(|| text.strip_prefix("Differs:").map(|rest| (Sort::Differs, rest.trim())))
}

/// The name of the item that a declaration declares.
fn declared(line: &str) -> Option<&str> {
    const WORDS: &[&str] = &["fn", "struct", "enum", "trait", "const", "static", "type", "mod"];
    let mut words = line.split([' ', '(', '<', ':', ';', '{', '=']).filter(|w| !w.is_empty());
    let word = words.find(|word| WORDS.contains(word))?;
    let name = if word == "const" { words.find(|w| *w != "fn") } else { words.next() };
    name.map(|name| name.trim_end_matches(','))
}

/// What a comment at `at` is about: the next item, or the one that it stands in.
fn about(lines: &[&str], at: usize) -> String {
    if lines[at].trim_start().starts_with("//!") {
        return String::new();
    }
    let inside = !lines[at].trim_start().starts_with("///");
    let below = lines[at..].iter().find(|l| comment(l).is_none() && !l.trim().starts_with("#["));
    let above = || lines[..at].iter().rev().find_map(|line| declared(line));
    let own = if inside { above() } else { below.and_then(|line| declared(line)) };
    own.or_else(|| below.and_then(|l| l.trim().split([' ', ',', '(', ':']).find(|w| *w != "pub")))
        .unwrap_or_default()
        .to_owned()
}

/// The notes of a file, in order.
fn notes(file: &File) -> Vec<Note> {
    let lines = file.own_lines();
    let mut found = Vec::new();
    for at in 0..lines.len() {
        let Some((sort, first)) = begin(lines[at]) else { continue };
        let mut text = first.to_owned();
        for line in &lines[at + 1..] {
            match comment(line) {
                Some(more) if !more.is_empty() && begin(line).is_none() => {
                    if !text.is_empty() && !text.ends_with('/') {
                        text.push(' ');
                    }
                    text.push_str(more);
                }
                Some(_) | None => break,
            }
        }
        found.push(Note { sort, line: at + 1, about: about(&lines, at), text });
    }
    found
}

fn is_well_formed(source: &str) -> bool {
    ORIGINS.iter().any(|(origin, tops)| {
        source.strip_prefix(origin).is_some_and(|path| tops.iter().any(|top| path.starts_with(top)))
    })
}

fn all() -> Vec<(File, Vec<Note>)> {
    let files = files("src", ".rs").into_iter().filter(|file| !file.is_test());
    files.map(|file| (notes(&file), file)).map(|(notes, file)| (file, notes)).collect()
}

#[test]
fn a_source_names_a_file_of_kubernetes_and_a_difference_says_what_differs() {
    let mut complaints = Vec::new();
    for (file, notes) in all() {
        for note in notes {
            let good = match note.sort {
                Sort::Source => is_well_formed(&note.text),
                Sort::Differs => note.text.len() > 20,
            };
            if !good {
                complaints.push(format!("{}:{}: `{}`", file.path, note.line, note.text));
            }
        }
    }
    none(&complaints);
}

/// The module of a path: the folder or file below `src`.
fn module(path: &str) -> &str {
    let below = path.strip_prefix("src/").unwrap_or(path);
    below.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

fn count(notes: &[Note], sort: Sort) -> usize {
    notes.iter().filter(|note| note.sort == sort).count()
}

/// One line of the list.
fn item(note: &Note) -> String {
    let about = if note.about.is_empty() { String::new() } else { format!("`{}`: ", note.about) };
    format!("- {about}{}", note.text.trim_start_matches("kubernetes v1.36 "))
}

/// The files that have notes of one sort, each with those notes.
fn section(out: &mut String, title: &str, sort: Sort, all: &[(File, Vec<Note>)]) {
    let _ = write!(out, "\n## {title}\n");
    let mut open = "";
    for (file, notes) in all.iter().filter(|(_, notes)| count(notes, sort) > 0) {
        if module(&file.path) != open {
            open = module(&file.path);
            let _ = write!(out, "\n### {open}\n");
        }
        let _ = write!(out, "\n{}\n\n", file.path);
        for note in notes.iter().filter(|note| note.sort == sort) {
            let _ = writeln!(out, "{}", item(note));
        }
    }
}

fn document() -> String {
    let all = all();
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (file, notes) in &all {
        let row = counts.entry(module(&file.path)).or_default();
        row.0 += count(notes, Sort::Source);
        row.1 += count(notes, Sort::Differs);
    }
    let mut out = String::from(
        "# Fidelity\n\n\
         Collected from the `Source:` and `Differs:` lines of the code by `tests/it/tidy`;\n\
         `UPDATE=1 cargo test tidy` rewrites it. Paths without an origin are those of\n\
         Kubernetes 1.36.\n\n\
         | module | rules with their source | known differences |\n|---|---|---|\n",
    );
    for (module, (sources, differs)) in counts.iter().filter(|(_, row)| row.0 + row.1 > 0) {
        let _ = writeln!(out, "| {module} | {sources} | {differs} |");
    }
    section(&mut out, "What differs", Sort::Differs, &all);
    section(&mut out, "Where the rules come from", Sort::Source, &all);
    out
}

#[test]
fn the_list_of_sources_and_differences_is_up_to_date() {
    keep_up("docs/fidelity.md", &document());
}
