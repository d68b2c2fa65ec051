//! What a search looks at in a run, and whether a run is healthy in the end.

use std::sync::Arc;

use super::shell::Shell;
use super::{Extras, World};
use crate::check::Breach;
use crate::check::end;
use crate::check::lasso::Lasso;
use crate::check::marks::Marks;
use crate::check::state;
use crate::fault::Plan;
use crate::scenario::spec::Until;

/// What a search looks at in a run.
#[derive(Clone, Default)]
pub struct Search {
    /// Circles.
    pub lasso: Lasso,
    /// What was reached.
    pub marks: Marks,
    /// How many marks were reached since this was last set to 0.
    pub fresh_marks: u32,
    /// Whether the state has changed since this was last set to false.
    pub changed: bool,
    /// Changes of the store, heartbeats left out.
    pub writes: u32,
}

impl World {
    /// Begins to look for circles and marks, and ends the run when something is found.
    pub fn search(&mut self) {
        let mut search = Search::default();
        let store = self.cluster.store();
        search.lasso.begin(store.kinds().flat_map(|kind| store.list(kind)));
        self.search = Some(Box::new(search));
    }

    /// What a search has seen of this run.
    pub fn searched(&self) -> Option<&Search> {
        self.search.as_deref()
    }

    /// What a search has seen of this run, to take it up.
    pub fn searched_mut(&mut self) -> Option<&mut Search> {
        self.search.as_deref_mut()
    }

    /// What must not have been, so far.
    pub fn breaches(&self) -> Vec<Breach> {
        let circle = self.search.as_ref().and_then(|search| search.lasso.found());
        self.invariants.breaches().iter().chain(circle).cloned().collect()
    }

    /// Whether nothing is left to do, and nothing waits for time alone.
    pub fn is_at_rest(&self) -> bool {
        self.is_settled()
    }

    /// Whether a request of the person, or the answer to one, was lost with a connection.
    pub fn person_was_cut_off(&mut self) -> bool {
        self.cluster.with_guest(self.terminal, |shell: &mut Shell, _| shell.was_cut_off())
    }

    /// Whether a search has seen the run go round in a circle.
    pub(super) fn goes_in_circles(&self) -> bool {
        self.search.as_ref().is_some_and(|search| search.lasso.found().is_some())
    }

    /// Whether nothing is wrong at the end.
    pub(super) fn health(&self, same_end: bool) -> Result<(), String> {
        if let Some(breach) = self.breaches().first() {
            return Err(breach.to_string());
        }
        if !self.is_settled() {
            return Err("it does not come to rest".to_owned());
        }
        if let Some(breach) = end::judge(&self.cluster, self.now()).first() {
            return Err(breach.to_string());
        }
        if !same_end {
            return Ok(());
        }
        let mut described = (*self.described).clone();
        described.scenario.faults.clear();
        described.scenario.expect.clear();
        let extras = Extras { plan: Plan::default(), eager: self.eager, ..self.extras.clone() };
        let until = Some(Until::Settled);
        let mut calm = World::with(Arc::new(described), self.seed, until, extras)
            .map_err(|why| why.join("; "))?;
        while calm.go_on() {}
        match state::difference(&state::end(&calm.cluster), &state::end(&self.cluster)) {
            Some((_, what)) => Err(format!("the end differs from that without faults: {what}")),
            None => Ok(()),
        }
    }
}
