//! Following the store: filling the caches, losing etcd and finding it again.

use super::{Apiserver, Pending, RECONNECT, Stage};
use crate::api::Name;
use crate::api::coordination::lease::Lease;
use crate::api::message::{Condition, Message};
use crate::api::note::{MarkNote, Note};
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::Refusal;
use crate::api::request::{Request, Subresource, Verb};
use crate::api::time::Time;
use crate::api::why::Why;
use crate::apiserver::fairness::Seat;
use crate::sim::engine::{Actor, ActorId, Context, Peer};
use crate::sim::time::SimDuration;

impl Apiserver {
    /// The kinds that it serves.
    pub(in crate::apiserver) fn kinds(&self) -> impl Iterator<Item = Kind> + use<> {
        (0..self.caches.len()).filter_map(|n| u16::try_from(n).ok()).map(Kind)
    }

    /// Ends the watches of a client on a kind, cleanly or with a refusal; gives how many they were.
    pub fn end_watches_of<A>(
        &mut self,
        client: ActorId,
        kind: Kind,
        why: Option<&Refusal>,
        context: &mut Context<'_, A>,
    ) -> usize
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let cache = &mut self.caches[usize::from(kind.0)];
        let numbers: Vec<u64> = cache
            .streams()
            .filter(|(_, s)| s.client.actor == client)
            .map(|(number, _)| number)
            .collect();
        let count = numbers.len();
        for number in numbers {
            if let Some(stream) = cache.close(number) {
                let message = Message::WatchClosed(stream.request, why.cloned());
                let last = stream.last_arrival;
                context.send_ordered(stream.client, SimDuration::ZERO, last, message);
            }
        }
        if count > 0 {
            context.log(Note::Mark(Box::new(MarkNote {
                mark: "watch-cut",
                who: self.name.clone(),
                detail: Name::new_static(kind.name()),
            })));
        }
        count
    }

    /// etcd has compacted; when it has forgotten what the caches have not seen yet, they are
    /// filled anew.
    pub(in crate::apiserver) fn compacted<A>(&mut self, revision: u64, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        if revision > self.revision {
            return self.connect(context);
        }
        for cache in &mut self.caches {
            cache.compact(revision);
        }
    }

    pub(in crate::apiserver) fn fill<A>(
        &mut self,
        items: &[Object],
        revision: u64,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        for kind in self.kinds() {
            let of_kind: Vec<Object> = items.iter().filter(|o| o.kind() == kind).cloned().collect();
            self.refill(kind, &of_kind, revision, context);
        }
        self.revision = revision;
        self.following_again = false;
        self.ready = true;
        context.send(context.peer(self.etcd), Message::WatchStore(revision));
    }

    /// Fills a cache; the watches that followed the old one end, and are opened again by their
    /// clients.
    pub(in crate::apiserver) fn refill<A>(
        &mut self,
        kind: Kind,
        items: &[Object],
        revision: u64,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let fresh = self.config.event_fresh;
        let cache = &mut self.caches[usize::from(kind.0)];
        for (_, stream) in cache.streams() {
            let (client, last) = (stream.client, stream.last_arrival);
            let message = Message::WatchClosed(stream.request, None);
            if context.can_reach(client.actor) {
                context.send_ordered(client, SimDuration::ZERO, last, message);
            } else {
                self.unclosed.push((client, stream.request));
            }
        }
        cache.fill(items, revision, fresh);
        cache.vary(self.config.gates);
    }

    /// A peer is gone, or the link to it was cut or healed.
    pub fn link_changed<A>(&mut self, peer: ActorId, up: bool, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        if peer == self.etcd {
            return self.store_changed(up, context);
        }
        let gone = !up && !context.is_up(peer);
        if gone {
            self.freeze_lease(peer, context);
        }
        let (unclosed, rest) = std::mem::take(&mut self.unclosed)
            .into_iter()
            .partition::<Vec<_>, _>(|(client, _)| client.actor == peer && (up || gone));
        self.unclosed = rest;
        for (client, request) in unclosed.into_iter().filter(|_| up) {
            context.send(client, Message::WatchClosed(request, None));
        }
        for kind in self.kinds() {
            let of_peer: Vec<u64> = self
                .cache(kind)
                .streams()
                .filter(|(_, s)| s.client.actor == peer && (gone || s.held))
                .map(|(n, _)| n)
                .collect();
            for number in of_peer {
                if gone {
                    self.cache_mut(kind).close(number);
                } else if up {
                    self.deliver(kind, number, context);
                }
            }
        }
    }

    /// A node whose renewals are computed has stopped: its lease says from now on when the last
    /// one was, as if all had been written.
    pub(in crate::apiserver) fn freeze_lease<A>(
        &mut self,
        peer: ActorId,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let key = ObjectKey::new(Kind::LEASE, "kube-node-lease", context.name_of(peer));
        let Some(Object::Lease(lease)) = self.cache(Kind::LEASE).get(&key) else { return };
        if lease.beat.is_none() {
            return;
        }
        let mut lease = Lease::clone(lease);
        lease.spec.renew_time =
            lease.renewed_at(context.start(), context.now()).map(Time::whole_micros);
        lease.beat = None;
        let user = smol_str::format_smolstr!("kubelet/{}", key.name);
        let condition = Condition::Unchanged(lease.meta.resource_version);
        let object = Object::from(lease);
        let verb = Verb::Update { object: object.clone(), part: Subresource::Main };
        let request = Box::new(Request {
            user,
            manager: Name::default(),
            verb,
            why: Why::new("its last sign of life"),
        });
        let client = Peer::default();
        let (stage, seat) = (Stage::Write, Seat::NONE);
        let pending = Pending { client, id: 0, request, stage, attempts: 0, required: 0, seat };
        self.write(pending, key, condition, Some(object), context);
    }

    /// etcd is gone: what waits for it fails; when it can be reached the caches follow it again.
    pub(in crate::apiserver) fn store_changed<A>(&mut self, up: bool, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        if up {
            let etcd = context.peer(self.etcd);
            context.connect(etcd);
            context.send(etcd, Message::WatchStore(self.revision));
            return;
        }
        let mut waiting: Vec<u64> =
            (1..=self.asked).filter(|t| self.pending.contains_key(t)).collect();
        waiting.sort_unstable();
        for token in waiting {
            if let Some(pending) = self.pending.remove(&token) {
                let refusal = Refusal::timeout("etcdserver: request timed out", 0);
                self.refuse(&pending, refusal, context);
            }
        }
        self.stop_charging(context);
        context.alarm(context.now() + SimDuration::secs(1), RECONNECT);
        if !context.is_up(self.etcd) {
            self.ready = false;
            self.down_since = context.now();
        }
    }

    /// Ends all watches of a kind, as a restart of a proxy or a timeout would.
    pub fn cut_watches<A>(&mut self, kind: Kind, client: ActorId, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let cache = &mut self.caches[usize::from(kind.0)];
        let numbers: Vec<u64> = cache
            .streams()
            .filter(|(_, s)| s.client.actor == client)
            .map(|(number, _)| number)
            .collect();
        for number in numbers {
            if let Some(stream) = cache.close(number) {
                context.send(stream.client, Message::WatchClosed(stream.request, None));
            }
        }
        context.log(Note::Mark(Box::new(MarkNote {
            mark: "watch-cut",
            who: self.name.clone(),
            detail: Name::new_static(kind.name()),
        })));
    }
}
