//! What befalls the cluster, in Chaos Mesh's words where it has them.

mod admission;
mod figure;
mod parameter;

use serde_json::Value;
use serde_json::json;

use crate::fault;
use crate::fault::Fault as FaultAction;
use crate::fault::Occurrence;
use crate::fault::parameter::ComponentTarget;
use crate::fault::parameter::Delay;
use crate::fault::parameter::Edit;
use crate::fault::parameter::Failing;
use crate::fault::parameter::Flap;
use crate::fault::parameter::Gap;
use crate::fault::parameter::Latency;
use crate::fault::parameter::Loss;
use crate::fault::parameter::Mutation;
use crate::fault::parameter::Nothing;
use crate::fault::parameter::ObjectTarget;
use crate::fault::parameter::Partition;
use crate::fault::parameter::Pause;
use crate::fault::parameter::Pull;
use crate::fault::parameter::Random;
use crate::fault::parameter::Requests;
use crate::fault::parameter::Restore;
use crate::fault::parameter::Shuffle;
use crate::fault::parameter::Skew;
use crate::fault::parameter::Stress;
use crate::fault::parameter::Stuck;
use crate::fault::parameter::Travel;
use crate::fault::parameter::Watched;
use crate::fault::plan;
use crate::fault::target::Containers;
use crate::fault::target::Nodes;
use crate::fault::target::Pods;
use crate::scenario::chaos;
use crate::scenario::decode::Decode;
use crate::scenario::decode::Fields;
use crate::scenario::decode::Row;
use crate::scenario::decode::choice;
use crate::scenario::decode::choose;
use crate::scenario::decode::foreign_choice;
use crate::scenario::decode::object;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::duration::Rate;
use crate::scenario::schema::Schema;
use crate::scenario::source::Place;
use crate::scenario::source::Session;
use crate::scenario::yaml::Node;
use crate::sim::time::SimDuration;

foreign_choice! {
    FaultAction as "fault" {
        /// Stops nodes as if their power were cut.
        "node-stop" => NodeStop(Nodes);
        /// Starts nodes again, or ones that have not been there before.
        "node-start" => NodeStart(Nodes);
        /// Stops and starts nodes again and again.
        "node-flap" => NodeFlap(Flap);
        /// Nodes go out of service: cordoned, their pods evicted as budgets allow, and come back.
        "node-maintenance" => NodeMaintenance(Nodes);
        /// Restarts the kubelet of nodes; containers run on.
        "kubelet-restart" => KubeletRestart(Nodes);
        /// Kills a component, which stays down.
        "component-stop" => ComponentStop(ComponentTarget);
        /// Starts a component that is down; `"*"` for all that are.
        "component-start" => ComponentStart(ComponentTarget);
        /// A component or a node does nothing for a while, and then goes on with what it believed.
        "pause" => Pause(Pause);
        /// Deletes pods without grace.
        "pod-kill" => PodKill(Pods);
        /// The readiness probes of pods fail; a pod without one becomes unready as well.
        "pod-failure" => PodFailure(Pods);
        /// Kills containers of pods, or a component, which is started again.
        "container-kill" => ContainerKill(Containers);
        /// Pods use more CPU or memory than they would.
        "stress" => Stress(Stress);
        /// Pulls of images fail, or take longer: the registry is away, slow, or has a limit.
        "image-pull" => ImagePull(Pull);
        /// Figures of what nodes and pods use are missing, late or wrong.
        "metrics-gap" => MetricsGap(Gap);
        /// Cuts the network between two ends.
        "network-partition" => NetworkPartition(Partition);
        /// Every message between two ends takes longer.
        "network-delay" => NetworkDelay(Latency);
        /// Some messages between two ends are lost, and the connection with them.
        "network-loss" => NetworkLoss(Loss);
        /// Requests are refused, and not carried out.
        "api-error" => ApiError(Failing);
        /// Requests are carried out, and their answers are lost.
        "api-lost" => ApiLost(Requests);
        /// Updates are refused as if another write had been first.
        "api-conflict" => ApiConflict(Requests);
        /// Requests take longer; those that are given up are carried out all the same.
        "api-delay" => ApiDelay(Delay);
        /// An admission webhook changes what is written, is slow, or is down.
        "webhook" => Webhook(Mutation);
        /// What a client watches comes late.
        "watch-lag" => WatchLag(Watched);
        /// What a client watches is not told; afterwards it lists again and sees only the end.
        "watch-skip" => WatchSkip(Watched);
        /// Watches of a client end, and are opened again from where they were.
        "watch-cut" => WatchCut(Watched);
        /// Watches of a client end because their past is gone (410), and it lists again.
        "watch-gone" => WatchGone(Watched);
        /// A component restarts and reads from a server that is behind: it sees the past again.
        "time-travel" => TimeTravel(Travel);
        /// A component looks at everything that it knows once more.
        "resync" => Resync(ComponentTarget);
        /// The clock of a component or node is wrong.
        "clock-skew" => ClockSkew(Skew);
        /// etcd has no leader: it takes no writes.
        "etcd-no-leader" => EtcdNoLeader(Nothing);
        /// etcd forgets its history.
        "etcd-compact" => EtcdCompact(Nothing);
        /// etcd is set back to what it was some changes ago, as by a backup.
        "etcd-restore" => EtcdRestore(Restore);
        /// Somebody else changes an object.
        "edit" => Edit(Edit);
        /// Somebody else deletes an object.
        "delete" => Delete(ObjectTarget);
        /// Somebody deletes an object and creates it again under the same name.
        "recreate" => Recreate(ObjectTarget);
        /// Volumes are neither attached nor detached: the driver does not answer.
        "attachment-stuck" => AttachmentStuck(Stuck);
        /// Volumes are neither made nor deleted: the driver does not answer.
        "provisioning-stuck" => ProvisioningStuck(Stuck);
        /// Messages overtake each other where nothing forbids it.
        "shuffle" => Shuffle(Shuffle);
    }
}

