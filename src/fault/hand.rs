//! The hand of those who disturb through the apiserver: it asks, and does not listen.

use crate::api::Name;
use crate::api::message::Message;
use crate::api::request::{Request, Verb};
use crate::api::why::Why;
use crate::cluster::{Guest, Moved};
use crate::sim::engine::{ActorId, Peer};

/// Somebody who sends requests and does not wait for answers.
#[derive(Clone)]
pub(crate) struct Hand {
    user: Name,
    servers: Vec<ActorId>,
    asked: u64,
}

impl Hand {
    /// Somebody of a name, who may use these apiservers.
    pub(crate) fn new(user: &'static str, servers: Vec<ActorId>) -> Hand {
        Hand { user: Name::new_static(user), servers, asked: 0 }
    }

    /// Sends a request to the first apiserver that lives.
    pub(super) fn ask(&mut self, verb: Verb, why: Why, context: &mut Moved<'_>) {
        self.asked += 1;
        let living = self.servers.iter().find(|id| context.is_up(**id));
        let server = living.or(self.servers.first()).copied().unwrap_or_default();
        let request =
            Box::new(Request { user: self.user.clone(), manager: Name::default(), verb, why });
        context.send(context.peer(server), Message::Request(self.asked, request));
    }
}

impl Guest for Hand {
    fn start(&mut self, context: &mut Moved<'_>) {
        if let Some(server) = self.servers.first() {
            context.connect(context.peer(*server));
        }
    }

    fn receive(&mut self, _from: Peer, _message: Message, _context: &mut Moved<'_>) {}

    fn alarm(&mut self, _tag: u64, _context: &mut Moved<'_>) {}

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
