//! The cloud: it starts machines a while after they were asked for, and stops them at once.
//!
//! It stands in for a provider of machines. It knows processes, not nodes: what a machine does once
//! it runs is the kubelet's.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::api::Name;
use crate::api::message::Message;
use crate::autoscaler::provider::{START, STOP};
use crate::cluster::member::{Guest, Moved};
use crate::sim::engine::{ActorId, Control, Peer};
use crate::sim::time::{SimDuration, SimTime};

/// How long a machine takes to stop.
const STOP_TIME: SimDuration = SimDuration::millis(10);

/// The cloud.
#[derive(Clone, Debug, Default)]
pub struct Cloud {
    /// Machines that are booting, and when each is up.
    booting: BTreeMap<ActorId, SimTime>,
    /// Machines that are stopping, and when each has.
    stopping: BTreeMap<ActorId, SimTime>,
}

impl Guest for Cloud {
    fn start(&mut self, _context: &mut Moved<'_>) {}

    fn receive(&mut self, _from: Peer, message: Message, context: &mut Moved<'_>) {
        let Message::Runtime(what, how) = message else { return };
        let number = how["machine"].as_u64().and_then(|n| u32::try_from(n).ok());
        let Some(machine) = number.map(ActorId) else { return };
        if what == START {
            let after = SimDuration(how["after_ns"].as_u64().unwrap_or(0));
            let at = (context.now() + after).max(context.now() + STOP_TIME);
            self.booting.insert(machine, at);
            context.alarm(at, 0);
        } else if what == STOP {
            self.booting.remove(&machine);
            // What comes back under its name is another machine, with another disk.
            let new_disk = Message::Runtime(Name::new_static("new-disk"), Value::Null.into());
            context.send(context.peer(machine), new_disk);
            let at = context.now() + STOP_TIME;
            self.stopping.insert(machine, at);
            context.alarm(at, 0);
        }
    }

    fn alarm(&mut self, _tag: u64, context: &mut Moved<'_>) {
        let now = context.now();
        let up: Vec<ActorId> =
            self.booting.iter().filter(|(_, at)| **at <= now).map(|(id, _)| *id).collect();
        for machine in up {
            self.booting.remove(&machine);
            context.control(Control::Start(machine));
        }
        let down: Vec<ActorId> =
            self.stopping.iter().filter(|(_, at)| **at <= now).map(|(id, _)| *id).collect();
        for machine in down {
            self.stopping.remove(&machine);
            context.control(Control::Crash(machine));
        }
    }

    fn link_changed(&mut self, _peer: ActorId, _up: bool, _context: &mut Moved<'_>) {}

    fn boxed_clone(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn std::any::Any {
        self
    }
}
