//! The person at the terminal: one step after the other.

use crate::api::note::{Note, StepNote};
use crate::fault::again::Again;
use crate::scenario::chaos::{self, Experiment};
use crate::scenario::kubectl::Command;
use crate::scenario::manifest::Manifest;
use crate::scenario::source::Session;
use crate::scenario::spec::{Action, Goal, Step, Until};
use crate::scenario::terminal::{Running, words_of};
use crate::scenario::world::World;
use crate::scenario::world::judge::holds;
use crate::scenario::world::shell::Shell;
use crate::sim::time::{SimDuration, SimTime};

/// How long `until` waits when the step does not say.
const PATIENCE: SimDuration = SimDuration::secs(300);

/// How a step went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StepResult {
    /// Its number, from 0.
    pub number: usize,
    /// As it was written.
    pub text: String,
    /// What it printed.
    pub output: String,
    /// Its exit status.
    pub code: i32,
    /// Whether its failure is none of the run.
    pub tolerant: bool,
    /// When it began.
    pub begun: SimTime,
    /// When it ended.
    pub ended: SimTime,
}

/// The person: which step is next, and what the present one waits for.
#[derive(Clone)]
pub(super) struct Person {
    steps: usize,
    next: usize,
    doing: Option<Doing>,
    background: Vec<Doing>,
    results: Vec<StepResult>,
    until: Until,
    last_end: Option<SimTime>,
    done: bool,
}

/// A step under way.
#[derive(Clone)]
struct Doing {
    number: usize,
    begun: SimTime,
    turn: u64,
    wait: Wait,
}

/// What a step waits for.
#[derive(Clone)]
enum Wait {
    /// A command: its number at the terminal, and the outputs of its substitutions so far.
    Command { job: u64, outputs: Vec<Vec<String>> },
    /// An instant.
    Instant(SimTime),
    /// Something that is to hold before an instant.
    Goal { before: SimTime, reached: Option<SimTime>, settling: bool },
}

impl Person {
    pub(super) fn new(steps: usize, until: Until) -> Person {
        Person {
            steps,
            next: 0,
            doing: None,
            background: Vec::new(),
            results: Vec::new(),
            until,
            last_end: None,
            done: false,
        }
    }

    pub(super) fn results(&self) -> &[StepResult] {
        &self.results
    }

    /// Whether all steps have ended.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    pub(super) fn ends_when_settled(&self) -> bool {
        self.until == Until::Settled
    }

    /// When the run ends by what the steps say.
    pub(super) fn end(&self) -> Option<SimTime> {
        match self.until {
            Until::AfterLastStep(span) if self.done => self.last_end.map(|end| end + span),
            Until::At(span) => Some(SimTime::ZERO + span),
            Until::Settled | Until::AfterLastStep(_) => None,
        }
    }

    /// When the person does something next; never while a command runs.
    pub(super) fn due(&self, begin: SimTime) -> SimTime {
        let end = self.end().unwrap_or(SimTime::NEVER);
        let own = match self.doing.as_ref().map(|d| &d.wait) {
            None if self.done => SimTime::NEVER,
            None if self.next >= self.steps && !self.background.is_empty() => SimTime::NEVER,
            None => self.last_end.unwrap_or(begin).max(begin),
            Some(Wait::Command { .. }) => SimTime::NEVER,
            Some(Wait::Instant(at)) => *at,
            Some(Wait::Goal { reached: Some(at), .. }) => *at,
            Some(Wait::Goal { before, .. }) => *before,
        };
        own.min(end)
    }

    /// Whether the present step waits for nothing to be left to do.
    pub(super) fn waits_for_settling(&self) -> bool {
        matches!(
            self.doing.as_ref().map(|d| &d.wait),
            Some(Wait::Goal { reached: None, settling: true, .. })
        )
    }

    fn ended(&mut self, result: StepResult) {
        let place = self.results.partition_point(|r| r.number < result.number);
        self.last_end = Some(result.ended);
        self.results.insert(place, result);
    }
}

/// The number at the terminal of a step's command.
fn job(number: usize) -> u64 {
    number as u64 + 1
}

impl World {
    /// Goes on with the steps: ends what has come to its end, and begins what follows.
    pub(super) fn act(&mut self) {
        let now = self.now();
        if self.end.is_some() || self.person.due(super::BEGIN) > now {
            return;
        }
        if let Some(doing) = self.person.doing.clone() {
            let (code, output) = match &doing.wait {
                Wait::Command { .. } => return,
                Wait::Instant(at) if *at > now => return,
                Wait::Instant(_) => (0, String::new()),
                Wait::Goal { reached: Some(_), .. } => (0, String::new()),
                Wait::Goal { before, .. } if *before > now => return,
                Wait::Goal { .. } => (1, "timed out waiting\n".to_owned()),
            };
            self.person.doing = None;
            self.step_ended(&doing, code, output);
            return;
        }
        self.next_step();
    }