/// A fault with how long it lasts.
#[derive(Clone, PartialEq, Debug)]
pub struct Inject {
    /// What is done, and to whom.
    pub fault: FaultAction,
    /// After which it is healed; without it, never.
    pub duration: Option<SimDuration>,
    /// Where it stands in the file.
    pub place: Place,
}

impl Inject {
    /// The fault as the weather takes it.
    pub fn to_fault(&self) -> fault::Inject {
        fault::Inject { fault: self.fault.clone(), duration: self.duration }
    }
}

impl Decode for Inject {
    fn shape(schema: &mut Schema) -> Value {
        let own =
            schema.choice::<FaultAction>("Inject", "A fault and how long it lasts.", |schema| {
                let about = "After which it is healed; without it, it is not.";
                let shape = SimDuration::shape(schema);
                vec![Row { key: "duration", about, shape, required: false }]
            });
        let experiment = json!({
            "description": "An experiment of Chaos Mesh.",
            "type": "object",
            "required": ["apiVersion", "kind", "spec"],
            "properties": { "apiVersion": { "const": "chaos-mesh.org/v1alpha1" } },
        });
        json!({ "anyOf": [own, experiment] })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        if chaos::is_experiment_node(node) {
            let fault::Inject { fault, duration } = chaos::inject(node, session)?;
            return Some(Inject { fault, duration, place: node.place });
        }
        let fault = choose(node, &["duration"], session);
        let fields = Fields::beside(node, "a fault")?;
        let duration = fields.optional("duration", session, || None);
        Some(Inject { fault: fault?, duration: duration?, place: node.place })
    }
}

/// The name of a fault.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FaultName(pub String);

impl Decode for FaultName {
    fn shape(_: &mut Schema) -> Value {
        json!({ "enum": FaultAction::NAMES })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let name = String::decode(node, session)?;
        if FaultAction::NAMES.contains(&&*name) {
            return Some(FaultName(name));
        }
        let mistake = Mistake::unknown_name("fault", &name, FaultAction::NAMES);
        session.report(node.place, mistake);
        None
    }
}

/// One entry of the weather: a fault and when it comes.
#[derive(Clone, PartialEq, Debug)]
pub struct Fault {
    /// When and what.
    pub start: Start,
    /// Where it stands in the file.
    pub place: Place,
}

/// When a fault comes.
#[derive(Clone, PartialEq, Debug)]
pub enum Start {
    /// At an instant.
    At(SimDuration, Inject),
    /// When something occurs.
    When(Trigger, Inject),
    /// Again and again, drawn from the seed.
    Random(RandomFaults),
}

impl Start {
    /// The entry as the weather takes it; none for what comes by chance.
    pub fn to_entry(&self) -> Option<plan::Entry> {
        match self {
            Start::At(at, inject) => {
                Some(plan::Entry { trigger: plan::Trigger::At(*at), inject: inject.to_fault() })
            }
            Start::When(trigger, inject) => {
                let (what, n) = trigger.to_occurrence();
                let trigger = plan::Trigger::When(what, n);
                Some(plan::Entry { trigger, inject: inject.to_fault() })
            }
            Start::Random(_) => None,
        }
    }
}

choice! {
    /// An occurrence that brings a fault.
    pub enum Trigger as "trigger" {
        /// Just before an actor's n-th write is carried out.
        "before-write" => BeforeWrite(NthWrite);
        /// Right after an actor's n-th write.
        "after-write" => AfterWrite(NthWrite);
        /// When a client sees the n-th change of what it watches.
        "event" => Event(NthEvent);
        /// When a field of an object changes for the n-th time.
        "change" => Change(NthChange);
    }
}

