//! What a fault sees and may do when it begins, and what it leaves to be done.

use serde_json::Value;

use crate::api::Name;
use crate::api::message::Message;
use crate::api::object::Kind;
use crate::api::request::Verb;
use crate::api::why::Why;
use crate::cluster::Cluster;
use crate::fault::hand::Hand;
use crate::fault::tap::Filter;
use crate::fault::target::Hit;
use crate::sim::engine::{ActorId, Control};
use crate::sim::link::Trouble;
use crate::sim::rng::Rng;
use crate::sim::time::{SimDuration, SimTime};

/// What a fault sees when it begins.
pub(super) struct Stage<'a> {
    /// The cluster.
    pub(super) cluster: &'a mut Cluster,
    /// The namespace of those who do not say which.
    pub(super) namespace: &'a Name,
    /// For the choice among many.
    pub(super) rng: &'a mut Rng,
    /// The actor of those who disturb through the apiserver.
    pub(super) hand: ActorId,
    /// How long it is to last.
    pub(super) duration: Option<SimDuration>,
}

/// What came of a fault's beginning.
#[derive(Default)]
pub(super) struct Began {
    /// Whom it hit.
    pub(super) hit: Vec<Name>,
    /// What makes it good again.
    pub(super) healing: Vec<Healing>,
    /// What is done to messages as long as it lasts.
    pub(super) filter: Option<Filter>,
    /// How long it lasts when nobody says.
    pub(super) usual: Option<SimDuration>,
    /// After which it is healed, when that is not when it ends.
    pub(super) after: Option<SimDuration>,
}

/// What makes good again what a fault did, or goes on with it.
#[derive(Clone, Debug)]
pub(super) enum Healing {
    /// A process that is down begins a new life.
    Start(ActorId),
    /// A process that was started ends.
    Crash(ActorId),
    /// A direction of a link has no trouble any more.
    Join(ActorId, ActorId),
    /// A clock is right again.
    Clock(ActorId),
    /// A node that flaps comes back for good.
    Flap(ActorId, SimDuration),
    /// A client has to list a kind again.
    Expire(ActorId, Kind),
    /// The readiness probes of a pod are asked again.
    Ready(ActorId, Value),
    /// Calls of a driver come back again.
    Unstick(ActorId, &'static str, Value),
    /// A node takes pods again; until then its pods are evicted.
    Uncordon(ActorId),
    /// An object is created again as soon as its name is free.
    Create(Kind, Name, Value, u32),
}

impl Began {
    /// A fault that is over as soon as it has come.
    #[expect(clippy::unnecessary_wraps, reason = "all faults begin alike")]
    pub(super) fn hit(hit: Vec<Name>) -> Result<Began, String> {
        Ok(Began { hit, ..Began::default() })
    }
}

impl Stage<'_> {
    /// The instant.
    pub(super) fn now(&self) -> SimTime {
        self.cluster.engine.now()
    }

    /// When the fault is over.
    pub(super) fn until(&self, usual: SimDuration) -> SimTime {
        self.now() + self.duration.unwrap_or(usual)
    }

    /// Starts or stops processes; those that are as wanted already are left alone.
    pub(super) fn switch(&mut self, chosen: Vec<Hit>, on: bool) -> Began {
        let mut began = Began::default();
        for (name, id) in chosen {
            if self.cluster.engine.is_up(id) == on {
                continue;
            }
            let control = if on { Control::Start(id) } else { Control::Crash(id) };
            self.cluster.engine.control(control);
            began.healing.push(if on { Healing::Crash(id) } else { Healing::Start(id) });
            began.hit.push(name);
        }
        began
    }

    /// Sets what is wrong with one direction of a link.
    pub(super) fn trouble(&mut self, from: ActorId, to: ActorId, trouble: Trouble) -> Healing {
        self.cluster.engine.control(Control::Link(from, to, trouble));
        Healing::Join(from, to)
    }

    /// Asks the apiserver for something, as somebody else.
    pub(super) fn ask(&mut self, verb: Verb, why: Why) {
        self.cluster.with_guest(self.hand, |hand: &mut Hand, context| {
            hand.ask(verb, why, context);
        });
    }

    /// Acts on a process from outside.
    pub(super) fn tell(&mut self, process: ActorId, what: &'static str, how: Value) {
        self.cluster.with_guest(self.hand, |_: &mut Hand, context| {
            let message = Message::Runtime(Name::new_static(what), how.into());
            context.send(context.peer(process), message);
        });
    }
}
