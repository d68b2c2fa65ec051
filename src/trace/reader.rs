//! Reads a trace back into a log, so that every view of a log is also one of a trace.
//!
//! Responsible for giving back all that the rows hold. It never guesses: a row that it does not
//! understand is an error with its line.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use crate::api::Name;
use crate::api::message::{Origin, StoreChange};
use crate::api::note::{FaultNote, MarkNote, Note, RefusedNote, StepNote, WriteNote};
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::Refusal;
use crate::api::time::Time;
use crate::api::why::Why;
use crate::sim::digest::DigestValue;
use crate::sim::engine::ActorId;
use crate::sim::log::{Cut, Log, Record};
use crate::sim::time::{SimTime, Start};
use crate::trace::history::History;
use crate::trace::rows::Header;
use crate::trace::scheduling::Attempt;
use crate::trace::verdict::{Expected, Outcome, Verdict};

/// A run, as its trace tells it.
#[derive(Clone)]
pub struct Trace {
    /// What the first row tells.
    pub header: Header,
    /// What was there when the run began.
    pub beginning: Vec<Object>,
    /// What happened; its digest is not that of the run, which stands in the verdict.
    pub log: Log<Note>,
    /// What came of it; none when the trace was cut off.
    pub verdict: Option<Verdict>,
    /// What the scheduler's attempts found out, where the run was asked for it.
    pub attempts: Vec<Attempt>,
}

/// What is wrong with a trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for Mistake {}

/// Whether a text is a trace: its first row is a `run`.
pub fn is_trace(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    serde_json::from_str::<Value>(first).is_ok_and(|row| row["row"] == "run")
}

impl Trace {
    /// Reads a trace.
    ///
    /// # Errors
    /// At the first line that is no row of a trace.
    pub fn read(text: &str) -> Result<Trace, Mistake> {
        let mut reading = Reading::default();
        for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
            reading.line(line).map_err(|message| Mistake { line: n + 1, message })?;
        }
        let header = reading.header.ok_or_else(|| Mistake {
            line: 1,
            message: "a trace begins with a `run` row".to_owned(),
        })?;
        let Reading { beginning, log, verdict, attempts, .. } = reading;
        Ok(Trace { header, beginning, log, verdict, attempts })
    }

    /// The objects at any instant.
    pub fn history(&self) -> History {
        History::new(&self.beginning, &self.log)
    }
}

/// A trace of which some lines have been read.
#[derive(Default)]
struct Reading {
    header: Option<Header>,
    beginning: Vec<Object>,
    log: Log<Note>,
    verdict: Option<Verdict>,
    attempts: Vec<Attempt>,
    /// The objects that are there, to know the version before a change.
    current: BTreeMap<ObjectKey, Object>,
}

impl Reading {
    fn line(&mut self, line: &str) -> Result<(), String> {
        let value: Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
        let Value::Object(fields) = value else { return Err("a row is an object".to_owned()) };
        let mut row = Row(fields);
        let row_name = row.text("row")?;
        if self.header.is_none() && row_name != "run" {
            return Err("a trace begins with a `run` row".to_owned());
        }
        let time = row.time("t_ms")?;
        let (turn, cause) = (row.number("turn")?, row.number("cause")?);
        let note = match row_name.as_str() {
            "run" => return self.run(&mut row),
            "verdict" => return self.verdict(&mut row, time, turn),
            "scheduling" => return self.scheduling(&mut row, time),
            "write" if turn == 0 => return self.begin(&mut row),
            "write" => Note::Write(Box::new(self.write(&mut row, turn)?)),
            "request" => Note::Refused(Box::new(refused(&mut row)?)),
            "fault" => Note::Fault(Box::new(fault(&mut row)?)),
            "mark" => Note::Mark(Box::new(mark(&mut row)?)),
            "step" => {
                let (step, done) = step(&mut row, time, turn)?;
                let note = Note::Step(Box::new(step));
                self.log.append(Record { time: done, turn, cause, actor: ActorId(0), note });
                return Ok(());
            }
            other => return Err(format!("unknown row `{other}`")),
        };
        self.log.append(Record { time, turn, cause, actor: ActorId(0), note });
        Ok(())
    }

