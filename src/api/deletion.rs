//! What a DELETE does to an object: grace, finalizers, and whether the object goes at once.
//!
//! Responsible for the rules alone, on an object's metadata; the apiserver reads, writes and
//! removes. Nothing here looks at other objects.

use serde::{Deserialize, Serialize};

use crate::api::Name;
use crate::api::field::{FieldError, Path};
use crate::api::meta::{Meta, Uid};
use crate::api::refusal::{GroupResource, Refusal};
use crate::api::time::Time;
use crate::sim::time::SimDuration;

/// Holds an object until its dependents no longer name it as owner.
pub const ORPHAN_FINALIZER: &str = "orphan";

/// Holds an object until its blocking dependents are gone.
pub const FOREGROUND_FINALIZER: &str = "foregroundDeletion";

/// `DeleteOptions`.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeleteOptions {
    /// The grace that is asked for; none is the kind's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_period_seconds: Option<i64>,
    /// What the object must be for the request to be served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preconditions: Option<Preconditions>,
    /// The old form of `propagation_policy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orphan_dependents: Option<bool>,
    /// What becomes of the dependents; none is as the object's finalizers say, else the kind's
    /// default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub propagation_policy: Option<Propagation>,
    /// `All` when nothing is to be stored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<Name>,
}

impl DeleteOptions {
    /// Whether nothing is to be stored.
    pub fn is_dry_run(&self) -> bool {
        self.dry_run.iter().any(|stage| stage == "All")
    }

    /// Whether an object is what the options demand.
    ///
    /// # Errors
    /// 409, when it is another incarnation or version.
    pub fn check_preconditions(&self, meta: &Meta, kind: &GroupResource) -> Result<(), Refusal> {
        check_preconditions(meta, self, kind)
    }
}

/// What an object must be for a request to be served.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Preconditions {
    /// This incarnation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<Uid>,
    /// This version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_version: Option<Name>,
}

/// What becomes of the dependents of an object that is deleted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Propagation {
    /// They stay and lose their owner.
    Orphan,
    /// They go after it.
    Background,
    /// They go before it.
    Foreground,
}

/// What a kind's dependents meet when a request does not say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DefaultPolicy {
    /// They go after it.
    DeleteDependents,
    /// They stay.
    OrphanDependents,
    /// The kind never gets a finalizer for its dependents.
    Unsupported,
}

/// How much grace an object gets; only pods get any.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Grace {
    /// `spec.terminationGracePeriodSeconds`.
    pub default_seconds: Option<i64>,
    /// Whether nothing runs: it is not scheduled, or it is finished.
    pub is_idle: bool,
}

impl Grace {
    /// The grace for a request; negative ones are a second.
    ///
    /// Source: kubernetes v1.36 pkg/registry/core/pod/strategy.go,
    /// `podStrategy.CheckGracefulDelete`
    pub fn seconds(self, requested: Option<i64>) -> i64 {
        match (self.is_idle, requested.or(self.default_seconds).unwrap_or(0)) {
            (true, _) => 0,
            (false, ..0) => 1,
            (false, seconds) => seconds,
        }
    }
}

/// Whether a deletion is graceful.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BeforeDelete {
    /// The kind has no grace, or the object's is used up.
    AtOnce,
    /// The object has been given a time to go.
    Graceful,
    /// The object has a time to go, which is no later.
    Pending,
}

/// What the apiserver has to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deletion {
    /// Nothing: the object is on its way.
    Pending,
    /// Write the changed metadata; the object stays for now.
    Mark,
    /// Write the changed metadata, then remove the object.
    MarkAndRemove,
    /// Remove the object.
    Remove,
}

/// Gives the object a time to go, where its kind has grace; times are only ever shortened.
///
/// With 30 s of grace that began 3 s ago, a request for 10 s leaves 7 s; one for 2 s leaves none,
/// and says 1 s because some grace was asked for.
///
/// # Errors
///
/// Options that contradict each other, and preconditions that do not hold.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/registry/rest/delete.go,
/// `BeforeDelete`
pub fn before_delete(
    meta: &mut Meta,
    options: &mut DeleteOptions,
    kind: &GroupResource,
    grace: Option<Grace>,
    now: Time,
) -> Result<BeforeDelete, Refusal> {
    validate(options)?;
    check_preconditions(meta, options, kind)?;
    let at_least_a_second = |s: i64| if s < 0 { 1 } else { s };
    options.grace_period_seconds = options.grace_period_seconds.map(at_least_a_second);
    meta.deletion_grace_seconds = meta.deletion_grace_seconds.map(at_least_a_second);
    let Some(grace) = grace else { return Ok(BeforeDelete::AtOnce) };
    if let Some(deletion) = meta.deletion {
        return Ok(shorten(meta, options, deletion, now));
    }
    let seconds = grace.seconds(options.grace_period_seconds);
    options.grace_period_seconds = Some(seconds);
    meta.deletion = Some(later(now, seconds).whole_seconds());
    meta.deletion_grace_seconds = Some(seconds);
    count_change(meta);
    Ok(BeforeDelete::Graceful)
}

/// The second and later deletions of an object.
fn shorten(meta: &mut Meta, options: &mut DeleteOptions, ends: Time, now: Time) -> BeforeDelete {
    let Some(had @ 1..) = meta.deletion_grace_seconds else { return BeforeDelete::AtOnce };
    let Some(asked) = options.grace_period_seconds else {
        options.grace_period_seconds = Some(had);
        return BeforeDelete::Pending;
    };
    if asked >= had {
        return BeforeDelete::Pending;
    }
    let begun = Time(ends.0.saturating_sub(had.saturating_mul(1_000_000_000)));
    let (ends, seconds) = match later(begun, asked) {
        ends if ends >= now => (ends, asked),
        _ => (now, asked.min(1)),
    };
    meta.deletion = Some(ends.whole_seconds());
    meta.deletion_grace_seconds = Some(seconds);
    BeforeDelete::Graceful
}

