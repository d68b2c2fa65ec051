//! `wavetank bench --scheduler-perf FILE`: workloads of upstream's scheduler_perf, run here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;

use super::core_time;
use crate::cli::Status;
use crate::cli::files::{self, complain, say};
use crate::scenario::manifest::File;
use crate::scheduler::cycle::Evaluation;
use crate::scheduler_perf::{self, Alone, Case, Head, Measure, Plan, Run, Told};

/// Files with their texts.
macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../benches/scheduler_perf/", $name)))),*]
    };
}

/// Which workloads.
#[derive(Args)]
pub(super) struct Perf {
    /// Runs the workloads of a file of upstream's scheduler_perf, each in a cluster of etcd, a
    /// kube-apiserver and a kube-scheduler.
    #[arg(long = "scheduler-perf", value_name = "FILE", conflicts_with_all = ["shapes", "all"])]
    file: Option<String>,
    /// Only test cases of this name.
    #[arg(long, value_name = "NAME", requires = "file")]
    case: Option<String>,
    /// Only workloads of this name.
    #[arg(long, value_name = "NAME", requires = "file")]
    workload: Option<String>,
    /// Only workloads with these labels, and without those behind a `-`: `performance,-short`.
    #[arg(long, value_name = "LABELS", requires = "file", allow_hyphen_values = true)]
    label: Option<String>,
    /// The topic whose thresholds count, where a file has several.
    #[arg(long, value_name = "TOPIC", requires = "file")]
    topic: Option<String>,
    /// The seed of the runs.
    #[arg(long, requires = "file", default_value_t = 1)]
    seed: u64,
    /// Evaluates each attempt anew: the same placements, found slowly.
    #[arg(long, requires = "file")]
    naive: bool,
}

impl Perf {
    /// Runs what is asked for; none when nothing is.
    pub(super) fn carry_out(&self) -> Option<Status> {
        let name = self.file.as_ref()?;
        Some(match self.read(name) {
            Ok(cases) => self.run(name, &cases),
            Err(why) => {
                complain(&why);
                Status::Unusable
            }
        })
    }

    /// The workloads of a file; `Err` is every mistake, to be shown.
    fn read(&self, name: &str) -> Result<Vec<Case>, String> {
        let path = find(name);
        let bytes =
            std::fs::read(&path).map_err(|why| format!("error: cannot read `{name}`: {why}\n"))?;
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let mut loader = |wanted: &str| -> Result<Vec<File>, String> {
            let path = folder.join(wanted);
            let bytes = std::fs::read(&path).map_err(|why| why.to_string())?;
            Ok(vec![File { name: path.display().to_string(), bytes }])
        };
        let cases = scheduler_perf::read(name, bytes, &mut loader, &|head| self.asks_for(head));
        cases.map_err(|problems| files::rendered(&problems))
    }

    fn asks_for(&self, head: &Head<'_>) -> bool {
        let is = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|w| w == name);
        let labels = self.label.iter().flat_map(|text| text.split(','));
        let fits = |label: &str| {
            let without = label.strip_prefix('-');
            let name = without.unwrap_or(label.trim_start_matches('+'));
            head.labels.contains(&name) != without.is_some()
        };
        is(&self.case, head.test_case)
            && is(&self.workload, head.workload)
            && labels.filter(|label| !label.is_empty()).all(fits)
    }

    fn run(&self, name: &str, cases: &[Case]) -> Status {
        let asked: Vec<&Case> = cases.iter().filter(|case| case.is_asked).collect();
        if asked.is_empty() {
            complain(&format!("{name}: error: no workload is as asked for; there are\n"));
            for case in cases {
                let labels = case.labels.join(", ");
                complain(&format!("  {}/{}  [{labels}]\n", case.test_case, case.workload));
            }
            return Status::Unusable;
        }
        let heads = ["pods", "pods/s here", "scheduler alone", "virtual pods/s", "upstream asks"];
        row("workload", &heads.map(Into::into));
        let mut status = Status::Held;
        for case in asked {
            if let Err(why) = self.run_one(case) {
                complain(&format!("{}/{}: {why}\n", case.test_case, case.workload));
                status = Status::Failed;
            }
        }
        status
    }

    fn run_one(&self, case: &Case) -> Result<(), String> {
        let plan = case.plan.as_ref().map_err(|all| format!("not run: {}", all.join("; ")))?;
        let evaluation = if self.naive { Evaluation::Naive } else { Evaluation::Indexed };
        let alone = alone(plan, evaluation);
        let bar = super::bar(0, "pods");
        let mut run = Run::new(plan, self.seed, evaluation);
        let mut begun = core_time();
        let mut measured = 0;
        loop {
            match run.go_on() {
                None => look(&run, &bar),
                Some(Told::Begun) => begun = core_time(),
                Some(Told::Measured(measure)) => {
                    let took = core_time().saturating_sub(begun);
                    bar.suspend(|| self.told(case, (&measure, took), alone));
                    measured += 1;
                }
                Some(Told::Done) => break,
                Some(Told::Failed(why)) => {
                    bar.finish_and_clear();
                    return Err(why);
                }
            }
        }
        bar.finish_and_clear();
        for note in &case.notes {
            say(&format!("  note: {note}\n"));
        }
        if measured == 0 {
            say(&format!(
                "{}/{}: done, nothing is measured in it\n",
                case.test_case, case.workload
            ));
        }
        Ok(())
    }

    fn told(&self, case: &Case, (measure, took): (&Measure, Duration), alone: Option<f64>) {
        let mut name = format!("{}/{}", case.test_case, case.workload);
        if !measure.name.is_empty() {
            name = format!("{name}/{}", measure.name);
        }
        let pods = measure.pods as f64;
        let rate = |seconds: f64| {
            let rate = if seconds > 0.0 { pods / seconds } else { 0.0 };
            format!("{rate:.0}")
        };
        let span = measure.last.since(measure.begun);
        let threshold = case.threshold.as_ref().and_then(|t| t.of(self.topic.as_deref()));
        let asks = threshold.map_or("-".to_owned(), |value| format!("{value:.0}"));
        let real = rate(took.as_secs_f64());
        let alone = alone.map_or("-".to_owned(), |rate| format!("{rate:.0}"));
        let apparent = rate(span.0 as f64 / 1e9);
        row(&name, &[measure.pods.to_string(), real, alone, apparent, asks]);
    }
}

