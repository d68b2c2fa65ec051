//! Family 12: a store, or a server before it, that breaks its contract.

use super::builtin::small;
use super::property::ChangesAreSeen;
use super::rule::{judged, varied};
use super::{Pair, pair, setting};
use crate::api::variant::Variant;
use crate::explore::Setting;

pub(super) const PAIRS: &[Pair] = &[
    pair(
        ("B55", 12),
        "kubernetes/kubernetes#116172, #116122",
        "a watch from before a server's memory begins with what comes: changes are lost",
        |wrong| varied(small(), wrong, Variant::BeginsWithWhatComes),
    ),
    pair(
        ("B56", 12),
        "kubernetes/kubernetes#49992, #49956",
        "the first change after a watch of an empty history is lost",
        |wrong| varied(small(), wrong, Variant::LosesFirstOfEmpty),
    ),
    pair(
        ("B57", 12),
        "kubernetes/kubernetes#123072",
        "the version before a change is forgotten with the history: deletions are lost",
        b57,
    ),
    pair(
        ("B58", 12),
        "kubernetes/kubernetes#91073",
        "after a restore a client insists on a revision that never comes",
        b58,
    ),
];

fn b57(wrong: bool) -> Setting {
    let text = "
name: pair
about: Pods go.
cluster: {nodes: [{name: node, count: 2, cpu: '8', memory: 8Gi}]}
steps:
- kubectl: create deployment web --image=app:v1 --replicas=3
- wait: 5s
- kubectl: scale deploy/web --replicas=1
- wait: 35s
";
    varied(setting(text), wrong, Variant::ForgetsPrevious)
}

/// Clients know a revision, by a bookmark, that the store is far from reaching again.
fn b58(wrong: bool) -> Setting {
    let change = |n: u32| format!("- kubectl: annotate namespace default n={n} --overwrite\n");
    let changes: String = (0..200).map(change).collect();
    let text = format!(
        "
name: pair
about: etcd is set back to what it was a while ago.
cluster: {{nodes: [{{name: node, count: 2, cpu: '8', memory: 8Gi}}]}}
steps:
- kubectl: create deployment web --image=app:v1 --replicas=2
- wait: 10s
{changes}
- wait: 80s
- inject: {{etcd-restore: {{revisions: 190}}}}
- wait: 40s
- kubectl: scale deploy/web --replicas=3
- wait: 60s
"
    );
    judged(varied(setting(&text), wrong, Variant::InsistsOnRevision), ChangesAreSeen)
}
