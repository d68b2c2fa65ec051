//! Carrying out a scenario for a command: from its name to a world, and the world to its end.

use std::collections::BTreeSet;
use std::path::Path;

use crate::api::note::Note;
use crate::api::object::Kind;
use crate::cli::Status;
use crate::cli::bug;
use crate::cli::files::{bytes, read_as_scenario, shown};
use crate::fault::Fault;
use crate::scenario::diagnostic::nearest;
use crate::scenario::load::Described;
use crate::scenario::source::Place;
use crate::scenario::spec::{Action, Inject, NodeTemplate, Start, Until};
use crate::scenario::world::{Report, World};
use crate::sim::time::{SimDuration, SimTime};

/// How a scenario is run, beside what it says itself.
#[derive(Clone, Default)]
pub(crate) struct Choice {
    /// The seed in place of the scenario's.
    pub(crate) seed: Option<u64>,
    /// The end in place of the scenario's.
    pub(crate) until: Option<Until>,
    /// Values set from outside.
    pub(crate) set: Vec<String>,
    /// How much of the history is kept; all of it without.
    pub(crate) history: Option<SimDuration>,
}

/// The world of a scenario at its beginning; `Err` is all that is wrong with it, to be shown.
pub(crate) fn world(name: &str, choice: &Choice) -> Result<World, String> {
    world_of(name, bytes(name)?, choice)
}

/// The world of a scenario of which the bytes have been read.
pub(crate) fn world_of(name: &str, bytes: Vec<u8>, choice: &Choice) -> Result<World, String> {
    let described = read_as_scenario(name, bytes, &choice.set)?;
    let seed = choice.seed.unwrap_or(described.scenario.seed);
    let mut wrong = strangers(&described, &shown(name));
    let world = World::new(described, seed, choice.until).map_err(|why| {
        let line = |why: &String| format!("{}: error: {why}\n", shown(name));
        why.iter().map(line).collect::<String>()
    });
    match world {
        Ok(mut world) if wrong.is_empty() => {
            if let Some(window) = choice.history {
                world.keep_history(window);
            }
            Ok(world)
        }
        Ok(_) => Err(wrong),
        Err(why) => {
            wrong.push_str(&why);
            Err(wrong)
        }
    }
}

/// Lets a world go on to its end, remembering for a bug's report how far it came.
pub(crate) fn drive(name: &str, set: &[String], world: &mut World) -> Report {
    drive_telling(name, set, world, |_| {})
}

/// Like [`drive`]; `tell` sees the world after every turn.
pub(crate) fn drive_telling(
    name: &str,
    set: &[String],
    world: &mut World,
    mut tell: impl FnMut(&World),
) -> Report {
    bug::begin(name, world.seed(), set);
    loop {
        let on = world.go_on();
        bug::reached(world.cluster().engine.turns(), world.now());
        tell(world);
        if !on {
            break;
        }
    }
    let report = world.run();
    bug::end();
    report
}

/// What a run amounts to. A fault that hit nobody is a mistake of the scenario: the run was not
/// the one that was meant.
pub(crate) fn status(world: &World, report: &Report) -> Status {
    if report.verdict.held {
        return Status::Held;
    }
    let steps = &world.described().scenario.steps;
    let failed: Vec<_> = report.steps.iter().filter(|s| s.code != 0 && !s.tolerant).collect();
    let injects = |n: usize| matches!(steps.get(n).map(|s| &s.action), Some(Action::Inject(_)));
    let missed = report.verdict.failures.len() > failed.len();
    if missed || failed.iter().any(|step| injects(step.number)) {
        Status::Unusable
    } else {
        Status::Failed
    }
}

/// Why a run was not the one that was meant, each fault with its place where it is known.
pub(crate) fn missed(world: &World, report: &Report, file: &str) -> String {
    let failures = &report.verdict.failures;
    let steps = report.steps.iter().filter(|s| s.code != 0 && !s.tolerant).count();
    let mut places = unbegun(world).into_iter();
    let mut text = String::new();
    for (n, why) in failures.iter().enumerate() {
        // Steps are told first, then faults in the order in which they were to begin.
        let inject = if n >= steps { places.next() } else { None };
        let (place, hint) = match inject {
            Some(Inject { place: Place { line, column, .. }, fault, .. }) => {
                (format!(":{line}:{column}"), near_label(world, fault).unwrap_or_default())
            }
            None => (String::new(), String::new()),
        };
        text.push_str(&format!("{file}{place}: error: {why}{hint}\n"));
    }
    text
}

