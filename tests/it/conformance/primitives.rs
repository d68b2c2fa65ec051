//! Conformance units: primitives.

mod deletion;
mod human_duration;
mod int_or_percent;
mod meta_update;
mod names;
mod quantity;
mod refusal;
mod selector;
mod taint;

use super::{Differs, Unit};

/// The units of this area, and the function that runs a case of each.
pub(crate) const UNITS: &[Unit] = &[
    ("quantity", quantity::quantity),
    ("primitives.quantity-parse", quantity::parse),
    ("primitives.quantity-arithmetic", quantity::arithmetic),
    ("int-or-percent", int_or_percent::scaled),
    ("primitives.int-or-percent", int_or_percent::both_ways),
    ("name-validation", names::name_validation),
    ("primitives.names", names::names),
    ("primitives.generate-name", names::generate_name),
    ("primitives.safe-encode", names::safe_encode),
    ("selectors", selector::selectors),
    ("primitives.label-selector-string", selector::string),
    ("primitives.label-selector-object", selector::label_selector),
    ("primitives.taint-text", taint::text),
    ("primitives.toleration-matches-taint", taint::tolerates),
    ("api-errors", refusal::api_errors),
    ("human-duration", human_duration::text),
    ("graceful-delete", deletion::graceful),
    ("kubelet.pod-graceful-delete", deletion::pod),
    ("delete-propagation", deletion::propagation),
    ("gc.deletion-finalizers", deletion::finalizers),
    ("object-meta-rules", meta_update::rules),
];

/// Cases that are known to differ, with the reason.
pub(crate) const DIFFERS: &[Differs] = &[];
