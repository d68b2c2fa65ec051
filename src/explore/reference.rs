//! The run without faults: what occurs in it and when, and how it ends.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::Name;
use crate::api::note::Note;
use crate::api::object::Kind;
use crate::check::Breach;
use crate::check::end;
use crate::check::marks::Marks;
use crate::check::state;
use crate::cluster::Member;
use crate::explore::Setting;
use crate::explore::judge::{asked, deletions, failed};
use crate::fault::tap::Seen;
use crate::scenario::world::World;
use crate::sim::time::SimTime;

/// The run without faults.
#[derive(Clone, Debug, Default)]
pub struct Reference {
    /// What occurred, in order: in which stroke of the world, when, what, and for which time.
    pub seen: Vec<Occurred>,
    /// Changes of objects that people and operators own: the stroke, the instant, the revision.
    pub changes: Vec<(u64, SimTime, u64, Kind)>,
    /// How often the world went on.
    pub strokes: u64,
    /// The instant of each 64th stroke.
    pub times: Vec<SimTime>,
    /// Turns of the engine.
    pub turns: u64,
    /// The instant of the end.
    pub finish: SimTime,
    /// Whether nothing was left to do.
    pub rests: bool,
    /// How it ended, in normal form.
    pub end: BTreeMap<String, u32>,
    /// Expectations that do not hold and steps that fail although there are no faults.
    pub failed: Vec<String>,
    /// What is wrong at rest although there are no faults.
    pub at_rest: BTreeSet<String>,
    /// What was broken.
    pub breaches: Vec<Breach>,
    /// How many precious objects were deleted.
    pub deleted: BTreeMap<Kind, u32>,
    /// Which process the name of a writer belongs to.
    pub process_of: BTreeMap<Name, String>,
    /// The processes that watch and write, by the name under which faults choose them: replicas
    /// with their number.
    pub processes: Vec<String>,
    /// The nodes.
    pub nodes: Vec<String>,
    /// What was reached.
    pub marks: Marks,
    /// The states that were met.
    pub states: BTreeSet<u64>,
}

/// Something that occurred.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Occurred {
    /// In which stroke of the world.
    pub stroke: u64,
    /// When.
    pub at: SimTime,
    /// What.
    pub what: Seen,
    /// For which time, from 1.
    pub n: u32,
}

/// Turns after which a run without faults that does not end is given up.
const MOST: u64 = 400_000;

impl Reference {
    /// Runs a world that has not begun; `each` is shown the world after each stroke.
    pub(super) fn run(
        setting: &Setting,
        mut world: World,
        mut each: impl FnMut(u64, &World),
    ) -> Reference {
        let mut it = Reference {
            process_of: writers(&world),
            processes: processes(&world),
            nodes: world.cluster().topology.nodes.keys().map(ToString::to_string).collect(),
            ..Reference::default()
        };
        world.weather_mut().count_all();
        let mut read = 0;
        loop {
            let on = world.go_on();
            it.strokes += 1;
            it.stroke(&mut world, &mut read);
            each(it.strokes, &world);
            it.breaches.extend(world.breaches());
            it.breaches.extend(asked(setting, world.cluster(), world.now(), |p, c| p.always(c)));
            if !on || !it.breaches.is_empty() || world.cluster().engine.turns() > MOST {
                break;
            }
        }
        it.conclude(setting, &world);
        it
    }

    fn stroke(&mut self, world: &mut World, read: &mut usize) {
        let (stroke, at) = (self.strokes, world.now());
        if stroke % 64 == 1 {
            self.times.push(at);
        }
        for (what, n) in world.weather_mut().take_seen() {
            self.seen.push(Occurred { stroke, at, what, n });
        }
        if world.searched_mut().is_some_and(|s| std::mem::take(&mut s.changed)) {
            self.states.extend(world.searched().map(|s| s.lasso.state));
        }
        let log = world.cluster().engine.log();
        for record in log.from(*read) {
            if let Note::Write(write) = &record.note {
                let kind = write.change.object.kind();
                let quiet = matches!(kind, Kind::EVENT | Kind::LEASE | Kind::NODE);
                if !quiet {
                    self.changes.push((stroke, at, write.change.revision, kind));
                }
            }
        }
        *read = log.len();
    }

    fn conclude(&mut self, setting: &Setting, world: &World) {
        self.turns = world.cluster().engine.turns();
        self.finish = world.now();
        self.rests = world.is_at_rest();
        self.end = state::end(world.cluster());
        self.failed = failed(world);
        self.deleted = deletions(world, &setting.precious);
        self.marks = world.searched().map(|s| s.marks.clone()).unwrap_or_default();
        self.breaches.extend(asked(setting, world.cluster(), world.now(), |p, c| p.at_end(c)));
        if !self.rests || !self.breaches.is_empty() {
            return;
        }
        let at = world.now();
        let wrong = end::judge(world.cluster(), at);
        self.at_rest = wrong.iter().map(Breach::fingerprint).collect();
        if setting.oracle.end {
            self.breaches.extend(wrong);
        }
        self.breaches.extend(asked(setting, world.cluster(), at, |p, c| p.at_rest(c)));
    }

    /// The first stroke at or before which nothing of an instant has happened.
    pub(super) fn stroke_before(&self, at: SimTime) -> u64 {
        let n = self.times.partition_point(|time| *time < at);
        (n as u64).saturating_sub(1) * 64
    }
}

/// The processes of the control plane and of operators; replicas by their number.
fn processes(world: &World) -> Vec<String> {
    let cluster = world.cluster();
    let mut all = Vec::new();
    for (component, replicas) in &cluster.topology.components {
        let is_client =
            |id| matches!(cluster.engine.actor(id), Member::Manager(_) | Member::Scheduler(_));
        if !replicas.iter().any(|id| is_client(*id)) {
            continue;
        }
        match replicas.len() {
            1 => all.push(component.to_string()),
            several => all.extend((1..=several).map(|n| format!("{component}-{n}"))),
        }
    }
    // Operators first: they are what most searches are about.
    all.sort_by_key(|name| name.starts_with("kube-"));
    all
}

/// Which process the names of writers belong to.
fn writers(world: &World) -> BTreeMap<Name, String> {
    let mut all = BTreeMap::new();
    let engine = &world.cluster().engine;
    for (id, actor) in engine.actors() {
        let name = engine.name(id).to_owned();
        match actor {
            Member::Manager(process) => {
                for (controller, ..) in process.component().queues() {
                    all.entry(controller.into()).or_insert_with(|| name.clone());
                }
            }
            Member::Scheduler(process) => {
                all.entry(process.user().clone()).or_insert_with(|| name.clone());
            }
            Member::Node(process) => {
                all.insert(process.user().clone(), format!("kubelet/{name}"));
            }
            Member::Etcd(_) | Member::Apiserver(_) | Member::Guest(_) => {}
        }
    }
    all
}
