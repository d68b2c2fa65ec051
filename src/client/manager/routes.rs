//! Which controllers of a process watch a kind.

use std::sync::Arc;

use crate::api::object::Kind;
use crate::client::reconciler::{Keys, Observed, Reconciler};
use crate::client::view::View;

/// A controller that watches a kind, and which of its keys a change concerns.
#[derive(Clone, Copy)]
pub(super) struct Route {
    /// Its place among the controllers of its process.
    pub(super) controller: usize,
    /// Adds the keys that a change concerns.
    pub(super) keys: fn(change: &Observed<'_>, view: View<'_>, out: &mut Keys),
}

/// The routes of all kinds, by the kind's number.
#[derive(Clone)]
pub(super) struct Routes(Arc<[Vec<Route>]>);

impl Routes {
    /// Those of a process of these controllers.
    pub(super) fn of(rules: &[Box<dyn Reconciler>]) -> Routes {
        let mut all: Vec<Vec<Route>> = Vec::new();
        for (controller, rule) in rules.iter().enumerate() {
            for watch in rule.watches() {
                let place = usize::from(watch.kind.0);
                if all.len() <= place {
                    all.resize_with(place + 1, Vec::new);
                }
                all[place].push(Route { controller, keys: watch.keys });
            }
        }
        Routes(all.into())
    }

    /// Those of a kind, of one controller after another.
    pub(super) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &[Route]> {
        let routes = self.0.get(usize::from(kind.0)).map_or(&[][..], Vec::as_slice);
        routes.chunk_by(|a, b| a.controller == b.controller)
    }
}
