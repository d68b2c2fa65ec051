//! Templates of objects: the part of Go's templates that upstream's files are written in.
//!
//! Values (`.Index`, `.name`), calls of upstream's functions, pipes, `if` with `else`, comments and
//! trimmed white space. Whatever else Go has is a mistake, told with its place.

#![expect(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "upstream's functions reckon in floats"
)]

mod lexer;
mod parser;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::scenario::diagnostic::Mistake;
use crate::scenario::source::{Place, Session};

pub(super) use parser::parse;

/// A template that was read.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

/// A part of a template.
#[derive(Clone, Debug)]
enum Piece {
    /// As it stands.
    Text(String),
    /// A value.
    Value(Expression),
    /// One of several parts, the first whose condition holds; the last may have none.
    Choice(Vec<(Option<Expression>, Vec<Piece>)>),
}

/// What gives a value, with its place.
#[derive(Clone, Debug)]
struct Expression {
    place: Place,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    /// `.name`
    Field(String),
    Literal(Datum),
    Call(&'static Function, Vec<Expression>),
}

/// A value in a template.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Datum {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// A truth.
    Truth(bool),
}

/// The values that a template is filled in with.
pub(super) type Values = BTreeMap<String, Datum>;

/// A function and how it reckons.
#[derive(Debug)]
struct Function {
    name: &'static str,
    /// How many values it takes at least and at most.
    takes: (usize, usize),
    of: fn(&[Datum]) -> Option<Datum>,
}

/// Go's own that are of use here, and upstream's.
///
/// Source: kubernetes v1.36 test/integration/scheduler_perf/operations.go, `getTemplateFuncs`
const FUNCTIONS: &[Function] = &[
    Function { name: "AddFloat", takes: (0, 99), of: |all| fold(all, 0.0, |a, b| a + b) },
    Function { name: "AddInt", takes: (0, 99), of: |all| whole(fold(all, 0.0, |a, b| a + b)) },
    Function { name: "MultiplyFloat", takes: (0, 99), of: |all| fold(all, 1.0, |a, b| a * b) },
    Function { name: "MultiplyInt", takes: (0, 99), of: |all| whole(fold(all, 1.0, |a, b| a * b)) },
    Function { name: "SubtractFloat", takes: (2, 2), of: |all| two(all, |a, b| Some(a - b)) },
    Function { name: "SubtractInt", takes: (2, 2), of: |all| whole(two(all, |a, b| Some(a - b))) },
    Function { name: "DivideFloat", takes: (2, 2), of: |all| two(all, quotient) },
    Function { name: "DivideInt", takes: (2, 2), of: |all| whole(two(all, quotient)) },
    Function { name: "Mod", takes: (2, 2), of: |all| two(all, remainder) },
    Function { name: "eq", takes: (2, 2), of: |all| Some(Datum::Truth(all[0] == all[1])) },
    Function { name: "ne", takes: (2, 2), of: |all| Some(Datum::Truth(all[0] != all[1])) },
    Function { name: "lt", takes: (2, 2), of: |all| order(all, |a, b| a < b) },
    Function { name: "le", takes: (2, 2), of: |all| order(all, |a, b| a <= b) },
    Function { name: "gt", takes: (2, 2), of: |all| order(all, |a, b| a > b) },
    Function { name: "ge", takes: (2, 2), of: |all| order(all, |a, b| a >= b) },
    Function { name: "not", takes: (1, 1), of: |all| Some(Datum::Truth(!all[0].holds())) },
    Function { name: "and", takes: (1, 99), of: |all| first(all, false) },
    Function { name: "or", takes: (1, 99), of: |all| first(all, true) },
];

fn fold(all: &[Datum], begin: f64, both: fn(f64, f64) -> f64) -> Option<Datum> {
    let sum = all.iter().try_fold(begin, |sum, one| Some(both(sum, one.number()?)));
    sum.map(Datum::Number)
}

fn two(all: &[Datum], both: fn(f64, f64) -> Option<f64>) -> Option<Datum> {
    both(all[0].number()?, all[1].number()?).map(Datum::Number)
}

fn order(all: &[Datum], is: fn(f64, f64) -> bool) -> Option<Datum> {
    Some(Datum::Truth(is(all[0].number()?, all[1].number()?)))
}

fn whole(datum: Option<Datum>) -> Option<Datum> {
    datum?.number().map(|n| Datum::Number(n.trunc()))
}

fn quotient(a: f64, b: f64) -> Option<f64> {
    (b != 0.0).then(|| a / b)
}

fn remainder(a: f64, b: f64) -> Option<f64> {
    (a as i64).checked_rem(b as i64).map(|rest| rest as f64)
}

/// The first value that holds or does not, else the last one.
fn first(all: &[Datum], holds: bool) -> Option<Datum> {
    all.iter().find(|one| one.holds() == holds).or(all.last()).cloned()
}

