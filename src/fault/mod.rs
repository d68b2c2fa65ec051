//! What befalls a cluster: faults, when they come, and how they are healed.
//!
//! A fault is a row of the table `faults!` and a file. Which faults come is a value, the
//! [`Plan`]: chance only draws plans, so that a plan can be told, repeated and made
//! smaller. [`Weather`] carries a plan out on a cluster; nobody who is disturbed
//! knows of it.

pub mod again;
mod component;
mod container_kill;
mod etcd;
mod fate;
mod hand;
mod image;
mod kubelet_restart;
mod maintenance;
mod metrics;
mod network;
mod node;
mod object;
mod past;
mod pause;
pub mod plan;
mod pod;
mod process;
pub mod random;
mod request;
mod shuffle;
mod stage;
mod storage;
mod stress;
pub mod tap;
pub mod target;
mod watch;
pub mod weather;

use serde::Serialize;

pub use plan::{Entry, Inject, Occurrence, Plan, Trigger};
pub use weather::Weather;

use stage::{Began, Stage};
use target::{Containers, Nodes, Pods};

/// Whether the apiserver's contract with its clients allows a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Contract {
    /// Every client must live with it.
    Within,
    /// The cluster itself is broken: what follows is not the client's fault.
    Outside,
}

/// What a fault leaves behind when it is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trace {
    /// Nothing that a right controller would not make good: the end is as without it.
    None,
    /// The cluster is another one afterwards: pods were moved, objects changed.
    Some,
}

