//! The fields of experiments, as Chaos Mesh has them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::fault::parameter::Direction;
use crate::fault::target::Mode;
use crate::scenario::decode::Spanned;
use crate::scenario::decode::object;
use crate::scenario::decode::words;
use crate::sim::time::SimDuration;

object! {
    /// Whom an experiment hits.
    pub struct Chosen as "`selector`" {
        /// Namespaces; that of the experiment when none is given.
        "namespaces" => namespaces: Vec<String> = Vec::new();
        /// Pods by label.
        "labelSelectors" => labels: BTreeMap<String, String> = BTreeMap::new();
        /// Pods on these nodes.
        "nodes" => nodes: Vec<String> = Vec::new();
        /// Pods by name, by namespace.
        "pods" => pods: BTreeMap<String, Vec<String>> = BTreeMap::new();
        /// Pods by annotation; no meaning here.
        "annotationSelectors" => annotations: Option<Spanned<Value>> = None;
        /// Pods by expressions; no meaning here.
        "expressionSelectors" => expressions: Option<Spanned<Value>> = None;
        /// Pods by fields; no meaning here.
        "fieldSelectors" => fields: Option<Spanned<Value>> = None;
        /// Pods by phase; no meaning here.
        "podPhaseSelectors" => phases: Option<Spanned<Value>> = None;
        /// Pods by labels of their nodes; no meaning here.
        "nodeSelectors" => node_labels: Option<Spanned<Value>> = None;
        /// Machines; no meaning here.
        "physicalMachines" => machines: Option<Spanned<Value>> = None;
    }
}

object! {
    /// A PodChaos.
    pub struct PodChaos as "a PodChaos" {
        /// What is done.
        "action" => action: PodAction;
        /// How many of those that match.
        "mode" => mode: Mode;
        /// The number or percentage that the mode needs, as text.
        "value" => value: Option<Spanned<String>> = None;
        /// Which pods.
        "selector" => selector: Chosen;
        /// For how long.
        "duration" => duration: Option<SimDuration> = None;
        /// Seconds that a killed pod is given.
        "gracePeriod" => grace_period: u32 = 0;
        /// Which containers.
        "containerNames" => containers: Vec<String> = Vec::new();
        /// Another cluster; no meaning here.
        "remoteCluster" => remote: Option<Spanned<Value>> = None;
    }
}

words! {
    /// What a PodChaos does.
    pub enum PodAction as "action of a PodChaos" {
        /// Deletes pods.
        "pod-kill" => PodKill;
        /// Pods are unavailable.
        "pod-failure" => PodFailure;
        /// Kills containers.
        "container-kill" => ContainerKill;
    }
}

object! {
    /// A NetworkChaos.
    pub struct NetworkChaos as "a NetworkChaos" {
        /// What is done.
        "action" => action: Spanned<String>;
        /// How many of those that match.
        "mode" => mode: Mode;
        /// The number or percentage that the mode needs, as text.
        "value" => value: Option<Spanned<String>> = None;
        /// One end.
        "selector" => selector: Spanned<Chosen>;
        /// The other end.
        "target" => target: Option<Spanned<Target>> = None;
        /// Which way.
        "direction" => direction: Direction = Direction::To;
        /// For how long.
        "duration" => duration: Option<SimDuration> = None;
        /// How much longer messages take.
        "delay" => delay: Option<NetworkDelay> = None;
        /// How many are lost.
        "loss" => loss: Option<NetworkLoss> = None;
        /// No meaning here.
        "duplicate" => duplicate: Option<Spanned<Value>> = None;
        /// No meaning here.
        "corrupt" => corrupt: Option<Spanned<Value>> = None;
        /// No meaning here.
        "bandwidth" => bandwidth: Option<Spanned<Value>> = None;
        /// Addresses outside of the cluster; no meaning here.
        "externalTargets" => external: Option<Spanned<Value>> = None;
        /// A network device; no meaning here.
        "device" => device: Option<Spanned<Value>> = None;
        /// A network device; no meaning here.
        "targetDevice" => target_device: Option<Spanned<Value>> = None;
        /// Another cluster; no meaning here.
        "remoteCluster" => remote: Option<Spanned<Value>> = None;
    }
}

object! {
    /// The other end of a NetworkChaos.
    pub struct Target as "`target`" {
        /// How many of those that match.
        "mode" => mode: Mode;
        /// The number or percentage that the mode needs, as text.
        "value" => value: Option<Spanned<String>> = None;
        /// Which pods.
        "selector" => selector: Chosen;
    }
}

