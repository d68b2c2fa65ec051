//! `wavetank get`, `describe` and `why`: a run, from a trace or run anew, at any instant.
//!
//! Responsible for answering kubectl's requests from the versions that a run has left behind. The
//! commands themselves are those of a scenario's person, so that they print the same.

use std::collections::VecDeque;
use std::sync::Arc;

use clap::Args;

use crate::api::Name;
use crate::api::note::Note;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::{GroupResource, Refusal};
use crate::api::request::{
    Answer, Change, ListOptions, ObjectList, Verb, WatchEvent, WatchOptions,
};
use crate::api::time::Time;
use crate::apiserver::field;
use crate::cli::Status;
use crate::cli::files::{self, complain, say};
use crate::cli::play::{self, Choice};
use crate::scenario::duration;
use crate::scenario::kubectl::{self, Command, Kubectl, Scope, Target};
use crate::scenario::spec::Until;
use crate::scenario::terminal::{Input, Manifests, Running};
use crate::scenario::world::World;
use crate::sim::log::Log;
use crate::sim::time::{SimDuration, SimTime};
use crate::trace::history::History;
use crate::trace::reader::{Trace, is_trace};
use crate::trace::scheduling::Attempt;
use crate::trace::timeline::{Colour, Options};
use crate::trace::why;

/// Which run, and which instant of it.
#[derive(Args)]
pub(crate) struct When {
    /// The instant of virtual time, such as `90s`; without it, the run's end.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    at: Option<SimTime>,
    /// The seed of the run, in place of the scenario's.
    #[arg(long)]
    seed: Option<u64>,
    /// Sets a value of the scenario: `--set cluster.nodes[0].count=5`.
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// The namespace; the scenario's without it.
    #[arg(short, long)]
    namespace: Option<String>,
    /// Keeps so much of the run's history, such as `5m`; asking for what is older is refused.
    #[arg(long, value_name = "TIME", value_parser = span)]
    history: Option<SimDuration>,
}

impl When {
    fn choice(&self, until: Option<Until>) -> Choice {
        Choice { seed: self.seed, until, set: self.set.clone(), history: self.history }
    }
}

/// Shows objects as they were at any instant, as kubectl shows them.
///
/// The last word is the scenario or the trace:
/// `wavetank get pods --at 90s run.trace`.
#[derive(Args)]
#[group(skip)]
pub(crate) struct Get {
    #[command(flatten, next_help_heading = "Options of kubectl")]
    get: kubectl::Get,
    #[command(flatten, next_help_heading = "Which run, and which instant")]
    when: When,
}

/// Tells all about objects as they were at any instant.
///
/// The last word is the scenario or the trace:
/// `wavetank describe pod/web-0 --at 90s run.trace`.
#[derive(Args)]
#[group(skip)]
pub(crate) struct Describe {
    #[command(flatten, next_help_heading = "Options of kubectl")]
    describe: kubectl::Describe,
    #[command(flatten, next_help_heading = "Which run, and which instant")]
    when: When,
}

/// Follows the causes of an object's state back to a person, a fault or a timer.
#[derive(Args)]
pub(crate) struct Why {
    /// The object, or a field of it: `deploy/web`, `pod/web-0.status.phase`.
    #[arg(value_name = "KIND/NAME[.FIELD]")]
    object: String,
    /// The scenario or the trace.
    #[arg(value_name = "FILE|TRACE")]
    source: String,
    /// Tells each attempt to find a node for a pod: which plugin refused which node, and the scores
    /// of those that were left.
    #[arg(long)]
    scheduling: bool,
    #[command(flatten, next_help_heading = "Which run, and which instant")]
    when: When,
}

impl Get {
    pub(crate) fn carry_out(mut self) -> Status {
        let source = source_of(&mut self.get.targets, &mut self.get.files);
        if let Err(why) = self.get.targets() {
            complain(&mistaken(&why));
            return Status::Unusable;
        }
        let whole = self.get.watch || self.get.watch_only;
        show(source, &self.when, whole, Command::Get(self.get))
    }
}

impl Describe {
    pub(crate) fn carry_out(mut self) -> Status {
        let source = source_of(&mut self.describe.targets, &mut self.describe.files);
        if let Err(why) = self.describe.targets() {
            complain(&mistaken(&why));
            return Status::Unusable;
        }
        show(source, &self.when, false, Command::Describe(self.describe))
    }
}

