//! The provisioner of a driver: makes volumes for claims, and deletes those that are let go.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Driver;
use super::call::{Calls, DEADLINE, Progress};
use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::persistent_volume::{
    CsiSource, PROVISIONED_BY, PROVISIONER_PROTECTION, PersistentVolume, PersistentVolumeSpec,
    VolumeNodeAffinity,
};
use crate::api::core::persistent_volume_claim::PersistentVolumeClaim;
use crate::api::core::pod::{NodeRequirement, NodeSelector, NodeSelectorTerm};
use crate::api::edit::Edit;
use crate::api::meta::{Meta, Rest};
use crate::api::object::{Kind, ObjectKey, Resource};
use crate::api::refusal::{Reason, Refusal};
use crate::api::request::EventNote;
use crate::api::storage::csi_node::CSINode;
use crate::api::storage::matching;
use crate::api::storage::storage_class::StorageClass;
use crate::api::storage::volume_attachment::VolumeAttachment;
use crate::api::why::Why;
use crate::client::plan::{Plan, Recovery, Write};
use crate::client::reconciler::{Keys, Observed, Reconciler, Watch};
use crate::client::view::View;

/// The provisioner of a driver.
#[derive(Clone, Debug)]
pub struct Provisioner {
    driver: Arc<Driver>,
    calls: Calls,
}

impl Provisioner {
    /// Of this driver.
    pub fn new(driver: Arc<Driver>) -> Provisioner {
        Provisioner { driver, calls: Calls::default() }
    }

