//! The person at the terminal: kubectl commands as they run.
//!
//! Responsible for what kubectl does between the line that is typed and the text that appears:
//! which requests, in which order, how long it waits, which words it prints and with which code it
//! ends. It never sends anything itself: a [`Running`] command says what it wants and is told what
//! came of it.

mod failure;
mod script;

mod apply;
mod choice;
mod create;
mod delete;
mod drain;
mod follow;
mod get;
mod history;
mod made;
mod mark;
mod name;
mod node;
mod patch;
mod rollback;
mod rollout;
mod scale;
mod seam;
mod set;
mod top;
mod wait;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::Name;
use crate::api::refusal::Refusal;
use crate::api::request::{Answer, Verb, WatchEvent};
use crate::api::time::Time;
use crate::scenario::kubectl::{Command, DryRun, Files, Kubectl, RolloutVerb, Scope, SetWhat};
use crate::scenario::kubectl::{Output, Substitution, TopWhat, Validate};
use crate::scenario::manifest::Manifest;
use crate::scenario::terminal::script::{End, Fact, Play, Script, Shared, Stop};

/// The objects of each file that a command names.
pub type Manifests = BTreeMap<String, Arc<[Manifest]>>;

/// A kubectl command on its way: pure data, to be cloned at will.
#[derive(Clone, Debug)]
pub struct Running {
    scene: Arc<Scene>,
    facts: Vec<Fact>,
    shared: Shared,
    code: Option<i32>,
}

/// What a command was started with.
#[derive(Clone, Debug)]
struct Scene {
    command: Kubectl,
    files: Manifests,
    namespace: Name,
}

/// What comes in for a command.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// It begins.
    Begin,
    /// A request was answered.
    Answer(u32, &'a Answer),
    /// A request, or its answer, was lost: nobody listens, or the connection broke.
    Lost(u32),
    /// A watch shows changes.
    Watched(u32, &'a [WatchEvent]),
    /// A watch has ended.
    WatchClosed(u32, Option<&'a Refusal>),
    /// The instant has come that the command wanted to be woken at.
    Woken,
}

/// What a command wants next.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Wants {
    /// Requests to send, by the numbers that their answers bear.
    pub requests: Vec<(u32, Verb)>,
    /// Watches to end, by the numbers of the requests that opened them.
    pub stop_watches: Vec<u32>,
    /// When it wants to be woken, whatever comes before; replaces the instant of the last step.
    pub wake_at: Option<Time>,
    /// The exit code, once it has ended.
    pub done: Option<i32>,
}

impl Running {
    /// A command that is about to begin, in a namespace unless it names another.
    pub fn new(command: &Kubectl, files: &Manifests, namespace: &Name) -> Running {
        let scene = Scene {
            command: command.clone(),
            files: files.clone(),
            namespace: command.scope.namespace.as_deref().map_or(namespace.clone(), Name::new),
        };
        Running { scene: Arc::new(scene), facts: Vec::new(), shared: Shared::default(), code: None }
    }

    /// `kubectl apply` of manifests that stand in no file.
    pub fn apply(manifests: &[Manifest], namespace: &Name) -> Running {
        let apply = crate::scenario::kubectl::Apply {
            files: Files { filename: vec![String::new()], recursive: false },
            server_side: false,
            force_conflicts: false,
            field_manager: None,
            force: false,
            validate: Validate::Strict,
            dry_run: DryRun::None,
            output: None,
            selector: None,
        };
        let command = Kubectl { scope: Scope::default(), command: Command::Apply(apply) };
        let files = BTreeMap::from([(String::new(), Arc::from(manifests))]);
        Running::new(&command, &files, namespace)
    }

    /// The command inside a `$(…)`; [`words_of`] cuts its output.
    pub fn substitution(substitution: &Substitution, namespace: &Name) -> Running {
        let command = Kubectl {
            scope: Scope { namespace: substitution.namespace.clone() },
            command: Command::Get(substitution.get.clone()),
        };
        Running::new(&command, &Manifests::new(), namespace)
    }

    /// Whether it has taken its first step.
    pub fn has_begun(&self) -> bool {
        self.shared.now != Time::default()
    }

    /// What it has printed so far, as a terminal shows it.
    pub fn output(&self) -> &str {
        &self.shared.output
    }

    /// The field manager of what it writes.
    pub fn field_manager(&self) -> &'static str {
        self.scene.command.command.field_manager()
    }

    /// Takes what comes in, goes on as far as it can, and says what it wants.
    pub fn step(&mut self, input: Input<'_>, now: Time) -> Wants {
        self.take(input);
        if let Some(code) = self.code {
            return Wants { done: Some(code), ..Wants::default() };
        }
        self.shared.now = now;
        self.shared.wake = None;
        let scene = self.scene.clone();
        let result = run(&mut Script::new(&mut self.shared, &mut self.facts), &scene);
        self.code = match result {
            Ok(()) => Some(0),
            Err(Stop::Fail(failure)) => {
                self.shared.output.push_str(&failure.final_text());
                self.shared.output.push('\n');
                Some(1)
            }
            Err(Stop::Wait) => None,
        };
        if self.code.is_some() {
            let streams = std::mem::take(&mut self.shared.streams);
            let open = streams.into_iter().filter(|(_, stream)| stream.is_open());
            self.shared.stops.extend(open.map(|(token, _)| token));
        }
        Wants {
            requests: std::mem::take(&mut self.shared.requests),
            stop_watches: std::mem::take(&mut self.shared.stops),
            wake_at: self.shared.wake.filter(|_| self.code.is_none()),
            done: self.code,
        }
    }

    fn take(&mut self, input: Input<'_>) {
        match input {
            Input::Begin | Input::Woken => {}
            Input::Answer(token, answer) => {
                self.shared.replies.insert(token, Some(answer.clone()));
                if matches!(answer, Answer::Watching) {
                    self.shared.streams.entry(token).or_default();
                }
            }
            Input::Lost(token) => {
                self.shared.replies.insert(token, None);
            }
            Input::Watched(token, events) => {
                // The first changes may overtake the word that the watch has begun.
                let shared = &mut self.shared;
                if !shared.replies.contains_key(&token) || shared.streams.contains_key(&token) {
                    let stream = shared.streams.entry(token).or_default();
                    stream.queue.extend(events.iter().cloned());
                }
            }
            Input::WatchClosed(token, why) => {
                if let Some(stream) = self.shared.streams.get_mut(&token) {
                    stream.end = End::Closed(why.cloned());
                }
            }
        }
    }
}

