//! Problems as a terminal shows them.

use std::fmt::Write;

use crate::scenario::diagnostic::Problem;

/// How much of an expectation is listed before it is cut.
const MOST_ALTERNATIVES: usize = 16;

/// What the place of printing is capable of; the caller looks at the terminal and at `NO_COLOR`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look {
    /// Whether to colour.
    pub colour: bool,
    /// The width in characters; source lines are cut to it.
    pub width: usize,
}

impl Default for Look {
    fn default() -> Self {
        Look { colour: false, width: 100 }
    }
}

/// All problems, each with the line it is about, and a count at the end.
pub fn render(problems: &[Problem], look: Look) -> String {
    let mut out = String::new();
    for problem in problems {
        one(&mut out, problem, look);
    }
    let count = problems.len();
    let noun = if count == 1 { "problem" } else { "problems" };
    let _ = writeln!(out, "{count} {noun} found");
    out
}

/// One problem: where and what, the line with a mark below, what was expected.
fn one(out: &mut String, problem: &Problem, look: Look) {
    let paint = |code: &str, text: &str| {
        if look.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    };
    let headline = problem.to_string();
    let (place, message) = headline.split_once(": error: ").unwrap_or(("", &headline));
    let _ =
        writeln!(out, "{}: {} {}", paint("1", place), paint("1;31", "error:"), paint("1", message));
    let gutter = problem.place.line.to_string().len().max(3);
    if problem.place.line > 0 && !problem.source_line.0.trim().is_empty() {
        let (line, mark) = excerpt(problem, look.width.saturating_sub(gutter + 3).max(20));
        let bar = paint("34", "|");
        let number = format!("{:gutter$}", problem.place.line);
        let _ = writeln!(out, "{} {bar} {line}", paint("34", &number));
        let _ = writeln!(out, "{:gutter$} {bar} {}", "", paint("1;31", &mark));
    }
    for note in remarks(problem) {
        let _ = writeln!(out, "{:gutter$} {} {note}", "", paint("34", "="));
    }
}

/// The part of the line that fits, and the mark to stand below it.
fn excerpt(problem: &Problem, width: usize) -> (String, String) {
    let (text, cut_before) = &problem.source_line;
    let line: Vec<char> = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let column = (problem.place.column.max(1) - 1).saturating_sub(*cut_before).min(line.len());
    let from = if column + 10 < width { 0 } else { column - width / 3 };
    let to = line.len().min(from + width);
    let mut shown: String = line[from..to].iter().collect();
    if to < line.len() {
        shown = shown.trim_end().to_owned() + "…";
    }
    let lead = if from > 0 || *cut_before > 0 { "…" } else { "" };
    let length = problem.place.length.clamp(1, (to - column.min(to)).max(1));
    let spaces = column - from + lead.chars().count();
    (format!("{lead}{shown}"), format!("{}{}", " ".repeat(spaces), "^".repeat(length)))
}

/// The lines below the excerpt: the alternatives when no name was near, then the notes.
fn remarks(problem: &Problem) -> Vec<String> {
    let mut remarks = Vec::new();
    if problem.nearest.is_none() && problem.expected.len() > 1 {
        let shown = problem.expected.iter().take(MOST_ALTERNATIVES);
        let mut text = shown.map(|e| format!("`{e}`")).collect::<Vec<_>>().join(", ");
        if problem.expected.len() > MOST_ALTERNATIVES {
            text.push_str(", …");
        }
        remarks.push(format!("expected one of {text}"));
    }
    remarks.extend(problem.notes.iter().cloned());
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::diagnostic::Mistake;
    use crate::scenario::source::Place;
    use crate::scenario::source::Session;

    fn check(text: &str, line: usize, column: usize, length: usize, look: Look) -> String {
        let mut session = Session::default();
        let source = session.add("web.yaml", text);
        let mistake = Mistake::unknown_field("a node template", "cuont", &["name", "count"]);
        session.report(Place { source, line, column, length }, mistake);
        render(&session.take_problems(), look)
    }

    #[test]
    fn a_problem_shows_its_line_with_a_mark() {
        let shown = check("a:\n  - {name: n, cuont: 3}\n", 2, 15, 5, Look::default());
        let expected = "web.yaml:2:15: error: unknown field `cuont` in a node template, \
             did you mean `count`?\n  2 |   - {name: n, cuont: 3}\n    |               ^^^^^\n\
             1 problem found\n";
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_line_of_many_kilobytes_is_cut_around_its_mark() {
        let text = format!("{}cuont{}", "x".repeat(5_000), "y".repeat(5_000));
        let shown = check(&text, 1, 5_001, 5, Look { colour: false, width: 60 });
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines.iter().skip(1).all(|l| l.chars().count() <= 62), "{shown}");
        let at = lines[2].chars().position(|c| c == '^').unwrap();
        let marked: String = lines[1].chars().skip(at).take(5).collect();
        assert_eq!(marked, "cuont");
    }

    #[test]
    fn colour_is_only_there_when_asked_for() {
        let coloured = check("cuont: 1", 1, 1, 5, Look { colour: true, width: 80 });
        assert!(coloured.contains("\u{1b}[1;31merror:\u{1b}[0m"), "{coloured}");
        assert!(!check("cuont: 1", 1, 1, 5, Look::default()).contains('\u{1b}'));
    }
}