    /// Whether a claim wants a volume of this driver now.
    ///
    /// Source:
    /// github.com/kubernetes-sigs/sig-storage-lib-external-provisioner/controller/controller.go,
    /// `shouldProvision`, `canProvision`
    fn concerns<'a>(
        &self,
        claim: &PersistentVolumeClaim,
        view: View<'a>,
    ) -> Option<&'a Arc<StorageClass>> {
        let is_asked = claim.spec.volume_name.is_empty()
            && !claim.meta.is_deleting()
            && claim.provisioner() == Some(&self.driver.name);
        let class = view.get::<StorageClass>("", claim.class()).filter(|_| is_asked)?;
        (!class.waits() || claim.selected_node().is_some()).then_some(class)
    }

    fn provision(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let mut plan = Plan::nothing();
        let claim = view.get::<PersistentVolumeClaim>(&key.namespace, &key.name);
        let wanted = claim.and_then(|claim| Some((claim, self.concerns(claim, view)?)));
        let Some((claim, class)) = wanted else {
            self.calls.forget(key);
            return plan;
        };
        let volume = smol_str::format_smolstr!("pvc-{}", claim.meta.uid);
        if view.get::<PersistentVolume>("", &volume).is_some() {
            self.calls.forget(key);
            return plan;
        }
        let about = PersistentVolumeClaim::into_object(claim.clone()).reference();
        let note = |warning, reason, message: String| EventNote {
            about: about.clone(),
            warning,
            reason,
            message: message.into(),
        };
        let names = [&claim.meta.name, &class.meta.name];
        match self.calls.look(key, self.driver.provision, &names, view.now()) {
            Progress::Begun(span) => {
                let text = format!(
                    "External provisioner is provisioning volume for claim \"{}/{}\"",
                    key.namespace, key.name
                );
                plan.events.push(note(false, "Provisioning", text));
                plan.look_again_in(span);
            }
            Progress::Waits(span) => plan.look_again_in(span),
            Progress::Failed(span) => {
                let text = format!(
                    "failed to provision volume with StorageClass {:?}: {DEADLINE}",
                    class.meta.name
                );
                plan.events.push(note(true, "ProvisioningFailed", text));
                plan.look_again_in(span);
            }
            Progress::Done => {
                let made = self.made(&volume, claim, class, view);
                let text = format!("Successfully provisioned volume {volume}");
                let why = Why::two("{} has made it for {}", &self.driver.name, &key.name);
                let told = note(false, "ProvisioningSucceeded", text);
                plan.push(Write::create(made, why).telling(told));
            }
        }
        plan
    }

    /// The volume that was made for a claim.
    fn made(
        &self,
        name: &Name,
        claim: &Arc<PersistentVolumeClaim>,
        class: &StorageClass,
        view: View<'_>,
    ) -> PersistentVolume {
        let mut meta = Meta::named("", name);
        meta.annotations = meta.annotations.with(PROVISIONED_BY, &self.driver.name);
        if class.reclaim_policy == "Delete" {
            meta.set_finalizers(vec![Name::new_static(PROVISIONER_PROTECTION)]);
        }
        let handle = smol_str::format_smolstr!("vol-{}", claim.meta.uid);
        let more = Map::from_iter([("fsType".to_owned(), json!("ext4"))]);
        let csi = CsiSource {
            driver: self.driver.name.clone(),
            volume_handle: handle,
            rest: Rest(Some(Arc::new(more))),
        };
        let options = class.rest.0.as_ref().and_then(|rest| rest.get("mountOptions").cloned());
        let rest: Map<String, Value> =
            options.map(|options| ("mountOptions".to_owned(), options)).into_iter().collect();
        let spec = PersistentVolumeSpec {
            capacity: [(Name::new_static("storage"), claim.request())].into(),
            csi: Some(csi),
            access_modes: claim.spec.access_modes.clone(),
            claim_ref: Some(Arc::new(matching::reference(claim))),
            reclaim_policy: class.reclaim_policy.clone(),
            storage_class_name: class.meta.name.clone(),
            volume_mode: claim.spec.volume_mode.clone(),
            node_affinity: self.place(claim, class, view),
            rest: Rest((!rest.is_empty()).then(|| Arc::new(rest))),
        };
        PersistentVolume { meta, spec: Arc::new(spec), ..PersistentVolume::default() }
    }

    /// Where a volume is made: where the node is that was selected, else in one of the places that
    /// nodes are in, which follows from the claim's name.
    ///
    /// Source: github.com/kubernetes-csi/external-provisioner/pkg/controller/topology.go,
    /// `GenerateAccessibilityRequirements`
    fn place(
        &self,
        claim: &PersistentVolumeClaim,
        class: &StorageClass,
        view: View<'_>,
    ) -> Option<VolumeNodeAffinity> {
        let key = self.driver.topology.as_ref()?;
        let of = |node: &Arc<Node>| {
            let csi = view.get::<CSINode>("", &node.meta.name)?;
            let known = csi.driver(&self.driver.name)?.topology_keys.contains(key);
            node.meta.labels.get(key).filter(|_| known).cloned()
        };
        let selected = claim.selected_node().and_then(|name| view.get::<Node>("", name));
        let value = match selected {
            Some(node) => of(node)?,
            None => {
                // Bounded by the nodes, once for each volume that is made.
                let nodes = view.all::<Node>().filter(|n| class.allows(&n.meta.labels));
                let places: BTreeSet<Name> = nodes.filter_map(of).collect();
                let count = u32::try_from(places.len()).ok().filter(|n| *n > 0)?;
                let chosen = spread(&claim.meta.name) % count;
                places.into_iter().nth(chosen as usize)?
            }
        };
        let requirement =
            NodeRequirement { key: key.clone(), operator: "In".into(), values: vec![value] };
        let term = NodeSelectorTerm {
            match_expressions: vec![requirement],
            ..NodeSelectorTerm::default()
        };
        Some(VolumeNodeAffinity {
            required: Some(NodeSelector { node_selector_terms: vec![term] }),
        })
    }

    /// Deletes a volume that is let go, once nothing is attached any more.
    ///
    /// Source:
    /// github.com/kubernetes-sigs/sig-storage-lib-external-provisioner/controller/controller.go,
    /// `shouldDelete`,
    /// `deleteVolumeOperation`, and in external-provisioner `canDeleteVolume`
    fn delete(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let mut plan = Plan::nothing();
        let wanted = view.get::<PersistentVolume>("", &key.name).filter(|v| {
            v.meta.annotations.get(PROVISIONED_BY) == Some(&self.driver.name)
                && v.status.phase == "Released"
                && v.spec.reclaim_policy == "Delete"
                && (!v.meta.is_deleting() || v.meta.has_finalizer(PROVISIONER_PROTECTION))
        });
        let Some(volume) = wanted else {
            self.calls.forget(key);
            return plan;
        };
        let object = PersistentVolume::into_object(volume.clone());
        let failed = |text: String| EventNote {
            about: object.reference(),
            warning: true,
            reason: "VolumeFailedDelete",
            message: text.into(),
        };
        // A scan, bounded by the attachments, at each look at a volume that goes.
        let attached = view.all::<VolumeAttachment>();
        let mut attached = attached.filter(|a| a.spec.source.persistent_volume_name == key.name);
        if let Some(attachment) = attached.next() {
            let node = &attachment.spec.node_name;
            let text = format!("persistentvolume {} is still attached to node {node}", key.name);
            plan.events.push(failed(text));
            plan.retry = true;
            return plan;
        }
        match self.calls.look(key, self.driver.delete, &[&key.name], view.now()) {
            Progress::Begun(span) | Progress::Waits(span) => plan.look_again_in(span),
            Progress::Failed(span) => {
                plan.events.push(failed(DEADLINE.to_owned()));
                plan.look_again_in(span);
            }
            Progress::Done => {
                let why = Why::one("{} has deleted what was behind it", &self.driver.name);
                plan.push(Write::delete(&object, why.clone()));
                let name = Name::new_static(PROVISIONER_PROTECTION);
                if volume.meta.has_finalizer(PROVISIONER_PROTECTION) {
                    plan.push(Write::edit(key.clone(), Edit::RemoveFinalizer(name), why));
                }
            }
        }
        plan
    }
}

