//! Leader election: the lease by which a process leads.

use super::{Process, Purpose, TIMERS};
use crate::api::message::Message;
use crate::api::note::{MarkNote, Note};
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::Reason;
use crate::api::request::{Answer, Verb};
use crate::api::time::Time;
use crate::client::component::Component;
use crate::client::leader_election::{self, LeaderElector};
use crate::client::telling;
use crate::sim::engine::{Actor, Context};
use crate::sim::time::SimTime;

impl<C: Component> Process<C> {
    pub(super) fn elect<A>(&mut self, input: leader_election::Input, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        context.background();
        let now = context.now();
        let rng = self.rng.as_mut().expect("a process that lives has a random stream");
        let Some(elector) = &mut self.elector else { return };
        let clock = Time(Time::wall(context.start(), now).0 + self.skew);
        elector.read_clock(clock, context.start());
        let step = elector.step(input, now, &mut |most| rng.between(0, most));
        if let Some(deadline) = elector.deadline() {
            self.elect_at(deadline, context);
        }
        self.follow(step.command, context);
        match step.change {
            leader_election::Change::None => {}
            leader_election::Change::StartedLeading => {
                context.foreground();
                context.log(Note::Mark(Box::new(MarkNote {
                    mark: "leader",
                    who: self.config.user.clone(),
                    detail: smol_str::format_smolstr!("{} leads", context.my_name()),
                })));
                self.begin(context);
            }
            leader_election::Change::StoppedLeading => {
                context.control(crate::sim::engine::Control::Crash(context.me().actor));
                context.control(crate::sim::engine::Control::Start(context.me().actor));
            }
        }
    }

    /// Sets an alarm, unless one comes before: that one asks for the next.
    fn elect_at<A>(&mut self, at: SimTime, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        if self.elects_at.is_none_or(|next| at < next) {
            self.elects_at = Some(at);
            context.background_alarm(at, TIMERS);
        }
    }

    pub(super) fn follow<A>(
        &mut self,
        command: leader_election::Command,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        use leader_election::Command;
        let Some(election) = self.config.election.clone() else { return };
        let verb = match command {
            Command::Stay | Command::Stop => return,
            Command::Wait(at) => {
                self.lease_try += 1;
                self.elect_at(at, context);
                return;
            }
            Command::Read => Verb::Get(ObjectKey::new(Kind::LEASE, "kube-system", &election.lease)),
            Command::Create(record) => telling::create_lease(&election.lease, &record),
            Command::Update(record) => match &self.lease_seen {
                Some(seen) => telling::update_lease(seen, &record),
                None => return,
            },
        };
        self.lease_try += 1;
        let request = self.own(verb);
        self.ask(request, Purpose::Lease(self.lease_try), context);
    }

    pub(super) fn lease_answered<A>(
        &mut self,
        attempt: u64,
        answer: Answer,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        if attempt != self.lease_try {
            return;
        }
        let reading = self.elector.as_ref().is_some_and(LeaderElector::is_reading);
        let input = match answer {
            Answer::Object(Object::Lease(lease)) => {
                let record = telling::record_of(&lease);
                self.lease_seen = Some(lease);
                if reading {
                    leader_election::Input::Read(Some(record))
                } else {
                    leader_election::Input::Written
                }
            }
            Answer::Refused(refusal) if reading && refusal.reason == Reason::NotFound => {
                leader_election::Input::Read(None)
            }
            Answer::Object(_)
            | Answer::List(_)
            | Answer::Watching
            | Answer::Deleted(_)
            | Answer::Done
            | Answer::Refused(_) => leader_election::Input::Failed,
        };
        self.elect(input, context);
    }
}