/// The words that a substitution puts into its line.
pub fn words_of(substitution: &Substitution, output: &str) -> Vec<String> {
    let lines = substitution.cut.lines(output);
    lines.iter().flat_map(|line| line.split_whitespace()).map(str::to_owned).collect()
}

/// Runs a command.
fn run(script: &mut Script<'_>, scene: &Scene) -> Play<()> {
    match &scene.command.command {
        Command::Apply(apply) => apply::apply(script, scene, apply),
        Command::Create(create) => create::create(script, scene, create),
        Command::Run(run) => create::run(script, scene, run),
        Command::Expose(expose) => create::expose(script, scene, expose),
        Command::Autoscale(autoscale) => create::autoscale(script, scene, autoscale),
        Command::Delete(delete) => delete::delete(script, scene, delete),
        Command::Scale(scale) => scale::scale(script, scene, scale),
        Command::Set(set) => match &set.what {
            SetWhat::Image(pairs) => set::image(script, scene, pairs),
            SetWhat::Env(pairs) => set::env(script, scene, pairs),
            SetWhat::Resources(amounts) => set::resources(script, scene, amounts),
        },
        Command::Rollout(rollout) => match &rollout.verb {
            RolloutVerb::Status(status) => rollout::status(script, scene, status),
            RolloutVerb::Undo(undo) => rollback::undo(script, scene, undo),
            RolloutVerb::Restart(which) => rollout::restart(script, scene, which),
            RolloutVerb::Pause(which) => rollout::pause(script, scene, which),
            RolloutVerb::Resume(which) => rollout::resume(script, scene, which),
            RolloutVerb::History(history) => history::history(script, scene, history),
        },
        Command::Patch(patch) => patch::patch(script, scene, patch),
        Command::Label(label) => mark::label(script, scene, label),
        Command::Annotate(annotate) => mark::annotate(script, scene, annotate),
        Command::Taint(taint) => node::taint(script, scene, taint),
        Command::Cordon(cordon) => node::cordon(script, scene, cordon),
        Command::Uncordon(cordon) => node::uncordon(script, scene, cordon),
        Command::Drain(drain) => drain::drain(script, scene, drain),
        Command::Wait(wait) => wait::wait(script, scene, wait),
        Command::Get(get) => get::get(script, scene, get),
        Command::Describe(describe) => get::describe(script, scene, describe),
        Command::Events(events) => get::events(script, scene, events),
        Command::Top(top) => match &top.what {
            TopWhat::Node(nodes) => top::nodes(script, nodes),
            TopWhat::Pod(pods) => top::pods(script, scene, pods),
        },
    }
}

/// Prints an object that was changed: as `-o` wants it, or by its name and what was done.
fn report(
    script: &mut Script<'_>,
    info: &choice::Info,
    done: &str,
    dry_run: DryRun,
    output: Option<&Output>,
) -> Play<()> {
    match (output, &info.object) {
        (None, _) | (Some(_), None) => {
            script.say(&format!("{} {done}{}", info.shown(), name::dry_run_suffix(dry_run)));
        }
        (Some(output), Some(object)) => {
            let now = script.now();
            script.print(&seam::one(object, output, now)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
