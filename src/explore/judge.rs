//! How a run is judged: by what must always hold, by the scenario's expectations, by what must
//! hold at rest, and by the end of the run without faults.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::Name;
use crate::api::note::Note;
use crate::api::object::Kind;
use crate::check::Breach;
use crate::check::end;
use crate::check::state;
use crate::cluster::Cluster;
use crate::explore::reference::Reference;
use crate::explore::{Outcome, Setting};
use crate::fault::{Fault, Plan, Trace};
use crate::scenario::world::World;
use crate::sim::log::Record;
use crate::sim::time::{SimDuration, SimTime};

/// A run may have so many times the turns of the run without faults, and so many more.
const TURNS: (u64, u64) = (40, 60_000);

/// What is judged beside the invariants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub struct Oracle {
    /// The scenario's expectations, as far as they hold without faults.
    pub expectations: bool,
    /// That the run comes to rest, as it does without faults.
    pub rest: bool,
    /// What must hold at rest.
    pub end: bool,
    /// That the end is that of the run without faults, where the faults leave nothing behind.
    pub same_end: bool,
}

impl Default for Oracle {
    fn default() -> Self {
        Oracle { expectations: true, rest: true, end: true, same_end: true }
    }
}

/// And so many more for each second that its longest fault lasts: signs of life are written then.
const TURNS_A_SECOND: u64 = 40;

/// A property of the user's own.
pub trait Property: Send + Sync {
    /// Its name: `no two primaries`.
    fn name(&self) -> &'static str;

    /// Looks at the cluster after each change of the store; what is wrong is the error.
    ///
    /// # Errors
    /// What is wrong, in words.
    fn always(&self, _cluster: &Cluster) -> Result<(), String> {
        Ok(())
    }

    /// Looks at the cluster at rest.
    ///
    /// # Errors
    /// What is wrong, in words.
    fn at_rest(&self, _cluster: &Cluster) -> Result<(), String> {
        Ok(())
    }

    /// Looks at the cluster at the end of the run, whether it has come to rest or not.
    ///
    /// # Errors
    /// What is wrong, in words.
    fn at_end(&self, _cluster: &Cluster) -> Result<(), String> {
        Ok(())
    }
}

/// The user's own properties that do not hold in a cluster, by one of their questions.
pub(super) fn asked(
    setting: &Setting,
    cluster: &Cluster,
    at: SimTime,
    question: fn(&dyn Property, &Cluster) -> Result<(), String>,
) -> Vec<Breach> {
    let failed = setting.properties.iter().filter_map(|property| {
        let what = question(property.as_ref(), cluster).err()?;
        Some(Breach { id: "P", kind: None, what: format!("{}: {what}", property.name()), at })
    });
    failed.collect()
}

/// Runs a world to its end and judges it.
pub(super) fn drive(
    setting: &Setting,
    mut world: World,
    plan: &Plan,
    reference: &Reference,
) -> Outcome {
    let lasts = plan.entries.iter().filter_map(|e| e.inject.duration).max().unwrap_or_default();
    let most = reference.turns * TURNS.0 + TURNS.1 + lasts.as_secs() * TURNS_A_SECOND;
    let mut states = BTreeSet::new();
    let mut breaches = Vec::new();
    loop {
        let on = world.go_on();
        let changed = world.searched_mut().is_some_and(|s| std::mem::take(&mut s.changed));
        if changed {
            states.extend(world.searched().map(|s| s.lasso.state));
            breaches.extend(asked(setting, world.cluster(), world.now(), |p, c| p.always(c)));
        }
        if !breaches.is_empty() || !on {
            break;
        }
        breaches.extend(world.breaches());
        if world.cluster().engine.turns() > most {
            let what = format!("the run takes more than {most} turns and does not end");
            breaches.push(Breach { id: "L2", kind: None, what, at: world.now() });
        }
        if !breaches.is_empty() {
            break;
        }
    }
    if breaches.is_empty() {
        breaches.extend(world.breaches());
    }
    if breaches.is_empty() {
        breaches = verdict(setting, &mut world, plan, reference);
    }
    outcome(&world, breaches, states)
}

