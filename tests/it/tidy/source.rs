//! The repository's files as text.

use std::path::{Path, PathBuf};

/// A file: its path from the repository's root, with `/`, and what it holds.
pub(super) struct File {
    pub(super) path: String,
    pub(super) text: String,
}

impl File {
    /// Whether the whole file holds tests.
    pub(super) fn is_test(&self) -> bool {
        self.path.starts_with("tests/")
            || self.path.ends_with("/tests.rs")
            || self.path.ends_with("_tests.rs")
            || self.path.contains("/tests/")
    }

    /// The lines before the tests at the file's end.
    pub(super) fn own_lines(&self) -> Vec<&str> {
        let lines: Vec<&str> = self.text.lines().collect();
        let tests = lines.windows(2).position(|w| {
            w[0].trim() == "#[cfg(test)]" && w[1].starts_with("mod ") && w[1].ends_with('{')
        });
        lines[..tests.unwrap_or(lines.len())].to_vec()
    }

    /// The lines that are code, each with its number: neither comment nor test.
    pub(super) fn code(&self) -> Vec<(usize, &str)> {
        let lines = if self.is_test() { Vec::new() } else { self.own_lines() };
        let code = |line: &&str| !line.trim_start().starts_with("//");
        lines
            .into_iter()
            .enumerate()
            .map(|(n, line)| (n + 1, line))
            .filter(|l| code(&l.1))
            .collect()
    }
}

/// The repository's root.
pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file's text; empty when there is none.
pub(super) fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_default()
}

/// The files below `folder` whose names end in `end`, in order of their paths.
pub(super) fn files(folder: &str, end: &str) -> Vec<File> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(next) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&next) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().ends_with(end) {
                found.push(read(&path));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// The Rust files of the package, tests and benches too.
pub(super) fn rust() -> Vec<File> {
    ["src", "tests/it", "benches"].iter().flat_map(|f| files(f, ".rs")).collect()
}

/// Holds a generated document against what it should be; `UPDATE=1` writes it instead.
pub(super) fn keep_up(path: &str, wanted: &str) {
    if std::env::var_os("UPDATE").is_some() {
        let file = root().join(path);
        std::fs::create_dir_all(file.parent().expect("a file has a folder"))
            .expect("the folder can be made");
        std::fs::write(file, wanted).expect("the document can be written");
        return;
    }
    let is = text(path);
    let first = is.lines().zip(wanted.lines()).find(|(is, wanted)| is != wanted);
    assert!(is == wanted, "UPDATE=1 cargo test tidy rewrites {path}; first difference: {first:?}");
}

fn read(path: &PathBuf) -> File {
    let own = path.strip_prefix(root()).expect("a file lies below the root");
    let text = std::fs::read_to_string(path).expect("a file of the repository is text");
    File { path: own.to_string_lossy().replace('\\', "/"), text }
}
