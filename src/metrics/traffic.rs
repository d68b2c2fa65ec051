//! The load of services: each is shared by the endpoints that are ready.
//!
//! It stands for all clients of a service and the proxies between: it watches the endpoint slices,
//! so it knows of a pod that is gone as late as they tell it, and until then that pod's part of
//! the load is served by nobody.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::Name;
use crate::api::discovery::endpoint_slice::{Endpoint, EndpointSlice};
use crate::api::message::{Beside, Message};
use crate::api::meta::Uid;
use crate::api::object::Kind;
use crate::api::request::Answer;
use crate::client::component::{Component, Moment, To};
use crate::client::reconciler::Observed;
use crate::sim::engine::ActorId;
use crate::sim::index::Map;

/// A service that carries a load.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// Its namespace.
    pub namespace: Name,
    /// Its name.
    pub service: Name,
}

/// Spreads the load of services over their ready endpoints, in equal parts.
///
/// Differs: each endpoint gets exactly the same part; a real proxy draws an endpoint for each
/// connection.
#[derive(Clone)]
pub struct Traffic {
    targets: Arc<[Target]>,
    nodes: Arc<Map<Name, ActorId>>,
    /// Who carries each load now, with its node.
    carriers: Vec<BTreeMap<Uid, Name>>,
}

/// The label by which a slice names its service.
const SERVICE: &str = "kubernetes.io/service-name";

impl Traffic {
    /// The load of these services on nodes that are reached so.
    pub fn new(targets: Arc<[Target]>, nodes: Arc<Map<Name, ActorId>>) -> Traffic {
        let carriers = vec![BTreeMap::new(); targets.len()];
        Traffic { targets, nodes, carriers }
    }

    /// The ready endpoints of a service: the pods, with their nodes.
    fn ready(target: &Target, moment: &Moment<'_>) -> BTreeMap<Uid, Name> {
        let cache = moment.caches.of(Kind::ENDPOINT_SLICE);
        let slices =
            cache.in_namespace(&target.namespace).filter_map(|o| o.as_a::<EndpointSlice>());
        let own = |s: &&Arc<EndpointSlice>| s.meta.labels.get(SERVICE) == Some(&target.service);
        // Both families list the same pods; the map has each once.
        let ready = |e: &&Endpoint| e.conditions.ready.unwrap_or(true);
        let pod = |e: &Endpoint| Some((e.target_ref.as_ref()?.uid, e.node_name.clone()?));
        slices.filter(own).flat_map(|s| s.endpoints.iter().filter(ready).filter_map(pod)).collect()
    }

    fn spread(&mut self, load: usize, moment: &mut Moment<'_>) {
        let now = Traffic::ready(&self.targets[load], moment);
        let before = std::mem::replace(&mut self.carriers[load], now);
        let now = &self.carriers[load];
        if *now == before {
            return;
        }
        let parts = u32::try_from(now.len()).unwrap_or(u32::MAX);
        let gone = before.iter().filter(|(pod, _)| !now.contains_key(*pod)).map(|p| (p, 0));
        let shares = gone.chain(now.iter().map(|p| (p, parts)));
        for ((pod, node), parts) in shares {
            let Some(node) = self.nodes.get(node) else { continue };
            let share = Beside::Share { pod: *pod, load, parts };
            moment.out.messages.push((To::Process(*node), Message::Beside(share)));
        }
    }

    fn spread_all(&mut self, moment: &mut Moment<'_>) {
        for load in 0..self.targets.len() {
            self.spread(load, moment);
        }
    }
}

impl Component for Traffic {
    fn observe(&mut self, change: &Observed<'_>, moment: &mut Moment<'_>) {
        let meta = change.latest().meta();
        let service = meta.labels.get(SERVICE).cloned();
        let namespace = meta.namespace.clone();
        let own = |t: &Target| Some(&t.service) == service.as_ref() && t.namespace == namespace;
        let loads: Vec<usize> =
            self.targets.iter().enumerate().filter(|(_, t)| own(t)).map(|(n, _)| n).collect();
        for load in loads {
            self.spread(load, moment);
        }
    }

    fn synced(&mut self, moment: &mut Moment<'_>) {
        self.spread_all(moment);
    }

    fn reply(&mut self, _token: u64, _answer: &Answer, _moment: &mut Moment<'_>) {}

    fn wake(&mut self, _moment: &mut Moment<'_>) {}

    fn crashed(&mut self) {
        *self = Traffic::new(self.targets.clone(), self.nodes.clone());
    }
}
