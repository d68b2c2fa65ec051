//! The whole way in: a scenario's bytes, the values set on the command line, and the files that it
//! names, to a description that is complete.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use serde_json::Value;

use crate::api::Name;
use crate::api::object::Kind;
use crate::api::object::Object;
use crate::api::time::Time;
use crate::fault::Plan;
use crate::scenario::chaos;
use crate::scenario::decode::Decode;
use crate::scenario::decode::Spanned;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::diagnostic::Problem;
use crate::scenario::dump;
use crate::scenario::kubectl::Command;
use crate::scenario::kubectl::Line;
use crate::scenario::kubectl::Validate;
use crate::scenario::kwok;
use crate::scenario::manifest;
use crate::scenario::manifest::Loader;
use crate::scenario::manifest::Manifest;
use crate::scenario::manifest::Strictness;
use crate::scenario::source::Operators;
use crate::scenario::source::Place;
use crate::scenario::source::Session;
use crate::scenario::spec::Action;
use crate::scenario::spec::Definition;
use crate::scenario::spec::Fault;
use crate::scenario::spec::KubeScheduler;
use crate::scenario::spec::NodeGroup;
use crate::scenario::spec::NodeTemplate;
use crate::scenario::spec::Scenario;
use crate::scenario::spec::SchedulerConfig;
use crate::scenario::yaml;
use crate::scenario::yaml::Node;
use crate::scheduler::config::Config as SchedulerSetup;

/// A scenario and all that it refers to.
#[derive(Clone, PartialEq, Debug)]
pub struct Described {
    /// What is written.
    pub scenario: Scenario,
    /// The objects of each file that a step names, by the path as it is written.
    pub files: BTreeMap<String, Arc<[Manifest]>>,
    /// The objects that the run begins with, of a dump.
    pub dump: Arc<[Object]>,
    /// Kinds that the scenario defines.
    pub custom: Vec<Kind>,
    /// Node groups of a file.
    pub node_groups: Vec<NodeGroup>,
    /// The scheduler's configuration, from the scenario or from its file.
    pub scheduler_config: Option<SchedulerSetup>,
    /// Schedulers beside it, with their configurations.
    pub other_schedulers: Vec<(Name, SchedulerSetup)>,
}

/// A value set from outside: `--set cluster.nodes[0].count=5`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Override {
    /// The whole text behind `--set`.
    pub text: String,
}

/// Reads a scenario under the name that people know it by; `Err` holds every mistake.
///
/// # Errors
/// Whatever is wrong with the scenario, with a file that it names, or with an override.
pub fn load(
    name: &str,
    bytes: Vec<u8>,
    overrides: &[Override],
    loader: &mut Loader<'_>,
) -> Result<Described, Vec<Problem>> {
    load_with(&[], name, bytes, overrides, loader)
}

/// Reads a scenario as [`load`] does, in which faults may name operators of the user's own.
///
/// # Errors
/// As [`load`].
pub fn load_with(
    operators: &[Name],
    name: &str,
    bytes: Vec<u8>,
    overrides: &[Override],
    loader: &mut Loader<'_>,
) -> Result<Described, Vec<Problem>> {
    let mut session = Session::default();
    session.operators = Operators::Named(operators.to_vec());
    let described = describe(name, bytes, overrides, loader, &mut session);
    let problems = session.take_problems();
    match described {
        Some(described) if problems.is_empty() => Ok(described),
        _ => Err(problems),
    }
}

