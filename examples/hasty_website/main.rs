//! The operator of `website` with a bug planted, and the sweep that finds it.
//!
//! The hasty operator takes the page as the sign that everything is there. Without faults that is
//! true, so its first test passes. `cargo run --example hasty_website` kills it before and after
//! each of its writes, and tells where that is not true any more.

#[path = "../website/operator.rs"]
mod operator;
#[path = "../website/test.rs"]
mod test;

use wavetank::api::object::{Kind, ObjectKey};
use wavetank::api::request::Verb;
use wavetank::client::plan::{Plan, Step, Write};
use wavetank::client::reconciler::{Reconciler, Watch};
use wavetank::client::view::View;
use wavetank::explore::{Finding, Options};
use wavetank::testing::{Sweep, Test};

use operator::Operator;
use test::tested;

/// The operator with the bug.
#[derive(Clone)]
struct Hasty(Operator);

impl Reconciler for Hasty {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn watches(&self) -> &'static [Watch] {
        self.0.watches()
    }

    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let mut plan = self.0.reconcile(key, view);
        // Here is the bug: where the page is, nothing else is looked for.
        if view.cache(Kind::CONFIG_MAP).get(&key.namespace, &key.name).is_some() {
            plan.steps
                .retain(|step| !matches!(step, Step::One(Write { verb: Verb::Create { .. }, .. })));
        }
        plan
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}

fn hasty() -> Test {
    tested(Hasty(Operator))
}

/// Sweeps crashes, and tells what it finds.
pub(crate) fn told() -> String {
    let sweeps = vec![Sweep::Crashes];
    let options = Options { sweeps, pairs: false, drawn: false, ..Options::default() };
    let found = hasty().search(&options);
    let tell = |finding: &Finding| {
        let report = hasty().report(finding);
        format!("found after {} runs:{}\n", finding.after_runs, report.trim_end())
    };
    found.findings.iter().map(tell).collect()
}

#[expect(clippy::print_stdout, reason = "an example tells what it finds")]
fn main() {
    print!("{}", told());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_faults_nothing_is_wrong() {
        hasty().run();
    }

    #[test]
    #[should_panic(expected = "BROKEN")]
    fn the_sweep_finds_the_bug() {
        hasty().sweep(&[Sweep::Crashes]);
    }
}
