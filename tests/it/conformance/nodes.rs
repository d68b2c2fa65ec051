//! Conformance units: nodes.

use super::{Differs, Unit};

/// The units of this area, and the function that runs a case of each.
pub(crate) const UNITS: &[Unit] = &[];

/// Cases that are known to differ, with the reason.
pub(crate) const DIFFERS: &[Differs] = &[];