/// A number that spreads the claims of a StatefulSet over places one after the other, and all its
/// claims of one ordinal over the same.
///
/// Source: github.com/kubernetes-csi/external-provisioner/pkg/controller/topology.go,
/// `getPVCNameHashAndIndexOffset`
fn spread(claim: &str) -> u32 {
    let (mut base, mut offset) = (claim, 0);
    if let Some((front, number)) = claim.rsplit_once('-')
        && let Ok(number) = number.parse::<u32>()
    {
        offset = number;
        base = front.rsplit_once('-').map_or(front, |(_, set)| set);
    }
    // FNV-1 of 32 bits.
    let hash = base
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| hash.wrapping_mul(0x0100_0193) ^ u32::from(byte));
    hash.wrapping_add(offset)
}

fn claim_keys(change: &Observed<'_>, _: View<'_>, out: &mut Keys) {
    let Some(claim) = change.new.and_then(PersistentVolumeClaim::of) else { return };
    if claim.spec.volume_name.is_empty() && claim.provisioner().is_some() {
        out.add(change.latest().key());
    }
}

fn volume_keys(change: &Observed<'_>, _: View<'_>, out: &mut Keys) {
    let Some(volume) = change.new.and_then(PersistentVolume::of) else { return };
    if volume.status.phase == "Released" || volume.meta.is_deleting() {
        out.add(change.latest().key());
    }
}

fn no_keys(_: &Observed<'_>, _: View<'_>, _: &mut Keys) {}

impl Reconciler for Provisioner {
    fn name(&self) -> &'static str {
        "csi-provisioner"
    }

    fn watches(&self) -> &'static [Watch] {
        const WATCHES: &[Watch] = &[
            Watch { kind: Kind::PERSISTENT_VOLUME_CLAIM, keys: claim_keys },
            Watch { kind: Kind::PERSISTENT_VOLUME, keys: volume_keys },
            Watch { kind: Kind::STORAGE_CLASS, keys: no_keys },
            Watch { kind: Kind::NODE, keys: no_keys },
            Watch { kind: Kind::CSI_NODE, keys: no_keys },
            Watch { kind: Kind::VOLUME_ATTACHMENT, keys: no_keys },
        ];
        WATCHES
    }

    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        if key.kind == Kind::PERSISTENT_VOLUME {
            self.delete(key, view)
        } else {
            self.provision(key, view)
        }
    }

    fn recover(&mut self, write: &Write, refusal: &Refusal) -> Recovery {
        if refusal.reason == Reason::AlreadyExists || refusal.reason == Reason::NotFound {
            return Recovery::GoOn;
        }
        Recovery::usual(write, refusal)
    }

    /// `stuck-provisioning`: calls about the `names` (claims, classes, volumes; `*` for all) do not
    /// come back while it is `on`.
    fn disturb(&mut self, what: &Name, how: &Value) {
        if what == "stuck-provisioning" {
            let names = how["names"].as_array().into_iter().flatten().filter_map(Value::as_str);
            names.for_each(|n| self.calls.set_stuck(&Name::from(n), how["on"] == true));
        }
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_of_a_stateful_set_go_round_the_places() {
        let zero = spread("data-db-0");
        assert_eq!([1, 2].map(|n| spread(&format!("data-db-{n}"))), [zero + 1, zero + 2]);
        assert_eq!(spread("log-db-1"), zero + 1, "the claims of one pod go together");
        assert_ne!(spread("alone"), spread("other"));
    }
}
