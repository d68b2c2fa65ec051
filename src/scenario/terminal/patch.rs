//! `kubectl patch`.

use std::sync::Arc;

use crate::api::request::{Patch as Change, Subresource, Verb};
use crate::scenario::kubectl::{DryRun, Patch, PatchType};
use crate::scenario::terminal::Scene;
use crate::scenario::terminal::choice::{self, Choice, Info, read};
use crate::scenario::terminal::failure::Failure;
use crate::scenario::terminal::report;
use crate::scenario::terminal::script::{Play, Script};

/// Runs `kubectl patch`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/patch/patch.go, `RunPatch`
pub(super) fn patch(script: &mut Script<'_>, scene: &Scene, patch: &Patch) -> Play<()> {
    let value = Arc::new(read(patch.value())?);
    let part = match patch.subresource.as_deref() {
        None => Subresource::Main,
        Some("status") => Subresource::Status,
        Some("scale") => Subresource::Scale,
        Some(other) => {
            let text = format!("the subresource {other:?} cannot be patched here");
            return Err(Failure::Text(text).into());
        }
    };
    let choice = Choice { files: Some(&patch.files), ..Choice::new(patch.targets())? };
    let count = choice::visit(script, scene, &choice, |script, info| {
        if patch.dry_run == DryRun::Client {
            return report(script, info, "patched", patch.dry_run, patch.output.as_ref());
        }
        let change = match patch.kind {
            PatchType::Strategic => Change::Strategic(value.clone()),
            PatchType::Merge => Change::Merge(value.clone()),
            PatchType::Json => Change::Json(value.clone()),
        };
        let object = script.object(&Verb::Patch {
            key: info.key.clone(),
            part,
            patch: change,
            dry_run: patch.dry_run == DryRun::Server,
        })?;
        let before = info.object.as_ref().map(|object| object.meta().resource_version);
        let is_same = before == Some(object.meta().resource_version);
        let done = if is_same { "patched (no change)" } else { "patched" };
        let info = Info { object: Some(object), ..info.clone() };
        report(script, &info, done, patch.dry_run, patch.output.as_ref())
    })?;
    if count == 0 {
        return Err(Failure::text("no objects passed to patch").into());
    }
    Ok(())
}
