//! `wavetank diff`: two runs, where they part, and what differs at the end.
//!
//! Responsible for comparing what happened, not when: two seeds have other instants from the first
//! message on. What tells equal objects apart by accident (uid, revision, instants) is left out.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::Value;

use crate::api::note::Note;
use crate::api::object::{Kind, ObjectKey};
use crate::cli::Status;
use crate::cli::files::{complain, say};
use crate::cli::past::Run;
use crate::cli::play::{Choice, clock};
use crate::sim::log::Record;
use crate::sim::time::SimTime;
use crate::trace::history::History;

/// So many fields of an object are shown.
const MOST_FIELDS: usize = 8;

/// Compares two runs.
#[derive(Args)]
pub(crate) struct Diff {
    /// The one run: a scenario or a trace.
    a: String,
    /// The other run; without it, the same scenario with another seed or other values.
    b: Option<String>,
    /// The seed of the one run.
    #[arg(long)]
    seed: Option<u64>,
    /// The seed of the other run.
    #[arg(long)]
    seed_b: Option<u64>,
    /// Sets a value in both scenarios.
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Sets a value in the other scenario alone.
    #[arg(long, value_name = "PATH=VALUE")]
    set_b: Vec<String>,
}

impl Diff {
    pub(crate) fn carry_out(&self) -> Status {
        match self.runs() {
            Ok((a, b)) => compare(&a, &b),
            Err(why) => {
                complain(&why);
                Status::Unusable
            }
        }
    }

    fn runs(&self) -> Result<(Run, Run), String> {
        let a = Choice { seed: self.seed, until: None, set: self.set.clone() };
        let set = self.set.iter().chain(&self.set_b).cloned().collect();
        let b = Choice { seed: self.seed_b.or(self.seed), until: None, set };
        let name = self.b.as_deref().unwrap_or(&self.a);
        Ok((Run::read(&self.a, &a)?, Run::read(name, &b)?))
    }
}

fn compare(a: &Run, b: &Run) -> Status {
    let told = |run: &Run| run.log().iter().filter_map(happening).collect::<Vec<_>>();
    let (left, right) = (told(a), told(b));
    let same = left.iter().zip(&right).take_while(|(a, b)| a.1 == b.1).count();
    let parted = same < left.len().max(right.len());
    if parted {
        say(&format!("the runs part after {same} happenings that are the same:\n"));
        if let Some((at, text)) = same.checked_sub(1).and_then(|n| left.get(n)) {
            say(&format!("  {:>9}  {text}\n", clock(*at)));
        }
        for (mark, side) in [('-', &left), ('+', &right)] {
            match side.get(same) {
                Some((at, text)) => say(&format!("{mark} {:>9}  {text}\n", clock(*at))),
                None => say(&format!("{mark} (nothing more)\n")),
            }
        }
    }
    let differences = at_the_end(a, b);
    if !differences.is_empty() {
        say("\nat the end:\n");
        differences.iter().for_each(|line| say(&format!("{line}\n")));
    }
    if parted || !differences.is_empty() {
        return Status::Failed;
    }
    say(&format!("the same: {same} happenings, and the same objects at the end\n"));
    Status::Held
}

/// What a record tells, but for its instant; nothing for signs of life.
fn happening(record: &Record<Note>) -> Option<(SimTime, String)> {
    if record.turn == 0 || record.note.is_heartbeat() {
        return None;
    }
    let text = match &record.note {
        // Their names hold instants, and they only repeat what others did.
        Note::Write(write) if write.change.object.kind() == Kind::EVENT => return None,
        Note::Write(write) => {
            let (origin, change) = (&write.origin, &write.change);
            let (row, meta) = (change.object.kind().row(), change.object.meta());
            let why = origin.why.to_string();
            let why = if why.is_empty() { why } else { format!(" ({why})") };
            let (verb, user) = (origin.verb, &origin.user);
            format!("{user} {verb} {} {}/{}{why}", row.name, meta.namespace, meta.name)
        }
        Note::Refused(refused) => {
            let (verb, of) = (refused.verb, &refused.resource);
            let message = &refused.refusal.message;
            format!("{} {verb} {of} {}: refused: {message}", refused.user, refused.name)
        }
        Note::Step(step) => format!("$ {} → status {}\n{}", step.text, step.code, step.output),
        Note::Fault(fault) => {
            let word = if fault.begins { "begins" } else { "ends" };
            format!("fault {} {word}: {}", fault.fault, fault.hit.join(", "))
        }
        Note::Mark(mark) => format!("{} {} {}", mark.who, mark.mark, mark.detail),
    };
    Some((record.time, text.trim_end().replace('\n', "\n             ")))
}

