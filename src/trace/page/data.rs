//! The data of a page: the log as columns, objects as first versions and changes.

use serde_json::{Value, json};

use crate::api::note::{Note, WriteNote};
use crate::api::object::{Object, ObjectKey};
use crate::sim::index::Map;
use crate::sim::log::Record;
use crate::sim::time::SimTime;
use crate::trace::change::said;
use crate::trace::page::Told;
use crate::trace::page::delta::{as_json, delta};
use crate::trace::page::state::state;
use crate::trace::page::table::{Column, Texts, packed};
use crate::trace::rows::{BEGINNING, BEGINNING_WHY};
use crate::trace::why::causes::{Cause, Causes};

/// What a row is.
const WRITE: i64 = 0;
const REFUSED: i64 = 1;
const STEP: i64 = 2;
const FAULT: i64 = 3;
const MARK: i64 = 4;

/// What becomes of the object of a row.
const CREATED: i64 = 1;
const DELETED: i64 = 2;
/// The row stands for what was there before the run.
const BEFORE: i64 = 4;
/// The row tells of something bad.
const BAD: i64 = 8;

/// The row is a question that was answered with no; people do not ask about it.
const QUESTION: i64 = 16;

/// Where a chain of causes ends.
const NO_END: i64 = 0;
const TIMER: i64 = 1;
const START: i64 = 2;

/// The data of a page: scripts of HTML that hold packed bytes, each with the name `data-…`.
///
/// `head` is JSON: what the run was, and what the others hold. `columns` holds the columns of the
/// rows, of the objects and of the gauges one after the other, `texts` the shared texts. Each
/// `versions-N` holds the versions of some objects: U+0001 between two objects, NUL between two
/// versions of one.
pub(super) fn data(told: &Told<'_>) -> String {
    let mut sheet = Sheet::default();
    for object in told.beginning.iter().filter(|o| !matches!(o, Object::Lease(_))) {
        sheet.before(object);
    }
    sheet.log(told);
    sheet.write(told)
}

/// Versions are packed together up to about so many bytes.
const CHUNK: usize = 300_000;

/// Everything that is being collected.
#[derive(Default)]
struct Sheet {
    texts: Texts,
    rows: usize,
    time: Column,
    what: Column,
    actor: Column,
    object: Column,
    cause: Column,
    end: Column,
    verb: Column,
    words: Column,
    why: Column,
    flags: Column,
    state: Column,
    numbers: Map<ObjectKey, usize>,
    owners: Vec<Option<ObjectKey>>,
    /// The versions of each object.
    versions: Vec<String>,
    /// Whether the last object that was asked for is new.
    fresh: bool,
    kinds: Column,
    namespaces: Column,
    names: Column,
    /// First versions that others of the same kind and owner are told by.
    models: Map<(u16, u128), (usize, Value)>,
    steps: Vec<Value>,
}

/// One row before it is put into the columns.
struct Row<'a> {
    time: SimTime,
    what: i64,
    actor: &'a str,
    object: Option<usize>,
    cause: Option<usize>,
    end: i64,
    verb: &'a str,
    words: &'a str,
    why: &'a str,
    flags: i64,
    state: Option<usize>,
}

impl Row<'_> {
    fn new(what: i64, time: SimTime) -> Row<'static> {
        Row {
            time,
            what,
            actor: "",
            object: None,
            cause: None,
            end: NO_END,
            verb: "",
            words: "",
            why: "",
            flags: 0,
            state: None,
        }
    }
}

impl Sheet {
    fn push(&mut self, row: &Row<'_>) {
        self.rows += 1;
        // Microseconds: exact enough to look at, and small.
        self.time.push(i64::try_from(row.time.0 / 1_000).unwrap_or(i64::MAX));
        self.what.push(row.what);
        self.object.push_place(row.object);
        self.cause.push_place(row.cause);
        self.end.push(row.end);
        self.flags.push(row.flags);
        self.state.push_place(row.state);
        let texts = [
            (&mut self.actor, row.actor),
            (&mut self.verb, row.verb),
            (&mut self.words, row.words),
            (&mut self.why, row.why),
        ];
        for (column, text) in texts {
            let number = self.texts.number(text);
            column.push_place(Some(number));
        }
    }

    /// The number of an object, new or not.
    fn item(&mut self, object: &Object) -> usize {
        let key = object.key();
        self.fresh = !self.numbers.contains_key(&key);
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let number = self.owners.len();
        let owner = object.meta().owners().first().map(|owner| {
            let kind = crate::api::object::Kind::named(&owner.kind).unwrap_or(key.kind);
            ObjectKey::new(kind, &key.namespace, &owner.name)
        });
        let texts = [
            (&mut self.kinds, key.kind.name()),
            (&mut self.namespaces, key.namespace.as_str()),
            (&mut self.names, key.name.as_str()),
        ];
        for (column, text) in texts {
            let text = self.texts.number(text);
            column.push_place(Some(text));
        }
        self.owners.push(owner);
        self.versions.push(String::new());
        self.numbers.insert(key, number);
        number
    }

