//! S12: a leader's lease changes hands only when it has run out or was given back.

use std::collections::BTreeMap;

use crate::api::Name;
use crate::api::coordination::lease::Lease;
use crate::api::object::Kind;
use crate::check::{Invariant, Look, named};
use crate::sim::time::{SimDuration, SimTime};

/// For each lease when its holder last wrote it, whatever its clock says.
#[derive(Clone, Default)]
pub(super) struct Leader {
    written: BTreeMap<Name, SimTime>,
}

impl Invariant for Leader {
    fn look(&mut self, look: &Look<'_>) -> Result<(), String> {
        if look.change.object.kind() != Kind::LEASE {
            return Ok(());
        }
        let Some(new) = look.change.object.as_a::<Lease>() else { return Ok(()) };
        if new.meta.namespace != "kube-system" {
            return Ok(());
        }
        let before = self.written.insert(new.meta.name.clone(), look.now);
        let old = look.change.old.as_ref().and_then(|o| o.as_a::<Lease>());
        let (Some(old), Some(written)) = (old, before) else { return Ok(()) };
        let (was, is) = (&old.spec.holder_identity, &new.spec.holder_identity);
        if was == is || was.is_empty() || is.is_empty() {
            return Ok(());
        }
        let seconds = old.spec.lease_duration_seconds.unwrap_or(0);
        let over = written + SimDuration::secs(u64::try_from(seconds).unwrap_or(0));
        if look.now < over {
            return Err(format!(
                "{} went from {was} to {is} before it ran out",
                named(look.change)
            ));
        }
        Ok(())
    }
}
