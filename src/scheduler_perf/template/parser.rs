//! From the words of a template to what they mean.

use super::lexer::{Part, Word, parts};
use super::{Datum, Expression, FUNCTIONS, Piece, Template, What};
use crate::scenario::diagnostic::Mistake;
use crate::scenario::source::{Place, Session};

/// Actions of Go's templates that upstream's files do without.
const NOT_MODELLED: &[&str] =
    &["range", "with", "define", "template", "block", "break", "continue"];

/// Reads a source as a template.
pub(in crate::scheduler_perf) fn parse(source: usize, session: &mut Session) -> Option<Template> {
    let all = parts(source, session)?;
    let mut parser = Parser { parts: all.into_iter().peekable(), session };
    let (pieces, end) = parser.pieces()?;
    if let Some(end) = end {
        let mistake = Mistake::other(format!("`{}` without `if`", end.text));
        session.report(end.place, mistake);
        return None;
    }
    Some(Template { pieces })
}

struct Parser<'s> {
    parts: std::iter::Peekable<std::vec::IntoIter<Part>>,
    session: &'s mut Session,
}

impl Parser<'_> {
    /// The pieces up to an `else`, an `end` or the end of the text; the `else` with what follows
    /// it is left to be read.
    fn pieces(&mut self) -> Option<(Vec<Piece>, Option<Word>)> {
        let mut pieces = Vec::new();
        while let Some(part) = self.parts.next() {
            let words = match part {
                Part::Text(text) => {
                    if !text.is_empty() {
                        pieces.push(Piece::Text(text));
                    }
                    continue;
                }
                Part::Action(words) => words,
            };
            let Some(first) = words.first() else { continue };
            match first.text.as_str() {
                "end" => return Some((pieces, Some(first.clone()))),
                "else" => {
                    let first = first.clone();
                    // What follows it is read by whoever began.
                    let rest = Part::Action(words[1..].to_vec());
                    let mut all = vec![rest];
                    all.extend(self.parts.by_ref());
                    self.parts = all.into_iter().peekable();
                    return Some((pieces, Some(first)));
                }
                "if" => pieces.push(self.choice(&words)?),
                _ => pieces.push(Piece::Value(self.expression(&words, first.place)?)),
            }
        }
        Some((pieces, None))
    }

    fn choice(&mut self, words: &[Word]) -> Option<Piece> {
        let begin = words[0].place;
        let mut condition = Some(self.expression(&words[1..], begin)?);
        let mut parts = Vec::new();
        loop {
            let (inner, end) = self.pieces()?;
            let was_last = condition.is_none();
            parts.push((condition, inner));
            let Some(end) = end else {
                self.session.report(begin, Mistake::other("`if` without `end`"));
                return None;
            };
            if end.text == "end" {
                return Some(Piece::Choice(parts));
            }
            let Some(Part::Action(rest)) = self.parts.next() else { return None };
            condition = match rest.first() {
                None if !was_last => None,
                Some(word) if word.text == "if" && !was_last => {
                    Some(self.expression(&rest[1..], word.place)?)
                }
                Some(_) | None => {
                    self.session.report(end.place, Mistake::other("an `else` too many"));
                    return None;
                }
            };
        }
    }

    /// A whole expression: values in a row are a call, and what stands before a pipe is the last
    /// value of what stands behind it.
    fn expression(&mut self, words: &[Word], at: Place) -> Option<Expression> {
        let mut last: Option<Expression> = None;
        for stage in words.split(|word| word.text == "|") {
            let (made, rest) = self.call(stage, at, last.take())?;
            if let Some(word) = rest.first() {
                let mistake = Mistake::other(format!("`{}` has no place here", word.text));
                self.session.report(word.place, mistake);
                return None;
            }
            last = Some(made);
        }
        last
    }

    /// A call, or a single value, and the words behind it up to a closing bracket.
    fn call<'w>(
        &mut self,
        words: &'w [Word],
        at: Place,
        piped: Option<Expression>,
    ) -> Option<(Expression, &'w [Word])> {
        let Some(first) = words.first() else {
            self.session.report(at, Mistake::other("a value is missing"));
            return None;
        };
        let is_name = first.text.starts_with(|c: char| c.is_alphabetic())
            && !matches!(first.text.as_str(), "true" | "false");
        if !is_name {
            if piped.is_some() {
                let message = format!("`{}` is no function", first.text);
                self.session.report(first.place, Mistake::other(message));
                return None;
            }
            return self.value(words, at);
        }
        let function = self.function(first)?;
        let (mut arguments, mut rest) = (Vec::new(), &words[1..]);
        while rest.first().is_some_and(|word| word.text != ")") {
            let (argument, left) = self.value(rest, first.place)?;
            arguments.push(argument);
            rest = left;
        }
        arguments.extend(piped);
        let (least, most) = function.takes;
        if !(least..=most).contains(&arguments.len()) {
            let message =
                format!("`{}` takes {least} values, found {}", function.name, arguments.len());
            self.session.report(first.place, Mistake::other(message));
            return None;
        }
        let what = What::Call(function, arguments);
        Some((Expression { place: first.place, what }, rest))
    }

    fn function(&mut self, word: &Word) -> Option<&'static super::Function> {
        let found = FUNCTIONS.iter().find(|function| function.name == word.text);
        if found.is_none() {
            let mistake = if NOT_MODELLED.contains(&word.text.as_str()) {
                Mistake::not_modelled("template action", &word.text)
            } else {
                let names: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
                Mistake::unknown_name("template function", &word.text, &names)
            };
            self.session.report(word.place, mistake);
        }
        found
    }

    /// One value, and the words behind it.
    fn value<'w>(&mut self, words: &'w [Word], at: Place) -> Option<(Expression, &'w [Word])> {
        let Some(first) = words.first() else {
            self.session.report(at, Mistake::other("a value is missing"));
            return None;
        };
        if first.text == "(" {
            let (inner, rest) = self.call(&words[1..], first.place, None)?;
            if rest.first().is_none_or(|word| word.text != ")") {
                self.session.report(first.place, Mistake::other("`(` without `)`"));
                return None;
            }
            return Some((inner, &rest[1..]));
        }
        let what = if let Some(name) = first.text.strip_prefix('.') {
            What::Field(name.to_owned())
        } else if let Some(text) = first.text.strip_prefix(['"', '`']) {
            What::Literal(Datum::Text(text[..text.len() - 1].to_owned()))
        } else if let Ok(truth) = first.text.parse::<bool>() {
            What::Literal(Datum::Truth(truth))
        } else if let Ok(number) = first.text.parse::<f64>() {
            What::Literal(Datum::Number(number))
        } else {
            let expected = "expected a value such as `.Index`, `3` or `\"text\"`";
            let mistake = Mistake::bad_value("value of a template", &first.text, expected);
            self.session.report(first.place, mistake);
            return None;
        };
        Some((Expression { place: first.place, what }, &words[1..]))
    }
}