    /// What a new object's version is made of: a sibling whose first version it begins with, or -1
    /// for none, and the changes from there.
    fn first(&mut self, item: usize, object: &Object, value: &Value) {
        let owner = object.meta().controller().map_or(0, |owner| owner.uid.bits());
        let group = (object.kind().0, owner);
        let text = if let Some((base, model)) = self.models.get(&group) {
            format!("[{base},{}]", as_json(&delta(model, value)))
        } else {
            let empty = Value::Object(serde_json::Map::new());
            // A model is what an object was at its first creation.
            if self.fresh {
                self.models.insert(group, (item, value.clone()));
            }
            format!("[-1,{}]", as_json(&delta(&empty, value)))
        };
        self.version(item, &text);
    }

    /// Adds a version of an object.
    fn version(&mut self, item: usize, text: &str) {
        let all = &mut self.versions[item];
        if !all.is_empty() {
            all.push('\0');
        }
        all.push_str(text);
    }

    fn before(&mut self, object: &Object) {
        let value = object.to_value();
        let item = self.item(object);
        let state = self.texts.number(&state(object, &value));
        self.first(item, object, &value);
        self.push(&Row {
            actor: BEGINNING,
            object: Some(item),
            end: START,
            verb: "create",
            why: BEGINNING_WHY,
            flags: CREATED | BEFORE,
            state: Some(state),
            ..Row::new(WRITE, SimTime::ZERO)
        });
    }

    fn log(&mut self, told: &Told<'_>) {
        let causes = Causes::new(told.log);
        // The row of each record, and of each step.
        let mut places: Vec<Option<usize>> = vec![None; causes.records().len()];
        let mut step_rows: Vec<usize> = Vec::new();
        for (place, record) in causes.records().iter().enumerate() {
            while let Some((step, _)) = causes.steps().get(step_rows.len())
                && step.begun_turn <= record.turn
            {
                step_rows.push(self.rows);
                self.step(&causes, step_rows.len() - 1);
            }
            if record.turn == 0 || record.note.is_heartbeat() {
                continue;
            }
            if matches!(record.note, Note::Step(_)) {
                continue;
            }
            let (cause, end) = cause_of(&causes, place, &places, &step_rows);
            places[place] = Some(self.rows);
            self.record(record, cause, end);
        }
        for n in step_rows.len()..causes.steps().len() {
            self.step(&causes, n);
        }
    }

    fn step(&mut self, causes: &Causes<'_>, n: usize) {
        let (step, record) = causes.steps()[n];
        let micros = |time: SimTime| time.0 / 1_000;
        self.steps.push(json!([self.rows, micros(record.time), step.code, step.output]));
        self.push(&Row {
            actor: "kubectl",
            words: &step.text,
            flags: if step.code == 0 { 0 } else { BAD },
            ..Row::new(STEP, step.begun)
        });
    }

    fn record(&mut self, record: &Record<Note>, cause: Option<usize>, end: i64) {
        let time = record.time;
        match &record.note {
            Note::Write(write) => self.written(write, time, cause, end),
            Note::Refused(refused) => {
                let kind = refused.resource.split('/').next().unwrap_or_default();
                let kind = crate::api::object::Kind::all().find(|k| k.row().plural == kind);
                let key = kind.map(|kind| ObjectKey::new(kind, &refused.namespace, &refused.name));
                let object = key.and_then(|key| self.numbers.get(&key).copied());
                let code = refused.refusal.code;
                let is_question = matches!(refused.verb, "get" | "list" | "watch") && code == 404;
                let is_question = is_question || refused.resource == "leases";
                let words = format!(
                    "{} {} {code}: {}",
                    refused.resource, refused.name, refused.refusal.message
                );
                self.push(&Row {
                    actor: &refused.user,
                    object,
                    cause,
                    end,
                    verb: refused.verb,
                    words: &words,
                    flags: if is_question { QUESTION } else { BAD },
                    ..Row::new(REFUSED, time)
                });
            }
            Note::Fault(fault) => {
                let word = if fault.begins { "begins" } else { "ends" };
                self.push(&Row {
                    actor: "fault",
                    verb: word,
                    words: &fault.fault,
                    why: &fault.hit.join(", "),
                    flags: BAD,
                    ..Row::new(FAULT, time)
                });
            }
            Note::Mark(mark) => self.push(&Row {
                actor: &mark.who,
                cause,
                end,
                verb: mark.mark,
                words: &mark.detail,
                flags: if mark.mark == "crash" { BAD } else { 0 },
                ..Row::new(MARK, time)
            }),
            Note::Step(_) => {}
        }
    }