/// The workloads that are shipped, by their files.
const SHIPPED: &[(&str, &str)] = &shipped![
    "performance-config.yaml",
    "templates/claim.yaml",
    "templates/namespace.yaml",
    "templates/node-tainted.yaml",
    "templates/node.yaml",
    "templates/pod-affinity.yaml",
    "templates/pod-anti-affinity.yaml",
    "templates/pod-high-priority.yaml",
    "templates/pod-low-priority.yaml",
    "templates/pod-named-tolerant.yaml",
    "templates/pod-named.yaml",
    "templates/pod-spread.yaml",
    "templates/pod-too-large.yaml",
    "templates/pod-whole-node.yaml",
    "templates/pod.yaml",
    "templates/service.yaml",
    "templates/volume.yaml",
];

/// The cases that are shipped, of the sizes that upstream measures.
pub(super) fn shipped() -> Result<Vec<Case>, String> {
    let file = |wanted: &str| {
        let found = SHIPPED.iter().find(|(name, _)| *name == wanted);
        let (name, text) = found.ok_or_else(|| format!("{wanted} is not shipped"))?;
        Ok(vec![File { name: (*name).to_owned(), bytes: text.as_bytes().to_vec() }])
    };
    let bytes = SHIPPED[0].1.as_bytes().to_vec();
    let large = |head: &Head<'_>| head.labels.contains(&"performance");
    let cases = scheduler_perf::read(SHIPPED[0].0, bytes, &mut { file }, &large);
    let mut cases = cases.map_err(|problems| files::rendered(&problems))?;
    cases.retain(|case| case.is_asked);
    Ok(cases)
}

/// A file where it is named, or else where the sources that are shipped have it.
fn find(name: &str) -> PathBuf {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let here = PathBuf::from(name);
    if here.exists() || !shipped.exists() { here } else { shipped }
}

/// Shows how far a run is.
fn look(run: &Run, bar: &ProgressBar) {
    let (measured, pods) = run.progress();
    bar.set_length(pods as u64);
    bar.set_position(measured as u64);
}

/// Pods a second of the first figure, of the scheduler alone; none where a workload needs more.
pub(super) fn alone(plan: &Plan, evaluation: Evaluation) -> Option<f64> {
    let mut alone = Alone::new(plan, evaluation).ok()?;
    let mut begun = core_time();
    loop {
        match alone.go_on() {
            Told::Begun => begun = core_time(),
            Told::Measured(measure) => {
                let took = core_time().saturating_sub(begun).as_secs_f64();
                return (took > 0.0).then(|| measure.pods as f64 / took);
            }
            Told::Done | Told::Failed(_) => return None,
        }
    }
}

fn row(name: &str, figures: &[String; 5]) {
    let [pods, real, alone, apparent, asks] = figures;
    say(&format!("{name:<42} {pods:>6} {real:>12} {alone:>16} {apparent:>15} {asks:>14}\n"));
}