    fn run(&mut self, row: &mut Row) -> Result<(), String> {
        let cut = ["cut_ns", "cut_turn"].map(|key| row.0.remove(key).and_then(|n| n.as_u64()));
        let cut = match cut {
            [Some(at), Some(turn)] => Some(Cut { at: SimTime(at), turn }),
            _ => None,
        };
        self.log.set_cut(cut);
        let messages = row.0.remove("timeline").is_some_and(|sort| sort == "messages");
        let start = row.0.remove("start").and_then(|text| Time::parse(text.as_str()?));
        let start = start.map_or(Start::USUAL, |start| Start(start.0));
        self.log.set_start(start);
        self.header = Some(Header {
            cut,
            start,
            messages,
            scenario: row.text("scenario")?,
            namespace: row.text("namespace")?,
            seed: row.number("seed")?,
            version: row.text("version")?,
            kubernetes: row.text("kubernetes")?,
            plan: row.0.remove("plan").unwrap_or_default(),
        });
        Ok(())
    }

    fn begin(&mut self, row: &mut Row) -> Result<(), String> {
        let object = object(row)?;
        self.current.insert(object.key(), object.clone());
        self.beginning.push(object);
        Ok(())
    }

    fn write(&mut self, row: &mut Row, turn: u64) -> Result<WriteNote, String> {
        let object = object(row)?;
        let deleted = row.text("type")? == "DELETED";
        let key = object.key();
        let old = if deleted {
            self.current.remove(&key)
        } else {
            self.current.insert(key, object.clone())
        };
        let origin = Origin {
            user: row.name("actor")?,
            verb: known(&row.text("verb")?, VERBS)?,
            subresource: known(&row.text("subresource")?, SUBRESOURCES)?,
            why: why(row.name("why")?),
        };
        let change = StoreChange { revision: row.number("rv")?, cause: turn, old, object, deleted };
        Ok(WriteNote { change, origin })
    }

    fn scheduling(&mut self, row: &mut Row, at: SimTime) -> Result<(), String> {
        let annotations = row.0.remove("annotations").unwrap_or_default();
        self.attempts.push(Attempt {
            at,
            namespace: row.text("namespace")?,
            pod: row.text("name")?,
            scheduler: row.text("scheduler")?,
            number: row.number("attempt")?,
            nodes: row.number("nodes")?,
            chosen: row.text("chosen")?,
            nominated: row.text("nominated")?,
            message: row.text("message")?,
            annotations: serde_json::from_value(annotations).map_err(|e| e.to_string())?,
        });
        Ok(())
    }

    fn verdict(&mut self, row: &mut Row, end: SimTime, turns: u64) -> Result<(), String> {
        let digest = row.text("digest")?;
        let digest = u128::from_str_radix(&digest, 16).map_err(|_| "no digest".to_owned())?;
        let expectations = row.list("expectations")?.into_iter().map(expected);
        self.verdict = Some(Verdict {
            expectations: expectations.collect::<Result<_, String>>()?,
            error: row.text("error").ok(),
            end,
            turns,
            writes: row.number("writes")?,
            digest: DigestValue(digest),
        });
        Ok(())
    }
}

const VERBS: &[&str] =
    &["create", "update", "patch", "delete", "deletecollection", "get", "list", "watch"];
const SUBRESOURCES: &[&str] = &[
    "",
    "status",
    "scale",
    "binding",
    "eviction",
    "finalize",
    "resize",
    "ephemeralcontainers",
    "approval",
];
const MARKS: &[&str] = &[
    "crash",
    "restart",
    "relist",
    "leader",
    "watch-cut",
    "sometimes",
    "start",
    "stop",
    "pause",
    "resume",
    "lost",
    "mark",
];