fn describe(
    name: &str,
    bytes: Vec<u8>,
    overrides: &[Override],
    loader: &mut Loader<'_>,
    session: &mut Session,
) -> Option<Described> {
    let text = yaml::text_of(name, bytes, session)?;
    let mut tree = tree(name, &text, session)?;
    for one in overrides {
        apply_override(&mut tree, one, session);
    }
    // What is written after them may name these kinds.
    let custom = definitions(&tree, loader, session);
    let scenario = Scenario::decode(&tree, session);
    // Files are looked at although the scenario has mistakes, so that theirs are told as well.
    let lines = scenario.as_ref().map_or_else(|| lines_of(&tree), kubectl_lines);
    let mut files = BTreeMap::new();
    for line in &lines {
        for (path, place) in named_files(line) {
            if let Entry::Vacant(vacant) = files.entry(path) {
                let manifests =
                    manifest::load(vacant.key(), place, strictness(line), loader, session);
                chaos::check(&manifests, session);
                vacant.insert(manifests.into());
            }
        }
    }
    let mut scenario = scenario?;
    if scenario.name.is_none() {
        scenario.name = Some(stem(name));
    }
    let dump = dump(&mut scenario, &tree, loader, session);
    let config = scenario.cluster.scheduler_config.as_ref();
    let scheduler_config = scheduler_config(config, loader, session);
    let other_schedulers = other_schedulers(&scenario, loader, session);
    let node_groups = node_groups(&scenario, loader, session);
    Some(Described {
        scenario,
        files,
        dump,
        custom,
        node_groups,
        scheduler_config,
        other_schedulers,
    })
}

/// The kinds that a scenario defines; what is no list of definitions is reported where the whole is
/// decoded.
fn definitions(tree: &Node, loader: &mut Loader<'_>, session: &mut Session) -> Vec<Kind> {
    let written = tree.get("cluster").and_then(|cluster| cluster.get("definitions"));
    let written = written.and_then(|node| Decode::decode(node, &mut Session::default()));
    let mut all = Vec::new();
    let mut take =
        |definition: &Value, place: Place, session: &mut Session| match Kind::defined(definition) {
            Ok(kind) if all.contains(&kind) => {}
            Ok(kind) => all.push(kind),
            Err(why) => session.report(place, Mistake::other(why)),
        };
    let written: Vec<Definition> = written.unwrap_or_default();
    for definition in written {
        match definition {
            Definition::Inline(one) => take(&one.value, one.place, session),
            Definition::File(path) => {
                let found =
                    manifest::load(&path.value, path.place, Strictness::Lax, loader, session);
                for one in found {
                    take(&one.value, one.place("kind"), session);
                }
            }
        }
    }
    all
}

/// A scenario's text as JSON, as it was written.
pub fn tree_of(bytes: &[u8]) -> Option<Value> {
    let mut session = Session::default();
    let text = yaml::text_of("scenario", bytes.to_vec(), &mut session)?;
    tree("scenario", &text, &mut session).map(|node| node.to_json())
}

/// The one document of any YAML as JSON.
///
/// # Errors
/// What is wrong with it, each mistake with its line.
pub fn document_of(name: &str, text: &str) -> Result<Value, String> {
    let mut session = Session::default();
    let source = session.add(name, text);
    let documents = yaml::parse(&mut session, source);
    let problems = session.take_problems();
    if !problems.is_empty() {
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        return Err(told.join("\n"));
    }
    match documents.as_slice() {
        [one] => Ok(one.to_json()),
        all => Err(format!("{name}: expected one document, found {}", all.len())),
    }
}

/// Reads a plan of faults from the `faults:` of a scenario, as JSON.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn plan_of(faults: &Value) -> Result<Plan, String> {
    let mut session = Session::default();
    session.operators = Operators::Any;
    let text = faults.to_string();
    let source = session.add("plan", &text);
    let documents = yaml::parse(&mut session, source);
    let faults = documents.first().and_then(|node| Vec::<Fault>::decode(node, &mut session));
    if let Some(problem) = session.take_problems().first() {
        return Err(problem.message.clone());
    }
    let entries = faults.unwrap_or_default().iter().filter_map(|f| f.start.to_entry()).collect();
    Ok(Plan { entries })
}

/// The one document of a scenario's text.
fn tree(name: &str, text: &str, session: &mut Session) -> Option<Node> {
    let source = session.add(name, text);
    let documents = yaml::parse(session, source);
    if session.count() > 0 {
        return None;
    }
    let place = Place { source, line: 1, column: 1, length: 1 };
    let mut documents = documents.into_iter();
    let Some(first) = documents.next() else {
        session.report(place, Mistake::empty("a scenario"));
        return None;
    };
    if let Some(second) = documents.next() {
        session
            .report(second.place, Mistake::other("a scenario is one document, this is a second"));
    }
    if first.get("apiVersion").is_some() && first.get("steps").is_none() {
        let message = "this is a Kubernetes manifest, not a scenario";
        session
            .report(first.place, Mistake::other(message).note("a scenario applies it by a step"));
        return None;
    }
    Some(first)
}

