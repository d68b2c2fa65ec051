//! `wavetank list`: the scenarios that there are, and what each is about.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::Status;
use crate::cli::files::{all_below, complain, described, roots, say};
use crate::cli::play::title;

/// What a line has room for.
const WIDTH: usize = 78;

/// Lists scenarios.
#[derive(Args)]
pub(crate) struct List {
    /// Folders to look in, in place of the shipped scenarios and `scenarios/`.
    paths: Vec<PathBuf>,
}

impl List {
    pub(crate) fn carry_out(&self) -> Status {
        let roots = if self.paths.is_empty() { roots() } else { self.paths.clone() };
        if let Some(missing) = roots.iter().find(|root| !root.exists()) {
            complain(&format!("error: there is no `{}`\n", missing.display()));
            return Status::Unusable;
        }
        let all = roots.iter().flat_map(|root| all_below(root).into_iter().map(|p| row(root, &p)));
        let all: Vec<(String, String)> = all.collect();
        let width = all.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        all.iter().for_each(|(name, about)| say(&format!("{name:width$}  {about}\n")));
        Status::Held
    }
}

fn row(root: &Path, path: &Path) -> (String, String) {
    let about = match described(&path.display().to_string(), &[]) {
        Ok(described) => {
            let scenario = &described.scenario;
            let name = scenario.name.as_deref().unwrap_or_default();
            let about = scenario.about.trim();
            first_sentence(if about.is_empty() { name } else { about })
        }
        Err(_) => "(has mistakes: see `wavetank check`)".to_owned(),
    };
    (title(root, path), about)
}

/// The first sentence, on one line, cut to the line's width.
fn first_sentence(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = line.find(". ").map_or(line.len(), |at| at + 1);
    let sentence = &line[..end];
    if sentence.chars().count() <= WIDTH {
        return sentence.to_owned();
    }
    let cut: String = sentence.chars().take(WIDTH - 1).collect();
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_one_sentence() {
        assert_eq!(first_sentence("Pods go.\n  Others come."), "Pods go.");
        assert_eq!(first_sentence("Version 1.36 runs"), "Version 1.36 runs");
        assert_eq!(first_sentence(&"ab ".repeat(90)).chars().count(), WIDTH);
    }
}
