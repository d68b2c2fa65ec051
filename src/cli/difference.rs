//! `wavetank diff`: two runs, where they part, and what differs at the end.
//!
//! Responsible for comparing what happened to each object, not when: two seeds have other instants
//! and other names from the first message on. Names that chance has completed are told by their
//! order, and what tells equal objects apart by accident (uid, revision, address) is left out.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::Value;

use crate::api::Name;
use crate::api::note::Note;
use crate::api::object::{Kind, ObjectKey};
use crate::api::refusal::Reason;
use crate::cli::Status;
use crate::cli::files::{complain, say};
use crate::cli::past::Run;
use crate::cli::play::{Choice, clock};
use crate::sim::log::Record;
use crate::sim::time::SimTime;
use crate::trace::history::History;

/// Fields that differ from run to run and mean nothing.
const ACCIDENTS: &[&str] = &[
    "uid",
    "resourceVersion",
    "managedFields",
    "controller-uid",
    "podIP",
    "podIPs",
    "ip",
    "containerID",
];

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
        let a = Choice { seed: self.seed, set: self.set.clone(), ..Choice::default() };
        let set = self.set.iter().chain(&self.set_b).cloned().collect();
        let b = Choice { seed: self.seed_b.or(self.seed), set, ..Choice::default() };
        let name = self.b.as_deref().unwrap_or(&self.a);
        Ok((Run::read(&self.a, &a)?, Run::read(name, &b)?))
    }
}

fn compare(a: &Run, b: &Run) -> Status {
    let (names_a, names_b) = (Aliases::of(a), Aliases::of(b));
    let (left, right) = (streams(a, &names_a), streams(b, &names_b));
    let same: usize = left.iter().map(|(key, own)| shared(own, stream(&right, key))).sum();
    let parting = first_parting(&left, &right);
    if let Some((key, at)) = &parting {
        say(&format!("the runs part at {key}"));
        say(&match at {
            0 => ":\n".to_owned(),
            n => format!(", after {n} happenings there that are the same:\n"),
        });
        if let Some((time, text)) = at.checked_sub(1).and_then(|n| stream(&left, key).get(n)) {
            say(&format!("  {:>9}  {text}\n", clock(*time)));
        }
        for (mark, side) in [('-', &left), ('+', &right)] {
            match stream(side, key).get(*at) {
                Some((time, text)) => say(&format!("{mark} {:>9}  {text}\n", clock(*time))),
                None => say(&format!("{mark} (nothing more)\n")),
            }
        }
    }
    let differences = at_the_end((a, &names_a), (b, &names_b));
    if !differences.is_empty() {
        say("\nat the end:\n");
        differences.iter().for_each(|line| say(&format!("{line}\n")));
    }
    if parting.is_some() || !differences.is_empty() {
        return Status::Failed;
    }
    say(&format!("the same: {same} happenings, and the same objects at the end\n"));
    Status::Held
}

/// Names that chance has completed, each with one that is the same in every run: the how-manieth of
/// its prefix it is.
#[derive(Default)]
struct Aliases(BTreeMap<Name, String>);

impl Aliases {
    fn of(run: &Run) -> Aliases {
        let mut aliases = Aliases::default();
        let mut counts: BTreeMap<Name, usize> = BTreeMap::new();
        let written = run.log().iter().filter_map(|record| match &record.note {
            Note::Write(write) if write.change.old.is_none() => Some(&write.change.object),
            Note::Write(_) | Note::Refused(_) | Note::Step(_) | Note::Fault(_) | Note::Mark(_) => {
                None
            }
        });
        for object in run.beginning().iter().chain(written) {
            let meta = object.meta();
            if meta.generate_name.is_empty() || aliases.0.contains_key(&meta.name) {
                continue;
            }
            let count = counts.entry(meta.generate_name.clone()).or_default();
            *count += 1;
            aliases.0.insert(meta.name.clone(), format!("{}#{count}", meta.generate_name));
        }
        aliases
    }

    /// A text with the names that are the same in every run.
    fn plain(&self, text: &str) -> String {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            out.push_str(self.0.get(word).map_or(word, String::as_str));
            let next = after.find(is_part).unwrap_or(after.len());
            out.push_str(&after[..next]);
            rest = &after[next..];
        }
        out
    }
}

