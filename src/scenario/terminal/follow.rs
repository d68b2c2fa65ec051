//! Waiting for an object: a list, then a watch from there, and again when the watch breaks off.

use crate::api::Name;
use crate::api::object::{Object, ObjectKey};
use crate::api::request::{Change, ListOptions, WatchOptions};
use crate::api::selector::FieldSelector;
use crate::api::time::Time;
use crate::scenario::terminal::failure::Failure;
use crate::scenario::terminal::script::{Play, Round, Script, Seen};
use crate::sim::time::SimDuration;

/// What a follower sees of its object.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sight<'a> {
    /// It came or changed.
    There(&'a Object),
    /// It went.
    Gone,
    /// It was not there when the follower began to look.
    Missing,
}

/// Where a follower is.
#[derive(Clone, Debug, Default)]
struct Place {
    token: Option<u32>,
    revision: u64,
    last: Option<Object>,
    has_looked: bool,
}

/// Looks at an object and at each change of it until `check` gives a result; `None` when that did
/// not happen in time.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/watch/until.go, `UntilWithSync`
pub(super) fn until<T: Clone + Send + Sync + 'static>(
    script: &mut Script<'_>,
    key: &ObjectKey,
    deadline: Option<Time>,
    mut check: impl FnMut(&mut Script<'_>, Sight<'_>) -> Play<Option<T>>,
) -> Play<Option<T>> {
    script.repeat(Place::default(), |script, place| match place.token {
        None => look(script, key, deadline, place, &mut check),
        Some(token) => see(script, token, deadline, place, &mut check),
    })
}

fn fields_of(key: &ObjectKey) -> FieldSelector {
    FieldSelector::equals("metadata.name", &key.name)
}

/// Lists the object and opens the watch.
fn look<T>(
    script: &mut Script<'_>,
    key: &ObjectKey,
    deadline: Option<Time>,
    place: Place,
    check: &mut impl FnMut(&mut Script<'_>, Sight<'_>) -> Play<Option<T>>,
) -> Play<Round<Place, Option<T>>> {
    let list = ListOptions {
        namespace: key.namespace.clone(),
        fields: fields_of(key),
        ..ListOptions::all(key.kind)
    };
    let list = match script.attempt(|script| script.list(&list))? {
        Ok(list) => list,
        Err(Failure::Server(refusal)) if refusal.code < 500 && refusal.code != 429 => {
            return Err(refusal.into());
        }
        Err(_) => return pause(script, deadline, place),
    };
    let now = list.items.into_iter().next();
    let version = |object: &Option<Object>| object.as_ref().map(|o| o.meta().resource_version);
    let result = match (&now, &place.last) {
        (Some(object), _) if version(&now) != version(&place.last) => {
            check(script, Sight::There(object))?
        }
        (None, Some(_)) => check(script, Sight::Gone)?,
        (None, None) if !place.has_looked => check(script, Sight::Missing)?,
        (Some(_) | None, _) => None,
    };
    if result.is_some() {
        return Ok(Round::Done(result));
    }
    let revision = list.resource_version;
    let place = Place { token: None, revision, last: now, has_looked: true };
    open(script, key, deadline, place)
}

/// Opens a watch from the revision that was seen last.
fn open<T>(
    script: &mut Script<'_>,
    key: &ObjectKey,
    deadline: Option<Time>,
    place: Place,
) -> Play<Round<Place, Option<T>>> {
    let options = WatchOptions {
        kind: key.kind,
        namespace: key.namespace.clone(),
        labels: crate::api::selector::Selector::default(),
        fields: fields_of(key),
        resource_version: Name::new(place.revision.to_string()),
        bookmarks: false,
        send_initial_events: false,
    };
    match script.attempt(|script| script.watch(&options))? {
        Ok(Ok(token)) => Ok(Round::Again(Place { token: Some(token), ..place })),
        Ok(Err(_)) | Err(_) => pause(script, deadline, place),
    }
}

/// Waits a moment before looking again.
fn pause<T>(
    script: &mut Script<'_>,
    deadline: Option<Time>,
    place: Place,
) -> Play<Round<Place, Option<T>>> {
    let now = script.now();
    if deadline.is_some_and(|deadline| deadline <= now) {
        return Ok(Round::Done(None));
    }
    let then = now.plus(SimDuration::secs(1));
    script.sleep_until(deadline.map_or(then, |deadline| deadline.min(then)))?;
    Ok(Round::Again(Place { token: None, ..place }))
}

/// Takes one thing from the watch.
fn see<T>(
    script: &mut Script<'_>,
    token: u32,
    deadline: Option<Time>,
    place: Place,
    check: &mut impl FnMut(&mut Script<'_>, Sight<'_>) -> Play<Option<T>>,
) -> Play<Round<Place, Option<T>>> {
    let event = match script.next(token, deadline)? {
        Seen::Event(event) => event,
        Seen::Closed(_) => return pause(script, deadline, place),
        Seen::TimedOut => {
            script.stop(token);
            return Ok(Round::Done(None));
        }
    };
    let (result, last) = match event.change {
        Change::Added | Change::Modified => {
            (check(script, Sight::There(&event.object))?, Some(event.object))
        }
        Change::Deleted => (check(script, Sight::Gone)?, None),
    };
    if result.is_some() {
        script.stop(token);
        return Ok(Round::Done(result));
    }
    Ok(Round::Again(Place { last, revision: event.revision, ..place }))
}
