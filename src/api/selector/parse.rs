//! From text to selector, as people write it for kubectl.
//!
//! Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/labels/selector.go, `Parser`

#![expect(clippy::wildcard_enum_match_arm, reason = "a parser refuses all other tokens alike")]

use super::{Operator, Requirement, SelectorError};
use crate::api::Name;
use crate::api::labels::Labels;
use crate::api::names;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    End,
    Open,
    Close,
    Comma,
    Not,
    /// `=`, `==`, `!=`, `<` or `>`.
    Compare(Operator),
    /// A key, a value, or the word `in` or `notin`.
    Word(&'a str),
    /// Signs that mean nothing.
    Bad(&'a str),
}

impl Token<'_> {
    fn error(self, expected: &str) -> SelectorError {
        let text = match self {
            Token::End => "",
            Token::Open => "(",
            Token::Close => ")",
            Token::Comma => ",",
            Token::Not => "!",
            Token::Compare(op) => sign(op),
            Token::Word(w) => w,
            Token::Bad(b) => {
                return error(&format!("error expected: keyword found '{b}'"), expected);
            }
        };
        error(text, expected)
    }
}

fn error(found: &str, expected: &str) -> SelectorError {
    SelectorError(format!("found '{found}', expected: {expected}"))
}

fn sign(op: Operator) -> &'static str {
    match op {
        Operator::Equals => "=",
        Operator::DoubleEquals => "==",
        Operator::NotEquals => "!=",
        Operator::Gt => ">",
        Operator::Lt => "<",
        Operator::In => "in",
        Operator::NotIn => "notin",
        Operator::Exists => "exists",
        Operator::DoesNotExist => "!",
    }
}

/// Reads a selector; its requirements are in the order of the text.
pub(super) fn parse(text: &str) -> Result<Vec<Requirement>, SelectorError> {
    let mut tokens = Tokens { rest: text };
    let mut all = Vec::new();
    loop {
        match tokens.peek() {
            Token::Word(_) | Token::Not => {}
            Token::End => return Ok(all),
            other => return Err(other.error("!, identifier, or 'end of string'")),
        }
        let parsed = requirement(&mut tokens);
        all.push(parsed.map_err(|e| SelectorError(format!("unable to parse requirement: {e}")))?);
        match tokens.next() {
            Token::End => return Ok(all),
            Token::Comma => match tokens.peek() {
                Token::Word(_) | Token::Not => {}
                other => return Err(other.error("identifier after ','")),
            },
            other => return Err(other.error("',' or 'end of string'")),
        }
    }
}

fn requirement(tokens: &mut Tokens<'_>) -> Result<Requirement, SelectorError> {
    let is_negated = tokens.peek() == Token::Not;
    if is_negated {
        tokens.next();
    }
    let key = match tokens.next() {
        Token::Word(word) => word,
        other => return Err(other.error("identifier")),
    };
    let why = names::qualified_name(key);
    if !why.is_empty() {
        return Err(SelectorError(format!("<nil>: Invalid value: {key:?}: {}", why.join("; "))));
    }
    let key = Name::new(key);
    if is_negated {
        return Requirement::new(key, Operator::DoesNotExist, Vec::new());
    }
    if matches!(tokens.peek(), Token::End | Token::Comma) {
        return Requirement::new(key, Operator::Exists, Vec::new());
    }
    let operator = match tokens.next() {
        Token::Compare(op) => op,
        Token::Word("in") => Operator::In,
        Token::Word("notin") => Operator::NotIn,
        other => return Err(other.error("in, notin, =, ==, !=, gt, lt")),
    };
    let mut values = match operator {
        Operator::In | Operator::NotIn => listed_values(tokens)?,
        _ => vec![exact_value(tokens)?],
    };
    values.sort_unstable();
    values.dedup();
    Requirement::new(key, operator, values)
}

/// The one value after a sign; nothing is the empty value.
fn exact_value(tokens: &mut Tokens<'_>) -> Result<Name, SelectorError> {
    match tokens.peek() {
        Token::End | Token::Comma => Ok(Name::default()),
        _ => match tokens.next() {
            Token::Word(word) => Ok(word.into()),
            other => Err(other.error("identifier")),
        },
    }
}

/// The values in parentheses; nothing before, after or between commas is the empty value.
fn listed_values(tokens: &mut Tokens<'_>) -> Result<Vec<Name>, SelectorError> {
    match tokens.next() {
        Token::Open => {}
        other => return Err(other.error("'('")),
    }
    let mut values = Vec::new();
    let mut is_after_word = false;
    loop {
        match tokens.next() {
            Token::Word(word) if !is_after_word => {
                values.push(word.into());
                is_after_word = true;
            }
            Token::Comma => {
                if !is_after_word {
                    values.push(Name::default());
                }
                is_after_word = false;
            }
            Token::Close => {
                if !is_after_word {
                    values.push(Name::default());
                }
                return Ok(values);
            }
            other if is_after_word => return Err(other.error("',' or ')'")),
            other => return Err(other.error("',', ')' or identifier")),
        }
    }
}

struct Tokens<'a> {
    rest: &'a str,
}

const SIGNS: [char; 7] = ['=', '!', '(', ')', ',', '>', '<'];
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

impl<'a> Tokens<'a> {
    fn peek(&self) -> Token<'a> {
        Tokens { rest: self.rest }.next()
    }

    fn next(&mut self) -> Token<'a> {
        self.rest = self.rest.trim_start_matches(BLANKS);
        let is_word_end = |c| SIGNS.contains(&c) || BLANKS.contains(&c);
        let word = self.rest.split(is_word_end).next().unwrap_or_default();
        if !word.is_empty() {
            self.rest = &self.rest[word.len()..];
            return Token::Word(word);
        }
        let (token, length) = match self.rest.as_bytes() {
            [] => (Token::End, 0),
            [b'=', b'=', ..] => (Token::Compare(Operator::DoubleEquals), 2),
            [b'=', ..] => (Token::Compare(Operator::Equals), 1),
            [b'!', b'=', ..] => (Token::Compare(Operator::NotEquals), 2),
            [b'!', ..] => (Token::Not, 1),
            [b'>', ..] => (Token::Compare(Operator::Gt), 1),
            [b'<', ..] => (Token::Compare(Operator::Lt), 1),
            [b'(', ..] => (Token::Open, 1),
            [b')', ..] => (Token::Close, 1),
            [b',', ..] => (Token::Comma, 1),
            _ => (Token::Bad(self.rest), self.rest.len()),
        };
        self.rest = &self.rest[length..];
        token
    }
}

/// Reads the restricted form `a=b,c=d` into labels.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/labels/labels.go,
/// `ConvertSelectorToLabelsMap`
pub(super) fn equality_map(text: &str) -> Result<Labels, SelectorError> {
    let mut all = Vec::new();
    if text.is_empty() {
        return Ok(Labels::default());
    }
    for part in text.split(',') {
        let pieces: Vec<&str> = part.split('=').map(str::trim).collect();
        let [key, value] = pieces[..] else {
            return Err(SelectorError(format!("invalid selector: {part}")));
        };
        let why = names::qualified_name(key);
        if !why.is_empty() {
            return Err(SelectorError(format!(
                "<nil>: Invalid value: {key:?}: {}",
                why.join("; ")
            )));
        }
        let why = names::label_value(value);
        if !why.is_empty() {
            return Err(SelectorError(format!(
                "<nil>: Invalid value: {value:?}: {}",
                why.join("; ")
            )));
        }
        all.push((Name::new(key), Name::new(value)));
    }
    all.reverse();
    Ok(all.into_iter().collect())
}