impl Why {
    pub(crate) fn carry_out(&self) -> Status {
        match if self.scheduling { self.attempts() } else { self.text() } {
            Ok(text) => {
                say(&text);
                Status::Held
            }
            Err(why) => {
                complain(&why);
                Status::Unusable
            }
        }
    }

    fn text(&self) -> Result<String, String> {
        let past = Past::read(&self.source, &self.when, false)?;
        let (kind, name, field) = asked(&self.object)?;
        let namespace = self.when.namespace.as_deref().unwrap_or(&past.namespace);
        let namespace = if kind.row().namespaced { namespace } else { "" };
        let whole = ObjectKey::new(kind, namespace, name);
        // Names may hold dots: the longest name that there is counts.
        let (key, field) = match field {
            Some((short, field)) if past.history.revisions(&whole).is_empty() => {
                (ObjectKey::new(kind, namespace, short), Some(field))
            }
            Some(_) | None => (whole, None),
        };
        let question = why::Question { key: &key, field, at: past.at };
        let options = Options { width: files::width(), colour: Colour::Always };
        let told = why::why(past.run.beginning(), past.run.log(), question, options);
        told.map_err(|why| format!("error: {why}\n"))
    }
}

impl Why {
    /// The attempts to find a node for the pod that is asked about.
    fn attempts(&self) -> Result<String, String> {
        let (kind, name, _) = asked(&self.object)?;
        if kind != Kind::POD {
            return Err("error: `--scheduling` asks about a pod: `pod/web-0`\n".to_owned());
        }
        let when = &self.when;
        let until = when.at.map(|at| Until::At(at.since(SimTime::ZERO)));
        let choice = when.choice(until);
        let run = Run::read_telling(&self.source, &choice)?;
        let namespace = match &run {
            Run::Trace(trace) => Name::new(&trace.header.namespace),
            Run::World(world) => world.namespace().clone(),
        };
        let namespace = when.namespace.as_deref().unwrap_or(&namespace);
        let all = run.attempts();
        let of_pod = |a: &&Attempt| a.pod == name && a.namespace == namespace;
        let in_time = |a: &&Attempt| when.at.is_none_or(|at| a.at <= at);
        let told: Vec<String> =
            all.iter().filter(of_pod).filter(in_time).map(Attempt::text).collect();
        if !told.is_empty() {
            return Ok(told.join("\n"));
        }
        Err(match &run {
            Run::Trace(trace) if trace.attempts.is_empty() => format!(
                "{}: error: this trace does not tell of scheduling; \
                 write it with `wavetank run --trace-scheduling`\n",
                self.source
            ),
            Run::Trace(_) | Run::World(_) => {
                format!("error: no scheduler has tried pod {namespace}/{name}\n")
            }
        })
    }
}

/// Kind and name of what is asked about, and the name and field where there is a dot.
type Asked<'a> = (Kind, &'a str, Option<(&'a str, &'a str)>);

/// Kind and name of `KIND/NAME[.FIELD]`, and the name and field where there is a dot.
fn asked(text: &str) -> Result<Asked<'_>, String> {
    let expected = "expected an object such as `deploy/web` or `pod/web-0.status.phase`";
    let split = text.split_once('/').filter(|(_, name)| !name.is_empty());
    let (_, name) = split.ok_or_else(|| format!("error: `{text}`: {expected}\n"))?;
    // A field may hold slashes, a name none.
    let end = name.find('.').unwrap_or(name.len());
    let object = &text[..text.len() - name.len() + end];
    let line = kubectl::parse(&["get".to_owned(), object.to_owned()]);
    let line = line.map_err(|why| mistaken(&why))?;
    let targets = if let Command::Get(get) = &line.command { get.targets() } else { Ok(vec![]) };
    let kind = match targets.map_err(|why| mistaken(&why))?.first() {
        Some(Target { resource: kubectl::Resource::Known(row), .. }) => {
            Kind::of_version(row.api_version, row.kind)
        }
        Some(_) | None => None,
    };
    let kind =
        kind.ok_or_else(|| format!("error: `{object}`: objects of it are not modelled\n"))?;
    let field = name.split_at_checked(end).filter(|(_, field)| !field.is_empty());
    Ok((kind, name, field))
}

/// The last word, or what `-f` names.
fn source_of(targets: &mut Vec<String>, files: &mut kubectl::Files) -> Option<String> {
    let named = std::mem::take(&mut files.filename).into_iter().next();
    named.or_else(|| if targets.len() > 1 { targets.pop() } else { None })
}