/// What happened to each object, in each step and by each fault, in order: what happens to several
/// at once has another order in every run.
type Streams = BTreeMap<String, Vec<(SimTime, String)>>;

fn streams(run: &Run, names: &Aliases) -> Streams {
    let mut streams = Streams::new();
    for record in run.log().iter() {
        if let Some((key, text)) = happening(record) {
            let happened = (record.time, names.plain(&text).replace('\n', "\n             "));
            streams.entry(names.plain(&key)).or_default().push(happened);
        }
    }
    streams
}

fn stream<'a>(streams: &'a Streams, key: &str) -> &'a [(SimTime, String)] {
    streams.get(key).map_or(&[], Vec::as_slice)
}

/// How many happenings two streams share from their begin on.
fn shared(a: &[(SimTime, String)], b: &[(SimTime, String)]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a.1 == b.1).count()
}

/// Of the streams that part, the one that parts first, and after how many happenings.
fn first_parting(left: &Streams, right: &Streams) -> Option<(String, usize)> {
    let keys = left.keys().chain(right.keys().filter(|key| !left.contains_key(*key)));
    let partings = keys.filter_map(|key| {
        let (a, b) = (stream(left, key), stream(right, key));
        let same = shared(a, b);
        let next = [a.get(same), b.get(same)].into_iter().flatten().map(|(time, _)| *time).min();
        next.map(|time| (time, key.clone(), same))
    });
    partings.min().map(|(_, key, same)| (key, same))
}

/// What a record is about, and what it tells but for its instant; nothing for signs of life.
fn happening(record: &Record<Note>) -> Option<(String, String)> {
    if record.turn == 0 || record.note.is_heartbeat() {
        return None;
    }
    let (key, text) = match &record.note {
        // Their names hold instants, and they only repeat what others did.
        Note::Write(write) if write.change.object.kind() == Kind::EVENT => return None,
        Note::Write(write) => {
            let origin = &write.origin;
            let why = origin.why.to_string();
            let why = if why.is_empty() { why } else { format!(" ({why})") };
            let part = match origin.subresource {
                "" => String::new(),
                part => format!(" of its {part}"),
            };
            let text = format!("{} {}{part}{why}", origin.user, origin.verb);
            (named(&write.change.object.key()), text)
        }
        // Who leads is housekeeping.
        Note::Refused(refused) if refused.resource == "leases" => return None,
        Note::Mark(mark) if mark.mark == "leader" && record.time.0 < 1_000_000_000 => return None,
        // Who meets whom is chance; what comes of it shows in the writes.
        Note::Refused(refused) if refused.refusal.is(Reason::Conflict) => return None,
        Note::Refused(refused) => {
            let (verb, of) = (refused.verb, &refused.resource);
            let text = format!("{} {verb}: refused: {}", refused.user, refused.refusal.message);
            (format!("{of} {}", refused.name), text)
        }
        Note::Step(step) => {
            let output = sober(&step.output);
            let text = format!("$ {} → status {}\n{output}", step.text, step.code);
            (format!("step {}", step.number + 1), text)
        }
        Note::Fault(fault) => {
            let word = if fault.begins { "begins" } else { "ends" };
            let text = format!("fault {} {word}: {}", fault.fault, fault.hit.join(", "));
            (format!("fault {}", fault.fault), text)
        }
        Note::Mark(mark) => (mark.who.to_string(), format!("{} {}", mark.mark, mark.detail)),
    };
    Some((key, text.trim_end().to_owned()))
}

/// What a command has printed, without what differs by accident: ages, addresses, and the order of
/// lines, which follows from names.
fn sober(output: &str) -> String {
    let is_age = |word: &str| {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        digits > 0
            && word.chars().all(|c| c.is_ascii_digit() || "smhd".contains(c))
            && word.ends_with(['s', 'm', 'h', 'd'])
    };
    let is_address = |word: &str| word.starts_with("10.") && word.split('.').count() == 4;
    let plain = |line: &str| {
        let words = line.split_whitespace();
        let words = words.map(|word| if is_age(word) || is_address(word) { "-" } else { word });
        words.collect::<Vec<_>>().join(" ")
    };
    let mut lines: Vec<String> = output.lines().map(plain).collect();
    if let Some((_, rest)) = lines.split_first_mut() {
        rest.sort();
    }
    lines.join("\n")
}

