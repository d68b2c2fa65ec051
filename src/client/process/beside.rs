//! What a component sends beside the apiserver.

use crate::api::message::Message;
use crate::api::note::Note;
use crate::client::component::To;
use crate::sim::engine::{Actor, Context, Control};

/// Sends messages to whom they are for, and does to others what the component may do to them.
pub(super) fn send_beside<A>(
    messages: &mut Vec<(To, Message)>,
    controls: &mut Vec<Control>,
    context: &mut Context<'_, A>,
) where
    A: Actor<Message = Message, Note = Note>,
{
    for (to, message) in messages.drain(..) {
        let to = match to {
            To::Peer(peer) => peer,
            To::Process(actor) => context.peer(actor),
        };
        context.send(to, message);
    }
    for control in controls.drain(..) {
        context.control(control);
    }
}
