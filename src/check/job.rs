//! S15: a Job counts no more successes than it was to have pods, and a CronJob that forbids it
//! runs no two jobs at once.

use serde_json::Value;

use crate::api::object::{Kind, ObjectKey};
use crate::check::{Invariant, Look, named};

/// Remembers nothing.
#[derive(Clone, Default)]
pub(super) struct Jobs;

impl Invariant for Jobs {
    fn look(&mut self, look: &Look<'_>) -> Result<(), String> {
        let change = look.change;
        if change.object.kind() != Kind::JOB || change.deleted {
            return Ok(());
        }
        let value = change.object.to_value();
        let number = |path: &str| value.pointer(path).and_then(Value::as_i64);
        if let (Some(done), Some(wanted)) =
            (number("/status/succeeded"), number("/spec/completions"))
            && done > wanted
        {
            return Err(format!("{} has {done} of {wanted} completions", named(change)));
        }
        if change.old.is_none() { second_job(look) } else { Ok(()) }
    }
}

/// Whether a job that has come is the second one of a CronJob that forbids it.
fn second_job(look: &Look<'_>) -> Result<(), String> {
    let meta = look.change.object.meta();
    let Some(owner) = meta.controller().filter(|o| o.kind == "CronJob") else { return Ok(()) };
    let key = ObjectKey::new(Kind::CRON_JOB, &meta.namespace, &owner.name);
    let Some(cron) = look.cluster.store().get(&key) else { return Ok(()) };
    if cron.to_value()["spec"]["concurrencyPolicy"] != "Forbid" {
        return Ok(());
    }
    let is_over = |value: &Value| {
        let conditions = value["status"]["conditions"].as_array().into_iter().flatten();
        let mut types = conditions.filter(|c| c["status"] == "True").map(|c| &c["type"]);
        types.any(|t| *t == "Complete" || *t == "Failed")
    };
    // A scan of the jobs, bounded by how many a CronJob leaves, at each that is created.
    let others = look.cluster.store().iter(Kind::JOB).filter(|job| {
        let other = job.meta();
        other.uid != meta.uid
            && other.controller().is_some_and(|o| o.uid == owner.uid)
            && !is_over(&job.to_value())
    });
    match others.count() {
        0 => Ok(()),
        n => Err(format!("{} was created beside {n} that run", named(look.change))),
    }
}