/// Declares the faults: their names, parameters, files, contract, what they leave behind, and
/// whether they disturb signs of life, which are then written for real.
macro_rules! faults {
    ($(
        $(#[doc = $doc:literal])*
        $key:literal => $Variant:ident($Type:ty)
            by $begin:path, $contract:ident, $trace:ident, $calm:expr;
    )*) => {
        /// A fault: what is done, and to whom.
        #[derive(Clone, PartialEq, Debug, Serialize)]
        pub enum Fault {
            $( $(#[doc = $doc])* #[serde(rename = $key)] $Variant($Type), )*
        }

        impl Fault {
            /// The names of all faults.
            pub const NAMES: &'static [&'static str] = &[$($key),*];

            /// Its name.
            pub fn name(&self) -> &'static str {
                match self { $( Fault::$Variant(_) => $key, )* }
            }

            /// Whether the contract of the apiserver allows it.
            pub fn contract(&self) -> Contract {
                match self { $( Fault::$Variant(_) => Contract::$contract, )* }
            }

            /// What it leaves behind.
            pub fn trace(&self) -> Trace {
                match self { $( Fault::$Variant(_) => Trace::$trace, )* }
            }

            /// Whether signs of life can be computed although it comes.
            pub fn is_calm(&self) -> bool {
                match self { $( Fault::$Variant(it) => {
                    let calm: fn(&$Type) -> bool = $calm;
                    calm(it)
                } )* }
            }

            fn begin(&self, stage: &mut Stage<'_>) -> Result<Began, String> {
                match self { $( Fault::$Variant(it) => $begin(it, stage), )* }
            }
        }
    };
}

faults! {
    /// Stops nodes as if their power were cut.
    "node-stop" => NodeStop(Nodes) by node::stop, Within, Some, |_| true;
    /// Starts nodes again, or ones that have not been there before.
    "node-start" => NodeStart(Nodes) by node::start, Within, Some, |_| true;
    /// Stops and starts nodes again and again.
    "node-flap" => NodeFlap(node::Flap) by node::flap, Within, Some, |_| true;
    /// Nodes go out of service: cordoned, their pods evicted as budgets allow, and come back.
    "node-maintenance" => NodeMaintenance(Nodes) by maintenance::begin, Within, Some, |_| true;
    /// Restarts the kubelet of nodes; containers run on.
    "kubelet-restart" => KubeletRestart(Nodes) by kubelet_restart::begin, Within, None, |_| false;
    /// Kills a component, which stays down.
    "component-stop" => ComponentStop(component::Target)
        by component::stop, Within, None, |_| false;
    /// Starts a component that is down; `"*"` for all that are.
    "component-start" => ComponentStart(component::Target)
        by component::start, Within, None, |_| false;
    /// A component or a node does nothing for a while, and then goes on with what it believed.
    "pause" => Pause(pause::Pause) by pause::begin, Within, None, |_| false;
    /// Deletes pods without grace.
    "pod-kill" => PodKill(Pods) by pod::kill, Within, Some, |_| true;
    /// The readiness probes of pods fail; a pod without one becomes unready as well.
    "pod-failure" => PodFailure(Pods) by pod::fail, Within, None, |_| true;
    /// Kills containers of pods, or a component, which is started again.
    "container-kill" => ContainerKill(Containers)
        by container_kill::begin, Within, None, |it| it.component.is_none();
    /// Pods use more CPU or memory than they would.
    "stress" => Stress(stress::Stress) by stress::begin, Within, Some, |_| true;
    /// Pulls of images fail, or take longer: the registry is away, slow, or has a limit.
    "image-pull" => ImagePull(image::Pull) by image::begin, Within, None, |_| true;
    /// Figures of what nodes and pods use are missing, late or wrong.
    "metrics-gap" => MetricsGap(metrics::Gap) by metrics::begin, Within, Some, |_| true;
    /// Cuts the network between two ends.
    "network-partition" => NetworkPartition(network::Partition)
        by network::part, Within, None, |_| false;
    /// Every message between two ends takes longer.
    "network-delay" => NetworkDelay(network::Latency) by network::slow, Within, None, |_| false;
    /// Some messages between two ends are lost, and the connection with them.
    "network-loss" => NetworkLoss(network::Loss) by network::lose, Within, None, |_| false;
    /// Requests are refused, and not carried out.
    "api-error" => ApiError(request::Failing)
        by request::fail, Within, None, |it| it.requests.is_calm();
    /// Requests are carried out, and their answers are lost.
    "api-lost" => ApiLost(request::Requests)
        by request::lose, Within, None, request::Requests::is_calm;
    /// Updates are refused as if another write had been first.
    "api-conflict" => ApiConflict(request::Requests)
        by request::conflict, Within, None, request::Requests::is_calm;
    /// Requests take longer; those that are given up are carried out all the same.
    "api-delay" => ApiDelay(request::Delay)
        by request::delay, Within, None, |it| it.requests.is_calm();
    /// An admission webhook changes what is written, is slow, or is down.
    "webhook" => Webhook(request::Mutation)
        by request::mutate, Within, Some, |it| it.requests.is_calm();
    /// What a client watches comes late.
    "watch-lag" => WatchLag(watch::Watched) by watch::lag, Within, None, |_| true;
    /// What a client watches is not told; afterwards it lists again and sees only the end.
    "watch-skip" => WatchSkip(watch::Watched) by watch::skip, Within, None, |_| true;
    /// Watches of a client end, and are opened again from where they were.
    "watch-cut" => WatchCut(watch::Watched) by watch::cut, Within, None, |_| true;
    /// Watches of a client end because their past is gone (410), and it lists again.
    "watch-gone" => WatchGone(watch::Watched) by watch::expire, Within, None, |_| true;
    /// A component restarts and reads from a server that is behind: it sees the past again.
    "time-travel" => TimeTravel(past::Travel) by past::begin, Within, None, |_| false;
    /// A component looks at everything that it knows once more.
    "resync" => Resync(component::Target) by process::resync, Within, None, |_| true;
    /// The clock of a component or node is wrong.
    "clock-skew" => ClockSkew(process::Skew) by process::skew, Within, None, |_| false;
    /// etcd has no leader: it takes no writes.
    "etcd-no-leader" => EtcdNoLeader(etcd::Nothing) by etcd::no_leader, Within, None, |_| false;
    /// etcd forgets its history.
    "etcd-compact" => EtcdCompact(etcd::Nothing) by etcd::compact, Within, None, |_| true;
    /// etcd is set back to what it was some changes ago, as by a backup.
    "etcd-restore" => EtcdRestore(etcd::Restore) by etcd::restore, Outside, Some, |_| false;
    /// Somebody else changes an object.
    "edit" => Edit(object::Edit) by object::edit, Within, Some, |_| true;
    /// Somebody else deletes an object.
    "delete" => Delete(object::Target) by object::delete, Within, Some, |_| true;
    /// Somebody deletes an object and creates it again under the same name.
    "recreate" => Recreate(object::Target) by object::recreate, Within, Some, |_| true;
    /// Volumes are neither attached nor detached: the driver does not answer.
    "attachment-stuck" => AttachmentStuck(storage::Stuck)
        by storage::attachment, Within, None, |_| true;
    /// Volumes are neither made nor deleted: the driver does not answer.
    "provisioning-stuck" => ProvisioningStuck(storage::Stuck)
        by storage::provisioning, Within, None, |_| true;
    /// Messages overtake each other where nothing forbids it.
    "shuffle" => Shuffle(shuffle::Shuffle) by shuffle::begin, Within, None, |_| true;
}

/// The parameters of the faults, beside those that choose whom they hit.
pub mod parameter {
    pub use crate::fault::component::Target as ComponentTarget;
    pub use crate::fault::etcd::{Nothing, Restore};
    pub use crate::fault::image::Pull;
    pub use crate::fault::metrics::{Gap, Wrong};
    pub use crate::fault::network::{Direction, Latency, Loss, Partition};
    pub use crate::fault::node::Flap;
    pub use crate::fault::object::{Edit, Target as ObjectTarget};
    pub use crate::fault::past::Travel;
    pub use crate::fault::pause::Pause;
    pub use crate::fault::process::Skew;
    pub use crate::fault::random::Random;
    pub use crate::fault::request::{Delay, Failing, FailurePolicy, Mutation, Requests};
    pub use crate::fault::shuffle::Shuffle;
    pub use crate::fault::storage::Stuck;
    pub use crate::fault::stress::Stress;
    pub use crate::fault::watch::Watched;
}
