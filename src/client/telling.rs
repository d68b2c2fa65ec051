//! How a process words what it tells: events, and the lease by which it leads.

use std::sync::Arc;

use crate::api::Name;
use crate::api::coordination::lease::{Lease, LeaseSpec};
use crate::api::core::event::{Event, EventBody, EventOrigin};
use crate::api::edit::Edit;
use crate::api::meta::Meta;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::request::{EventNote, Patch, Subresource, Verb};
use crate::api::why::Why;
use crate::client::event_recorder::{EventRecorder, EventType, Occurrence, Recorded, Recording};
use crate::client::leader_election::LeaseRecord;
use crate::sim::time::SimTime;

/// An event on its way: what is asked of the apiserver, and what if that is not found.
pub(crate) struct Told {
    /// The request.
    pub(crate) verb: Verb,
    /// The creation of the same event, where the request is not that already.
    pub(crate) anew: Option<Verb>,
}

/// Why events are written.
pub(crate) fn why() -> Why {
    Why::new("told as an event")
}

/// What becomes of something to tell; none when the recorder drops it.
pub(crate) fn record(
    recorder: &mut EventRecorder,
    (component, host): (Name, Name),
    note: EventNote,
    now: SimTime,
) -> Option<Told> {
    let occurrence = Occurrence {
        component,
        host,
        involved: note.about,
        event_type: if note.warning { EventType::Warning } else { EventType::Normal },
        reason: Name::new_static(note.reason),
        message: note.message,
    };
    match recorder.record(occurrence, now) {
        Recording::Drop => None,
        Recording::Create(recorded) => {
            let origin = recorder.origin(&recorded.what);
            Some(Told { verb: create(recorded, origin), anew: None })
        }
        Recording::Patch(recorded) => {
            let key = ObjectKey::new(Kind::EVENT, &recorded.namespace, &recorded.name);
            let edit = Edit::EventCount {
                count: i32::try_from(recorded.count).unwrap_or(i32::MAX),
                last: recorded.last.whole_seconds(),
                message: recorded.what.message.clone(),
            };
            let (part, patch) = (Subresource::Main, Patch::Edit(edit));
            let verb = Verb::Patch { key, part, patch, dry_run: false };
            let origin = recorder.origin(&recorded.what);
            Some(Told { verb, anew: Some(create(recorded, origin)) })
        }
    }
}

fn create(recorded: Recorded, origin: Arc<EventOrigin>) -> Verb {
    let what = recorded.what;
    let body = EventBody {
        involved_object: what.involved,
        reason: what.reason,
        message: what.message,
        origin,
        first_timestamp: Some(recorded.first.whole_seconds()),
        last_timestamp: Some(recorded.last.whole_seconds()),
        count: i32::try_from(recorded.count).unwrap_or(i32::MAX),
        ..EventBody::default()
    };
    let (name, namespace) = (recorded.name, recorded.namespace);
    let meta = Meta { name, namespace, ..Meta::default() };
    Verb::Create { object: Object::from(Event { meta, body }), dry_run: false }
}

/// The record that a lease holds.
pub(crate) fn record_of(lease: &Lease) -> LeaseRecord {
    let spec = &lease.spec;
    let count = |n: Option<i32>| u32::try_from(n.unwrap_or(0)).unwrap_or(0);
    LeaseRecord {
        holder: spec.holder_identity.clone(),
        lease_seconds: count(spec.lease_duration_seconds),
        acquired: spec.acquire_time.unwrap_or_default(),
        renewed: spec.renew_time.unwrap_or_default(),
        transitions: count(spec.lease_transitions),
    }
}

fn spec_of(record: &LeaseRecord) -> LeaseSpec {
    LeaseSpec {
        holder_identity: record.holder.clone(),
        lease_duration_seconds: i32::try_from(record.lease_seconds).ok(),
        acquire_time: Some(record.acquired.whole_micros()),
        renew_time: Some(record.renewed.whole_micros()),
        lease_transitions: i32::try_from(record.transitions).ok(),
        ..LeaseSpec::default()
    }
}

/// Creates the lease by which a process leads.
pub(crate) fn create_lease(name: &str, record: &LeaseRecord) -> Verb {
    let meta = Meta::named("kube-system", name);
    let lease = Lease { meta, spec: spec_of(record), beat: None };
    Verb::Create { object: Object::from(lease), dry_run: false }
}

/// Updates the lease by which a process leads, if it is still as it was seen.
pub(crate) fn update_lease(seen: &Arc<Lease>, record: &LeaseRecord) -> Verb {
    let mut lease = Lease::clone(seen);
    lease.spec = spec_of(record);
    Verb::Update { object: Object::from(lease), part: Subresource::Main }
}
