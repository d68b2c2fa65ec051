//! A whole line: the command, what it takes from another, and how it ends.

use serde_json::Value;
use serde_json::json;

use crate::scenario::decode::Decode;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::kubectl::Command;
use crate::scenario::kubectl::Get;
use crate::scenario::kubectl::Kubectl;
use crate::scenario::kubectl::Trouble;
use crate::scenario::kubectl::parse;
use crate::scenario::kubectl::word;
use crate::scenario::kubectl::word::Piece;
use crate::scenario::kubectl::word::Token;
use crate::scenario::schema::Schema;
use crate::scenario::source::Place;
use crate::scenario::source::Session;
use crate::scenario::yaml::Base;
use crate::scenario::yaml::Node;

/// What stands for a substitution's output while a line is checked before it runs.
const STAND_IN: &str = "pod/stand-in";

/// A line that a person types.
#[derive(Clone, PartialEq, Debug)]
pub struct Line {
    /// The line as it was written.
    pub text: String,
    /// Where it stands.
    pub place: Place,
    /// Whether its failure is none of the run (`|| true`).
    pub tolerant: bool,
    /// Whether the next step begins at once (`&`).
    pub background: bool,
    /// The lines inside `$(…)`, in order.
    pub substitutions: Vec<Substitution>,
    /// The command, with a stand-in for what the substitutions will give.
    pub command: Kubectl,
    words: Vec<Word>,
}

/// One word of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Word {
    Text(String),
    /// The output of the substitution of this number, split into words.
    Output(usize),
}

/// A `$(kubectl get … -o name | head -1)`.
#[derive(Clone, PartialEq, Debug)]
pub struct Substitution {
    /// The namespace of the request, when it is written.
    pub namespace: Option<String>,
    /// What is asked.
    pub get: Get,
    /// Which lines of the answer are taken.
    pub cut: Cut,
}

/// Which lines of an output are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// All.
    All,
    /// The first ones.
    Head(usize),
    /// The last ones.
    Tail(usize),
}

impl Cut {
    /// The lines that are taken.
    pub fn lines(self, output: &str) -> Vec<&str> {
        let lines: Vec<&str> = output.lines().collect();
        match self {
            Cut::All => lines,
            Cut::Head(n) => lines.into_iter().take(n).collect(),
            Cut::Tail(n) => lines[lines.len().saturating_sub(n)..].to_vec(),
        }
    }
}

/// A mistake in a line, and the characters that it is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Misread {
    /// How many characters stand before.
    pub start: usize,
    /// How many characters it is about.
    pub length: usize,
    /// What is wrong.
    pub mistake: Box<Mistake>,
}

impl Misread {
    fn new(start: usize, length: usize, mistake: Mistake) -> Self {
        Misread { start, length, mistake: Box::new(mistake) }
    }
}

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    /// Whatever keeps it from being a command, down to its names and values.
    pub fn parse(text: &str, place: Place) -> Result<Line, Misread> {
        let whole = |mistake| Misread::new(0, text.chars().count(), mistake);
        let pieces =
            word::split(text).map_err(|(at, why)| Misread::new(at, 1, Mistake::other(why)))?;
        let (mut pieces, background) = strip(pieces, &["&"]);
        let tolerant = ends_in_true(&pieces);
        if tolerant {
            pieces.truncate(pieces.len() - 2);
        }
        if matches!(pieces.first(), Some(Piece { token: Token::Word(w), .. }) if w == "kubectl") {
            pieces.remove(0);
        }
        if pieces.is_empty() {
            return Err(whole(Mistake::empty("a kubectl command")));
        }
        let (words, substitutions) = read_words(&pieces)?;
        let stand_ins = vec![vec![STAND_IN.to_owned()]; substitutions.len()];
        let command = parse(&expand(&words, &stand_ins)).map_err(|trouble| {
            let (start, length) = locate(&trouble, &pieces).unwrap_or((0, text.chars().count()));
            Misread { start, length, mistake: trouble.mistake }
        })?;
        let text = text.to_owned();
        Ok(Line { text, place, tolerant, background, substitutions, command, words })
    }

    /// The command, with what the substitutions gave: for each the words of its output.
    ///
    /// # Errors
    /// What makes no command with these words, such as no word at all.
    pub fn with_outputs(&self, outputs: &[Vec<String>]) -> Result<Kubectl, Trouble> {
        if self.substitutions.is_empty() {
            return Ok(self.command.clone());
        }
        parse(&expand(&self.words, outputs))
    }
}

/// Takes an operator from the end.
fn strip(mut pieces: Vec<Piece>, operators: &[&str]) -> (Vec<Piece>, bool) {
    let found = matches!(
        pieces.last(),
        Some(Piece { token: Token::Operator(op), .. }) if operators.contains(&&**op)
    );
    if found {
        pieces.pop();
    }
    (pieces, found)
}

