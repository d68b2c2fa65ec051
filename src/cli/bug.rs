//! What is said when the simulator itself is wrong: a panic, with all that brings it back.
//!
//! Responsible for the seed, the turn and the command that replays the run. It never turns a panic
//! into a result: the process ends with status 101, as Rust programs do.

use std::cell::RefCell;
use std::panic::PanicHookInfo;

use crate::cli::files::complain;
use crate::sim::time::SimTime;

/// The run of this thread.
#[derive(Clone, Default)]
struct Now {
    scenario: String,
    set: Vec<String>,
    seed: u64,
    turn: u64,
    at: SimTime,
}

thread_local! {
    static NOW: RefCell<Option<Now>> = const { RefCell::new(None) };
}

/// Says what every later panic is told with.
pub(crate) fn install() {
    std::panic::set_hook(Box::new(|info| complain(&report(info))));
}

/// A run begins on this thread.
pub(crate) fn begin(scenario: &str, seed: u64, set: &[String]) {
    let set = set.to_vec();
    let now = Now { scenario: scenario.to_owned(), set, seed, ..Now::default() };
    NOW.with_borrow_mut(|slot| *slot = Some(now));
}

/// The run of this thread has come so far.
pub(crate) fn reached(turn: u64, at: SimTime) {
    NOW.with_borrow_mut(|slot| {
        if let Some(now) = slot {
            (now.turn, now.at) = (turn, at);
        }
    });
}

/// No run is under way on this thread any more.
pub(crate) fn end() {
    NOW.with_borrow_mut(|slot| *slot = None);
}

fn report(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let message = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let message = message.or_else(|| payload.downcast_ref::<String>().cloned());
    let message = message.unwrap_or_else(|| "no message".to_owned());
    let place = info.location().map_or(String::new(), |at| format!(" ({at})"));
    let run = NOW.try_with(|slot| slot.try_borrow().ok().and_then(|now| now.clone()));
    let run = run.ok().flatten().map_or(String::new(), |now| of_run(&now));
    format!("bug: {message}{place}\n{run}This is a mistake in wavetank, not in the scenario.\n")
}

fn of_run(now: &Now) -> String {
    let Now { scenario, seed, turn, .. } = now;
    let set: Vec<String> = now.set.iter().map(|set| format!(" --set '{set}'")).collect();
    let set = set.concat();
    let ms = now.at.0 / 1_000_000;
    format!(
        "  scenario {scenario}, seed {seed}, after turn {turn}, at {ms} ms\n  \
         replay: wavetank run {scenario} --seed {seed}{set}\n"
    )
}