    fn written(&mut self, write: &WriteNote, time: SimTime, cause: Option<usize>, end: i64) {
        let (change, origin) = (&write.change, &write.origin);
        let object = &change.object;
        let value = object.to_value();
        let item = self.item(object);
        match &change.old {
            Some(old) => {
                let changes = delta(&old.to_value(), &value);
                self.version(item, &as_json(&changes));
            }
            None => self.first(item, object, &value),
        }
        let state = self.texts.number(&state(object, &value));
        let words = said(write, time).join("; ");
        let part = match origin.subresource {
            "" => origin.verb.to_owned(),
            part => format!("{}/{part}", origin.verb),
        };
        let flags = match (change.old.is_none(), change.deleted) {
            (_, true) => DELETED,
            (true, false) => CREATED,
            (false, false) => 0,
        };
        self.push(&Row {
            actor: &origin.user,
            object: Some(item),
            cause,
            end,
            verb: &part,
            words: &words,
            why: &origin.why.to_string(),
            flags,
            state: Some(state),
            ..Row::new(WRITE, time)
        });
    }

    fn write(mut self, told: &Told<'_>) -> String {
        let mut owners = Column::default();
        for owner in &self.owners {
            owners.push_place(owner.as_ref().and_then(|key| self.numbers.get(key).copied()));
        }
        let gauges = told.gauges.map(|gauges| {
            let (mut times, mut values) = (Column::default(), Column::default());
            let of = gauges.to_json(|time, value| {
                times.push(time);
                values.push(value);
            });
            (of, times, values)
        });
        let mut columns = vec![
            ("t", &self.time),
            ("k", &self.what),
            ("a", &self.actor),
            ("o", &self.object),
            ("c", &self.cause),
            ("e", &self.end),
            ("v", &self.verb),
            ("w", &self.words),
            ("y", &self.why),
            ("f", &self.flags),
            ("s", &self.state),
            ("kind", &self.kinds),
            ("namespace", &self.namespaces),
            ("name", &self.names),
            ("owner", &owners),
        ];
        if let Some((_, times, values)) = &gauges {
            columns.extend([("times", times), ("values", values)]);
        }
        let mut out = String::new();
        let chunks = self.versions(&mut out);
        let lengths: Vec<Value> = columns.iter().map(|(name, c)| json!([name, c.len()])).collect();
        let head = json!({
            "run": run_of(told), "steps": std::mem::take(&mut self.steps), "columns": lengths,
            "chunks": chunks, "gauges": gauges.as_ref().map(|(of, ..)| of),
        });
        let bytes: Vec<u8> = columns.iter().flat_map(|(_, c)| c.bytes()).copied().collect();
        put("head", head.to_string().as_bytes(), &mut out);
        put("columns", &bytes, &mut out);
        put("texts", self.texts.joined().as_bytes(), &mut out);
        out
    }

    /// Writes the versions of all objects in chunks; gives the first object of each, and how many
    /// bytes it holds.
    fn versions(&self, out: &mut String) -> Vec<[usize; 2]> {
        let mut chunks = Vec::new();
        let (mut text, mut first) = (String::new(), 0);
        for (item, all) in self.versions.iter().enumerate() {
            text.push_str(all);
            if text.len() >= CHUNK || item + 1 == self.versions.len() {
                put(&format!("versions-{}", chunks.len()), text.as_bytes(), out);
                chunks.push([first, text.len()]);
                (text, first) = (String::new(), item + 1);
            } else {
                text.push('\u{1}');
            }
        }
        chunks
    }
}

/// A script of HTML with packed bytes.
fn put(name: &str, bytes: &[u8], out: &mut String) {
    out.push_str("<script type=\"text/plain\" id=\"data-");
    out.push_str(name);
    out.push_str("\">");
    out.push_str(&packed(bytes));
    out.push_str("</script>\n");
}

fn run_of(told: &Told<'_>) -> Value {
    let header = told.header;
    let verdict = told.verdict.map(|verdict| {
        let expectations = verdict.expectations.iter().map(|e| {
            json!({
                "text": e.text, "outcome": e.outcome.as_str(), "at": e.at.0 / 1_000,
                "detail": e.detail,
            })
        });
        json!({
            "word": verdict.as_str(), "error": verdict.error, "end": verdict.end.0 / 1_000,
            "turns": verdict.turns, "writes": verdict.writes,
            "digest": verdict.digest.to_string(),
            "expectations": expectations.collect::<Vec<_>>(),
        })
    });
    json!({
        "name": header.scenario, "namespace": header.namespace, "seed": header.seed,
        "version": header.version, "kubernetes": header.kubernetes,
        "about": told.about, "scenario": told.scenario, "verdict": verdict,
        "messages": header.messages,
    })
}

/// The row that led to a record, or where its chain ends. Signs of life, which have no row, are
/// passed over.
fn cause_of(
    causes: &Causes<'_>,
    place: usize,
    places: &[Option<usize>],
    step_rows: &[usize],
) -> (Option<usize>, i64) {
    let mut place = place;
    loop {
        match causes.of(place) {
            Cause::Record(cause) | Cause::Fault(cause) => match places[cause] {
                Some(row) => return (Some(row), NO_END),
                None => place = cause,
            },
            Cause::Step(step) => return (step_rows.get(step).copied(), NO_END),
            Cause::Timer => return (None, TIMER),
            Cause::Beginning => return (None, START),
        }
    }
}