/// Puts a value into the tree before it is read; its places are in the override's own text.
fn apply_override(tree: &mut Node, one: &Override, session: &mut Session) {
    let source = session.add("--set", &one.text);
    let place = Place { source, line: 1, column: 1, length: one.text.chars().count() };
    let Some((path, value)) = split_override(&one.text) else {
        let expected = "expected `path=value`, such as `cluster.nodes[0].count=5`";
        session.report(place, Mistake::bad_value("override", &one.text, expected));
        return;
    };
    let Some(segments) = yaml::parse_path(path) else {
        let expected = "expected one such as `cluster.nodes[0].count`";
        session.report(place, Mistake::bad_value("path", path, expected));
        return;
    };
    let before = session.count();
    let column = path.chars().count() + 2;
    let base = yaml::Base::Block(Place { source, line: 1, column, length: 1 });
    let value = yaml::parse_text(value, base, session).into_iter().next();
    if session.count() > before {
        return;
    }
    let value = value.unwrap_or_else(|| null_at(place));
    if let Err(why) = tree.put(&segments, value) {
        session.report(place, Mistake::other(format!("cannot set `{path}`: {why}")));
    }
}

/// A null, for `--set path=` and `--set path=null`.
fn null_at(place: Place) -> Node {
    let style = yaml::Style::Plain;
    let scalar = yaml::Scalar { text: "null".into(), style };
    Node { place, data: yaml::Data::Scalar(scalar) }
}

/// Splits at the first `=` that is not inside brackets, where keys may hold one.
fn split_override(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            '=' if depth == 0 => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    None
}

/// The kubectl lines of a scenario.
fn kubectl_lines(scenario: &Scenario) -> Vec<Line> {
    let line = |step: &crate::scenario::spec::Step| match &step.action {
        Action::Kubectl(line) => Some((**line).clone()),
        Action::Apply(_) | Action::Wait(_) | Action::Inject(_) | Action::Until(_) => None,
    };
    scenario.steps.iter().filter_map(line).collect()
}

/// The kubectl lines that can be read in a scenario with mistakes.
fn lines_of(tree: &Node) -> Vec<Line> {
    let steps = tree.get("steps").and_then(Node::items).unwrap_or(&[]);
    let line = |step: &Node| {
        let node = step.get("kubectl")?;
        Line::parse(node.text()?.trim(), node.place).ok()
    };
    steps.iter().filter_map(line).collect()
}

/// Whether a line asks for fields to be checked; only apply and create can ask otherwise.
fn strictness(line: &Line) -> Strictness {
    let command = &line.command.command;
    let validate = if let Command::Apply(apply) = command {
        apply.validate
    } else if let Command::Create(create) = command {
        create.validate
    } else {
        Validate::Strict
    };
    match validate {
        Validate::Strict => Strictness::Strict,
        Validate::Warn | Validate::Ignore => Strictness::Lax,
    }
}

/// The files that a line reads, with the place to complain at.
fn named_files(line: &Line) -> Vec<(String, Place)> {
    let files = match &line.command.command {
        Command::Apply(it) => &it.files,
        Command::Create(it) => &it.files,
        Command::Delete(it) => &it.files,
        Command::Scale(it) => &it.files,
        Command::Patch(it) => &it.files,
        Command::Get(it) => &it.files,
        Command::Describe(it) => &it.files,
        Command::Wait(it) => &it.files,
        Command::Run(_)
        | Command::Expose(_)
        | Command::Autoscale(_)
        | Command::Set(_)
        | Command::Rollout(_)
        | Command::Label(_)
        | Command::Annotate(_)
        | Command::Taint(_)
        | Command::Cordon(_)
        | Command::Uncordon(_)
        | Command::Drain(_)
        | Command::Top(_)
        | Command::Events(_) => return Vec::new(),
    };
    let place = |path: &String| {
        let at = line.text.find(path.as_str()).filter(|_| line.place.length >= line.text.len());
        let Some(at) = at else { return line.place };
        let before =
            line.text[..at].chars().count() + (line.place.length - line.text.chars().count()) / 2;
        Place { column: line.place.column + before, length: path.chars().count(), ..line.place }
    };
    files.filename.iter().map(|path| (path.clone(), place(path))).collect()
}