object! {
    /// The n-th write of an actor.
    pub struct NthWrite as "a write" {
        /// The actor, by the name that the trace shows.
        "actor" => actor: String;
        /// Which of its writes, from 1.
        "n" => n: u32 = 1;
        /// Counts only writes of this kind; without it no event, no lease.
        "kind" => kind: Option<String> = None;
        /// Counts only `create`, `update`, `patch` or `delete`.
        "verb" => verb: Option<String> = None;
    }
}

object! {
    /// The n-th change that a client sees.
    pub struct NthEvent as "`event`" {
        /// Who watches: a component, `kubelet/NODE` or an operator.
        "actor" => actor: String;
        /// The kind that is watched.
        "kind" => kind: String;
        /// Which of the changes, from 1.
        "n" => n: u32 = 1;
        /// Counts only `ADDED`, `MODIFIED` or `DELETED`.
        "type" => change: Option<String> = None;
    }
}

object! {
    /// The n-th change of an object or of one of its fields.
    pub struct NthChange as "`change`" {
        /// The kind of the object.
        "kind" => kind: String;
        /// Its name; any when not given.
        "name" => name: Option<String> = None;
        /// The field, as `spec.replicas`; every change counts without it.
        "field" => field: Option<String> = None;
        /// The value that it takes; any when not given.
        "becomes" => becomes: Option<String> = None;
        /// Which of the changes, from 1.
        "n" => n: u32 = 1;
    }
}

impl Trigger {
    /// What is waited for, and for how many of it.
    fn to_occurrence(&self) -> (Occurrence, u32) {
        let writes = |w: &NthWrite| plan::Writes {
            actor: w.actor.clone(),
            kind: w.kind.clone(),
            verb: w.verb.clone(),
        };
        match self {
            Trigger::BeforeWrite(w) => (Occurrence::BeforeWrite(writes(w)), w.n),
            Trigger::AfterWrite(w) => (Occurrence::AfterWrite(writes(w)), w.n),
            Trigger::Event(e) => {
                let (actor, kind, change) = (e.actor.clone(), e.kind.clone(), e.change.clone());
                (Occurrence::Event(plan::Events { actor, kind, change }), e.n)
            }
            Trigger::Change(c) => {
                let changes = plan::Changes {
                    kind: c.kind.clone(),
                    name: c.name.clone(),
                    field: c.field.clone(),
                    becomes: c.becomes.clone(),
                };
                (Occurrence::Change(changes), c.n)
            }
        }
    }
}

object! {
    /// Faults drawn from the seed.
    pub struct RandomFaults as "`random`" {
        /// Which faults.
        "kinds" => kinds: Vec<FaultName>;
        /// How many in which span, on average.
        "rate" => rate: Rate;
        /// From when on.
        "from" => from: SimDuration = SimDuration::ZERO;
        /// Until when; to the last step when not given.
        "to" => to: Option<SimDuration> = None;
    }
}

impl RandomFaults {
    /// The faults as the weather takes them.
    pub fn to_random(&self) -> Random {
        let kinds = self.kinds.iter().map(|kind| kind.0.clone()).collect();
        Random { kinds, interval: self.rate.interval(), from: self.from, to: self.to }
    }
}

object! {
    /// An entry of the weather as it is written; which fields go together is told by decoding.
    pub struct FaultFields as "a fault" {
        /// The instant at which the fault comes.
        "at" => at: Option<SimDuration> = None;
        /// The occurrence at which the fault comes.
        "when" => when: Option<Trigger> = None;
        /// The fault.
        "inject" => inject: Option<Inject> = None;
        /// Faults drawn from the seed.
        "random" => random: Option<RandomFaults> = None;
    }
}

impl Decode for Fault {
    fn shape(schema: &mut Schema) -> Value {
        FaultFields::shape(schema)
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let before = session.count();
        let fields = FaultFields::decode(node, session);
        let FaultFields { at, when, inject, random } = fields?;
        let start = match (at, when, inject, random) {
            (Some(at), None, Some(inject), None) => Some(Start::At(at, inject)),
            (None, Some(when), Some(inject), None) => Some(Start::When(when, inject)),
            (None, None, None, Some(random)) => Some(Start::Random(random)),
            _ => None,
        };
        if start.is_none() && session.count() == before {
            let message = "a fault is `at` or `when` with `inject`, or `random` alone";
            session.report(node.place, Mistake::other(message));
        }
        Some(Fault { start: start?, place: node.place })
    }
}