/// Decides a whole DELETE and changes the metadata accordingly.
///
/// # Errors
///
/// As [`before_delete`].
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go,
/// `Store.Delete`, `Store.updateForGracefulDeletionAndFinalizers`
pub fn delete(
    meta: &mut Meta,
    options: &mut DeleteOptions,
    kind: &GroupResource,
    (policy, grace): (DefaultPolicy, Option<Grace>),
    now: Time,
) -> Result<Deletion, Refusal> {
    let before = before_delete(meta, options, kind, grace, now)?;
    if before == BeforeDelete::Pending {
        return Ok(Deletion::Pending);
    }
    if let Some(finalizers) = finalizers_for(meta.finalizers(), options, policy) {
        meta.set_finalizers(finalizers);
    }
    let is_held = !meta.finalizers().is_empty();
    let has_grace = options.grace_period_seconds.is_some_and(|s| s > 0);
    Ok(match (before, is_held) {
        (BeforeDelete::Graceful, false) if !has_grace => Deletion::MarkAndRemove,
        (BeforeDelete::Graceful, _) => Deletion::Mark,
        (BeforeDelete::AtOnce, true) => {
            mark_as_deleting(meta, now);
            Deletion::Mark
        }
        (BeforeDelete::AtOnce | BeforeDelete::Pending, _) => Deletion::Remove,
    })
}

/// The finalizers that the options ask for, if they are others than the object has.
///
/// The options decide, else a finalizer that is there, else the kind's default.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go,
/// `deletionFinalizersForGarbageCollection`
pub fn finalizers_for(
    have: &[Name],
    options: &DeleteOptions,
    policy: DefaultPolicy,
) -> Option<Vec<Name>> {
    let is_ours = |f: &&Name| *f == ORPHAN_FINALIZER || *f == FOREGROUND_FINALIZER;
    let first = have.iter().find(is_ours).map(Name::as_str);
    let wanted = match (policy, options.orphan_dependents, options.propagation_policy) {
        (DefaultPolicy::Unsupported, _, _)
        | (_, Some(false), _)
        | (_, None, Some(Propagation::Background)) => None,
        (_, Some(true), _) | (_, None, Some(Propagation::Orphan)) => Some(ORPHAN_FINALIZER),
        (_, None, Some(Propagation::Foreground)) => Some(FOREGROUND_FINALIZER),
        (DefaultPolicy::OrphanDependents, None, None) => first.or(Some(ORPHAN_FINALIZER)),
        (DefaultPolicy::DeleteDependents, None, None) => first,
    };
    let others = have.iter().filter(|f| !is_ours(f)).cloned();
    let new: Vec<Name> = others.chain(wanted.map(Name::new)).collect();
    let is_same = new.iter().all(|f| have.contains(f)) && have.iter().all(|f| new.contains(f));
    (!is_same).then_some(new)
}

/// Marks an object without grace that its finalizers hold.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go,
/// `markAsDeleting`
pub fn mark_as_deleting(meta: &mut Meta, now: Time) {
    if meta.deletion.is_none() {
        count_change(meta);
    }
    if meta.deletion.is_none_or(|at| at > now) {
        meta.deletion = Some(now.whole_seconds());
    }
    meta.deletion_grace_seconds = Some(0);
}

/// Whether an update that leaves `new` is the last one, after which the object goes.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go,
/// `ShouldDeleteDuringUpdate`
pub fn goes_with_update(old: &Meta, new: &Meta) -> bool {
    new.finalizers().is_empty()
        && old.deletion.is_some()
        && old.deletion_grace_seconds.unwrap_or(0) == 0
}

fn later(time: Time, seconds: i64) -> Time {
    time.plus(SimDuration::secs(u64::try_from(seconds).unwrap_or(0)))
}

/// A deletion changes what is wanted; an object that counts such changes counts this one.
fn count_change(meta: &mut Meta) {
    if meta.generation > 0 {
        meta.generation += 1;
    }
}

/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/validation/
/// validation.go, `ValidateDeleteOptions`
fn validate(options: &DeleteOptions) -> Result<(), Refusal> {
    let (Some(_), Some(policy)) = (options.orphan_dependents, options.propagation_policy) else {
        return Ok(());
    };
    let error = FieldError::invalid(
        &Path::new("propagationPolicy"),
        format!("{policy:?}"),
        "orphanDependents and deletionPropagation cannot be both set",
    );
    Err(Refusal::invalid(&GroupResource::new("meta.k8s.io", "DeleteOptions"), "", &[error]))
}

fn check_preconditions(
    meta: &Meta,
    options: &DeleteOptions,
    kind: &GroupResource,
) -> Result<(), Refusal> {
    let Some(wanted) = &options.preconditions else { return Ok(()) };
    if let Some(uid) = wanted.uid.filter(|uid| *uid != meta.uid) {
        let why = format!(
            "the UID in the precondition ({uid}) does not match the UID in record ({}). The \
             object might have been deleted and then recreated",
            meta.uid
        );
        return Err(Refusal::conflict(kind, &meta.name, why));
    }
    let version = meta.resource_version.to_string();
    if let Some(other) = wanted.resource_version.as_ref().filter(|v| **v != version) {
        let why = format!(
            "the ResourceVersion in the precondition ({other}) does not match the \
             ResourceVersion in record ({version}). The object might have been modified"
        );
        return Err(Refusal::conflict(kind, &meta.name, why));
    }
    Ok(())
}
