//! Components that are killed, or started again.

use serde::Serialize;

use crate::fault::stage::{Began, Stage};
use crate::fault::target::Component;

/// Which component.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Target {
    /// Its name, with its number when there are several: `kube-apiserver-2`.
    pub component: Component,
}

pub(super) fn stop(it: &Target, stage: &mut Stage<'_>) -> Result<Began, String> {
    let chosen = stage.components(&it.component.0, true)?;
    Ok(stage.switch(chosen, false))
}

pub(super) fn start(it: &Target, stage: &mut Stage<'_>) -> Result<Began, String> {
    let chosen = stage.components(&it.component.0, false)?;
    Ok(stage.switch(chosen, true))
}