/// The timed faults at whose instant nothing began, in the order of their instants.
fn unbegun(world: &World) -> Vec<&Inject> {
    let mut began: Vec<SimTime> = Vec::new();
    for record in world.cluster().engine.log().iter() {
        if let Note::Fault(fault) = &record.note
            && fault.begins
        {
            began.push(record.time);
        }
    }
    let timed = world.described().scenario.faults.iter().filter_map(|fault| match &fault.start {
        Start::At(at, inject) => Some((SimTime::ZERO + *at, inject)),
        Start::When(..) | Start::Random(_) => None,
    });
    let mut missed: Vec<_> = timed.filter(|(at, _)| !began.contains(at)).collect();
    missed.sort_by_key(|(at, _)| *at);
    missed.into_iter().map(|(_, inject)| inject).collect()
}

/// A hint at the label of a pod that is nearest to one that selects nothing.
fn near_label(world: &World, fault: &Fault) -> Option<String> {
    let wanted = if let Fault::PodKill(pods) | Fault::PodFailure(pods) = fault {
        &pods.label_selectors
    } else if let Fault::ContainerKill(containers) = fault {
        &containers.of.label_selectors
    } else {
        return None;
    };
    let mut known = BTreeSet::new();
    for pod in world.cluster().store().list(Kind::POD) {
        known.extend(pod.meta().labels.iter().map(|(key, value)| format!("{key}={value}")));
    }
    let stranger = wanted.iter().map(|(key, value)| format!("{key}={value}"));
    let stranger = stranger.into_iter().find(|label| !known.contains(label))?;
    let near = nearest(&stranger, known.iter().map(String::as_str))?;
    Some(format!(": no pod has `{stranger}`, did you mean `{near}`?"))
}

/// Faults at nodes that the cluster does not have, each with its place.
fn strangers(described: &Described, file: &str) -> String {
    let scenario = &described.scenario;
    let known: Vec<String> =
        scenario.cluster.nodes.iter().flat_map(NodeTemplate::node_names).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let of_steps = scenario.steps.iter().filter_map(|step| match &step.action {
        Action::Inject(inject) => Some(inject),
        Action::Kubectl(_) | Action::Apply(_) | Action::Wait(_) | Action::Until(_) => None,
    });
    let of_faults = scenario.faults.iter().filter_map(|fault| match &fault.start {
        Start::At(_, inject) | Start::When(_, inject) => Some(inject),
        Start::Random(_) => None,
    });
    let mut text = String::new();
    for inject in of_steps.chain(of_faults) {
        for node in nodes_of(inject).iter().filter(|node| !known.contains(&node.as_str())) {
            text.push_str(&stranger(file, inject.place, node, &known));
        }
    }
    text
}

fn nodes_of(inject: &Inject) -> &[String] {
    if let Fault::NodeStop(nodes) | Fault::NodeStart(nodes) | Fault::KubeletRestart(nodes) =
        &inject.fault
    {
        &nodes.nodes
    } else if let Fault::NodeFlap(flap) = &inject.fault {
        &flap.nodes.nodes
    } else if let Fault::PodKill(pods) | Fault::PodFailure(pods) = &inject.fault {
        &pods.nodes
    } else if let Fault::ContainerKill(containers) = &inject.fault {
        &containers.of.nodes
    } else {
        &[]
    }
}

fn stranger(file: &str, place: Place, node: &str, known: &[&str]) -> String {
    let Place { line, column, .. } = place;
    let hint = match nearest(node, known.iter().copied()) {
        Some(near) => format!(", did you mean `{near}`?"),
        None => format!(", which has {}", known.join(", ")),
    };
    format!(
        "{file}:{line}:{column}: error: the fault selects nothing: the cluster has no node \
         `{node}`{hint}\n"
    )
}

/// The name by which a file is known without its folder and ending.
pub(crate) fn title(root: &Path, path: &Path) -> String {
    let inner = path.strip_prefix(root).unwrap_or(path);
    let inner = if inner.as_os_str().is_empty() { path } else { inner };
    let text = inner.with_extension("").display().to_string();
    text.trim_start_matches("./").trim_start_matches("scenarios/").to_owned()
}

/// An instant as people read it: tenths of a second.
pub(crate) fn clock(at: SimTime) -> String {
    let tenths = at.0 / 100_000_000;
    let (minutes, rest) = (tenths / 600, tenths % 600);
    if minutes > 0 {
        return format!("{minutes}m{:02}.{}s", rest / 10, rest % 10);
    }
    format!("{}.{}s", rest / 10, rest % 10)
}

/// Milliseconds of the wall clock, told and never acted upon.
#[expect(clippy::disallowed_types, reason = "how long a run took is told to people")]
pub(crate) fn wall_clock() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// Milliseconds that a processor has worked for this thread, where the system tells; milliseconds
/// of the wall's clock elsewhere. What one core takes does not hang on who else uses the machine.
pub(crate) fn processor_clock() -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = told.split(' ').next().and_then(|first| first.parse::<u64>().ok());
    nanos.map_or_else(wall_clock, |nanos| nanos / 1_000_000)
}
