//! Reads templates and paths.

use serde_json::Value;

use super::{Comparison, Operand, Part, Slice, Step};

/// Reads a template.
pub(super) fn template(text: &str) -> Result<Vec<Part>, String> {
    let mut open: Vec<(Vec<Step>, Vec<Part>)> = Vec::new();
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let Some(at) = rest.find('{') else {
            parts.push(Part::Text(rest.to_owned()));
            break;
        };
        if at > 0 {
            parts.push(Part::Text(rest[..at].to_owned()));
        }
        let end = closing(&rest[at + 1..], '}').ok_or("unclosed action")?;
        let action = rest[at + 1..][..end].trim();
        rest = &rest[at + 1 + end + 1..];
        if let Some(path) = action.strip_prefix("range").filter(|p| !p.starts_with(is_word)) {
            open.push((steps(path.trim())?, std::mem::take(&mut parts)));
        } else if action == "end" {
            let (path, before) = open.pop().ok_or("not in range, nothing to end")?;
            let body = std::mem::replace(&mut parts, before);
            parts.push(Part::Range(path, body));
        } else {
            actions(action, &mut parts)?;
        }
    }
    if open.is_empty() { Ok(parts) } else { Err("unterminated range".to_owned()) }
}

/// Reads what stands in braces: quoted texts and paths, with spaces between.
fn actions(text: &str, parts: &mut Vec<Part>) -> Result<(), String> {
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
        if let Some(quote) = quote {
            let end = closing(&rest[1..], quote).ok_or("unterminated quoted string")?;
            parts.push(Part::Text(unquote(&rest[1..=end])));
            rest = rest[end + 2..].trim_start();
        } else {
            let end = closing(rest, ' ').unwrap_or(rest.len());
            parts.push(Part::Path(steps(&rest[..end])?));
            rest = rest[end..].trim_start();
        }
    }
    Ok(())
}

/// Where the first `end` stands that is neither in quotes nor in brackets.
fn closing(text: &str, end: char) -> Option<usize> {
    let (mut quote, mut depth, mut escaped) = (None, 0_usize, false);
    let in_quotes = matches!(end, '"' | '\'');
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if quote.is_some() {
            quote = quote.filter(|q| *q != c);
        } else if c == end && depth == 0 {
            return Some(at);
        } else if !in_quotes {
            match c {
                '"' | '\'' => quote = Some(c),
                '[' | '(' => depth += 1,
                ']' | ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
    None
}

/// Reads a path.
pub(super) fn steps(text: &str) -> Result<Vec<Step>, String> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = match c {
            '$' => push(&mut all, Step::Root, &rest[1..]),
            '@' => push(&mut all, Step::Current, &rest[1..]),
            '*' => push(&mut all, Step::Wildcard, &rest[1..]),
            '.' if rest.starts_with("..") => {
                let after = &rest[2..];
                if !after.starts_with(|c| is_word(c) || matches!(c, '*' | '[')) {
                    return Err("invalid multiple recursive descent".to_owned());
                }
                push(&mut all, Step::Recursive, after)
            }
            '.' => &rest[1..],
            '[' => {
                let end = closing(&rest[1..], ']').ok_or("unterminated array")?;
                all.extend(bracket(&rest[1..=end])?);
                &rest[end + 2..]
            }
            c if is_word(c) => {
                let (name, after) = field(rest);
                push(&mut all, Step::Field(name), after)
            }
            c => return Err(format!("unrecognized character in action: {c:?}")),
        };
    }
    Ok(all)
}

fn push<'a>(all: &mut Vec<Step>, step: Step, rest: &'a str) -> &'a str {
    all.push(step);
    rest
}

/// Whether a character may stand in a member's name.
fn is_word(c: char) -> bool {
    !matches!(c, '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}' | '*' | '(' | ')' | '\'' | '"')
        && !c.is_whitespace()
}

/// A member's name and what follows; a backslash takes the next character as it is.
fn field(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if !escaped && c == '\\' {
            escaped = true;
        } else if escaped || is_word(c) {
            name.push(c);
            escaped = false;
        } else {
            return (name, &text[at..]);
        }
    }
    (name, "")
}

/// Reads what stands between `[` and `]`.
///
/// A quoted name is read as a path: `['metadata.name']` is two steps.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/jsonpath/parser.go, `parseArray`
fn bracket(text: &str) -> Result<Vec<Step>, String> {
    let text = text.trim();
    if text == "*" {
        return Ok(vec![Step::Wildcard]);
    }
    if let Some(filter) = text.strip_prefix("?(").and_then(|t| t.strip_suffix(')')) {
        return condition(filter.trim()).map(|step| vec![step]);
    }
    let pieces = split(text, ',');
    if pieces.len() > 1 {
        let each = pieces.iter().map(|piece| bracket(piece));
        return Ok(vec![Step::Union(each.collect::<Result<_, _>>()?)]);
    }
    if let Some(path) = in_quotes(text) {
        return steps(path);
    }
    let slice = slice(text).ok_or_else(|| format!("invalid array index {text}"))?;
    Ok(vec![Step::Slice(slice)])
}

/// Reads `1`, `0:2`, `:`, `::2`.
fn slice(text: &str) -> Option<Slice> {
    let numbers: Option<Vec<Option<i64>>> = text
        .split(':')
        .map(|n| if n.is_empty() { Some(None) } else { n.trim().parse().ok().map(Some) })
        .collect();
    match numbers?.as_slice() {
        [Some(index)] => Some(Slice { index: Some(*index), ..Slice::default() }),
        [start, end] => Some(Slice { start: *start, end: *end, ..Slice::default() }),
        [start, end, step] => Some(Slice { start: *start, end: *end, step: *step, index: None }),
        _ => None,
    }
}

/// Reads a filter.
fn condition(text: &str) -> Result<Step, String> {
    const OPERATORS: [(&str, Comparison); 6] = [
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::GreaterOrEqual),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];
    let at = ['=', '!', '<', '>'].iter().filter_map(|c| closing(text, *c)).min();
    let Some(at) = at else { return Ok(Step::Filter(operand(text)?, None)) };
    let found = OPERATORS.iter().find(|(word, _)| text[at..].starts_with(word));
    let (word, comparison) =
        found.ok_or_else(|| format!("unrecognized filter operator: {text}"))?;
    let left = operand(text[..at].trim())?;
    let right = operand(text[at + word.len()..].trim())?;
    Ok(Step::Filter(left, Some((*comparison, right))))
}

/// Reads a side of a filter.
fn operand(text: &str) -> Result<Operand, String> {
    if let Some(text) = in_quotes(text) {
        return Ok(Operand::Literal(Value::String(unquote(text))));
    }
    match serde_json::from_str::<Value>(text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => Ok(Operand::Literal(value)),
        Ok(_) | Err(_) if text.is_empty() => Err("missing operand of a filter".to_owned()),
        Ok(_) | Err(_) => steps(text).map(Operand::Path),
    }
}

/// What stands between quotes, as it is.
fn in_quotes(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    text.strip_prefix(quote)?.strip_suffix(quote)
}

/// Takes the backslashes out of a quoted text.
fn unquote(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some(other) => out.push(other),
            None => out.push('\\'),
        }
    }
    out
}

/// Pieces between separators that are neither in quotes nor in brackets.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = closing(rest, separator) {
        pieces.push(&rest[..at]);
        rest = &rest[at + 1..];
    }
    pieces.push(rest);
    pieces
}
