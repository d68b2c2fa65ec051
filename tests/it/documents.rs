//! README and docs tell the truth: every scenario in them loads, every command in them is run, and
//! its output is the one that they show.
//!
//! A block of a document that begins with `$ wavetank …` is a session: each command is run in a
//! folder of the document's own, and what follows it is compared. A line `…` stands for any lines,
//! `…` within a line for anything. A block of YAML with steps is a scenario; a comment
//! `<!-- file: NAME -->` before it stores it under a name. `UPDATE=1` puts what is printed now in
//! the place of lines that differ. `$ cargo run --example NAME` is an example of the repository,
//! and a block of Rust after `<!-- file: PATH -->` is part of that file. What is not run is in a
//! list, each with the reason.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

#[expect(dead_code, reason = "an example begins at its main")]
#[path = "../../examples/hasty_website/main.rs"]
mod hasty_website;
#[expect(dead_code, reason = "an example begins at its main")]
#[path = "../../examples/own_plugin/main.rs"]
mod own_plugin;
#[expect(dead_code, reason = "an example begins at its main")]
#[path = "../../examples/website/main.rs"]
mod website;

/// A fenced block of a document: its language, where it begins, its lines.
struct Block {
    language: String,
    /// The number of its first line within the document, from 0.
    first: usize,
    lines: Vec<String>,
    /// The name that a comment before it gives it.
    file: Option<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md")];
    let mut open = vec![root().join("docs")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn blocks(text: &str) -> Vec<Block> {
    let lines: Vec<&str> = text.lines().collect();
    let mut blocks = Vec::new();
    let (mut n, mut file) = (0, None);
    while n < lines.len() {
        let line = lines[n].trim();
        if let Some(name) = line.strip_prefix("<!-- file: ") {
            file = Some(name.trim_end_matches("-->").trim().to_owned());
        } else if let Some(language) = line.strip_prefix("```") {
            let length = lines[n + 1..].iter().position(|l| l.trim() == "```");
            let length = length.expect("a block is closed");
            let own = &lines[n + 1..=n + length];
            blocks.push(Block {
                language: language.to_owned(),
                first: n + 1,
                lines: own.iter().map(|&l| l.to_owned()).collect(),
                file: file.take(),
            });
            n += length + 1;
        }
        n += 1;
    }
    blocks
}

/// The scenarios that the table of interactions names, `topic/name` in backticks, are there, and
/// each of the known interactions has a row with what happens and what ends it.
#[test]
fn the_table_of_interactions_names_scenarios_that_are_there() {
    let text = std::fs::read_to_string(root().join("docs/interactions.md")).unwrap();
    let ids = "B10 B11 B17 B18 B36 B43 B44 B45 B46 B47 B59 B60 c1 c2 c3 c4 c5 c6 c7 c8";
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| B")).collect();
    for id in ids.split(' ') {
        let is_of = |row: &str| {
            let ids = row.split('|').nth(1).unwrap_or_default();
            ids.split(',').any(|one| one.trim() == id)
        };
        assert!(rows.iter().any(|row| is_of(row)), "no row for {id}");
    }
    for row in rows {
        let names = row.split('`').filter(|word| word.contains('/') && !word.contains(' '));
        let mut count = 0;
        for name in names {
            let file = root().join("scenarios").join(format!("{name}.yaml"));
            assert!(file.is_file(), "{name} is no scenario: {row}");
            count += 1;
        }
        assert!(count > 0, "a row without a scenario: {row}");
    }
}

fn is_scenario(block: &Block) -> bool {
    block.language == "yaml" && block.lines.iter().any(|l| l.starts_with("steps:"))
}

/// The words of a command line, quotes taken off.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut open) = (Vec::new(), String::new(), None, false);
    for c in line.chars() {
        match (c, quote) {
            (c, Some(q)) if c == q => quote = None,
            ('\'' | '"', None) => (quote, open) = (Some(c), true),
            (' ', None) => {
                if !word.is_empty() || open {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
            }
            (c, _) => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// What a command prints, both streams, in a folder.
fn printed(line: &str, folder: &Path) -> String {
    let words = words(line);
    if words[0] == "cargo" {
        return match words.last().map_or("", String::as_str) {
            "website" => website::told(),
            "hasty_website" => hasty_website::told(),
            "own_plugin" => own_plugin::told(),
            other => format!("no example `{other}`\n"),
        };
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_wavetank"));
    command.args(&words[1..]).current_dir(folder).stdin(Stdio::null());
    let done = command.env_remove("UPDATE").env("NO_COLOR", "1").output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}

/// Whether a line is what a document shows; `…` in it stands for anything, and how long a run took
/// is never the same.
fn is_line(shown: &str, is: &str) -> bool {
    let timeless = |text: &str| match (text.find(" of virtual time in "), text.find(" ms, ")) {
        (Some(from), Some(to)) if from < to => format!("{} time{}", &text[..from], &text[to..]),
        _ => text.to_owned(),
    };
    let (shown, is) = (timeless(shown.trim_end()), timeless(is.trim_end()));
    let mut parts = shown.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = is.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    for (n, part) in parts.iter().enumerate() {
        if n + 1 == parts.len() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty()
}

/// The first shown line that is not printed in its turn.
fn missing(shown: &[String], printed: &[&str]) -> Option<usize> {
    let (mut at, mut any) = (0, false);
    for (n, line) in shown.iter().enumerate() {
        if line.trim() == "…" {
            any = true;
            continue;
        }
        let found = printed[at..].iter().position(|is| is_line(line, is));
        match found {
            Some(skipped) if any || skipped == 0 => (at, any) = (at + skipped + 1, false),
            Some(_) | None => return Some(n),
        }
    }
    (!any && at < printed.len()).then_some(shown.len())
}

/// How well a printed line stands for a shown one, in hundredths; none for not at all.
fn likeness(shown: &str, is: &str) -> Option<usize> {
    if is_line(shown, is) {
        return Some(200);
    }
    let (shown, is) = (shown.trim_end(), is.trim_end());
    let longest = shown.chars().count().max(is.chars().count()).max(1);
    let alike = 100 - 100 * strsim::levenshtein(shown, is) / longest;
    (alike >= 40).then_some(alike)
}

/// The shown lines, those that differ replaced by the printed ones that are nearest: of all ways to
/// find them in their order the one that is most alike.
fn mended(shown: &[String], printed: &[&str]) -> Vec<String> {
    let lines: Vec<&String> = shown.iter().filter(|line| line.trim() != "…").collect();
    let (rows, width) = (lines.len(), printed.len());
    // Of each pair of places, how alike the rest can be made from there on.
    let mut best = vec![vec![0; width + 1]; rows + 1];
    for n in (0..rows).rev() {
        for at in (0..width).rev() {
            let taken = likeness(lines[n], printed[at]).map_or(0, |l| l + best[n + 1][at + 1]);
            best[n][at] = taken.max(best[n + 1][at]).max(best[n][at + 1]);
        }
    }
    let (mut n, mut at, mut next) = (0, 0, 0);
    let mut out: Vec<String> = Vec::new();
    while n < rows && at < width {
        let taken = likeness(lines[n], printed[at]).map(|l| l + best[n + 1][at + 1]);
        if taken.is_some_and(|taken| taken >= best[n][at]) {
            if at > next {
                out.push("…".to_owned());
            }
            let keeps = is_line(lines[n], printed[at]);
            out.push(if keeps { lines[n].clone() } else { printed[at].trim_end().to_owned() });
            (n, at, next) = (n + 1, at + 1, at + 1);
        } else if best[n + 1][at] >= best[n][at] {
            n += 1;
        } else {
            at += 1;
        }
    }
    if next < width {
        out.push("…".to_owned());
    }
    out
}

/// Goes through one document; gives complaints, and its text with the outputs of today.
fn go_through(path: &Path) -> (Vec<String>, String) {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.strip_prefix(root()).unwrap().display().to_string();
    let folder = TempDir::new().unwrap();
    let mut wrong = Vec::new();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for block in blocks(&text).into_iter().rev().collect::<Vec<_>>().into_iter().rev() {
        if is_scenario(&block) {
            let file = block.file.clone().unwrap_or_else(|| "scenario-of-text.yaml".to_owned());
            std::fs::write(folder.path().join(&file), block.lines.join("\n") + "\n").unwrap();
            let said = printed(&format!("wavetank check {file}"), folder.path());
            if said.contains("error") {
                wrong.push(format!("{name}:{}: {said}", block.first + 1));
            }
        }
    }
    // From the last to the first, so that places stay where they are.
    let mut replacements = Vec::new();
    for block in blocks(&text) {
        let mut n = 0;
        while n < block.lines.len() {
            let Some(command) = block.lines[n].strip_prefix("$ ") else {
                n += 1;
                continue;
            };
            let end = block.lines[n + 1..].iter().position(|line| line.starts_with("$ "));
            let end = end.map_or(block.lines.len(), |length| n + 1 + length);
            let shown = &block.lines[n + 1..end];
            if shown.windows(2).any(|pair| pair.iter().all(|line| line.trim() == "…")) {
                let place = block.first + n + 2;
                wrong.push(format!("{name}:{place}: one `…` is enough, and shows too little"));
            }
            if command.starts_with("wavetank ") || command.starts_with("cargo run --example ") {
                let is = printed(command, folder.path());
                let is: Vec<&str> = is.lines().collect();
                if let Some(line) = missing(shown, &is) {
                    let said = shown.get(line).map_or("(further lines)", String::as_str);
                    let place = block.first + n + 2 + line;
                    wrong.push(format!("{name}:{place}: `$ {command}` does not print: {said}"));
                    replacements.push((block.first + n + 1, block.first + end, mended(shown, &is)));
                }
            }
            n = end;
        }
    }
    for (from, to, new) in replacements.into_iter().rev() {
        lines.splice(from..to, new);
    }
    (wrong, lines.join("\n") + "\n")
}

#[test]
fn documents_tell_what_scenarios_and_commands_print() {
    let mut wrong = Vec::new();
    let update = std::env::var_os("UPDATE").is_some();
    for path in documents() {
        let (complaints, mended) = go_through(&path);
        if update && !complaints.is_empty() {
            std::fs::write(&path, mended).unwrap();
        } else {
            wrong.extend(complaints);
        }
    }
    assert!(wrong.is_empty(), "UPDATE=1 mends outputs:\n{}", wrong.join("\n"));
}

/// Commands of documents that are not run, and why.
const NOT_RUN: &[(&str, &str)] = &[
    ("cargo run --release -- bench", "it measures the machine, for minutes; CI runs a small one"),
    (".ci/instructions", "it counts instructions under valgrind; CI runs it"),
    ("wavetank bugs --quiet 1000 --page docs/known-bugs.md", "it takes minutes of a core"),
];

/// Whether a block holds something that is run or compared.
fn is_held(block: &Block) -> bool {
    let is_run = |line: &String| {
        line.starts_with("$ wavetank ") || line.starts_with("$ cargo run --example ")
    };
    block.lines.iter().any(is_run)
        || is_scenario(block)
        || block.language.starts_with("rust") && block.file.is_some()
}

/// The commands that stand in a document and are not run: those within its sentences, and those of
/// blocks without `$`.
fn mentioned(text: &str, blocks: &[Block]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let within = blocks.iter().map(|block| block.first..block.first + block.lines.len());
    let within: Vec<_> = within.collect();
    let sentences = text.lines().enumerate().filter(|(n, _)| !within.iter().any(|w| w.contains(n)));
    let sentences: Vec<&str> = sentences.map(|(_, line)| line.trim()).collect();
    let sentences = sentences.join(" ");
    let quoted = sentences.split('`').skip(1).step_by(2);
    found.extend(quoted.filter(|q| q.starts_with("wavetank ")).map(str::to_owned));
    for block in blocks.iter().filter(|block| !is_held(block)) {
        let line = |line: &String| line.split(" #").next().unwrap_or_default().trim().to_owned();
        found.extend(block.lines.iter().map(line));
    }
    found
}

/// What is not run is in the list; of a command within a sentence the subcommand and the options
/// are known.
#[test]
fn what_documents_mention_without_running_it_is_known() {
    let mut wrong = Vec::new();
    for path in documents() {
        let text = std::fs::read_to_string(&path).unwrap();
        for command in mentioned(&text, &blocks(&text)) {
            if NOT_RUN.iter().any(|(known, _)| *known == command) {
                continue;
            }
            let words: Vec<&str> = command.split_whitespace().collect();
            if words.first() != Some(&"wavetank") || words.len() < 2 {
                wrong.push(format!("{}: `{command}` is neither run nor exempt", path.display()));
                continue;
            }
            let help = printed(&format!("wavetank {} --help", words[1]), root());
            let is_known = |word: &&&str| {
                let option = word.split('=').next().unwrap_or_default();
                help.split(|c: char| c.is_whitespace() || c == ',').any(|w| w == option)
            };
            let options = words.iter().filter(|word| word.starts_with("--"));
            if let Some(option) = options.clone().find(|word| !is_known(word)) {
                wrong.push(format!("{}: `{command}`: {option} is unknown", path.display()));
            }
            if !help.contains("Usage: wavetank ") {
                wrong.push(format!("{}: `{command}`: {help}", path.display()));
            }
        }
    }
    let all: String =
        documents().iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let stale = NOT_RUN.iter().filter(|(command, _)| !all.contains(command));
    wrong.extend(stale.map(|(command, _)| format!("nobody mentions the exempt `{command}`")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The first line of a block that does not stand in a text after those before it.
fn missing_in(block: &Block, text: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim);
    let shown = block.lines.iter().map(|line| line.trim());
    let mut shown = shown.filter(|line| !line.is_empty() && *line != "…" && *line != "// …");
    shown.find(|line| !lines.any(|is| is == *line)).map(str::to_owned)
}

#[test]
fn code_in_documents_is_that_of_the_files_which_they_name() {
    let mut wrong = Vec::new();
    for path in documents() {
        let text = std::fs::read_to_string(&path).unwrap();
        for block in blocks(&text).iter().filter(|block| block.language.starts_with("rust")) {
            let Some(file) = &block.file else {
                wrong.push(format!("{}:{}: of which file?", path.display(), block.first));
                continue;
            };
            let source = std::fs::read_to_string(root().join(file)).unwrap();
            if let Some(line) = missing_in(block, &source) {
                wrong.push(format!("{}: `{line}` is not in {file}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_chart_of_the_course_is_the_one_that_is_drawn() {
    let folder = TempDir::new().unwrap();
    printed("wavetank learn 13 --chart omega.svg", folder.path());
    let drawn = std::fs::read_to_string(folder.path().join("omega.svg")).unwrap();
    let path = root().join("docs/course/src/omega.svg");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &drawn).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(kept == drawn, "UPDATE=1 writes the chart anew");
}

#[test]
fn every_chapter_is_in_the_summary_and_every_summary_leads_to_a_chapter() {
    let folder = root().join("docs/course/src");
    let summary = std::fs::read_to_string(folder.join("SUMMARY.md")).unwrap();
    let links = summary.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let links: Vec<&str> = links.collect();
    for link in &links {
        assert!(folder.join(link).exists(), "no chapter {link}");
    }
    for path in documents().iter().filter(|path| path.starts_with(&folder)) {
        let name = path.file_name().unwrap().to_string_lossy();
        assert!(name == "SUMMARY.md" || links.contains(&&*name), "{name} is not in the summary");
    }
}

#[test]
fn an_ellipsis_stands_for_what_is_left_out() {
    assert!(is_line("a … c", "a b c") && is_line("…c", "a b c") && is_line("a…", "a b c"));
    assert!(!is_line("a … d", "a b c") && !is_line("a", "a b"));
    let shown = |lines: &[&str]| lines.iter().map(|&l| l.to_owned()).collect::<Vec<_>>();
    assert_eq!(missing(&shown(&["…", "b"]), &["a", "b"]), None);
    assert_eq!(missing(&shown(&["b"]), &["a", "b"]), Some(0));
    assert_eq!(missing(&shown(&["a"]), &["a", "b"]), Some(1));
    assert_eq!(mended(&shown(&["ax x x", "…"]), &["ay x x", "b"]), ["ay x x", "…"]);
    let printed = ["1s one thing", "2s another", "3s one thing more", "4s the end"];
    let lines = shown(&["5s one thing", "…", "7s the end"]);
    assert_eq!(mended(&lines, &printed), ["1s one thing", "…", "4s the end"]);
}