fn ends_in_true(pieces: &[Piece]) -> bool {
    matches!(
        pieces,
        [.., Piece { token: Token::Operator(op), .. }, Piece { token: Token::Word(word), .. }]
            if op == "||" && word == "true"
    )
}

/// The words of a line and the substitutions among them.
fn read_words(pieces: &[Piece]) -> Result<(Vec<Word>, Vec<Substitution>), Misread> {
    let mut words = Vec::new();
    let mut substitutions = Vec::new();
    for piece in pieces {
        let wrong = |mistake| Misread::new(piece.start, piece.end - piece.start, mistake);
        match &piece.token {
            Token::Word(text) => words.push(Word::Text(text.clone())),
            Token::Substitution(inner) => {
                words.push(Word::Output(substitutions.len()));
                substitutions.push(substitution(inner).map_err(wrong)?);
            }
            Token::Operator(op) => {
                let message = format!("`{op}` is not supported here");
                let note =
                    "a line may end in `|| true` or `&`, and hold `$(kubectl get … | head -1)`";
                return Err(wrong(Mistake::other(message).note(note)));
            }
        }
    }
    Ok((words, substitutions))
}

/// Reads the inside of `$(…)`.
fn substitution(inner: &str) -> Result<Substitution, Mistake> {
    let pieces = word::split(inner).map_err(|(_, why)| Mistake::other(why))?;
    let is_pipe = |piece: &Piece| piece.token == Token::Operator("|".to_owned());
    let mut parts = pieces.split(is_pipe);
    let words = |part: &[Piece]| -> Result<Vec<String>, Mistake> {
        let word = |piece: &Piece| match &piece.token {
            Token::Word(text) => Ok(text.clone()),
            Token::Substitution(_) | Token::Operator(_) => {
                Err(Mistake::other("only `kubectl get … | head -N` may stand inside `$(…)`"))
            }
        };
        part.iter().map(word).collect()
    };
    let mut get = words(parts.next().unwrap_or(&[]))?;
    if get.first().is_some_and(|word| word == "kubectl") {
        get.remove(0);
    }
    let cut = match parts.next() {
        None => Cut::All,
        Some(part) => cut(&words(part)?)?,
    };
    if parts.next().is_some() {
        return Err(Mistake::other("only one `| head -N` or `| tail -N` may follow"));
    }
    let kubectl = parse(&get).map_err(|trouble| *trouble.mistake)?;
    let Command::Get(get) = kubectl.command else {
        return Err(Mistake::other("only `kubectl get` may stand inside `$(…)`"));
    };
    Ok(Substitution { namespace: kubectl.scope.namespace, get, cut })
}

/// Reads `head -1`, `head -n 1`, `tail -n1`.
fn cut(words: &[String]) -> Result<Cut, Mistake> {
    let wrong = || Mistake::other("only `head -N` or `tail -N` may follow `|`");
    let (name, rest) = words.split_first().ok_or_else(wrong)?;
    let count = match rest.join("").trim_start_matches("--lines=").trim_start_matches("-n") {
        "" if rest.is_empty() => 10,
        text => text.trim_start_matches('-').parse().map_err(|_| wrong())?,
    };
    match &**name {
        "head" => Ok(Cut::Head(count)),
        "tail" => Ok(Cut::Tail(count)),
        _ => Err(wrong()),
    }
}

fn expand(words: &[Word], outputs: &[Vec<String>]) -> Vec<String> {
    let of = |word: &Word| match word {
        Word::Text(text) => vec![text.clone()],
        Word::Output(number) => outputs.get(*number).cloned().unwrap_or_default(),
    };
    words.iter().flat_map(of).collect()
}

/// The characters that a trouble is about.
fn locate(trouble: &Trouble, pieces: &[Piece]) -> Option<(usize, usize)> {
    let wanted = trouble.word.as_deref()?;
    let holds = |piece: &&Piece| matches!(&piece.token, Token::Word(text) if text == wanted);
    let begins =
        |piece: &&Piece| matches!(&piece.token, Token::Word(text) if text.contains(wanted));
    let piece = pieces.iter().find(holds).or_else(|| pieces.iter().find(begins))?;
    Some((piece.start, piece.end - piece.start))
}

impl Decode for Line {
    fn shape(_: &mut Schema) -> Value {
        json!({ "type": "string", "examples": ["apply -f web.yaml", "get pods -o wide"] })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let text = String::decode(node, session)?;
        let Misread { start, length, mistake } = match Line::parse(text.trim(), node.place) {
            Ok(line) => return Some(line),
            Err(wrong) => wrong,
        };
        let base = node.scalar().map_or(Base::Point(node.place), |s| s.base(node.place));
        session.report(base.place(1, start + 1, length), *mistake);
        None
    }
}
