//! Experiments of Chaos Mesh: PodChaos, NetworkChaos, TimeChaos, StressChaos and Schedule, as far
//! as they mean the same here.
//!
//! Responsible for reading them as faults, and for saying at its place what of them has no meaning
//! here. What Chaos Mesh would do to the processes of pods is done to the model of them; what it
//! would do to the static pods of the control plane (`component: kube-apiserver` in kube-system) is
//! done to those components.

pub mod spec;
mod translate;

use crate::api::Name;
use crate::api::schedule::Schedule;
use crate::fault::Inject;
use crate::fault::again::Again;
use crate::scenario::decode::Decode;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::kubectl::Command;
use crate::scenario::load::Described;
use crate::scenario::manifest::Manifest;
use crate::scenario::source::Session;
use crate::scenario::spec::Action;
use crate::scenario::yaml::Node;

use spec::Repeated;

/// What the apiVersions of experiments begin with.
const GROUP: &str = "chaos-mesh.org/";

/// The only version there is.
const VERSION: &str = "chaos-mesh.org/v1alpha1";

/// The kinds that are read.
const KINDS: &[&str] = &["PodChaos", "NetworkChaos", "TimeChaos", "StressChaos", "Schedule"];

/// What an experiment asks for.
#[derive(Clone, PartialEq, Debug)]
pub enum Experiment {
    /// A fault, now.
    Once(Box<Inject>),
    /// A fault, whenever a schedule says.
    Again(Box<Again>),
}

impl Experiment {
    /// What it does, once or each time.
    pub fn inject(&self) -> &Inject {
        match self {
            Experiment::Once(inject) => inject,
            Experiment::Again(again) => &again.inject,
        }
    }
}

/// Whether an object is an experiment.
pub fn is_experiment(manifest: &Manifest) -> bool {
    manifest.api_version.starts_with(GROUP)
}

/// Whether a mapping of a scenario is an experiment.
pub fn is_experiment_node(node: &Node) -> bool {
    let version = node.get("apiVersion").and_then(Node::text);
    version.is_some_and(|version| version.starts_with(GROUP))
}

/// Whether all of these objects are experiments; that some are is a mistake.
pub fn are_experiments(manifests: &[Manifest], session: &mut Session) -> bool {
    let count = manifests.iter().filter(|m| is_experiment(m)).count();
    if count > 0 && count < manifests.len() {
        let first = manifests.iter().find(|m| is_experiment(m));
        let message = "experiments of Chaos Mesh stand beside other objects: \
                       apply them by a step of their own";
        first.iter().for_each(|m| session.report(m.tree.place, Mistake::other(message)));
    }
    count > 0 && count == manifests.len()
}

/// Reads experiments only for what is wrong with them.
pub fn check(manifests: &[Manifest], session: &mut Session) {
    if are_experiments(manifests, session) {
        for manifest in manifests {
            read(manifest, session);
        }
    }
}

/// The experiments that a step of a scenario begins or ends; none for other steps.
pub fn of_step<'a>(action: &'a Action, described: &'a Described) -> Vec<&'a Manifest> {
    let line = match action {
        Action::Apply(apply) => {
            return apply.manifests.iter().filter(|m| is_experiment(m)).collect();
        }
        Action::Kubectl(line) => line,
        Action::Wait(_) | Action::Inject(_) | Action::Until(_) => return Vec::new(),
    };
    let files = if let Command::Apply(it) = &line.command.command {
        &it.files
    } else if let Command::Create(it) = &line.command.command {
        &it.files
    } else if let Command::Delete(it) = &line.command.command {
        &it.files
    } else {
        return Vec::new();
    };
    let all = files.filename.iter().filter_map(|path| described.files.get(path));
    all.flat_map(|file| file.iter()).filter(|m| is_experiment(m)).collect()
}

/// The name by which kubectl tells of an experiment: `podchaos.chaos-mesh.org/kill`.
pub fn told(manifest: &Manifest) -> Name {
    let resource = manifest.kind.to_lowercase();
    Name::new(format!("{resource}.chaos-mesh.org/{}", manifest.name))
}

