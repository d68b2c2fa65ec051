//! When a component is woken.

use super::{Process, WAKE};
use crate::api::message::Message;
use crate::api::note::Note;
use crate::client::component::Component;
use crate::sim::engine::{Actor, Context};
use crate::sim::time::SimTime;

impl<C: Component> Process<C> {
    /// Sets the alarm of the component to exactly one instant; what was set before counts as
    /// housekeeping from then on, as it will find nothing to do.
    pub(super) fn set_exactly<A>(&mut self, at: Option<SimTime>, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        if self.next_wake == at {
            return;
        }
        if let Some(old) = self.wake_alarm.take() {
            context.demote(old);
        }
        self.next_wake = at;
        if let Some(at) = at {
            self.wake_alarm = Some(context.foreground_alarm(at, WAKE));
        }
    }

    pub(super) fn set_wakes<A>(
        &mut self,
        wake: Option<SimTime>,
        background: Option<SimTime>,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        if let Some(at) = wake
            && self.next_wake.is_none_or(|next| at < next)
        {
            self.next_wake = Some(at.max(context.now()));
            context.alarm(at, WAKE);
        }
        if let Some(at) = background
            && self.next_background_wake.is_none_or(|next| at < next)
        {
            self.next_background_wake = Some(at.max(context.now()));
            context.background_alarm(at, WAKE);
        }
    }
}
