//! How kubectl names kinds and objects.

use crate::api::object::Kind;
use crate::scenario::kubectl::DryRun;

/// `deployments.apps`, or `pods`: as errors name a resource.
pub(super) fn resource(kind: Kind) -> String {
    let row = kind.row();
    if row.group.is_empty() {
        row.plural.to_owned()
    } else {
        format!("{}.{}", row.plural, row.group)
    }
}

/// `deployment.apps`, or `pod`: as results name a kind.
pub(super) fn singular(kind: Kind) -> String {
    let row = kind.row();
    let name = row.name.to_ascii_lowercase();
    if row.group.is_empty() { name } else { format!("{name}.{}", row.group) }
}

/// What is printed behind a result that was not stored.
pub(super) fn dry_run_suffix(dry_run: DryRun) -> &'static str {
    match dry_run {
        DryRun::None => "",
        DryRun::Client => " (dry run)",
        DryRun::Server => " (server dry run)",
    }
}