fn outcome(world: &World, breaches: Vec<Breach>, states: BTreeSet<u64>) -> Outcome {
    let engine = &world.cluster().engine;
    Outcome {
        breaches,
        turns: engine.turns(),
        end: world.now(),
        digest: engine.digest(),
        recovery: recovery(world),
        missed: world.weather().misses().len(),
        marks: world.searched().map(|s| s.marks.clone()).unwrap_or_default(),
        states,
    }
}

/// L10: how long after the last fault something was still to be done; none where no fault came or
/// the run did not come to rest.
fn recovery(world: &World) -> Option<SimDuration> {
    let engine = &world.cluster().engine;
    let is_fault = |record: &&Record<Note>| matches!(record.note, Note::Fault(_));
    let last = engine.log().iter().rfind(is_fault)?;
    let idle = engine.idle_since().filter(|_| world.is_at_rest())?;
    Some(idle.since(last.time))
}

/// What is wrong with a run that has come to its end without a breach.
fn verdict(
    setting: &Setting,
    world: &mut World,
    plan: &Plan,
    reference: &Reference,
) -> Vec<Breach> {
    let mut oracle = setting.oracle;
    let at = world.now();
    let mut found = Vec::new();
    if is_disturbed(world, plan) {
        return found;
    }
    if is_excused(world, plan) {
        // What the person wanted was not even asked for: the end cannot be held against it.
        oracle = Oracle { expectations: false, same_end: false, ..oracle };
        if oracle.end && world.is_at_rest() {
            found.extend(end::judge(world.cluster(), at));
            let known = |breach: &Breach| reference.at_rest.contains(&breach.fingerprint());
            found.retain(|b| !known(b));
        }
        return found;
    }
    if oracle.expectations {
        let breach = |what| Breach { id: "expect", kind: None, what, at };
        let failed = failed(world).into_iter().filter(|text| !reference.failed.contains(text));
        found.extend(failed.map(breach));
    }
    found.extend(asked(setting, world.cluster(), at, |p, c| p.at_end(c)));
    found.extend(destroyed(setting, world, plan, reference));
    let rests = world.is_at_rest();
    if oracle.rest && !rests && reference.rests {
        let busy = world.cluster().engine.busy().next();
        let busy = busy.map_or(String::new(), |(_, who, what)| {
            format!(": {} still has a {what}", world.cluster().engine.name(who))
        });
        found.push(Breach {
            id: "L2",
            kind: None,
            what: format!("it never comes to rest{busy}"),
            at,
        });
    }
    if rests {
        found.extend(at_rest(setting, world, plan, reference));
    }
    found
}

/// After the last fault a run has so much time to come to what is wanted, before its end is held
/// against it.
const RECOVERY: SimDuration = SimDuration::secs(60);

/// Whether a run that had to end at an instant was not left alone for long enough before it. What
/// is at rest needs no more time: nothing will change any more.
fn is_disturbed(world: &World, plan: &Plan) -> bool {
    let lasts = |fault: &Name| {
        let of = plan.entries.iter().filter(|e| e.inject.fault.name() == fault.as_str());
        of.filter_map(|e| e.inject.duration).max()
    };
    let over = |at: SimTime, note: &Note| match note {
        Note::Fault(fault) if fault.begins => lasts(&fault.fault).map(|span| at + span),
        Note::Fault(fault) => lasts(&fault.fault).map(|_| at),
        Note::Write(_) | Note::Refused(_) | Note::Step(_) | Note::Mark(_) => None,
    };
    let log = world.cluster().engine.log();
    let last = log.iter().filter_map(|record| over(record.time, &record.note)).max();
    let recovery = if world.is_at_rest() { SimDuration::ZERO } else { RECOVERY };
    last.is_some_and(|last| last + recovery > world.now())
}