/// The text among those that the log can hold.
fn known(text: &str, all: &[&'static str]) -> Result<&'static str, String> {
    let found = all.iter().copied().find(|known| *known == text);
    found.ok_or_else(|| format!("unknown word `{text}`"))
}

fn why(text: Name) -> Why {
    if text.is_empty() { Why::default() } else { Why::one("{}", text) }
}

fn object(row: &mut Row) -> Result<Object, String> {
    let (kind, version) = (row.text("kind")?, row.text("apiVersion")?);
    let known = Kind::of_version(&version, &kind).or_else(|| Kind::named(&kind));
    let known = known.ok_or_else(|| format!("unknown kind `{kind}`"))?;
    let value = row.0.remove("object").ok_or("`object` is missing")?;
    Object::from_value(known, value).map_err(|e| e.to_string())
}

fn refused(row: &mut Row) -> Result<RefusedNote, String> {
    let code = u16::try_from(row.number("code")?).map_err(|_| "no status code".to_owned())?;
    let reason = row.0.remove("reason").unwrap_or_default();
    let reason = serde_json::from_value(reason).map_err(|e| e.to_string())?;
    Ok(RefusedNote {
        user: row.name("actor")?,
        verb: known(&row.text("verb")?, VERBS)?,
        resource: row.name("resource")?,
        namespace: row.name("namespace")?,
        name: row.name("name")?,
        refusal: Refusal { code, reason, message: row.text("message")?.into(), details: None },
    })
}

fn step(row: &mut Row, begun: SimTime, begun_turn: u64) -> Result<(StepNote, SimTime), String> {
    let code = row.0.get("code").and_then(Value::as_i64).ok_or("`code` is missing")?;
    let begun = row.time("begin_ms").unwrap_or(begun);
    let note = StepNote {
        number: usize::try_from(row.number("number")?).map_err(|e| e.to_string())?,
        text: row.name("text")?,
        output: row.text("output")?,
        code: i32::try_from(code).map_err(|e| e.to_string())?,
        begun,
        begun_turn,
    };
    Ok((note, row.time("done_ms")?))
}

fn fault(row: &mut Row) -> Result<FaultNote, String> {
    let hit = row.list("hit")?;
    Ok(FaultNote {
        fault: row.name("what")?,
        begins: row.text("phase")? == "begin",
        hit: hit.iter().filter_map(Value::as_str).map(Name::from).collect(),
    })
}

fn mark(row: &mut Row) -> Result<MarkNote, String> {
    let (word, detail) = (row.text("mark")?, row.name("detail")?);
    let who = row.name("who")?;
    // A word of a later version is kept in the sentence.
    let (mark, detail) = known(&word, MARKS).map_or_else(
        |_| ("mark", smol_str::format_smolstr!("{word} {detail}")),
        |mark| (mark, detail.clone()),
    );
    Ok(MarkNote { mark, who, detail })
}

fn expected(value: Value) -> Result<Expected, String> {
    let Value::Object(fields) = value else { return Err("an expectation is a map".to_owned()) };
    let mut row = Row(fields);
    let outcome = match row.text("outcome")?.as_str() {
        "held" => Outcome::Held,
        "failed" => Outcome::Failed,
        other => return Err(format!("unknown outcome `{other}`")),
    };
    let (text, detail) = (row.text("text")?, row.text("detail")?);
    Ok(Expected { text, outcome, at: row.time("t_ms")?, detail })
}

/// The fields of a row that is being read.
struct Row(Map<String, Value>);

impl Row {
    fn text(&mut self, key: &str) -> Result<String, String> {
        match self.0.remove(key) {
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(format!("`{key}` is no text")),
            None => Err(format!("`{key}` is missing")),
        }
    }

    fn name(&mut self, key: &str) -> Result<Name, String> {
        self.text(key).map(Name::from)
    }

    fn number(&mut self, key: &str) -> Result<u64, String> {
        let n = self.0.get(key).ok_or_else(|| format!("`{key}` is missing"))?;
        n.as_u64().ok_or_else(|| format!("`{key}` is no number"))
    }

    fn list(&mut self, key: &str) -> Result<Vec<Value>, String> {
        match self.0.remove(key) {
            Some(Value::Array(items)) => Ok(items),
            Some(_) | None => Err(format!("`{key}` is no list")),
        }
    }

    fn time(&mut self, key: &str) -> Result<SimTime, String> {
        let value = self.0.get(key).ok_or_else(|| format!("`{key}` is missing"))?;
        let nanos = value.as_u64().and_then(|n| n.checked_mul(1_000_000));
        let nanos = nanos.or_else(|| nanos_of(&value.as_f64()?.to_string()));
        nanos.map(SimTime).ok_or_else(|| format!("`{key}` is no instant"))
    }
}

/// The nanoseconds of a decimal number of milliseconds.
///
/// A number of up to 15 digits keeps its decimals on its way through a floating-point number: the
/// shortest text that gives the same number again is the text that it was read from.
fn nanos_of(text: &str) -> Option<u64> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let rest = format!("{rest:0<6}");
    let (whole, rest): (u64, u64) = (whole.parse().ok()?, rest.get(..6)?.parse().ok()?);
    whole.checked_mul(1_000_000)?.checked_add(rest)
}
