//! A member of a cluster: any of its processes, as one actor of the engine.

use crate::api::message::Message;
use crate::api::note::Note;
use crate::apiserver::server::Apiserver;
use crate::client::component::Component;
use crate::client::manager::Manager;
use crate::client::process::Process;
use crate::etcd::server::Etcd;
use crate::node::kubelet::Kubelet;
use crate::scheduler::component::Scheduler;
use crate::sim::engine::{Actor, ActorId, Context, Peer};

/// A process of a cluster, or somebody beside it.
#[derive(Clone)]
pub enum Member {
    /// etcd.
    Etcd(Box<Etcd>),
    /// A kube-apiserver replica.
    Apiserver(Box<Apiserver>),
    /// A kube-controller-manager replica, or an operator of the user's own.
    Manager(Box<Process<Manager>>),
    /// A kube-scheduler replica.
    Scheduler(Box<Process<Scheduler>>),
    /// A node.
    Node(Box<Process<Kubelet>>),
    /// A person at a terminal, the weather, a foreign client.
    Guest(Box<dyn Guest>),
}

impl Member {
    /// Whether it may act: it leads, or need not.
    pub fn is_acting(&self) -> bool {
        match self {
            Member::Manager(process) => process.is_acting(),
            Member::Scheduler(process) => process.is_acting(),
            Member::Node(process) => process.is_acting(),
            Member::Etcd(_) | Member::Apiserver(_) | Member::Guest(_) => true,
        }
    }
}

/// Somebody beside the cluster: a person at a terminal, the weather, a foreign client.
pub trait Guest: Send {
    /// The beginning of the run.
    fn start(&mut self, context: &mut Moved<'_>);
    /// A message has come.
    fn receive(&mut self, from: Peer, message: Message, context: &mut Moved<'_>);
    /// An alarm that it set has come.
    fn alarm(&mut self, tag: u64, context: &mut Moved<'_>);
    /// A server is gone, or the link to it was cut or healed.
    fn link_changed(&mut self, peer: ActorId, up: bool, context: &mut Moved<'_>);
    /// Its life ends, and with it what it remembers.
    fn crash(&mut self) {}
    /// A copy for a copy of the world.
    fn boxed_clone(&self) -> Box<dyn Guest>;
    /// Itself, to look at.
    fn as_any(&self) -> &dyn std::any::Any;
    /// Itself, to be acted on from outside.
    fn as_any_mut(&mut self) -> &mut dyn std::any::Any;
}

/// What a guest sees of the engine.
pub type Moved<'a> = Context<'a, Member>;

impl Clone for Box<dyn Guest> {
    fn clone(&self) -> Self {
        self.boxed_clone()
    }
}

impl Actor for Member {
    type Message = Message;
    type Note = Note;

    fn start(&mut self, context: &mut Context<'_, Self>) {
        match self {
            Member::Etcd(etcd) => etcd.start(context),
            Member::Apiserver(server) => server.start(context),
            Member::Manager(process) => process.start(context),
            Member::Scheduler(process) => process.start(context),
            Member::Node(process) => process.start(context),
            Member::Guest(guest) => guest.start(context),
        }
    }

    fn receive(&mut self, from: Peer, message: Message, context: &mut Context<'_, Self>) {
        match self {
            Member::Etcd(etcd) => etcd.receive(from, message, context),
            Member::Apiserver(server) => server.receive(from, message, context),
            Member::Manager(process) => process.receive(from, message, context),
            Member::Scheduler(process) => process.receive(from, message, context),
            Member::Node(process) => process.receive(from, message, context),
            Member::Guest(guest) => guest.receive(from, message, context),
        }
    }

    fn alarm(&mut self, tag: u64, context: &mut Context<'_, Self>) {
        match self {
            Member::Etcd(etcd) => etcd.alarm(tag, context),
            Member::Apiserver(server) => server.alarm(tag, context),
            Member::Manager(process) => process.alarm(tag, context),
            Member::Scheduler(process) => process.alarm(tag, context),
            Member::Node(process) => process.alarm(tag, context),
            Member::Guest(guest) => guest.alarm(tag, context),
        }
    }

    fn link_changed(&mut self, peer: ActorId, up: bool, context: &mut Context<'_, Self>) {
        match self {
            Member::Etcd(etcd) => {
                if !up {
                    etcd.disconnected(peer);
                }
            }
            Member::Apiserver(server) => server.link_changed(peer, up, context),
            Member::Manager(process) => process.link_changed(peer, up, context),
            Member::Scheduler(process) => process.link_changed(peer, up, context),
            Member::Node(process) => process.link_changed(peer, up, context),
            Member::Guest(guest) => guest.link_changed(peer, up, context),
        }
    }

    fn crash(&mut self) {
        match self {
            Member::Etcd(etcd) => etcd.crash(),
            Member::Apiserver(server) => server.crash(),
            Member::Manager(process) => process.crash(),
            Member::Scheduler(process) => process.crash(),
            Member::Node(process) => process.crash(),
            Member::Guest(guest) => guest.crash(),
        }
    }
}

/// A process of a cluster that not every cluster has: a component with its client.
#[derive(Clone)]
pub struct Hosted<C>(pub Process<C>);

impl<C: Component + 'static> Guest for Hosted<C> {
    fn start(&mut self, context: &mut Moved<'_>) {
        self.0.start(context);
    }

    fn receive(&mut self, from: Peer, message: Message, context: &mut Moved<'_>) {
        self.0.receive(from, message, context);
    }

    fn alarm(&mut self, tag: u64, context: &mut Moved<'_>) {
        self.0.alarm(tag, context);
    }

    fn link_changed(&mut self, peer: ActorId, up: bool, context: &mut Moved<'_>) {
        self.0.link_changed(peer, up, context);
    }

    fn crash(&mut self) {
        self.0.crash();
    }

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
