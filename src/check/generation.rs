//! S18: the generation counts changes of the spec; what was observed of it never goes back and is
//! never ahead.

use crate::api::apps::deployment::Deployment;
use crate::api::apps::replica_set::ReplicaSet;
use crate::api::object::Object;
use crate::check::{Invariant, Look, named};

/// Remembers nothing: the version before shows all.
#[derive(Clone, Default)]
pub(super) struct Generation;

fn observed(object: &Object) -> i64 {
    if let Some(deployment) = object.as_a::<Deployment>() {
        return deployment.status.observed_generation;
    }
    object.as_a::<ReplicaSet>().map_or(0, |set| set.status.observed_generation)
}

impl Invariant for Generation {
    fn look(&mut self, look: &Look<'_>) -> Result<(), String> {
        let change = look.change;
        if change.deleted || !change.object.kind().row().generation {
            return Ok(());
        }
        let Some(old) = &change.old else { return Ok(()) };
        let (before, after) = (old.meta().generation, change.object.meta().generation);
        if after < before || after > before + 1 {
            return Err(format!("{}: generation {after} after {before}", named(change)));
        }
        let deletes = old.meta().is_deleting() != change.object.meta().is_deleting();
        if after > before && !deletes && change.object.same_spec(old) {
            return Err(format!("{}: generation {after} for the same spec", named(change)));
        }
        let (was, is) = (observed(old), observed(&change.object));
        if is > after {
            return Err(format!("{}: generation {is} observed, {after} there", named(change)));
        }
        // A stale controller may write what it knew; the store refuses that by its version.
        if is < was {
            return Err(format!("{}: generation {is} observed after {was}", named(change)));
        }
        Ok(())
    }
}