fn at_the_end(a: &Run, b: &Run) -> Vec<String> {
    let (left, right) = (objects(a), objects(b));
    let mut lines = Vec::new();
    for (key, value) in &left {
        match right.get(key) {
            None => lines.push(format!("- {}", named(key))),
            Some(other) if other != value => {
                lines.push(format!("~ {}", named(key)));
                let mut fields = Vec::new();
                differing("", value, other, &mut fields);
                let more = fields.len().saturating_sub(MOST_FIELDS);
                lines.extend(fields.into_iter().take(MOST_FIELDS));
                if more > 0 {
                    lines.push(format!("    … and {more} fields more"));
                }
            }
            Some(_) => {}
        }
    }
    let new = right.keys().filter(|key| !left.contains_key(*key));
    lines.extend(new.map(|key| format!("+ {}", named(key))));
    lines
}

fn named(key: &ObjectKey) -> String {
    let slash = if key.namespace.is_empty() { "" } else { "/" };
    format!("{} {}{slash}{}", key.kind.name(), key.namespace, key.name)
}

/// The objects at the end, but for those that only tell of time.
fn objects(run: &Run) -> BTreeMap<ObjectKey, Value> {
    let history = History::new(run.beginning(), run.log());
    let all = history.at(run.end()).filter(|o| ![Kind::LEASE, Kind::EVENT].contains(&o.kind()));
    all.map(|object| {
        let mut value = object.to_value();
        without_accidents(&mut value);
        (object.key(), value)
    })
    .collect()
}

/// Takes out uids, revisions, and all instants.
fn without_accidents(value: &mut Value) {
    if let Value::Object(map) = value {
        let is_accident = |key: &str, value: &Value| {
            ["uid", "resourceVersion", "managedFields", "controller-uid"].contains(&key)
                || key.ends_with("Time")
                || key.ends_with("Timestamp")
                || key.ends_with("At") && value.is_string()
        };
        map.retain(|key, value| !is_accident(key, value));
        map.values_mut().for_each(without_accidents);
    } else if let Value::Array(items) = value {
        items.iter_mut().for_each(without_accidents);
    }
}

/// The fields in which two values differ, a line each.
fn differing(path: &str, a: &Value, b: &Value, lines: &mut Vec<String>) {
    if let (Value::Object(left), Value::Object(right)) = (a, b) {
        for (key, value) in left {
            let other = right.get(key).unwrap_or(&Value::Null);
            differing(&format!("{path}.{key}"), value, other, lines);
        }
        for (key, other) in right.iter().filter(|(key, _)| !left.contains_key(*key)) {
            differing(&format!("{path}.{key}"), &Value::Null, other, lines);
        }
    } else if let (Value::Array(left), Value::Array(right)) = (a, b)
        && left.len() == right.len()
    {
        for (n, (value, other)) in left.iter().zip(right).enumerate() {
            differing(&format!("{path}[{n}]"), value, other, lines);
        }
    } else if a != b {
        lines.push(format!("    {path}: {a} → {b}"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let a = json!({"s": {"n": 1, "l": [1, 2]}});
        let b = json!({"s": {"n": 2, "l": [1, 3]}, "x": 1});
        let mut lines = Vec::new();
        differing("", &a, &b, &mut lines);
        assert_eq!(lines, ["    .s.n: 1 → 2", "    .s.l[1]: 2 → 3", "    .x: null → 1"]);
    }
}