    fn next_step(&mut self) {
        let now = self.now();
        let described = self.described.clone();
        let Some(step) = described.scenario.steps.get(self.person.next) else {
            if !self.person.done && self.person.background.is_empty() {
                self.person.done = true;
                self.person.last_end.get_or_insert(now);
                self.weather.calm_down();
            }
            return;
        };
        if let Some(at) = step.at.map(|at| SimTime::ZERO + at)
            && at > now
        {
            self.person.last_end = Some(at);
            return;
        }
        let number = self.person.next;
        self.person.next += 1;
        let turn = self.cluster.engine.turns() + 1;
        let doing = |wait| Doing { number, begun: now, turn, wait };
        let experiments = chaos::of_step(&step.action, &described);
        if !experiments.is_empty() {
            let (code, output) = self.experiment(&step.action, &experiments);
            return self.step_ended(&doing(Wait::Instant(now)), code, output);
        }
        self.begin_step(step, doing);
    }

    /// Begins a step of the person's that is no experiment.
    fn begin_step(&mut self, step: &Step, doing: impl Fn(Wait) -> Doing) {
        let described = self.described.clone();
        let now = self.now();
        let number = doing(Wait::Instant(now)).number;
        match &step.action {
            Action::Wait(span) => {
                self.person.doing = Some(doing(Wait::Instant(now + *span)));
            }
            Action::Inject(inject) => {
                let doing = doing(Wait::Instant(now));
                let hit = self.weather.inject(&inject.to_fault(), &mut self.cluster);
                let (code, output) = match hit {
                    Ok(_) => (0, String::new()),
                    Err(why) => (1, format!("{why}\n")),
                };
                self.step_ended(&doing, code, output);
            }
            Action::Until(goal) => {
                let before = now + step.within.unwrap_or(PATIENCE);
                let reached = self.goal_is_reached(goal).then_some(now);
                let settling = *goal == Goal::Settled;
                self.person.doing = Some(doing(Wait::Goal { before, reached, settling }));
            }
            Action::Apply(apply) => {
                let running = Running::apply(&apply.manifests, &self.namespace);
                self.person.doing =
                    Some(doing(Wait::Command { job: job(number), outputs: Vec::new() }));
                self.begin_command(job(number), running);
            }
            Action::Kubectl(line) => {
                let doing = doing(Wait::Command { job: job(number), outputs: Vec::new() });
                let running = match line.substitutions.first() {
                    Some(first) => Running::substitution(first, &self.namespace),
                    None => Running::new(&line.command, &described.files, &self.namespace),
                };
                if line.background {
                    self.person.background.push(doing);
                    self.person.last_end = Some(now);
                } else {
                    self.person.doing = Some(doing);
                }
                self.begin_command(job(number), running);
            }
        }
    }

    /// Begins or ends experiments; gives status and output as kubectl does.
    fn experiment(&mut self, action: &Action, experiments: &[&Manifest]) -> (i32, String) {
        let ends = matches!(action, Action::Kubectl(line)
            if matches!(line.command.command, Command::Delete(_)));
        let (mut code, mut output) = (0, String::new());
        for manifest in experiments {
            let name = chaos::told(manifest);
            if ends {
                let was = self.weather.end_experiment(&name, &mut self.cluster);
                code = if was { code } else { 1 };
                output.push_str(&if was {
                    format!("{name} deleted\n")
                } else {
                    format!("Error from server (NotFound): {name} not found\n")
                });
                continue;
            }
            let begun = match chaos::read(manifest, &mut Session::default()) {
                Some(Experiment::Once(inject)) => {
                    self.weather.begin_experiment(&name, &inject, &mut self.cluster)
                }
                Some(Experiment::Again(again)) => {
                    let again = Again { name: name.clone(), ..*again };
                    self.weather.schedule_experiment(again, &self.cluster);
                    Ok(())
                }
                None => Err("it cannot be read".to_owned()),
            };
            output.push_str(&format!("{name} created\n"));
            if let Err(why) = begun {
                code = 1;
                output.push_str(&format!("error: {name}: {why}\n"));
            }
        }
        (code, output)
    }

    fn begin_command(&mut self, number: u64, running: Running) {
        self.cluster.with_guest(self.terminal, |shell: &mut Shell, context| {
            shell.begin(number, running, context);
        });
    }

    /// Takes up the commands that have ended.
    pub(super) fn collect(&mut self) {
        self.reach_goal();
        let ready = self.cluster.guest::<Shell>(self.terminal).is_some_and(Shell::has_ended);
        if !ready {
            return;
        }
        let ended =
            self.cluster.with_guest(self.terminal, |shell: &mut Shell, _| shell.take_ended());
        for (number, code, output) in ended {
            self.command_ended(number, code, output);
        }
    }