impl Datum {
    /// A value of a file.
    pub(super) fn of(value: &Value) -> Option<Datum> {
        match value {
            Value::Number(n) => n.as_f64().map(Datum::Number),
            Value::String(text) => Some(Datum::Text(text.clone())),
            Value::Bool(on) => Some(Datum::Truth(*on)),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// A number of things.
    pub(super) fn count(n: usize) -> Datum {
        Datum::Number(n as f64)
    }

    fn number(&self) -> Option<f64> {
        match self {
            Datum::Number(n) => Some(*n),
            Datum::Text(text) => text.parse().ok(),
            Datum::Truth(_) => None,
        }
    }

    fn holds(&self) -> bool {
        match self {
            Datum::Number(n) => *n != 0.0,
            Datum::Text(text) => !text.is_empty(),
            Datum::Truth(on) => *on,
        }
    }

    fn text(&self) -> String {
        match self {
            Datum::Number(n) => n.to_string(),
            Datum::Text(text) => text.clone(),
            Datum::Truth(on) => on.to_string(),
        }
    }
}

impl Template {
    /// Whether it is the same whatever it is filled in with.
    pub(super) fn is_plain(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Text(_)))
    }

    /// The text that it gives; a value that is not there, or that a function does not take, is
    /// reported.
    pub(super) fn fill(&self, values: &Values, session: &mut Session) -> Option<String> {
        let mut text = String::new();
        fill(&self.pieces, values, &mut text, session)?;
        Some(text)
    }
}

fn fill(pieces: &[Piece], values: &Values, text: &mut String, session: &mut Session) -> Option<()> {
    for piece in pieces {
        match piece {
            Piece::Text(plain) => text.push_str(plain),
            Piece::Value(expression) => text.push_str(&value(expression, values, session)?.text()),
            Piece::Choice(parts) => {
                for (condition, inner) in parts {
                    let holds = match condition {
                        Some(condition) => value(condition, values, session)?.holds(),
                        None => true,
                    };
                    if holds {
                        fill(inner, values, text, session)?;
                        break;
                    }
                }
            }
        }
    }
    Some(())
}

fn value(expression: &Expression, values: &Values, session: &mut Session) -> Option<Datum> {
    match &expression.what {
        What::Literal(datum) => Some(datum.clone()),
        What::Field(name) => {
            let found = values.get(name).cloned();
            if found.is_none() {
                let known: Vec<&str> = values.keys().map(String::as_str).collect();
                let mistake = Mistake::unknown_name("template value", name, &known);
                session.report(expression.place, mistake);
            }
            found
        }
        What::Call(function, arguments) => {
            let given: Option<Vec<Datum>> =
                arguments.iter().map(|argument| value(argument, values, session)).collect();
            let made = (function.of)(&given?);
            if made.is_none() {
                let message = format!("`{}` cannot reckon with what it is given", function.name);
                session.report(expression.place, Mistake::other(message));
            }
            made
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, Vec<String>> {
        let mut session = Session::default();
        let source = session.add("t.yaml", text);
        let values = Values::from([
            ("Index".to_owned(), Datum::count(7)),
            ("Count".to_owned(), Datum::count(10)),
            ("zone".to_owned(), Datum::Text("a".to_owned())),
        ]);
        let made = parse(source, &mut session).and_then(|t| t.fill(&values, &mut session));
        let problems = session.take_problems();
        made.ok_or_else(|| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn values_functions_and_choices_are_filled_in() {
        for (template, text) in [
            ("node-{{.Index}}", "node-7"),
            ("{{ Mod .Index 3 }}/{{ DivideInt .Index 2 }}/{{DivideFloat .Index 2}}", "1/3/3.5"),
            ("{{ AddInt .Index (MultiplyInt .Count 2) }}", "27"),
            ("a: {{if eq (Mod .Index 2) 1}}odd{{else}}even{{end}}", "a: odd"),
            ("{{if gt .Index 9}}x{{else if eq .zone \"a\"}}y{{end}}", "y"),
            ("a {{- /* nothing */ -}} b", "ab"),
            ("{{ .Index | AddInt 1 }}", "8"),
            ("no template { at } all", "no template { at } all"),
        ] {
            assert_eq!(filled(template).as_deref(), Ok(text), "{template}");
        }
    }

    #[test]
    fn what_is_no_template_is_told_with_its_place() {
        for (template, problem) in [
            (
                "a\nb {{ .Indx }}",
                "t.yaml:2:6: error: unknown template value `Indx`, did you mean `Index`?",
            ),
            (
                "{{ AddIn 1 2 }}",
                "t.yaml:1:4: error: unknown template function `AddIn`, did you mean `AddInt`?",
            ),
            (
                "{{ range .Index }}x{{ end }}",
                "t.yaml:1:4: error: the template action `range` is not modelled yet",
            ),
            ("{{ if .Index }}x", "t.yaml:1:4: error: `if` without `end`"),
            ("x {{ .Index", "t.yaml:1:3: error: `{{` without `}}`"),
            ("{{ Mod 1 }}", "t.yaml:1:4: error: `Mod` takes 2 values, found 1"),
            (
                "{{ DivideInt 1 0 }}",
                "t.yaml:1:4: error: `DivideInt` cannot reckon with what it is given",
            ),
        ] {
            assert_eq!(filled(template), Err(vec![problem.to_owned()]), "{template}");
        }
    }
}
