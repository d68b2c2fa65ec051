//! The attach/detach controller: volumes of pods are attached to the nodes that the pods are on,
//! and detached when no pod there wants them any more.
//!
//! Responsible for VolumeAttachments and for what a node's status says is attached. It never
//! detaches what a node still has mounted, unless the node has been silent for 6 minutes or is
//! marked as out of service; and never attaches a volume for one node to two.

mod sight;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::api::Name;
use crate::api::core::node::{AttachedVolume, Node};
use crate::api::core::persistent_volume::PersistentVolume;
use crate::api::core::pod::Pod;
use crate::api::edit::Edit;
use crate::api::meta::Meta;
use crate::api::object::{Kind, Object, ObjectKey, Resource};
use crate::api::refusal::{Reason, Refusal};
use crate::api::request::EventNote;
use crate::api::storage::volume_attachment::{
    VolumeAttachment, VolumeAttachmentSource, VolumeAttachmentSpec,
};
use crate::api::time::Time;
use crate::api::why::Why;
use crate::client::plan::{Plan, Recovery, Write};
use crate::client::reconciler::{Observed, Reconciler, Settings, Watch};
use crate::client::view::View;
use crate::sim::rng::keyed;
use crate::sim::time::SimDuration;

use sight::{Wanted, wanted_on};

/// How long a node that is not ready may keep what it has mounted.
///
/// Source: kubernetes v1.36 pkg/controller/volume/attachdetach/attach_detach_controller.go,
/// `DefaultTimerConfig` (`ReconcilerMaxWaitForUnmountDuration`)
const MAX_WAIT_FOR_UNMOUNT: SimDuration = SimDuration::secs(360);

const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// The attach/detach controller.
#[derive(Clone, Default)]
pub struct AttachDetach {
    /// Attachments by node.
    by_node: BTreeMap<Name, BTreeSet<Name>>,
    /// Attachments by volume.
    by_volume: BTreeMap<Name, BTreeSet<Name>>,
    /// Since when nobody on the node wants the volume of an attachment.
    unwanted: BTreeMap<Name, Time>,
    /// That something was told of a volume that a node waits for, and of a try of when; once until
    /// it is attached.
    told: BTreeMap<(Name, Name), Option<Time>>,
}

enum AttachWhy {
    Wanted { pods: usize },
    Unwanted,
    Forced,
    OutOfService,
    Report { attached: usize },
}

impl From<AttachWhy> for Why {
    fn from(why: AttachWhy) -> Why {
        match why {
            AttachWhy::Wanted { pods } => Why::one("{} pods on the node want it", pods),
            AttachWhy::Unwanted => Why::new("no pod on the node wants it, and it is not mounted"),
            AttachWhy::Forced => Why::one(
                "no pod on the node wants it, and the node has been silent for {}",
                MAX_WAIT_FOR_UNMOUNT,
            ),
            AttachWhy::OutOfService => {
                Why::new("no pod on the node wants it, and the node is out of service")
            }
            AttachWhy::Report { attached } => Why::one("{} volumes are attached", attached),
        }
    }
}

/// What a node calls a volume.
///
/// Source: kubernetes v1.36 pkg/volume/util/util.go, `GetUniqueVolumeName`, and pkg/volume/csi/
/// csi_plugin.go, `GetVolumeName`
fn unique_name(volume: &PersistentVolume) -> Name {
    crate::api::core::node::unique_volume_name(volume).unwrap_or_default()
}

/// The name of an attachment: a digest of what it attaches to what.
///
/// Differs: the digest is another function than SHA-256.
///
/// Source: kubernetes v1.36 pkg/volume/csi/csi_attacher.go, `getAttachmentName`
fn attachment_name(volume: &PersistentVolume, node: &str) -> Name {
    let bytes = [unique_name(volume).as_bytes(), node.as_bytes()].concat();
    let part = |n: u64| format!("{:016x}", keyed(n, &bytes));
    smol_str::format_smolstr!("csi-{}{}{}{}", part(1), part(2), part(3), part(4))
}

/// One look at a node.
struct Round<'a> {
    controller: &'a mut AttachDetach,
    view: View<'a>,
    node: &'a Name,
    plan: Plan,
    /// What the node's status says is attached, as it is to be.
    report: Vec<AttachedVolume>,
}