fn at_the_end(a: (&Run, &Aliases), b: (&Run, &Aliases)) -> Vec<String> {
    let (left, right) = (objects(a.0, a.1), objects(b.0, b.1));
    let mut lines = Vec::new();
    for (key, value) in &left {
        match right.get(key) {
            None => lines.push(format!("- {key}")),
            Some(other) if other != value => {
                lines.push(format!("~ {key}"));
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
    lines.extend(new.map(|key| format!("+ {key}")));
    lines
}

fn named(key: &ObjectKey) -> String {
    let slash = if key.namespace.is_empty() { "" } else { "/" };
    format!("{} {}{slash}{}", key.kind.name(), key.namespace, key.name)
}

/// The objects at the end, but for those that only tell of time.
fn objects(run: &Run, names: &Aliases) -> BTreeMap<String, Value> {
    let history = History::new(run.beginning(), run.log());
    let all = history.at(run.end()).filter(|o| ![Kind::LEASE, Kind::EVENT].contains(&o.kind()));
    all.map(|object| {
        let mut value = object.to_value();
        without_accidents(&mut value, names);
        (names.plain(&named(&object.key())), value)
    })
    .collect()
}

/// Takes out uids, addresses, revisions, and all instants; names that chance has completed become
/// those that are the same in every run.
fn without_accidents(value: &mut Value, names: &Aliases) {
    if let Value::Object(map) = value {
        let is_accident = |key: &str, value: &Value| {
            ACCIDENTS.contains(&key)
                || key.ends_with("Time")
                || key.ends_with("Timestamp")
                || key.ends_with("At") && value.is_string()
        };
        map.retain(|key, value| !is_accident(key, value));
        map.values_mut().for_each(|value| without_accidents(value, names));
    } else if let Value::Array(items) = value {
        items.iter_mut().for_each(|value| without_accidents(value, names));
    } else if let Value::String(text) = value {
        let plain = names.plain(text);
        if plain != *text {
            *text = plain;
        }
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
        lines.push(format!("    {path}: {} → {}", short(a), short(b)));
    }
}

/// A value as text that fits on a line.
fn short(value: &Value) -> String {
    const ROOM: usize = 90;
    let text = value.to_string();
    if text.chars().count() <= ROOM {
        return text;
    }
    text.chars().take(ROOM - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_of_chance_is_told_by_its_order() {
        let names = Aliases([("web-x7k2p".into(), "web-#1".to_owned())].into());
        let text = "pod/web-x7k2p created, web-x7k2pq not (web-x7k2p)";
        assert_eq!(names.plain(text), "pod/web-#1 created, web-x7k2pq not (web-#1)");
    }

    #[test]
    fn ages_addresses_and_the_order_of_lines_are_accidents() {
        let one = "NAME  AGE  IP\nb  1m2s  10.244.1.2\na  3s  10.244.1.3\n";
        let other = "NAME  AGE   IP\na  4s  10.244.2.9\nb  62s  10.244.2.2\n";
        assert_eq!(sober(one), sober(other));
        assert_ne!(sober("a 3/3 1s"), sober("a 2/3 1s"));
    }

    #[test]
    fn of_two_partings_the_earlier_counts() {
        let at = |seconds, text: &str| (SimTime(seconds), text.to_owned());
        let left = Streams::from([
            ("a".to_owned(), vec![at(1, "x"), at(5, "y")]),
            ("b".to_owned(), vec![at(2, "x"), at(3, "y")]),
        ]);
        let right = Streams::from([
            ("a".to_owned(), vec![at(1, "x"), at(6, "z")]),
            ("b".to_owned(), vec![at(9, "x")]),
        ]);
        assert_eq!(first_parting(&left, &right), Some(("b".to_owned(), 1)));
        assert_eq!(first_parting(&left, &left), None);
    }

    #[test]
    fn only_what_differs_is_told() {
        let a = json!({"s": {"n": 1, "l": [1, 2]}});
        let b = json!({"s": {"n": 2, "l": [1, 3]}, "x": 1});
        let mut lines = Vec::new();
        differing("", &a, &b, &mut lines);
        assert_eq!(lines, ["    .s.n: 1 → 2", "    .s.l[1]: 2 → 3", "    .x: null → 1"]);
    }
}
