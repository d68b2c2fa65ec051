//! A workload that runs: the cluster, and who carries it out.

use super::driver::{Driver, Measure, Told};
use super::plan::Plan;
use crate::api::gates::Gates;
use crate::apiserver::admission::Plugins;
use crate::cluster::{Cluster, ClusterConfig, Storage};
use crate::scheduler::cycle::Evaluation;
use crate::sim::engine::ActorId;
use crate::sim::log::Keep;

/// A workload that runs. A clone is another run with the same past.
#[derive(Clone)]
pub struct Run {
    cluster: Cluster,
    driver: ActorId,
}

impl Run {
    /// A workload at its beginning: etcd, a kube-apiserver and a kube-scheduler, no kubelet and no
    /// controller manager, and the limits and admission plugins that upstream sets.
    ///
    /// Differs: upstream runs the garbage collector and the namespace controller beside them,
    /// which have nothing to do in a workload but look on.
    ///
    /// Source: kubernetes v1.36 test/integration/scheduler_perf/util.go, `mustSetupCluster`
    pub fn new(plan: &Plan, seed: u64, evaluation: Evaluation) -> Run {
        let gates = plan.gates.on_top_of(Gates::DEFAULT);
        let mut config = ClusterConfig {
            seed,
            controller_managers: 0,
            scheduler_qps: (QPS, QPS),
            ..ClusterConfig::default()
        };
        if let Some(scheduler) = &plan.scheduler {
            config.scheduler = scheduler.clone();
        }
        config.scheduler.set_gates(gates);
        config.apiserver.gates = gates;
        config.apiserver.without =
            Plugins { service_account: true, taint_nodes_by_condition: true, priority: true };
        config.apiserver.seats = 1_000_000;
        // Nobody looks back.
        config.etcd.history = 1000;
        config.storage = plan.has_storage.then(|| Storage { class: None, ..Storage::usual() });
        let mut cluster = Cluster::new(&config);
        let server = cluster.topology.servers[0];
        let driver = Driver::new(server, plan.steps.clone());
        let driver = cluster.add_guest("scheduler-perf", Box::new(driver));
        cluster.engine.log_mut().keep(Keep::Nothing);
        cluster.evaluate_scheduling(evaluation);
        cluster.start();
        Run { cluster, driver }
    }

    /// Goes on until there is something to tell, or a million turns have passed.
    pub fn go_on(&mut self) -> Option<Told> {
        let driver = self.driver;
        for _ in 0..MOST_TURNS {
            if self.driver().has_told() {
                return self.cluster.with_guest(driver, |driver: &mut Driver, _| driver.take());
            }
            if !self.cluster.engine.step() {
                let why = "nothing is left to happen".to_owned();
                return Some(Told::Failed(why));
            }
        }
        None
    }

    fn driver(&self) -> &Driver {
        self.cluster.guest(self.driver).expect("the driver is a guest of its own type")
    }

    /// How many pods that are measured have a node by now, and how many pods there are.
    pub fn progress(&self) -> (usize, usize) {
        self.driver().progress()
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Runs to the end: what was measured.
    ///
    /// # Errors
    /// Why it could not go on.
    pub fn measure(&mut self) -> Result<Vec<Measure>, String> {
        let mut all = Vec::new();
        loop {
            match self.go_on() {
                Some(Told::Measured(measure)) => all.push(measure),
                Some(Told::Done) => return Ok(all),
                Some(Told::Failed(why)) => return Err(why),
                Some(Told::Begun) | None => {}
            }
        }
    }
}

/// Requests a second of the scheduler's client.
///
/// Source: kubernetes v1.36 test/integration/scheduler_perf/util.go, `mustSetupCluster`
const QPS: u32 = 5000;

/// So many turns pass before somebody may look.
const MOST_TURNS: usize = 100_000;