fn mistaken(why: &kubectl::Trouble) -> String {
    let hint = why.mistake.nearest.as_deref();
    let hint = hint.map_or(String::new(), |near| format!(", did you mean `{near}`?"));
    format!("error: {}{hint}\n", why.mistake.message)
}

fn show(source: Option<String>, when: &When, whole: bool, command: Command) -> Status {
    let Some(source) = source else {
        complain("error: no scenario and no trace is given; it is the last word\n");
        return Status::Unusable;
    };
    let past = match Past::read(&source, when, whole) {
        Ok(past) => past,
        Err(why) => {
            complain(&why);
            return Status::Unusable;
        }
    };
    let kubectl = Kubectl { scope: Scope { namespace: when.namespace.clone() }, command };
    let (code, text) = past.ask(&kubectl);
    if code == 0 && !text.starts_with("No resources found") {
        say(&text);
    } else {
        complain(&text);
    }
    if code == 0 { Status::Held } else { Status::Unusable }
}

/// A span of virtual time of a command line.
pub(crate) fn span(text: &str) -> Result<SimDuration, String> {
    let wrong = || "expected a duration such as `90s` or `5m`".to_owned();
    duration::parse(text).filter(|span| *span > SimDuration::ZERO).ok_or_else(wrong)
}

fn instant(text: &str) -> Result<SimTime, String> {
    let wrong = || "expected a duration such as `90s` or `1m30s`".to_owned();
    duration::parse(text).map(|span| SimTime::ZERO + span).ok_or_else(wrong)
}

/// A run that is over.
pub(crate) enum Run {
    /// Read from its trace.
    Trace(Box<Trace>),
    /// Run just now.
    World(Box<World>),
}

impl Run {
    /// Reads a trace, or runs a scenario.
    pub(crate) fn read(source: &str, choice: &Choice) -> Result<Run, String> {
        Run::read_watching(source, choice, |_| {})
    }

    /// Like [`Run::read`]; `look` sees the world of a scenario after every turn.
    pub(crate) fn read_watching(
        source: &str,
        choice: &Choice,
        look: impl FnMut(&World),
    ) -> Result<Run, String> {
        let bytes = files::bytes(source)?;
        let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if is_trace(&String::from_utf8_lossy(first)) {
            let text = String::from_utf8_lossy(&bytes);
            let trace = Trace::read(&text).map_err(|why| format!("{source}: error: {why}\n"))?;
            return Ok(Run::Trace(Box::new(trace)));
        }
        let mut world = play::world_of(source, bytes, choice)?;
        play::drive_telling(source, &choice.set, &mut world, look);
        Ok(Run::World(Box::new(world)))
    }

    /// Like [`Run::read`], with all that the schedulers' attempts find out.
    fn read_telling(source: &str, choice: &Choice) -> Result<Run, String> {
        let bytes = files::bytes(source)?;
        let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if is_trace(&String::from_utf8_lossy(first)) {
            return Run::read(source, choice);
        }
        let mut world = play::world_of(source, bytes, choice)?;
        world.cluster_mut().tell_scheduling(None);
        play::drive(source, &choice.set, &mut world);
        Ok(Run::World(Box::new(world)))
    }

    /// What the schedulers' attempts found out, where they were to tell it.
    fn attempts(&self) -> Vec<Attempt> {
        match self {
            Run::Trace(trace) => trace.attempts.clone(),
            Run::World(world) => {
                world.cluster().told_scheduling().into_iter().map(Attempt::from).collect()
            }
        }
    }

    /// What was there before anything happened.
    pub(crate) fn beginning(&self) -> &[Object] {
        match self {
            Run::Trace(trace) => &trace.beginning,
            Run::World(world) => world.beginning(),
        }
    }

    /// What happened.
    pub(crate) fn log(&self) -> &Log<Note> {
        match self {
            Run::Trace(trace) => &trace.log,
            Run::World(world) => world.cluster().engine.log(),
        }
    }

    /// The instant of its end.
    pub(crate) fn end(&self) -> SimTime {
        match self {
            Run::World(world) => world.now(),
            Run::Trace(trace) => match &trace.verdict {
                Some(verdict) => verdict.end,
                None => trace.log.iter().map(|record| record.time).max().unwrap_or(SimTime::ZERO),
            },
        }
    }
}

/// A run, seen at one instant.
struct Past {
    run: Run,
    history: History,
    namespace: Name,
    at: SimTime,
}

