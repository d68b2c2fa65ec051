//! From what is written to what is done: a workload with its parameters filled in.

mod made;
mod operation;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::Case;
use super::given::Given;
use super::spec::{Operation, TestCase, Workload};
use super::template::{Datum, Values};
use crate::api::Name;
use crate::api::labels::Labels;
use crate::api::object::Kind;
use crate::api::request::Subresource;
use crate::api::selector::Selector;
use crate::scenario::decode::Spanned;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::source::{Place, Session};
use crate::scenario::spec::FeatureGates;
use crate::scheduler::component::STORAGE_KINDS;
use crate::scheduler::config::{Config as SchedulerSetup, OwnPlugin};
use crate::sim::time::SimDuration;

/// What is done in a workload, and in which cluster.
#[derive(Clone)]
pub struct Plan {
    pub(super) steps: Arc<[Step]>,
    pub(super) scheduler: Option<SchedulerSetup>,
    pub(super) gates: FeatureGates,
    pub(super) has_storage: bool,
}

impl Plan {
    /// The same with a scheduler plugin of one's own, in force in every profile.
    #[must_use]
    pub fn with_plugin(mut self, plugin: &OwnPlugin) -> Plan {
        let mut scheduler = self.scheduler.unwrap_or_default();
        scheduler.profiles.iter_mut().for_each(|profile| profile.own.push(plugin.clone()));
        self.scheduler = Some(scheduler);
        self
    }
}

/// One thing that is done, with its place in the list of operations.
#[derive(Clone)]
pub(super) struct Step {
    /// The number of the operation, createPodSets counted by their parts.
    pub(super) number: usize,
    /// Its opcode.
    pub(super) opcode: &'static str,
    /// It.
    pub(super) deed: Deed,
}

/// Something that is done.
#[derive(Clone)]
pub(super) enum Deed {
    /// Objects are created.
    Create(Vec<New>),
    /// Pods are created.
    Pods(Pods),
    /// Objects are updated.
    Update(Update),
    /// Pods are deleted.
    Delete(Delete),
    /// Objects come, and may go again.
    Churn(Arc<Churn>),
    /// Pods are waited for.
    Barrier(Barrier),
    /// Nothing is done.
    Sleep(SimDuration),
    /// It is measured from here on.
    Start(Collect),
    /// It was measured up to here.
    Stop,
}

/// An object to come.
#[derive(Clone)]
pub(super) struct New {
    pub(super) kind: Kind,
    pub(super) namespace: Name,
    pub(super) value: Arc<Value>,
}

/// Pods to come.
#[derive(Clone)]
pub(super) struct Pods {
    pub(super) namespace: Name,
    /// Volumes and claims that they need.
    pub(super) before: Vec<New>,
    /// Those that are alike share one value.
    pub(super) values: Vec<Arc<Value>>,
    pub(super) then: Then,
    pub(super) collects: bool,
}

/// What follows the creation of pods.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Then {
    /// All get a node.
    Scheduled,
    /// Nobody waits for them.
    Nothing,
    /// Each that gets a node goes, and a new one comes, for so long.
    Steady(SimDuration),
}

/// Objects that get another version.
#[derive(Clone)]
pub(super) struct Update {
    pub(super) objects: Vec<New>,
    /// So many a second; all at once for 0.
    pub(super) per_second: u64,
    /// The parts that are written, one after the other.
    pub(super) parts: &'static [Subresource],
}

/// Pods that are to go.
#[derive(Clone)]
pub(super) struct Delete {
    pub(super) namespace: Name,
    pub(super) labels: Selector,
    pub(super) per_second: u64,
    pub(super) waits: bool,
}

/// Objects that come, and may go again.
#[derive(Clone)]
pub(super) struct Churn {
    pub(super) objects: Vec<New>,
    /// Whether each goes again before its successor comes.
    pub(super) recreates: bool,
    pub(super) number: usize,
    pub(super) interval: SimDuration,
}

/// Pods that are waited for.
#[derive(Clone)]
pub(super) struct Barrier {
    pub(super) namespaces: Vec<Name>,
    pub(super) labels: Selector,
    /// Whether an attempt is enough.
    pub(super) attempted: bool,
}