object! {
    /// How much longer messages take.
    pub struct NetworkDelay as "`delay`" {
        /// So much.
        "latency" => latency: SimDuration;
        /// By chance so much more or less; no meaning here unless it is 0.
        "jitter" => jitter: Option<Spanned<String>> = None;
        /// How much one delay follows the one before; no meaning here unless it is 0.
        "correlation" => correlation: Option<Spanned<String>> = None;
        /// No meaning here.
        "reorder" => reorder: Option<Spanned<Value>> = None;
    }
}

object! {
    /// How many messages are lost.
    pub struct NetworkLoss as "`loss`" {
        /// So many in a hundred.
        "loss" => loss: Spanned<String>;
        /// How much one loss follows the one before; no meaning here unless it is 0.
        "correlation" => correlation: Option<Spanned<String>> = None;
    }
}

object! {
    /// A TimeChaos.
    pub struct TimeChaos as "a TimeChaos" {
        /// How many of those that match.
        "mode" => mode: Mode;
        /// The number or percentage that the mode needs, as text.
        "value" => value: Option<Spanned<String>> = None;
        /// Which pods.
        "selector" => selector: Spanned<Chosen>;
        /// By how much clocks are wrong.
        "timeOffset" => offset: Spanned<String>;
        /// Which clocks; only `CLOCK_REALTIME`.
        "clockIds" => clocks: Option<Spanned<Vec<String>>> = None;
        /// Which containers.
        "containerNames" => containers: Vec<String> = Vec::new();
        /// For how long.
        "duration" => duration: Option<SimDuration> = None;
        /// Another cluster; no meaning here.
        "remoteCluster" => remote: Option<Spanned<Value>> = None;
    }
}

object! {
    /// A StressChaos.
    pub struct StressChaos as "a StressChaos" {
        /// How many of those that match.
        "mode" => mode: Mode;
        /// The number or percentage that the mode needs, as text.
        "value" => value: Option<Spanned<String>> = None;
        /// Which pods.
        "selector" => selector: Chosen;
        /// What uses CPU and memory.
        "stressors" => stressors: Option<Stressors> = None;
        /// The stressors as stress-ng's arguments; no meaning here.
        "stressngStressors" => arguments: Option<Spanned<Value>> = None;
        /// Which containers; no meaning here.
        "containerNames" => containers: Option<Spanned<Value>> = None;
        /// For how long.
        "duration" => duration: Option<SimDuration> = None;
        /// Another cluster; no meaning here.
        "remoteCluster" => remote: Option<Spanned<Value>> = None;
    }
}

object! {
    /// What uses CPU and memory.
    pub struct Stressors as "`stressors`" {
        /// CPU.
        "cpu" => cpu: Option<CpuStressor> = None;
        /// Memory.
        "memory" => memory: Option<MemoryStressor> = None;
    }
}

object! {
    /// What uses CPU.
    pub struct CpuStressor as "`cpu`" {
        /// So many workers.
        "workers" => workers: u32;
        /// Each uses so many percent of a core.
        "load" => load: u32 = 100;
        /// Arguments of stress-ng; no meaning here.
        "options" => options: Option<Spanned<Value>> = None;
    }
}

object! {
    /// What uses memory.
    pub struct MemoryStressor as "`memory`" {
        /// So many workers, that share the size.
        "workers" => workers: u32 = 1;
        /// How much in all, as `256MB`.
        "size" => size: Spanned<String>;
        /// How long it takes to use it all; no meaning here.
        "time" => time: Option<Spanned<Value>> = None;
        /// Who is killed first; no meaning here.
        "oomScoreAdj" => score: Option<Spanned<Value>> = None;
        /// Arguments of stress-ng; no meaning here.
        "options" => options: Option<Spanned<Value>> = None;
    }
}

object! {
    /// A Schedule.
    pub struct Repeated as "a Schedule" {
        /// When, as cron has it.
        "schedule" => schedule: Spanned<String>;
        /// The kind of experiment.
        "type" => kind: Spanned<String>;
        /// What happens when the one before still lasts.
        "concurrencyPolicy" => concurrency_policy: Concurrency = Concurrency::Forbid;
        /// How many are kept in the list of those that were.
        "historyLimit" => history_limit: u32 = 1;
        /// How late one may begin; here none is ever late.
        "startingDeadlineSeconds" => starting_deadline: Option<u32> = None;
        /// The experiment.
        "podChaos" => pod: Option<Value> = None;
        /// The experiment.
        "networkChaos" => network: Option<Value> = None;
        /// The experiment.
        "timeChaos" => time: Option<Value> = None;
        /// The experiment.
        "stressChaos" => stress: Option<Value> = None;
    }
}

words! {
    /// What happens when the experiment before still lasts.
    pub enum Concurrency as "concurrency policy" {
        /// This one does not come.
        "Forbid" => Forbid;
        /// Both last.
        "Allow" => Allow;
    }
}