impl Past {
    /// Reads a trace, or runs a scenario up to the instant; `whole` goes on to its end.
    fn read(source: &str, when: &When, whole: bool) -> Result<Past, String> {
        let until = when.at.filter(|_| !whole).map(|at| Until::At(at.since(SimTime::ZERO)));
        let choice = when.choice(until);
        let run = Run::read(source, &choice)?;
        let namespace = match &run {
            Run::Trace(trace) => Name::new(&trace.header.namespace),
            Run::World(world) => world.namespace().clone(),
        };
        let at = when.at.unwrap_or_else(|| run.end());
        if let Some(cut) = run.log().cut().filter(|cut| at < cut.at) {
            let cut = play::clock(cut.at);
            return Err(format!(
                "{source}: error: 410 Expired: what was before {cut} is forgotten: `--history` cut it\n"
            ));
        }
        let history = History::new(run.beginning(), run.log());
        Ok(Past { run, history, namespace, at })
    }

    /// Carries out a command that only looks; gives its exit status and what it printed.
    fn ask(&self, command: &Kubectl) -> (i32, String) {
        let mut running = Running::new(command, &Manifests::new(), &self.namespace);
        let start = self.run.log().start();
        let now = Time::wall(start, self.at);
        let mut wants = running.step(Input::Begin, now);
        let mut open: VecDeque<(u32, Verb)> = wants.requests.drain(..).collect();
        while let (None, Some((token, verb))) = (wants.done, open.pop_front()) {
            wants = running.step(Input::Answer(token, &self.answer(&verb)), now);
            open.extend(wants.requests.drain(..));
            if let Verb::Watch(options) = &verb {
                for (time, event) in self.events(options) {
                    running.step(Input::Watched(token, &[event]), Time::wall(start, time));
                }
                wants = running.step(Input::WatchClosed(token, None), now);
            }
        }
        (wants.done.unwrap_or(1), running.output().to_owned())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "whatever would change the past is refused")]
    fn answer(&self, verb: &Verb) -> Answer {
        match verb {
            Verb::Get(key) => match self.history.get(key, self.at) {
                Some(object) => Answer::Object(object.clone()),
                None => {
                    let row = key.kind.row();
                    let of = GroupResource::new(row.group, row.plural);
                    Answer::Refused(Refusal::not_found(&of, &key.name))
                }
            },
            Verb::List(options) => Answer::List(Arc::new(self.list(options))),
            Verb::Watch(_) => Answer::Watching,
            _ => {
                let of = GroupResource::new("", "past");
                Answer::Refused(Refusal::not_found(&of, "a way to change the past"))
            }
        }
    }

    fn list(&self, options: &ListOptions) -> ObjectList {
        let all = self.history.list(options.kind, self.at);
        let items = all.filter(|object| {
            is_in(object, &options.namespace)
                && options.labels.matches(&object.meta().labels)
                && options.fields.matches(|name| field::value(object, name))
        });
        ObjectList {
            resource_version: 1,
            items: items.cloned().collect(),
            continue_token: Name::default(),
            remaining: None,
        }
    }

    /// What a watcher sees after the instant, in order.
    fn events(&self, options: &WatchOptions) -> Vec<(SimTime, WatchEvent)> {
        let keys = self.history.keys().filter(|key| key.kind == options.kind);
        let mut events = Vec::new();
        for key in keys {
            let mut is_there = self.history.get(key, self.at).is_some();
            for revision in self.history.revisions(key).iter().filter(|r| r.time > self.at) {
                let object = &revision.object;
                let change = match (revision.deleted, is_there) {
                    (true, _) => Change::Deleted,
                    (false, true) => Change::Modified,
                    (false, false) => Change::Added,
                };
                is_there = !revision.deleted;
                let is_wanted = is_in(object, &options.namespace)
                    && options.labels.matches(&object.meta().labels)
                    && options.fields.matches(|name| field::value(object, name));
                if is_wanted {
                    let (object, cause) = (object.clone(), revision.turn);
                    let number = object.meta().resource_version;
                    let event = WatchEvent { change, object, revision: number, cause };
                    events.push((revision.time, event));
                }
            }
        }
        events.sort_by_key(|(time, event)| (*time, event.cause, event.revision));
        events
    }
}

fn is_in(object: &Object, namespace: &Name) -> bool {
    namespace.is_empty() || object.meta().namespace == *namespace
}