/// What is measured.
#[derive(Clone)]
pub(super) struct Collect {
    pub(super) name: String,
    pub(super) namespaces: Vec<Name>,
    pub(super) labels: Selector,
}

/// A workload of a test case; none when something is wrong with it, which is then reported.
pub(super) fn case(
    (test_case, workload, is_asked): (&TestCase, &Workload, bool),
    given: &mut Given<'_, '_>,
    session: &mut Session,
) -> Option<Case> {
    let before = session.count();
    let mut not_modelled = test_case.gates.not_modelled.clone();
    not_modelled.extend(workload.gates.not_modelled.iter().cloned());
    for operation in &test_case.operations {
        if let Operation::NotModelled(name) = operation.value {
            let at = format!("{}:{}", session.name(operation.place.source), operation.place.line);
            not_modelled.push(format!("the operation `{name}` ({at}) is not modelled"));
        }
    }
    let mut maker = Maker::new(test_case, workload, given, session);
    maker.most = if is_asked { MOST } else { 1 };
    let runs = not_modelled.is_empty();
    if runs {
        test_case.operations.iter().for_each(|operation| maker.operation(operation));
        maker.nothing_is_unused();
    }
    let (steps, mut notes) = (std::mem::take(&mut maker.steps), std::mem::take(&mut maker.notes));
    let config = test_case.scheduler_config.as_ref();
    let scheduler = config.and_then(|path| given.scheduler(path, session));
    if session.count() > before {
        return None;
    }
    if test_case.metrics.is_some() {
        notes.push("metrics other than the throughput are not measured".to_owned());
    }
    let selector = workload.selector.as_ref().or(test_case.selector.as_ref());
    let other = selector.filter(|s| !s.is_throughput());
    let threshold = workload.threshold.clone().filter(|_| other.is_none());
    if let (Some(selector), Some(_)) = (other, &workload.threshold) {
        let bucket = &selector.bucket;
        notes.push(format!("its threshold is of {} {bucket}, not measured", selector.name));
    }
    let mut gates = test_case.gates.set.clone();
    gates.0.extend(workload.gates.set.0.iter().copied());
    let has_storage = steps.iter().any(|step| step.deed.is_of_storage());
    let plan = Plan { steps: steps.into(), scheduler, gates, has_storage };
    Some(Case {
        test_case: test_case.name.value.clone(),
        workload: workload.name.value.clone(),
        labels: test_case.labels.iter().chain(&workload.labels).cloned().collect(),
        threshold,
        notes,
        is_asked,
        plan: if runs { Ok(plan) } else { Err(not_modelled) },
    })
}

impl Deed {
    fn is_of_storage(&self) -> bool {
        let is = |new: &New| STORAGE_KINDS.contains(&new.kind);
        match self {
            Deed::Create(all) => all.iter().any(is),
            Deed::Update(update) => update.objects.iter().any(is),
            Deed::Pods(pods) => pods.before.iter().any(is),
            Deed::Churn(churn) => churn.objects.iter().any(is),
            Deed::Delete(_) | Deed::Barrier(_) | Deed::Sleep(_) => false,
            Deed::Start(_) | Deed::Stop => false,
        }
    }
}

/// Makes steps of operations.
struct Maker<'m, 'g, 'l> {
    test_case: &'m TestCase,
    params: BTreeMap<&'m str, &'m Spanned<Value>>,
    used: BTreeSet<String>,
    given: &'m mut Given<'g, 'l>,
    session: &'m mut Session,
    steps: Vec<Step>,
    notes: Vec<String>,
    /// Namespaces that are there by then.
    namespaces: BTreeSet<Name>,
    number: usize,
    nodes: usize,
    volumes: usize,
    is_collecting: bool,
    /// No more than these are made, whatever is asked for.
    most: u64,
}

