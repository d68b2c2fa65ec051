//! How objects are shown: the one place where commands ask for text about objects.

use std::sync::Arc;

use crate::api::core::event::Event;
use crate::api::object::Object;
use crate::api::time::Time;
use crate::scenario::kubectl::{Events, Get, Output};
use crate::scenario::print::{self, How};
use crate::scenario::terminal::failure::Failure;

/// Rows of a table, or the objects in another form; without headings for a later part of a watch.
pub(super) fn many(
    objects: &[Object],
    get: &Get,
    with_headings: bool,
    now: Time,
) -> Result<String, Failure> {
    let mut how = How::from(get);
    how.no_headers |= !with_headings;
    print::get(objects, &how, now).map_err(Failure::Text)
}

/// Objects of a watch, each by itself and never as a list.
pub(super) fn watched(
    objects: &[Object],
    get: &Get,
    with_headings: bool,
    now: Time,
) -> Result<String, Failure> {
    if matches!(get.output, None | Some(Output::Wide)) {
        return many(objects, get, with_headings, now);
    }
    let how = How { single: true, ..How::from(get) };
    let one = |object: &Object| {
        print::get(std::slice::from_ref(object), &how, now).map_err(Failure::Text)
    };
    objects.iter().map(one).collect()
}

/// One object in the form that `-o` asks for.
pub(super) fn one(object: &Object, output: &Output, now: Time) -> Result<String, Failure> {
    let how = How { output: Some(output.clone()), single: true, ..How::default() };
    print::get(std::slice::from_ref(object), &how, now).map_err(Failure::Text)
}

/// Events as `kubectl events` shows them.
pub(super) fn events(events: &[Object], flags: &Events, now: Time) -> Result<String, Failure> {
    if let Some(output) = &flags.output {
        let how = How { output: Some(output.clone()), ..How::default() };
        return print::get(events, &how, now).map_err(Failure::Text);
    }
    let how = How {
        no_headers: flags.no_headers,
        all_namespaces: flags.all_namespaces,
        ..How::default()
    };
    let events: Vec<Arc<Event>> =
        events.iter().filter_map(|object| object.as_a::<Event>().cloned()).collect();
    Ok(print::events(&events, &how, now))
}
