//! `wavetank learn`: the course's lessons, listed, shown and run.
//!
//! Responsible for showing of a chapter what belongs before the run, and the answer only when it is
//! asked for. The texts are the chapters of `docs/course`.

use clap::Args;

use crate::cli::Status;
use crate::cli::files::{complain, say};
use crate::cli::run::Run;
use crate::course::omega;

/// A lesson: its chapter, and its scenario where it is one.
struct Lesson {
    text: &'static str,
    scenario: Option<&'static str>,
}

macro_rules! lessons {
    ($($chapter:literal: $scenario:expr;)*) => {
        &[$(Lesson {
            text: include_str!(concat!("../../docs/course/src/", $chapter, ".md")),
            scenario: $scenario,
        }),*]
    };
}

/// The lessons, in order.
const LESSONS: &[Lesson] = lessons! {
    "01-action-and-declaration": Some("course/01-action-and-declaration");
    "02-spec-and-status": Some("course/02-spec-and-status");
    "03-the-hub": Some("course/03-the-hub");
    "04-list-and-watch": Some("course/04-list-and-watch");
    "05-one-apply": Some("course/05-one-apply");
    "06-scheduling-as-a-loop": Some("course/06-scheduling-as-a-loop");
    "07-kubelet-and-runtime": Some("course/07-kubelet-and-runtime");
    "08-node-failure": Some("course/08-node-failure");
    "09-conflicts": Some("course/09-conflicts");
    "10-controllers-that-disagree": Some("course/10-controllers-that-disagree");
    "11-ownership-and-deletion": Some("course/11-ownership-and-deletion");
    "12-your-own-controller": Some("course/04-list-and-watch");
    "13-borg-and-omega": None;
    "14-broken-on-purpose": Some("course/14-broken-on-purpose");
};

/// Lists the lessons of the course, shows one, or runs it.
#[derive(Args)]
pub(crate) struct Learn {
    /// The number of a lesson; without it, all are listed.
    lesson: Option<usize>,
    /// Runs it.
    #[arg(long)]
    run: bool,
    /// Shows what to look at, the answer, and common mistakes.
    #[arg(long)]
    answer: bool,
    /// Writes the chart of lesson 13 as SVG.
    #[arg(long, value_name = "FILE")]
    chart: Option<String>,
}

impl Learn {
    pub(crate) fn carry_out(&self) -> Status {
        let Some(number) = self.lesson else {
            list();
            return Status::Held;
        };
        let Some(lesson) = number.checked_sub(1).and_then(|n| LESSONS.get(n)) else {
            let last = LESSONS.len();
            complain(&format!("error: there is no lesson {number}; there are 1 to {last}\n"));
            return Status::Unusable;
        };
        if let Some(path) = &self.chart {
            if lesson.scenario.is_some() {
                complain("error: only lesson 13 has a chart\n");
                return Status::Unusable;
            }
            return write_chart(path);
        }
        if self.run {
            return carry_out(lesson);
        }
        if self.answer {
            let parts = ["Look at", "Change one thing", "Answer", "Common mistakes"];
            parts.iter().for_each(|title| say(&part(lesson.text, title)));
        } else {
            say(&beginning(lesson.text));
            say(&format!(
                "Write your answer down. Then: `wavetank learn {number} --run`, and after it\n\
                 `wavetank learn {number} --answer`.\n"
            ));
        }
        Status::Held
    }
}

fn list() {
    for (n, lesson) in LESSONS.iter().enumerate() {
        say(&format!("{:>2}  {}\n", n + 1, title(lesson.text)));
    }
    say("\n`wavetank learn 1` asks the first question.\n");
}

fn title(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim_start_matches("# ")
}

/// The chapter up to its run.
fn beginning(text: &str) -> String {
    let end = text.find("\n## Run").map_or(text.len(), |at| at + 1);
    plain(&text[..end])
}

/// One part of a chapter with its title.
fn part(text: &str, title: &str) -> String {
    let head = format!("\n## {title}\n");
    let Some(at) = text.find(&head) else { return String::new() };
    let rest = &text[at + head.len()..];
    let end = rest.find("\n## ").map_or(rest.len(), |at| at + 1);
    format!("## {title}\n{}", plain(&rest[..end]))
}

/// Without the HTML that hides an answer in a browser.
fn plain(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("<details>") && *line != "</details>");
    let mut out = String::new();
    for line in lines {
        if line.is_empty() && out.ends_with("\n\n") {
            continue;
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

fn carry_out(lesson: &Lesson) -> Status {
    let Some(name) = lesson.scenario else {
        say(&omega::table(&omega::sweep(&omega::Cell::default())));
        return Status::Held;
    };
    Run::of(name).carry_out()
}

fn write_chart(path: &str) -> Status {
    let chart = omega::chart(&omega::sweep(&omega::Cell::default()));
    if let Err(error) = std::fs::write(path, chart) {
        complain(&format!("error: cannot write `{path}`: {error}\n"));
        return Status::Unusable;
    }
    say(&format!("wrote {path}\n"));
    Status::Held
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lesson_has_all_parts_and_hides_its_answer() {
        for lesson in LESSONS {
            let text = lesson.text;
            let parts =
                ["Predict", "Run", "Look at", "Change one thing", "Answer", "Common mistakes"];
            for title in parts {
                assert!(!part(text, title).is_empty(), "{}: no {title}", self::title(text));
            }
            let answer = text.split("\n## Answer\n").nth(1).unwrap();
            assert!(answer.trim_start().starts_with("<details><summary>"), "{}", title(text));
            assert!(!beginning(text).contains("<details>") && beginning(text).contains("Predict"));
            assert!(text.matches("\n- **\"").count() >= 2, "{}: mistakes", title(text));
        }
    }
}
