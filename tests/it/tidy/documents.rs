//! What the documents promise.

use super::none;
use super::source::{files, root, text};

/// (a document, the lines that it may have).
const LENGTHS: &[(&str, usize)] = &[("README.md", 150), ("ARCHITECTURE.md", 250)];

/// The rows of ARCHITECTURE.md's invariants.
fn invariants(text: &str) -> Vec<&str> {
    let part = text.split("\n## Invariants").nth(1).unwrap_or_default();
    let part = part.split("\n## ").next().unwrap_or_default();
    part.lines().filter(|line| line.starts_with("- ")).collect()
}

#[test]
fn an_invariant_names_its_test() {
    let architecture = text("ARCHITECTURE.md");
    let rows = invariants(&architecture);
    assert!(!rows.is_empty(), "ARCHITECTURE.md has a list of invariants");
    let code = ["src", "tests/it"].map(|folder| files(folder, ".rs"));
    let exists = |test: &str| {
        let head = format!("fn {test}(");
        code.iter().flatten().any(|file| file.text.contains(&head))
    };
    let mut complaints = Vec::new();
    for row in rows {
        let tests = row.split_once("Tests: ").map(|(_, tests)| tests).unwrap_or_default();
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        if named.is_empty() {
            complaints.push(format!("no test: {row}"));
        }
        let missing = named.iter().filter(|test| !exists(test));
        complaints.extend(missing.map(|test| format!("no test of this name: `{test}`")));
    }
    none(&complaints);
}

#[test]
fn the_code_map_names_every_module() {
    let (architecture, lib) = (text("ARCHITECTURE.md"), text("src/lib.rs"));
    let modules = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let missing = modules.filter(|module| !architecture.contains(&format!("src/{module}/")));
    none(&missing.map(|m| format!("ARCHITECTURE.md: no `src/{m}/`")).collect::<Vec<_>>());
}

#[test]
fn a_document_is_short_enough_to_be_read() {
    let long = LENGTHS.iter().filter(|(path, most)| text(path).lines().count() > *most);
    none(&long.map(|(path, most)| format!("{path}: at most {most} lines")).collect::<Vec<_>>());
}

#[test]
fn a_link_to_a_file_leads_somewhere() {
    let mut complaints = Vec::new();
    let top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];
    for path in top {
        let text = text(path);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        let own = links.filter(|link| !link.is_empty() && !link.contains("://"));
        let broken = own.filter(|link| !root().join(link).exists());
        complaints.extend(broken.map(|link| format!("{path}: no file `{link}`")));
    }
    none(&complaints);
}