impl Round<'_> {
    fn attachments(&self) -> Vec<Arc<VolumeAttachment>> {
        let names = self.controller.by_node.get(self.node).into_iter().flatten();
        names.filter_map(|name| self.view.get("", name)).cloned().collect()
    }

    fn tell(&mut self, pod: &Arc<Pod>, warning: bool, reason: &'static str, message: &str) {
        let about = Pod::into_object(pod.clone()).reference();
        self.plan.events.push(EventNote { about, warning, reason, message: message.into() });
    }

    /// Tells the pods that want a volume, once for each `mark`.
    fn complain(&mut self, wanted: &Wanted, mark: Option<Time>, message: impl Fn(&Pod) -> String) {
        let key = (self.node.clone(), wanted.volume.meta.name.clone());
        if self.controller.told.get(&key) == Some(&mark) {
            return;
        }
        for pod in &wanted.pods {
            let text = message(pod);
            self.tell(pod, true, "FailedAttachVolume", &text);
        }
        self.controller.told.insert(key, mark);
    }

    /// Detaches a volume that nobody on the node wants, as soon as that is safe.
    ///
    /// Source: kubernetes v1.36 pkg/controller/volume/attachdetach/reconciler/reconciler.go,
    /// `reconcile`
    fn detach(
        &mut self,
        attachment: &Arc<VolumeAttachment>,
        node: Option<&Arc<Node>>,
    ) -> Option<Write> {
        let (name, now) = (&attachment.meta.name, self.view.now());
        let since = *self.controller.unwanted.entry(name.clone()).or_insert(now);
        let volume: Option<&Arc<PersistentVolume>> =
            self.view.get("", &attachment.spec.source.persistent_volume_name);
        let unique = volume.map(|v| unique_name(v)).unwrap_or_default();
        let is_mounted = node.is_some_and(|n| n.status.volumes_in_use.contains(&unique));
        let is_healthy = node.is_some_and(|n| n.is_ready());
        let is_out = node.is_some_and(|n| n.spec.taints.iter().any(|t| t.key == OUT_OF_SERVICE));
        let until = since.plus(MAX_WAIT_FOR_UNMOUNT);
        let why = match (is_mounted || node.is_none(), is_out) {
            (false, _) => AttachWhy::Unwanted,
            (true, true) => AttachWhy::OutOfService,
            (true, false) if !is_healthy && until <= now => AttachWhy::Forced,
            (true, false) => {
                if !is_healthy {
                    self.plan.look_again_in(until.since(now));
                }
                return None;
            }
        };
        self.report.retain(|attached| attached.name != unique);
        Some(Write::delete(&VolumeAttachment::into_object(attachment.clone()), why))
    }

    /// Attaches a volume that pods on the node want, unless another node has it for itself.
    ///
    /// Source: kubernetes v1.36 pkg/controller/volume/attachdetach/reconciler/reconciler.go,
    /// `attachDesiredVolumes`, `reportMultiAttachError`
    fn attach(&mut self, wanted: &Wanted) -> Option<Write> {
        let volume = &wanted.volume;
        let others = self.other_nodes(&volume.meta.name);
        if volume.is_for_one_node() && !others.is_empty() {
            let users = self.users_elsewhere(wanted, &others);
            self.complain(wanted, None, |pod| multi_attach(&volume.meta.name, pod, &users));
            return None;
        }
        let csi = volume.spec.csi.as_ref()?;
        let source = VolumeAttachmentSource {
            persistent_volume_name: volume.meta.name.clone(),
            ..VolumeAttachmentSource::default()
        };
        let (attacher, node_name) = (csi.driver.clone(), self.node.clone());
        let attachment = VolumeAttachment {
            meta: Meta::named("", &attachment_name(volume, self.node)),
            spec: VolumeAttachmentSpec { attacher, source, node_name },
            ..VolumeAttachment::default()
        };
        Some(Write::create(attachment, AttachWhy::Wanted { pods: wanted.pods.len() }))
    }

    /// The other nodes that a volume is attached to.
    fn other_nodes(&self, volume: &Name) -> Vec<Name> {
        let names = self.controller.by_volume.get(volume).into_iter().flatten();
        let all = names.filter_map(|name| self.view.get::<VolumeAttachment>("", name));
        all.map(|a| a.spec.node_name.clone()).filter(|node| node != self.node).collect()
    }

    /// The pods that want the volume on other nodes: namespace and name.
    fn users_elsewhere(&self, wanted: &Wanted, nodes: &[Name]) -> Vec<(Name, Name)> {
        let mut users = Vec::new();
        for node in nodes {
            let there = wanted_on(node, self.view);
            let same = there.into_iter().filter(|(name, _)| *name == wanted.volume.meta.name);
            let pods = same.flat_map(|(_, other)| other.pods);
            users.extend(pods.map(|p| (p.meta.namespace.clone(), p.meta.name.clone())));
        }
        users.sort();
        users
    }

    /// Takes up what has become of an attachment that is wanted.
    fn follow(&mut self, wanted: &Wanted, attachment: &VolumeAttachment) {
        let name = &wanted.volume.meta.name;
        if attachment.meta.is_deleting() {
            return;
        }
        if let Some(error) =
            attachment.status.attach_error.as_ref().filter(|_| !attachment.status.attached)
        {
            let text =
                format!("AttachVolume.Attach failed for volume {name:?} : {}", error.message);
            return self.complain(wanted, error.time, |_| text.clone());
        }
        let unique = unique_name(&wanted.volume);
        if !attachment.status.attached || self.report.iter().any(|a| a.name == unique) {
            return;
        }
        self.report.push(AttachedVolume { name: unique, device_path: Name::default() });
        self.controller.told.remove(&(self.node.clone(), name.clone()));
        for pod in &wanted.pods {
            let text = format!("AttachVolume.Attach succeeded for volume {name:?} ");
            self.tell(pod, false, "SuccessfulAttachVolume", &text);
        }
    }
}

