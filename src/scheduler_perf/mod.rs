//! scheduler_perf: the workloads by which upstream measures kube-scheduler, read as they are.
//!
//! Responsible for reading its files (test cases, workloads, templates), for telling every mistake
//! with its place, and for carrying a workload out in a cluster of etcd, one kube-apiserver and one
//! kube-scheduler, as upstream does: nodes and pods are objects there, no kubelet runs them; or
//! with the scheduler's own cycle alone ([`Alone`]). It
//! measures virtual time only; who wants to know how long a computer takes looks at its own clock
//! between two [`Told`]s.
//!
//! Source: kubernetes v1.36 test/integration/scheduler_perf

mod alone;
mod driver;
mod given;
mod plan;
mod run;
mod spec;
mod template;
#[cfg(test)]
mod tests;

use crate::scenario::decode::Decode;
use crate::scenario::diagnostic::{Mistake, Problem};
use crate::scenario::manifest::Loader;
use crate::scenario::source::{Place, Session};
use crate::scenario::yaml;

pub use alone::Alone;
pub use driver::{Measure, Told};
pub use plan::Plan;
pub use run::Run;
pub use spec::{TestCase, Threshold, Workload};

/// A workload that can be carried out, or the reasons why it is not modelled.
#[derive(Clone)]
pub struct Case {
    /// The name of its test case.
    pub test_case: String,
    /// Its own name.
    pub workload: String,
    /// The labels of both.
    pub labels: Vec<String>,
    /// The throughput that upstream asks for, in pods a second; none where it asks for none.
    pub threshold: Option<Threshold>,
    /// What is written and not measured here.
    pub notes: Vec<String>,
    /// Whether it was asked for. Of others the plan is only one of single things.
    pub is_asked: bool,
    /// What is to be done; else what of it is not modelled.
    pub plan: Result<Plan, Vec<String>>,
}

/// By what a workload is chosen.
pub struct Head<'h> {
    /// The name of its test case.
    pub test_case: &'h str,
    /// Its own name.
    pub workload: &'h str,
    /// The labels of both.
    pub labels: Vec<&'h str>,
}

/// Reads a file of test cases, and plans the workloads that are asked for; `Err` holds every
/// mistake in it and in the files that it names.
///
/// # Errors
/// Whatever is wrong, each with its place.
pub fn read(
    name: &str,
    bytes: Vec<u8>,
    loader: &mut Loader<'_>,
    asks_for: &dyn Fn(&Head<'_>) -> bool,
) -> Result<Vec<Case>, Vec<Problem>> {
    let mut session = Session::default();
    let cases = cases((name, bytes), loader, asks_for, &mut session);
    let problems = session.take_problems();
    match cases {
        Some(cases) if problems.is_empty() => Ok(cases),
        _ => Err(problems),
    }
}

fn cases(
    (name, bytes): (&str, Vec<u8>),
    loader: &mut Loader<'_>,
    asks_for: &dyn Fn(&Head<'_>) -> bool,
    session: &mut Session,
) -> Option<Vec<Case>> {
    let text = yaml::text_of(name, bytes, session)?;
    let source = session.add(name, &text);
    let documents = yaml::parse(session, source);
    let Some(document) = documents.first() else {
        let place = Place { source, line: 1, column: 1, length: 1 };
        session.report(place, Mistake::empty("a list of test cases"));
        return None;
    };
    let test_cases = Vec::<TestCase>::decode(document, session)?;
    spec::names_are_unique(&test_cases, session);
    let mut cases = Vec::new();
    let mut given = given::Given::new(loader);
    for test_case in &test_cases {
        for workload in &test_case.workloads {
            let labels = test_case.labels.iter().chain(&workload.labels).map(String::as_str);
            let head = Head {
                test_case: &test_case.name.value,
                workload: &workload.name.value,
                labels: labels.collect(),
            };
            let of = (test_case, workload, asks_for(&head));
            cases.extend(plan::case(of, &mut given, session));
        }
    }
    Some(cases)
}
