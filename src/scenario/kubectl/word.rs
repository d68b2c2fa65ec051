//! Splits a line into words as a shell does: quotes, backslashes, and the few operators that a
//! scenario's line may hold.

/// A piece of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Piece {
    /// Where it begins, in characters from the line's start.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
    /// What it is.
    pub(super) token: Token,
}

/// What a piece of a line is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Token {
    /// A word, quotes removed.
    Word(String),
    /// The line inside `$(…)`.
    Substitution(String),
    /// `|`, `||`, `&`, `&&`, `;`, `<`, `>`.
    Operator(String),
}

/// Splits a line; `Err` gives where it cannot go on, and why.
pub(super) fn split(line: &str) -> Result<Vec<Piece>, (usize, String)> {
    let chars: Vec<char> = line.chars().collect();
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        if chars[at].is_whitespace() {
            at += 1;
            continue;
        }
        let start = at;
        let token = match chars[at] {
            '|' | '&' | ';' | '<' | '>' => operator(&chars, &mut at),
            '$' if chars.get(at + 1) == Some(&'(') => substitution(&chars, &mut at)?,
            _ => word(&chars, &mut at)?,
        };
        pieces.push(Piece { start, end: at, token });
    }
    Ok(pieces)
}

fn operator(chars: &[char], at: &mut usize) -> Token {
    let first = chars[*at];
    let doubled = matches!(first, '|' | '&') && chars.get(*at + 1) == Some(&first);
    *at += if doubled { 2 } else { 1 };
    Token::Operator(if doubled { format!("{first}{first}") } else { first.to_string() })
}

fn substitution(chars: &[char], at: &mut usize) -> Result<Token, (usize, String)> {
    let start = *at + 2;
    let mut depth = 1;
    let mut quote: Option<char> = None;
    for (offset, c) in chars[start..].iter().enumerate() {
        match (quote, c) {
            (Some(open), c) if open == *c => quote = None,
            (None, '\'' | '"') => quote = Some(*c),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            (Some(_) | None, _) => {}
        }
        if depth == 0 {
            *at = start + offset + 1;
            return Ok(Token::Substitution(chars[start..start + offset].iter().collect()));
        }
    }
    Err((*at, "`$(` without its `)`".to_owned()))
}

fn word(chars: &[char], at: &mut usize) -> Result<Token, (usize, String)> {
    let mut text = String::new();
    while let Some(&c) = chars.get(*at) {
        match c {
            '\'' | '"' => quoted(chars, at, &mut text)?,
            '\\' => {
                let Some(next) = chars.get(*at + 1) else {
                    return Err((*at, "nothing follows `\\`".to_owned()));
                };
                text.push(*next);
                *at += 2;
            }
            '|' | '&' | ';' | '<' | '>' => break,
            '`' => return Err((*at, "use `$(…)` instead of backticks".to_owned())),
            '$' if matches!(chars.get(*at + 1), Some('(' | '{' | 'A'..='Z' | 'a'..='z')) => {
                let why = "only a whole word may be a `$(kubectl get …)`; there are no variables";
                return Err((*at, why.to_owned()));
            }
            c if c.is_whitespace() => break,
            c => {
                text.push(c);
                *at += 1;
            }
        }
    }
    Ok(Token::Word(text))
}

/// A part in quotes: single ones keep all, double ones know backslashes.
fn quoted(chars: &[char], at: &mut usize, text: &mut String) -> Result<(), (usize, String)> {
    let (start, quote) = (*at, chars[*at]);
    *at += 1;
    while let Some(&c) = chars.get(*at) {
        *at += 1;
        if c == quote {
            return Ok(());
        }
        let next = chars.get(*at).copied();
        match next {
            Some(next @ ('"' | '\\' | '$' | '`')) if c == '\\' && quote == '"' => {
                text.push(next);
                *at += 1;
            }
            _ => text.push(c),
        }
    }
    Err((start, format!("{quote} without its {quote}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<Token> {
        split(line).unwrap().into_iter().map(|piece| piece.token).collect()
    }

    #[test]
    fn a_line_is_split_as_a_shell_splits_it() {
        let word = |text: &str| Token::Word(text.to_owned());
        assert_eq!(
            words(r#"patch x -p '{"a": "b c"}' --y="1 \"2" z\ z || true"#),
            [
                word("patch"),
                word("x"),
                word("-p"),
                word(r#"{"a": "b c"}"#),
                word(r#"--y=1 "2"#),
                word("z z"),
                Token::Operator("||".into()),
                word("true"),
            ]
        );
        let inner = Token::Substitution("get pod -l 'a=)' -o name | head -1".into());
        assert_eq!(words("delete $(get pod -l 'a=)' -o name | head -1)"), [word("delete"), inner]);
    }

    #[test]
    fn what_a_shell_would_wait_for_is_told() {
        for (line, at) in [("a 'b", 2), ("a $(b", 2), ("a b\\", 3), ("a `b`", 2), ("a $x", 2)] {
            assert_eq!(split(line).unwrap_err().0, at, "{line}");
        }
    }
}