/// Whether a fault has hit the person's own requests, or what they are about, so that a step has
/// failed.
fn is_excused(world: &mut World, plan: &Plan) -> bool {
    let foreign =
        |fault: &Fault| matches!(fault, Fault::Edit(_) | Fault::Delete(_) | Fault::Recreate(_));
    let by_another = plan.entries.iter().any(|e| foreign(&e.inject.fault));
    let lost = |note: &Note| match note {
        Note::Refused(refused) => {
            let code = refused.refusal.code;
            refused.user == "kubectl" && (code == 0 || code >= 500)
        }
        Note::Write(_) | Note::Step(_) | Note::Fault(_) | Note::Mark(_) => false,
    };
    let failed = world.steps().iter().any(|s| s.code != 0 && !s.tolerant);
    failed
        && (by_another
            || world.person_was_cut_off()
            || world.cluster().engine.log().iter().any(|record| lost(&record.note)))
}

/// S13: precious objects that were deleted, and are not without faults.
fn destroyed(
    setting: &Setting,
    world: &World,
    plan: &Plan,
    reference: &Reference,
) -> Option<Breach> {
    let leaves_nothing = plan.entries.iter().all(|e| e.inject.fault.trace() == Trace::None);
    // What is made after its maker has given up is rightly taken away again.
    let makes = |fault: &Fault| {
        let Fault::ApiDelay(delay) = fault else { return false };
        delay.requests.verbs.iter().any(|v| v == "create")
    };
    let made_late = plan.entries.iter().any(|e| makes(&e.inject.fault));
    if !leaves_nothing || made_late || setting.precious.is_empty() {
        return None;
    }
    let deleted = deletions(world, &setting.precious);
    let (kind, _) =
        deleted.iter().find(|(kind, n)| reference.deleted.get(kind).copied().unwrap_or(0) < **n)?;
    let (at, kind) = (world.now(), *kind);
    let what = format!("{} was deleted that is not without faults", kind.name());
    Some(Breach { id: "S13", kind: Some(kind), what, at })
}

/// How many objects of these kinds were deleted, those left out whose owner was gone.
pub(super) fn deletions(world: &World, kinds: &[Kind]) -> BTreeMap<Kind, u32> {
    let mut all = BTreeMap::new();
    if kinds.is_empty() {
        return all;
    }
    for record in world.cluster().engine.log().iter() {
        if let Note::Write(write) = &record.note
            && write.change.deleted
            && write.origin.user != "generic-garbage-collector"
            && kinds.contains(&write.change.object.kind())
        {
            *all.entry(write.change.object.kind()).or_default() += 1;
        }
    }
    all
}

/// What is wrong with a cluster in which nothing is left to do.
fn at_rest(setting: &Setting, world: &World, plan: &Plan, reference: &Reference) -> Vec<Breach> {
    let at = world.now();
    let mut found = Vec::new();
    let cluster = world.cluster();
    found.extend(asked(setting, cluster, at, |p, c| p.at_rest(c)));
    if setting.oracle.end {
        let known = |breach: &Breach| reference.at_rest.contains(&breach.fingerprint());
        found.extend(end::judge(cluster, at).into_iter().filter(|b| !known(b)));
    }
    let leaves_nothing = plan.entries.iter().all(|e| e.inject.fault.trace() == Trace::None);
    if setting.oracle.same_end && leaves_nothing && reference.rests && found.is_empty() {
        let end = state::end(cluster);
        if let Some((kind, what)) = state::difference(&reference.end, &end) {
            let what = format!("the end differs from that without faults: {what}");
            found.push(Breach { id: "D1", kind, what, at });
        }
    }
    found
}

/// The expectations that did not hold and the steps that failed, in words without numbers that
/// differ from run to run.
pub(super) fn failed(world: &World) -> Vec<String> {
    let report = world.report();
    let expectations = report.verdict.expectations.iter().filter(|e| !e.held);
    let expectations = expectations.map(|e| e.text.clone());
    let steps = report.steps.iter().filter(|s| s.code != 0 && !s.tolerant);
    let steps = steps.map(|s| format!("step {} `{}` failed", s.number + 1, s.text));
    expectations.chain(steps).collect()
}