/// The objects of the dump that the scenario names; its nodes are all there are, unless the
/// scenario writes some of its own.
fn dump(
    scenario: &mut Scenario,
    tree: &Node,
    loader: &mut Loader<'_>,
    session: &mut Session,
) -> Arc<[Object]> {
    let Some(path) = scenario.cluster.dump.clone() else { return Arc::default() };
    let manifests = manifest::load(&path.value, path.place, Strictness::Lax, loader, session);
    let start = Time(scenario.cluster.start.0.0);
    let objects = dump::objects(&manifests, start, session);
    let written = tree.get("cluster").and_then(|cluster| cluster.get("nodes"));
    if written.is_none() {
        scenario.cluster.nodes.clear();
    }
    let nodes = objects.iter().filter(|o| o.kind() == Kind::NODE);
    let dumped: BTreeSet<&str> = nodes.map(|o| o.meta().name.as_str()).collect();
    let own = scenario.cluster.nodes.iter().flat_map(NodeTemplate::node_names);
    for name in own.filter(|name| dumped.contains(name.as_str())) {
        let place = written.map_or(path.place, |node| node.place);
        session.report(place, Mistake::other(format!("node `{name}` is in the dump as well")));
    }
    objects.into()
}

/// The node groups of the templates that the scenario names.
fn node_groups(
    scenario: &Scenario,
    loader: &mut Loader<'_>,
    session: &mut Session,
) -> Vec<NodeGroup> {
    let Some(autoscaler) = &scenario.cluster.autoscaler else { return Vec::new() };
    let Some(path) = &autoscaler.templates else { return Vec::new() };
    let manifests = manifest::load(&path.value, path.place, Strictness::Lax, loader, session);
    kwok::node_groups(&manifests, autoscaler.startup, session)
}

/// Schedulers beside kube-scheduler.
fn other_schedulers(
    scenario: &Scenario,
    loader: &mut Loader<'_>,
    session: &mut Session,
) -> Vec<(Name, SchedulerSetup)> {
    let mut all: Vec<(Name, SchedulerSetup)> = Vec::new();
    for one in &scenario.cluster.other_schedulers {
        let name = Name::new(&one.name.value);
        if all.iter().any(|(other, _)| *other == name) || name.starts_with("kube-") {
            let message = format!("the name `{name}` is another component's");
            session.report(one.name.place, Mistake::other(message));
        }
        let config = scheduler_config(one.config.as_ref(), loader, session);
        let setup = config.unwrap_or_else(|| {
            let mut setup = SchedulerSetup::default();
            setup.profiles.iter_mut().for_each(|p| p.scheduler_name = name.clone());
            setup
        });
        all.push((name, setup));
    }
    all
}

/// A scheduler's configuration, wherever it is written.
fn scheduler_config(
    config: Option<&Spanned<SchedulerConfig>>,
    loader: &mut Loader<'_>,
    session: &mut Session,
) -> Option<SchedulerSetup> {
    let config = config?;
    let path = match &config.value {
        SchedulerConfig::Inline(written) => return Some(written.config(session)),
        SchedulerConfig::File(path) => path,
    };
    let file = match loader(path) {
        Ok(files) => files.into_iter().next(),
        Err(why) => {
            session.report(config.place, Mistake::unreadable(path, &why));
            return None;
        }
    };
    let file = file?;
    let text = yaml::text_of(&file.name, file.bytes, session)?;
    let source = session.add(&file.name, &text);
    let documents = yaml::parse(session, source);
    Some(KubeScheduler::decode(documents.first()?, session)?.config(session))
}

/// A file's name without folders and ending.
fn stem(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    file.strip_suffix(".yaml").or_else(|| file.strip_suffix(".yml")).unwrap_or(file).to_owned()
}

#[cfg(test)]
mod tests;
