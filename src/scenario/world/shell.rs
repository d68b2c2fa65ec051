//! A terminal as an actor: kubectl commands that run, each with its requests under way.

use std::collections::BTreeMap;

use crate::api::Name;
use crate::api::message::Message;
use crate::api::request::{Request, Verb};
use crate::api::time::Time;
use crate::api::why::Why;
use crate::cluster::{Guest, Moved};
use crate::scenario::terminal::{Input, Running, Wants};
use crate::sim::engine::{ActorId, AlarmId, Peer};
use crate::sim::time::SimDuration;

/// A terminal at which commands run.
#[derive(Clone)]
pub(super) struct Shell {
    user: Name,
    servers: Vec<ActorId>,
    server: usize,
    commands: BTreeMap<u64, Job>,
    /// Which command each request under way belongs to, and its number there.
    under_way: BTreeMap<u64, (u64, u32)>,
    asked: u64,
    /// Commands that have ended and that nobody has fetched yet.
    ended: Vec<(u64, i32, String)>,
    /// Whether a request or its answer was lost with a connection.
    cut_off: bool,
}

#[derive(Clone)]
struct Job {
    running: Running,
    cause: u64,
    /// The alarms that it set; they count for nothing when it has ended.
    alarms: Vec<AlarmId>,
}

/// How long kubectl takes to start and read its configuration.
const START_UP: SimDuration = SimDuration::millis(40);

const LOST: u64 = 1 << 63;

impl Shell {
    pub(super) fn new(user: &'static str, servers: Vec<ActorId>) -> Shell {
        Shell {
            user: Name::new_static(user),
            servers,
            server: 0,
            commands: BTreeMap::new(),
            under_way: BTreeMap::new(),
            asked: 0,
            ended: Vec::new(),
            cut_off: false,
        }
    }

    /// Whether a command has ended that nobody has fetched yet.
    pub(super) fn has_ended(&self) -> bool {
        !self.ended.is_empty()
    }

    /// Whether a request or its answer was ever lost with a connection.
    pub(super) fn was_cut_off(&self) -> bool {
        self.cut_off
    }

    /// The commands that have ended: number, exit status, output.
    pub(super) fn take_ended(&mut self) -> Vec<(u64, i32, String)> {
        std::mem::take(&mut self.ended)
    }

    /// Begins a command under a number.
    pub(super) fn begin(&mut self, number: u64, running: Running, context: &mut Moved<'_>) {
        let cause = context.cause();
        let alarms = vec![context.foreground_alarm(context.now() + START_UP, number)];
        self.commands.insert(number, Job { running, cause, alarms });
    }

    /// Ends a command that runs: what it has printed.
    pub(super) fn cut_off(&mut self, number: u64) -> Option<String> {
        self.commands.remove(&number).map(|job| job.running.output().to_owned())
    }

    fn post(&self, id: u64, (manager, verb): (&'static str, Verb), context: &mut Moved<'_>) {
        let why = Why::new("typed by a person");
        let server = self.servers[self.server];
        context.connect(context.peer(server));
        let (user, manager) = (self.user.clone(), Name::new_static(manager));
        let request = Box::new(Request { user, manager, verb, why });
        context.send(context.peer(server), Message::Request(id, request));
    }

    fn step(&mut self, number: u64, input: Input<'_>, context: &mut Moved<'_>) {
        let Some(job) = self.commands.get_mut(&number) else { return };
        let now = Time::wall(context.start(), context.now());
        let wants = job.running.step(input, now);
        let cause = job.cause;
        self.follow(number, cause, wants, context);
    }

    fn follow(&mut self, number: u64, cause: u64, wants: Wants, context: &mut Moved<'_>) {
        context.because(cause);
        for token in wants.stop_watches {
            let id = self.under_way.iter().find(|(_, at)| **at == (number, token));
            if let Some(id) = id.map(|(id, _)| *id) {
                self.under_way.remove(&id);
                let server = context.peer(self.servers[self.server]);
                context.send(server, Message::StopWatch(id));
            }
        }
        let job = self.commands.get(&number);
        let manager = job.map(|job| job.running.field_manager()).unwrap_or_default();
        for (token, verb) in wants.requests {
            self.asked += 1;
            let id = self.asked;
            self.under_way.insert(id, (number, token));
            if context.is_up(self.servers[self.server]) {
                self.post(id, (manager, verb), context);
            } else {
                context.alarm(context.now() + SimDuration::millis(1), LOST | id);
            }
        }
        if let Some(at) = wants.wake_at {
            let alarm = context.foreground_alarm(at.since_start(context.start()), number);
            if let Some(job) = self.commands.get_mut(&number) {
                job.alarms.drain(..).for_each(|old| context.demote(old));
                job.alarms.push(alarm);
            }
        }
        if let Some(code) = wants.done
            && let Some(job) = self.commands.remove(&number)
        {
            self.under_way.retain(|_, (n, _)| *n != number);
            job.alarms.iter().for_each(|alarm| context.demote(*alarm));
            self.ended.push((number, code, job.running.output().to_owned()));
        }
    }

    fn lost(&mut self, id: u64, context: &mut Moved<'_>) {
        if let Some((number, token)) = self.under_way.remove(&id) {
            self.cut_off = true;
            self.step(number, Input::Lost(token), context);
        }
    }
}

impl Guest for Shell {
    fn start(&mut self, context: &mut Moved<'_>) {
        let server = self.servers[self.server];
        context.connect(context.peer(server));
    }

    fn receive(&mut self, _from: Peer, message: Message, context: &mut Moved<'_>) {
        match message {
            Message::Answer(id, answer) => {
                let Some((number, token)) = self.under_way.get(&id).copied() else { return };
                if !matches!(answer, crate::api::request::Answer::Watching) {
                    self.under_way.remove(&id);
                }
                self.step(number, Input::Answer(token, &answer), context);
            }
            Message::Watched(id, events) => {
                if let Some((number, token)) = self.under_way.get(&id).copied() {
                    self.step(number, Input::Watched(token, &events), context);
                }
            }
            Message::WatchClosed(id, refusal) => {
                if let Some((number, token)) = self.under_way.remove(&id) {
                    let input = Input::WatchClosed(token, refusal.as_ref());
                    self.step(number, input, context);
                }
            }
            Message::Request(..)
            | Message::StopWatch(_)
            | Message::Transaction(..)
            | Message::Range(..)
            | Message::WatchStore(_)
            | Message::Stored(..)
            | Message::Changed(_)
            | Message::Compacted(_)
            | Message::Bookmark(..)
            | Message::Beside(_)
            | Message::Runtime(..) => {}
        }
    }

    fn alarm(&mut self, tag: u64, context: &mut Moved<'_>) {
        if tag & LOST != 0 {
            return self.lost(tag & !LOST, context);
        }
        let Some(job) = self.commands.get(&tag) else { return };
        let input = if job.running.has_begun() { Input::Woken } else { Input::Begin };
        self.step(tag, input, context);
    }

    fn link_changed(&mut self, peer: ActorId, up: bool, context: &mut Moved<'_>) {
        if up || peer != self.servers[self.server] || context.is_up(peer) {
            return;
        }
        self.server = (self.server + 1) % self.servers.len();
        let server = self.servers[self.server];
        if context.is_up(server) {
            context.connect(context.peer(server));
        }
        let open: Vec<u64> = self.under_way.keys().copied().collect();
        for id in open {
            self.lost(id, context);
        }
    }

    fn boxed_clone(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn std::any::Any {
        self
    }
}