/// What a pod is told whose volume another node has for itself.
fn multi_attach(volume: &Name, pod: &Pod, users: &[(Name, Name)]) -> String {
    let start = format!("Multi-Attach error for volume {volume:?}");
    let own = users.iter().filter(|(namespace, _)| *namespace == pod.meta.namespace);
    let names: Vec<&str> = own.map(|(_, name)| name.as_str()).collect();
    let foreign = users.len() - names.len();
    match (names.is_empty(), foreign) {
        (true, 0) => format!(
            "{start} Volume is already exclusively attached to one node and can't be attached to \
             another"
        ),
        (true, _) => {
            format!("{start} Volume is already used by {foreign} pod(s) in different namespaces")
        }
        (false, 0) => format!("{start} Volume is already used by pod(s) {}", names.join(", ")),
        (false, _) => format!(
            "{start} Volume is already used by pod(s) {} and {foreign} pod(s) in different \
             namespaces",
            names.join(", ")
        ),
    }
}

impl Reconciler for AttachDetach {
    fn name(&self) -> &'static str {
        "attachdetach-controller"
    }

    fn watches(&self) -> &'static [Watch] {
        sight::WATCHES
    }

    fn settings(&self) -> Settings {
        Settings { workers: 10, ..Settings::default() }
    }

    fn observe(&mut self, change: &Observed<'_>, _: View<'_>) {
        let Object::VolumeAttachment(attachment) = change.latest() else { return };
        let name = &attachment.meta.name;
        let volume = &attachment.spec.source.persistent_volume_name;
        let here = self.by_node.entry(attachment.spec.node_name.clone()).or_default();
        let of_it = self.by_volume.entry(volume.clone()).or_default();
        if change.new.is_some() {
            here.insert(name.clone());
            of_it.insert(name.clone());
        } else {
            here.remove(name);
            of_it.remove(name);
            self.unwanted.remove(name);
        }
    }

    /// Detaches first, then attaches, then says what is attached.
    ///
    /// Source: kubernetes v1.36 pkg/controller/volume/attachdetach/reconciler/reconciler.go,
    /// `reconcile`
    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let node = view.get::<Node>("", &key.name);
        let before = node.map(|n| n.status.volumes_attached.clone()).unwrap_or_default();
        let wanted = wanted_on(&key.name, view);
        self.told.retain(|(at, volume), _| *at != key.name || wanted.contains_key(volume));
        let (controller, report) = (self, before.clone());
        let mut round = Round { controller, view, node: &key.name, plan: Plan::nothing(), report };
        let mut seen: BTreeSet<Name> = BTreeSet::new();
        let (mut detach, mut attach) = (Vec::new(), Vec::new());
        for attachment in round.attachments() {
            let volume = &attachment.spec.source.persistent_volume_name;
            seen.insert(volume.clone());
            match wanted.get(volume) {
                Some(wanted) => {
                    round.controller.unwanted.remove(&attachment.meta.name);
                    round.follow(wanted, &attachment);
                }
                None if attachment.meta.is_deleting() => {}
                None => detach.extend(round.detach(&attachment, node)),
            }
        }
        for (volume, wanted) in &wanted {
            if !seen.contains(volume) {
                attach.extend(round.attach(wanted));
            }
        }
        let (mut plan, report) = (round.plan, round.report);
        if node.is_some() && report != before {
            let why = AttachWhy::Report { attached: report.len() };
            let edit = Edit::VolumesAttached(report.into());
            plan.push(Write::edit_status(key.clone(), edit, why));
        }
        detach.into_iter().chain(attach).for_each(|write| plan.push(write));
        plan
    }

    fn recover(&mut self, write: &Write, refusal: &Refusal) -> Recovery {
        if refusal.reason == Reason::AlreadyExists || refusal.reason == Reason::NotFound {
            return Recovery::GoOn;
        }
        Recovery::usual(write, refusal)
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}

/// The key of a node.
fn node_key(name: &str) -> ObjectKey {
    ObjectKey::new(Kind::NODE, "", name)
}
