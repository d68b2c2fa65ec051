//! What is done to a process as such: it looks at everything again, or its clock is wrong.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::fault::component::Target;
use crate::fault::stage::{Began, Healing, Stage};
use crate::fault::target::Component;

/// A clock that is wrong.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Skew {
    /// A component, a node's name, or `kubelet/NODE`.
    pub component: Component,
    /// By how much it is wrong, in nanoseconds; behind when negative.
    #[serde(rename = "time-offset", serialize_with = "signed")]
    pub offset: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn signed<S: Serializer>(it: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    let span = crate::sim::time::SimDuration(it.unsigned_abs());
    let sign = if *it < 0 { "-" } else { "" };
    format!("{sign}{span}").serialize(serializer)
}

pub(super) fn resync(it: &Target, stage: &mut Stage<'_>) -> Result<Began, String> {
    let chosen = stage.components(&it.component.0, true)?;
    for (_, id) in &chosen {
        stage.tell(*id, "resync", Value::Null);
    }
    Began::hit(chosen.into_iter().map(|(name, _)| name).collect())
}

pub(super) fn skew(it: &Skew, stage: &mut Stage<'_>) -> Result<Began, String> {
    let chosen = stage.components(&it.component.0, true)?;
    let mut began = Began::default();
    for (name, id) in chosen {
        stage.tell(id, "clock", json!(it.offset));
        began.healing.push(Healing::Clock(id));
        began.hit.push(name);
    }
    Ok(began)
}
