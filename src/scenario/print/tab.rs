//! Lays tabbed text out in columns, as Go's `text/tabwriter` does.
//!
//! Responsible for widths and padding alone. It never looks at what a cell says.

use std::fmt::Write as _;

/// How columns are spaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spacing {
    /// The least width of a column, its padding included.
    pub min_width: usize,
    /// Spaces behind the longest cell.
    pub padding: usize,
}

/// The spacing of `kubectl get` and `kubectl events`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/cli-runtime/pkg/printers/tabwriter.go,
/// `GetNewTabWriter`
pub const GET: Spacing = Spacing { min_width: 6, padding: 3 };

/// The spacing of `kubectl describe`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go, `tabbedString`
pub const DESCRIBE: Spacing = Spacing { min_width: 0, padding: 2 };

/// Lays out text whose cells end in tabs.
///
/// A column is a block of consecutive lines that all have a cell in it; a form feed ends all
/// blocks. The text behind the last tab of a line belongs to no column.
pub fn lay_out(text: &str, spacing: Spacing) -> String {
    let mut out = String::new();
    for part in text.split('\x0c') {
        let body = part.strip_suffix('\n').unwrap_or(part);
        if part.is_empty() {
            continue;
        }
        let lines: Vec<Vec<&str>> = body.split('\n').map(|l| l.split('\t').collect()).collect();
        block(&lines, &mut Vec::new(), spacing, &mut out);
        if body.len() == part.len() {
            out.pop();
        }
    }
    out
}

/// Writes lines of which the columns before this one have their widths.
fn block(lines: &[Vec<&str>], widths: &mut Vec<usize>, spacing: Spacing, out: &mut String) {
    let column = widths.len();
    let has_cell = |line: &Vec<&str>| line.len() > column + 1;
    let mut rest = lines;
    while !rest.is_empty() {
        let before = rest.iter().position(has_cell).unwrap_or(rest.len());
        write_lines(&rest[..before], widths, out);
        rest = &rest[before..];
        let end = rest.iter().position(|l| !has_cell(l)).unwrap_or(rest.len());
        if end == 0 {
            continue;
        }
        let longest = rest[..end].iter().map(|l| width(l[column])).max().unwrap_or(0);
        widths.push((longest + spacing.padding).max(spacing.min_width));
        block(&rest[..end], widths, spacing, out);
        widths.pop();
        rest = &rest[end..];
    }
}

/// Writes lines, each cell padded to its column's width but for the last.
fn write_lines(lines: &[Vec<&str>], widths: &[usize], out: &mut String) {
    for line in lines {
        for (at, cell) in line.iter().enumerate() {
            let pad = widths.get(at).map_or(0, |w| w.saturating_sub(width(cell)));
            let _ = write!(out, "{cell}{:pad$}", "");
        }
        out.push('\n');
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_as_wide_as_its_block_of_lines() {
        let text = "Name:\tweb\nConditions:\n  Type\tStatus\n  PodScheduled \tTrue \n";
        let want = "Name:  web\nConditions:\n  Type           Status\n  PodScheduled   True \n";
        assert_eq!(lay_out(text, DESCRIBE), want);
    }

    #[test]
    fn a_short_column_has_the_least_width_and_the_last_is_not_padded() {
        assert_eq!(lay_out("A\tB\tC\nx\t\tz\n", GET), "A     B     C\nx           z\n");
    }
}