    fn command_ended(&mut self, number: u64, code: i32, output: String) {
        let is_it =
            |doing: &Doing| matches!(doing.wait, Wait::Command { job, .. } if job == number);
        let doing = match self.person.doing.take() {
            Some(doing) if is_it(&doing) => doing,
            other => {
                self.person.doing = other;
                let Some(place) = self.person.background.iter().position(is_it) else { return };
                self.person.background.remove(place)
            }
        };
        let described = self.described.clone();
        if let Action::Kubectl(line) = &described.scenario.steps[doing.number].action
            && let Wait::Command { outputs, .. } = &doing.wait
            && let Some(substitution) = line.substitutions.get(outputs.len())
        {
            let mut outputs = outputs.clone();
            outputs.push(words_of(substitution, &output));
            return self.go_on_with(&doing, outputs);
        }
        self.step_ended(&doing, code, output);
    }

    /// The next substitution of a line, or the line itself with the words that they gave.
    fn go_on_with(&mut self, doing: &Doing, outputs: Vec<Vec<String>>) {
        let described = self.described.clone();
        let Action::Kubectl(line) = &described.scenario.steps[doing.number].action else { return };
        let running = match line.substitutions.get(outputs.len()) {
            Some(next) => Running::substitution(next, &self.namespace),
            None => match line.with_outputs(&outputs) {
                Ok(command) => Running::new(&command, &described.files, &self.namespace),
                Err(trouble) => {
                    return self.step_ended(
                        doing,
                        1,
                        format!("error: {}\n", trouble.mistake.message),
                    );
                }
            },
        };
        let number = job(doing.number);
        let doing = Doing { wait: Wait::Command { job: number, outputs }, ..doing.clone() };
        if line.background {
            self.person.background.push(doing);
        } else {
            self.person.doing = Some(doing);
        }
        self.begin_command(number, running);
    }

    fn step_ended(&mut self, doing: &Doing, code: i32, output: String) {
        let now = self.now();
        let described = self.described.clone();
        let step = &described.scenario.steps[doing.number];
        let (text, tolerant) = words(&step.action);
        let note = StepNote {
            number: doing.number,
            text: text.as_str().into(),
            output: output.clone(),
            code,
            begun: doing.begun,
            begun_turn: doing.turn,
        };
        self.cluster.with_guest(self.terminal, |_: &mut Shell, context| {
            context.log(Note::Step(Box::new(note)));
        });
        let background = matches!(&step.action, Action::Kubectl(line) if line.background);
        let last = self.person.last_end;
        let (number, begun) = (doing.number, doing.begun);
        let result = StepResult { number, text, output, code, tolerant, begun, ended: now };
        self.person.ended(result);
        if background && !self.person.done {
            self.person.last_end = last;
        }
    }

    fn reach_goal(&mut self) {
        let Some(Doing { number, wait: Wait::Goal { reached: None, .. }, .. }) = &self.person.doing
        else {
            return;
        };
        let described = self.described.clone();
        let Action::Until(goal) = &described.scenario.steps[*number].action else { return };
        if self.goal_is_reached(goal) {
            let now = self.now();
            if let Some(Doing { wait: Wait::Goal { reached, .. }, .. }) = &mut self.person.doing {
                *reached = Some(now);
            }
        }
    }

    fn goal_is_reached(&self, goal: &Goal) -> bool {
        match goal {
            Goal::Settled => self.is_settled(),
            Goal::Holds(expectation) => {
                holds(expectation, self.cluster.store(), &self.namespace, self.now()).is_ok()
            }
        }
    }

    /// Commands that still run when the run ends.
    pub(super) fn cut_off_commands(&mut self) {
        let open = self.person.doing.take().into_iter();
        let open: Vec<Doing> = open.chain(std::mem::take(&mut self.person.background)).collect();
        for doing in open {
            if let Wait::Command { job, .. } = doing.wait {
                let output = self
                    .cluster
                    .with_guest(self.terminal, |shell: &mut Shell, _| shell.cut_off(job))
                    .unwrap_or_default();
                self.step_ended(&doing, 130, output);
            }
        }
    }
}

/// A step as it was written, and whether its failure is none of the run.
fn words(action: &Action) -> (String, bool) {
    match action {
        Action::Kubectl(line) => (format!("kubectl {}", line.text), line.tolerant),
        Action::Apply(apply) => {
            let names: Vec<String> =
                apply.manifests.iter().map(|m| format!("{}/{}", m.kind, m.name)).collect();
            (format!("apply {}", names.join(" ")), false)
        }
        Action::Wait(span) => (format!("wait {span}"), false),
        Action::Inject(inject) => (format!("inject {}", inject.fault.name()), false),
        Action::Until(Goal::Settled) => ("until settled".to_owned(), false),
        Action::Until(Goal::Holds(expectation)) => {
            (format!("until {}", super::words::words(expectation)), false)
        }
    }
}