/// Reads an experiment; what of it has no meaning here is reported at its place.
pub fn read(manifest: &Manifest, session: &mut Session) -> Option<Experiment> {
    let namespace = manifest.namespace.clone();
    experiment(&manifest.tree, &manifest.name, namespace.as_deref(), session)
}

/// Reads an experiment that stands in the place of a fault.
pub fn inject(node: &Node, session: &mut Session) -> Option<Inject> {
    let metadata = node.get("metadata");
    let text = |key: &str| metadata.and_then(|m| m.get(key)).and_then(Node::text);
    match experiment(node, text("name").unwrap_or_default(), text("namespace"), session)? {
        Experiment::Once(inject) => Some(*inject),
        Experiment::Again(_) => {
            let message = "a Schedule is no single fault: apply it by a step";
            session.report(node.place, Mistake::other(message));
            None
        }
    }
}

fn experiment(
    tree: &Node,
    name: &str,
    namespace: Option<&str>,
    session: &mut Session,
) -> Option<Experiment> {
    let before = session.count();
    for entry in tree.entries().unwrap_or_default() {
        let known = ["apiVersion", "kind", "metadata", "spec", "status"];
        if !known.contains(&&*entry.key) {
            let mistake = Mistake::unknown_field("an experiment", &entry.key, &known);
            session.report(entry.key_place, mistake);
        }
    }
    if let Some(version) = tree.get("apiVersion").filter(|v| v.text() != Some(VERSION)) {
        let found = version.text().unwrap_or_default();
        let mistake = Mistake::not_one_of("apiVersion of Chaos Mesh", found, &[VERSION]);
        session.report(version.place, mistake);
    }
    let kind = tree.get("kind");
    let kind_text = kind.and_then(Node::text).unwrap_or_default();
    if !KINDS.contains(&kind_text) {
        let place = kind.map_or(tree.place, |k| k.place);
        let mistake = if kind_text.ends_with("Chaos") && kind_text.len() > 5 {
            Mistake::not_modelled("experiment", kind_text)
        } else {
            Mistake::unknown_name("kind of Chaos Mesh", kind_text, KINDS)
        };
        session.report(place, mistake);
        return None;
    }
    let Some(body) = tree.get("spec") else {
        session.report(tree.place, Mistake::missing_field("an experiment", "spec"));
        return None;
    };
    if kind_text == "Schedule" {
        let again = repeated(body, name, namespace, session)?;
        return (session.count() == before).then(|| Experiment::Again(Box::new(again)));
    }
    let inject = translate::one(kind_text, body, namespace, session)?;
    (session.count() == before).then(|| Experiment::Once(Box::new(inject)))
}

/// A schedule and what it brings.
fn repeated(
    body: &Node,
    name: &str,
    namespace: Option<&str>,
    session: &mut Session,
) -> Option<Again> {
    let written = Repeated::decode(body, session)?;
    let key = match written.kind.value.as_str() {
        "PodChaos" => "podChaos",
        "NetworkChaos" => "networkChaos",
        "TimeChaos" => "timeChaos",
        "StressChaos" => "stressChaos",
        other => {
            let known = &KINDS[..KINDS.len() - 1];
            let mistake = Mistake::not_one_of("type of a Schedule", other, known);
            session.report(written.kind.place, mistake);
            return None;
        }
    };
    let Some(inner) = body.get(key) else {
        session.report(body.place, Mistake::missing_field("a Schedule of this type", key));
        return None;
    };
    let schedule = match Schedule::parse(&written.schedule.value) {
        Ok(schedule) => Some(schedule),
        Err(why) => {
            let found = &written.schedule.value;
            session.report(written.schedule.place, Mistake::bad_value("schedule", found, &why));
            None
        }
    };
    let inject = translate::one(&written.kind.value, inner, namespace, session);
    let forbids = written.concurrency_policy == spec::Concurrency::Forbid;
    Some(Again { name: Name::new(name), schedule: schedule?, inject: inject?, forbids })
}

#[cfg(test)]
mod tests;
