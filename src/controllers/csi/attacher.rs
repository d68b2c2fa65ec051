//! The attacher of a driver: carries out what VolumeAttachments ask for.

use std::sync::Arc;

use serde_json::Value;

use super::Driver;
use super::call::{Calls, DEADLINE, Progress};
use crate::api::Name;
use crate::api::edit::Edit;
use crate::api::object::{Kind, ObjectKey};
use crate::api::refusal::{Reason, Refusal};
use crate::api::storage::volume_attachment::{VolumeAttachment, VolumeError};
use crate::api::why::Why;
use crate::client::plan::{Plan, Recovery, Write};
use crate::client::reconciler::{Keys, Observed, Reconciler, Watch};
use crate::client::view::View;

/// The attacher of a driver.
#[derive(Clone, Debug)]
pub struct Attacher {
    driver: Arc<Driver>,
    finalizer: Name,
    calls: Calls,
}

impl Attacher {
    /// Of this driver.
    pub fn new(driver: Arc<Driver>) -> Attacher {
        let written = driver.name.replace('.', "-");
        let finalizer = smol_str::format_smolstr!("external-attacher/{written}");
        Attacher { driver, finalizer, calls: Calls::default() }
    }

    /// Differs: the volume itself is not held while it is attached; the provisioner looks for
    /// attachments before it deletes it.
    ///
    /// Source: github.com/kubernetes-csi/external-attacher/pkg/controller/csi_handler.go,
    /// `syncAttach`, `csiAttach`
    fn attach(
        &mut self,
        attachment: &Arc<VolumeAttachment>,
        key: &ObjectKey,
        view: View<'_>,
    ) -> Plan {
        let mut plan = Plan::nothing();
        if attachment.status.attached {
            self.calls.forget(key);
            return plan;
        }
        if !attachment.meta.has_finalizer(&self.finalizer) {
            let why = Why::new("it is held until the volume is detached again");
            plan.push(Write::edit(key.clone(), Edit::AddFinalizer(self.finalizer.clone()), why));
            return plan;
        }
        let spec = &attachment.spec;
        let names = [&spec.node_name, &spec.source.persistent_volume_name, &key.name];
        match self.calls.look(key, self.driver.attach, &names, view.now()) {
            Progress::Begun(span) | Progress::Waits(span) => plan.look_again_in(span),
            Progress::Failed(span) => {
                let mut new = VolumeAttachment::clone(attachment);
                let time = Some(view.now().whole_seconds());
                new.status.attach_error = Some(VolumeError { time, message: DEADLINE.into() });
                let why = Why::one("{} did not answer", &self.driver.name);
                plan.push(Write::update_status(new, why));
                plan.look_again_in(span);
            }
            Progress::Done => {
                let mut new = VolumeAttachment::clone(attachment);
                new.status.attached = true;
                new.status.attach_error = None;
                let why = Why::two(
                    "{} has attached it to {}",
                    &self.driver.name,
                    &attachment.spec.node_name,
                );
                plan.push(Write::update_status(new, why));
            }
        }
        plan
    }

    /// Source: github.com/kubernetes-csi/external-attacher/pkg/controller/csi_handler.go,
    /// `syncDetach`, `csiDetach`
    fn detach(
        &mut self,
        attachment: &Arc<VolumeAttachment>,
        key: &ObjectKey,
        view: View<'_>,
    ) -> Plan {
        let mut plan = Plan::nothing();
        if !attachment.meta.has_finalizer(&self.finalizer) {
            return plan;
        }
        let spec = &attachment.spec;
        let names = [&spec.node_name, &spec.source.persistent_volume_name, &key.name];
        match self.calls.look(&detaching(key), self.driver.detach, &names, view.now()) {
            Progress::Begun(span) | Progress::Waits(span) => plan.look_again_in(span),
            Progress::Failed(span) => {
                let mut new = VolumeAttachment::clone(attachment);
                let time = Some(view.now().whole_seconds());
                new.status.detach_error = Some(VolumeError { time, message: DEADLINE.into() });
                let why = Why::one("{} did not answer", &self.driver.name);
                plan.push(Write::update_status(new, why));
                plan.look_again_in(span);
            }
            Progress::Done => {
                let why = Why::two(
                    "{} has detached it from {}",
                    &self.driver.name,
                    &attachment.spec.node_name,
                );
                let edit = Edit::RemoveFinalizer(self.finalizer.clone());
                plan.push(Write::edit(key.clone(), edit, why));
            }
        }
        plan
    }
}

/// The call that detaches is another than the one that attaches.
fn detaching(key: &ObjectKey) -> ObjectKey {
    ObjectKey { namespace: Name::new_static("detach"), ..key.clone() }
}

fn keys(change: &Observed<'_>, _: View<'_>, out: &mut Keys) {
    out.add(change.latest().key());
}

impl Reconciler for Attacher {
    fn name(&self) -> &'static str {
        "csi-attacher"
    }

    fn watches(&self) -> &'static [Watch] {
        const WATCHES: &[Watch] = &[Watch { kind: Kind::VOLUME_ATTACHMENT, keys }];
        WATCHES
    }

    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let attachment = view.get::<VolumeAttachment>("", &key.name);
        let own = attachment.filter(|a| a.spec.attacher == self.driver.name);
        match own {
            None => {
                self.calls.forget(key);
                self.calls.forget(&detaching(key));
                Plan::nothing()
            }
            Some(attachment) if attachment.meta.is_deleting() => {
                self.calls.forget(key);
                self.detach(attachment, key, view)
            }
            Some(attachment) => self.attach(attachment, key, view),
        }
    }

    fn recover(&mut self, write: &Write, refusal: &Refusal) -> Recovery {
        if refusal.reason == Reason::NotFound {
            return Recovery::GoOn;
        }
        Recovery::usual(write, refusal)
    }

    /// `stuck-attachment`: calls about the `names` (nodes, volumes; `*` for all) do not come back
    /// while it is `on`.
    fn disturb(&mut self, what: &Name, how: &Value) {
        if what == "stuck-attachment" {
            let names = how["names"].as_array().into_iter().flatten().filter_map(Value::as_str);
            names.for_each(|n| self.calls.set_stuck(&Name::from(n), how["on"] == true));
        }
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}