impl<'m, 'g, 'l> Maker<'m, 'g, 'l> {
    fn new(
        test_case: &'m TestCase,
        workload: &'m Workload,
        given: &'m mut Given<'g, 'l>,
        session: &'m mut Session,
    ) -> Self {
        let params = workload.params.0.iter().map(|(name, value)| (name.as_str(), value));
        Maker {
            test_case,
            params: params.collect(),
            used: BTreeSet::new(),
            given,
            session,
            steps: Vec::new(),
            notes: Vec::new(),
            namespaces: BTreeSet::new(),
            number: 0,
            nodes: 0,
            volumes: 0,
            is_collecting: false,
            most: MOST,
        }
    }

    fn wrong(&mut self, place: Place, message: impl Into<String>) {
        self.session.report(place, Mistake::other(message));
    }

    /// The value of a parameter, as it is named: `$initNodes`.
    fn param(&mut self, named: &Spanned<String>) -> Option<&'m Spanned<Value>> {
        let Some(name) = named.value.strip_prefix('$').filter(|name| !name.is_empty()) else {
            let expected = "expected one such as `$initNodes`";
            let mistake = Mistake::bad_value("name of a parameter", &named.value, expected);
            self.session.report(named.place, mistake);
            return None;
        };
        self.used.insert(name.to_owned());
        let found = self.params.get(name).copied();
        if found.is_none() {
            let known: Vec<&str> = self.params.keys().copied().collect();
            self.session.report(named.place, Mistake::unknown_name("parameter", name, &known));
        }
        found
    }

    /// A parameter that is read as something.
    fn typed<T>(
        &mut self,
        named: &Spanned<String>,
        what: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let param = self.param(named)?;
        let value = read(&param.value);
        if value.is_none() {
            let message = format!("the parameter `{}` is not {what}", named.value);
            self.wrong(param.place, message);
        }
        value
    }

    /// A number, written or given by a parameter.
    fn count(
        &mut self,
        written: Option<u64>,
        param: Option<&Spanned<String>>,
        default: Option<u64>,
        place: Place,
    ) -> Option<usize> {
        let number = match (param, written.or(default)) {
            (Some(param), _) => self.typed(param, "a whole number", Value::as_u64)?,
            (None, Some(written)) => written,
            (None, None) => {
                self.wrong(place, "`count` or `countParam` is missing");
                return None;
            }
        };
        if number > MOST {
            self.wrong(place, format!("{number} is more than {MOST}"));
            return None;
        }
        usize::try_from(number.min(self.most)).ok()
    }

    /// The values for a template; those that begin with `$` are parameters.
    fn values(&mut self, params: &BTreeMap<String, Spanned<Value>>) -> Option<Values> {
        let mut values = Values::new();
        for (name, written) in params {
            let value = match written.value.as_str().filter(|text| text.starts_with('$')) {
                None => &written.value,
                Some(text) => {
                    let named = Spanned { value: text.to_owned(), place: written.place };
                    &self.param(&named)?.value
                }
            };
            let Some(datum) = Datum::of(value) else {
                self.wrong(written.place, "expected a number, a text, true or false");
                return None;
            };
            values.insert(name.clone(), datum);
        }
        Some(values)
    }

    /// Parameters that nothing reads are mistakes, as they are for upstream.
    fn nothing_is_unused(&mut self) {
        let unused: Vec<(&str, Place)> = self
            .params
            .iter()
            .filter(|(name, _)| !self.used.contains(**name))
            .map(|(name, value)| (*name, value.place))
            .collect();
        for (name, place) in unused {
            self.wrong(place, format!("nothing reads the parameter `{name}`"));
        }
    }

    fn push(&mut self, opcode: &'static str, deed: Deed) {
        self.steps.push(Step { number: self.number, opcode, deed });
    }

    /// The namespace is created where it is not there yet.
    fn need_namespace(&mut self, opcode: &'static str, name: &str) -> Name {
        let name = Name::new(name);
        if self.namespaces.insert(name.clone()) {
            let new = made::namespace(&name, None);
            self.push(opcode, Deed::Create(vec![new]));
        }
        name
    }
}

/// The most of anything that one operation makes.
const MOST: u64 = 10_000_000;

/// A selector of labels that must be there.
fn selector(labels: &BTreeMap<String, String>) -> Selector {
    let pairs = labels.iter().map(|(key, value)| (Name::new(key), Name::new(value)));
    Selector::of_labels(&pairs.collect::<Labels>())
}
