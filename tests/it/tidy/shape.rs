//! How long files and lines may be.

use super::none;
use super::source::{files, rust};

/// The lines that a file may have, its tests apart.
const LONGEST_FILE: usize = 500;

/// The columns that a line may have.
const LONGEST_LINE: usize = 100;

/// Files that are longer, each with the length that it may not exceed. The list only shrinks.
const LONG_FILES: &[(&str, usize)] = &[];

/// Files with longer lines, each with how many. The list only shrinks.
const LONG_LINES: &[(&str, usize)] =
    &[("src/api/object.rs", 23), ("src/scheduler/plugins/mod.rs", 4)];

/// What a ratchet says about a file that has `found` where `allowed` is listed and `limit` is good.
fn ratchet(path: &str, found: usize, allowed: Option<usize>, limit: usize) -> Option<String> {
    match allowed {
        None if found > limit => Some(format!("{path}: {found}, at most {limit}")),
        Some(most) if found > most => Some(format!("{path}: {found}, has grown from {most}")),
        Some(_) if found <= limit => Some(format!("{path}: {found} is good: take out its row")),
        None | Some(_) => None,
    }
}

fn row(table: &[(&str, usize)], path: &str) -> Option<usize> {
    table.iter().find(|row| row.0 == path).map(|row| row.1)
}

/// Whether a line is nothing but a text, which cannot be broken.
fn is_literal(line: &str) -> bool {
    line.trim_start().trim_start_matches("r#").starts_with('"')
}

#[test]
fn a_file_is_at_most_five_hundred_lines_long() {
    let own = files("src", ".rs").into_iter().filter(|file| !file.is_test());
    let complaint = |file: super::source::File| {
        let lines = file.own_lines().len();
        ratchet(&file.path, lines, row(LONG_FILES, &file.path), LONGEST_FILE)
    };
    none(&own.filter_map(complaint).collect::<Vec<_>>());
}

#[test]
fn a_line_is_at_most_a_hundred_columns_wide() {
    let complaint = |file: &super::source::File| {
        let long = |line: &&&str| line.chars().count() > LONGEST_LINE && !is_literal(line);
        let long = file.own_lines().iter().filter(long).count();
        ratchet(&file.path, long, row(LONG_LINES, &file.path), 0)
    };
    let own = rust().into_iter().filter(|file| !file.path.ends_with("/tests.rs"));
    none(&own.filter_map(|file| complaint(&file)).collect::<Vec<_>>());
}

#[test]
fn the_ratchets_name_files_that_exist() {
    let files = rust();
    let known = |path: &str| files.iter().any(|file| file.path == path);
    let gone = LONG_FILES.iter().chain(LONG_LINES).filter(|row| !known(row.0));
    none(&gone.map(|row| format!("{}: no such file", row.0)).collect::<Vec<_>>());
}
