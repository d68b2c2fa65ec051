//! Jobs: the selector and labels that tie pods to their Job.

use serde_json::{Value, json};

use crate::api::defaults::field;
use crate::api::validation::job::{LEGACY_NAME_LABEL, LEGACY_UID_LABEL, NAME_LABEL, UID_LABEL};
use crate::api::validation::read::{at, flag, get, text};

/// Unless the user chose a selector, it is the Job's uid, and the template is labelled with it.
///
/// Labels that are there stay, so that a wrong one can be refused.
///
/// Source: kubernetes v1.36 pkg/registry/batch/job/strategy.go, `generateSelector`
pub(super) fn generate_selector(job: &mut Value) {
    if flag(at(job, "spec"), "manualSelector") {
        return;
    }
    let metadata = at(job, "metadata");
    let (uid, name) = (text(metadata, "uid").to_owned(), text(metadata, "name").to_owned());
    let spec = field(job, "spec");
    let template = field(field(spec, "template"), "metadata");
    let labels = field(template, "labels");
    let generated = [
        (LEGACY_UID_LABEL, &uid),
        (LEGACY_NAME_LABEL, &name),
        (UID_LABEL, &uid),
        (NAME_LABEL, &name),
    ];
    for (label, value) in generated {
        if get(labels, label).is_none() {
            labels[label] = json!(value);
        }
    }
    let matched = field(field(spec, "selector"), "matchLabels");
    if get(matched, UID_LABEL).is_none() {
        matched[UID_LABEL] = json!(uid);
    }
}
