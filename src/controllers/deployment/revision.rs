//! Revisions of a Deployment and the annotations that `ReplicaSets` carry.
//!
//! Responsible for what the annotations say and when they change.

use std::sync::Arc;

use crate::api::Name;
use crate::api::apps::deployment::{Deployment, DeploymentSpec};
use crate::api::apps::replica_set::ReplicaSet;
use crate::api::labels::Labels;

use super::bounds::bounds;

/// The revision of a `ReplicaSet`, and the present one of a Deployment.
pub const REVISION: &str = "deployment.kubernetes.io/revision";
/// The revisions that a `ReplicaSet` had before.
pub const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// The size of the Deployment when its `ReplicaSet` was last scaled.
pub const DESIRED_REPLICAS: &str = "deployment.kubernetes.io/desired-replicas";
/// That size and the surge.
pub const MAX_REPLICAS: &str = "deployment.kubernetes.io/max-replicas";

/// How long the history of revisions may be, in characters.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/sync.go, `maxRevHistoryLengthInChars`
pub const MAX_HISTORY: usize = 2000;

/// Annotations of a Deployment that its `ReplicaSets` do not take over.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go, `annotationsToSkip`
const NOT_COPIED: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    "deprecated.deployment.rollback.to",
];

/// The revision in the annotations: 0 when there is none, nothing when it is no number.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go, `Revision`
pub fn revision(annotations: &Labels) -> Option<i64> {
    annotations.get(REVISION).map_or(Some(0), |text| text.parse().ok())
}

/// The highest revision; those that are no number do not count.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go, `MaxRevision`
pub fn max_revision<'a>(sets: impl Iterator<Item = &'a Arc<ReplicaSet>>) -> i64 {
    sets.filter_map(|s| revision(&s.meta.annotations)).fold(0, i64::max)
}

/// The highest revision but one, which an undo goes back to.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go, `LastRevision`
pub fn last_revision<'a>(sets: impl Iterator<Item = &'a Arc<ReplicaSet>>) -> i64 {
    let (mut max, mut second) = (0, 0);
    for revision in sets.filter_map(|s| revision(&s.meta.annotations)) {
        if revision >= max {
            (second, max) = (max, revision);
        } else if revision > second {
            second = revision;
        }
    }
    second
}

/// A number in an annotation, if it is there and neither negative nor wider than 32 bits.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go,
/// `getNonNegativeInt32FromAnnotationVerbose`
pub fn number(annotations: &Labels, key: &str) -> Option<i32> {
    annotations.get(key)?.parse().ok().filter(|n| *n >= 0)
}

/// The two sizes that a scaled `ReplicaSet` remembers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sizes {
    /// The desired number of pods.
    pub desired: i32,
    /// That number and the surge.
    pub max: i32,
}

impl Sizes {
    /// Those of a Deployment.
    pub fn of(spec: &DeploymentSpec) -> Sizes {
        Sizes { desired: spec.replicas, max: spec.replicas + bounds(spec).max_surge }
    }

    /// Whether the annotations tell something else.
    ///
    /// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go,
    /// `ReplicasAnnotationsNeedUpdate`
    pub fn differ_from(self, annotations: &Labels) -> bool {
        let says = |key, n: i32| {
            annotations.get(key).is_some_and(|text| *text == smol_str::format_smolstr!("{n}"))
        };
        !(says(DESIRED_REPLICAS, self.desired) && says(MAX_REPLICAS, self.max))
    }

    /// The annotations with both sizes.
    ///
    /// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go,
    /// `SetReplicasAnnotations`
    pub fn note(self, annotations: &Labels) -> Labels {
        let text = |n: i32| smol_str::format_smolstr!("{n}");
        let desired = annotations.with(DESIRED_REPLICAS, &text(self.desired));
        desired.with(MAX_REPLICAS, &text(self.max))
    }
}

/// The annotations that the new `ReplicaSet` should have: the Deployment's, and a revision that is
/// at least `newest`. A revision that it had before goes to its history.
///
/// Nothing of the revision changes when the present one is no number.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go,
/// `SetNewReplicaSetAnnotations`
pub fn annotations(deployment: &Deployment, present: &Labels, newest: i64) -> Labels {
    let mut all = copied(&deployment.meta.annotations, present);
    let old = all.get(REVISION).cloned();
    let old_number = match old.as_deref() {
        None | Some("") => Some(0),
        Some(text) => text.parse::<i64>().ok(),
    };
    if old_number.is_some_and(|n| n < newest) {
        all = all.with(REVISION, &smol_str::format_smolstr!("{newest}"));
        if let Some(old) = old {
            let former = all.get(REVISION_HISTORY).map_or("", Name::as_str);
            if let Some(history) = history(former, &old) {
                all = all.with(REVISION_HISTORY, &history);
            }
        }
    }
    all
}

/// The Deployment's annotations over those that are there.
fn copied(from: &Labels, to: &Labels) -> Labels {
    let wanted = from.iter().filter(|(key, _)| !NOT_COPIED.contains(&key.as_str()));
    wanted.fold(to.clone(), |all, (key, value)| all.with(key, value))
}

/// The history with one revision more, the oldest left out as far as the limit demands; nothing
/// when even that revision alone is too long.
fn history(former: &str, revision: &str) -> Option<String> {
    if former.is_empty() || former.starts_with(',') {
        return Some(revision.to_owned());
    }
    let mut rest = former;
    while rest.len() + revision.len() + 1 > MAX_HISTORY {
        match rest.split_once(',') {
            Some((_, later)) => rest = later,
            None => return (revision.len() <= MAX_HISTORY).then(|| revision.to_owned()),
        }
    }
    Some(format!("{rest},{revision}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_template_keeps_its_former_revisions() {
        let with = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(k, v)| (Name::new(k), Name::new(v))).collect::<Labels>()
        };
        let mut deployment = Deployment::default();
        deployment.meta.annotations = with(&[("team", "a"), (REVISION, "9")]);
        let first = annotations(&deployment, &Labels::default(), 1);
        assert_eq!(first, with(&[("team", "a"), (REVISION, "1")]));
        let third = annotations(&deployment, &first, 3);
        let fifth = annotations(&deployment, &third, 5);
        assert_eq!(fifth.get(REVISION_HISTORY).map(Name::as_str), Some("1,3"));
        assert!(annotations(&deployment, &fifth, 4).is_same_copy(&fifth));
    }

    #[test]
    fn a_history_drops_its_oldest_revisions() {
        let long = vec!["1234"; 400].join(",");
        let text = history(&long, "77777").expect("there is room");
        assert!(text.len() <= MAX_HISTORY && text.ends_with("1234,77777"), "{}", text.len());
        assert_eq!(history("", "7").as_deref(), Some("7"));
    }
}
