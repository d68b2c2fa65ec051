//! The volumes of a node's pods: found, waited for, mounted, unmounted.
//!
//! Responsible for what has to be there before a pod's sandbox is made, and for what is told of it.
//! It never looks at claims by a watch: it reads them when a pod needs them, as the real kubelet
//! does.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::Name;
use crate::api::core::node::{Node, unique_volume_name};
use crate::api::core::persistent_volume::PersistentVolume;
use crate::api::core::pod::Pod;
use crate::api::meta::Uid;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::request::{Answer, Verb};
use crate::api::why::Why;
use crate::client::component::Moment;
use crate::node::kubelet::Kubelet;
use crate::node::kubelet::config::NodeStorage;
use crate::node::kubelet::host::{Host, Sent};
use crate::sim::time::{SimDuration, SimTime};

/// How long a pod waits for its volumes before that is told, and it is tried again.
///
/// Source: kubernetes v1.36 pkg/kubelet/volumemanager/volume_manager.go,
/// `podAttachAndMountTimeout`
const TIMEOUT: SimDuration = SimDuration::millis(123_000);

/// How soon a claim is looked at again that cannot be used yet.
const RETRY: SimDuration = SimDuration::secs(1);

/// The volumes of a node's pods.
#[derive(Clone, Debug, Default)]
pub(super) struct Volumes {
    pods: BTreeMap<Uid, PodVolumes>,
}

/// The volumes of one pod.
#[derive(Clone, Debug)]
struct PodVolumes {
    pod: Arc<Pod>,
    mounts: Vec<Mount>,
    /// When it is told that they are not there.
    told_at: SimTime,
    /// When they are unmounted, once the pod has ended.
    leaves_at: Option<SimTime>,
}

/// A claim of a pod that is to be mounted.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Mount {
    /// The volume's name in the pod.
    volume: Name,
    claim: Name,
    state: State,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum State {
    /// The claim is to be read.
    New,
    /// The claim, or its volume, is being read.
    Asked,
    /// It cannot be used yet; it is looked at again then.
    Unusable(SimTime),
    /// The node's status is to say that it is in use and attached.
    Waits(Name),
    /// It is mounted then; its name, if it was attached.
    Mounting(SimTime, Option<Name>),
    /// It is there.
    Mounted(Option<Name>),
}

impl Mount {
    /// What the node calls it, if it has to be attached.
    fn unique(&self) -> Option<&Name> {
        match &self.state {
            State::Waits(name) => Some(name),
            State::Mounting(_, name) | State::Mounted(name) => name.as_ref(),
            State::New | State::Asked | State::Unusable(_) => None,
        }
    }

    fn is_mounted(&self) -> bool {
        matches!(self.state, State::Mounted(_))
    }
}

impl Volumes {
    /// Whether no pod has volumes that have to be mounted.
    pub(super) fn is_empty(&self) -> bool {
        self.pods.is_empty()
    }

    /// Whether all volumes of a pod are there; from now on they are looked after.
    pub(super) fn are_ready(&mut self, pod: &Arc<Pod>, now: SimTime) -> bool {
        if let Some(known) = self.pods.get(&pod.meta.uid) {
            return known.mounts.iter().all(Mount::is_mounted);
        }
        let claims = pod.claims();
        let mounts: Vec<Mount> = claims
            .map(|c| Mount { volume: c.volume.clone(), claim: c.name, state: State::New })
            .collect();
        if mounts.is_empty() {
            return true;
        }
        let (told_at, pod) = (now + TIMEOUT, pod.clone());
        let uid = pod.meta.uid;
        let all = PodVolumes { pod, mounts, told_at, leaves_at: None };
        self.pods.insert(uid, all);
        false
    }

    /// When something is due.
    pub(super) fn due(&self) -> SimTime {
        let mut due = SimTime::NEVER;
        for pod in self.pods.values() {
            due = pod.leaves_at.map_or(due, |at| due.min(at));
            for mount in &pod.mounts {
                if let State::Mounting(at, _) = &mount.state {
                    due = due.min(*at);
                }
            }
        }
        due
    }

    /// When something is due that need not keep anybody waiting: a complaint, another look.
    pub(super) fn due_in_background(&self) -> SimTime {
        let mut due = SimTime::NEVER;
        for pod in self.pods.values().filter(|p| p.leaves_at.is_none()) {
            if !pod.is_ready() {
                due = due.min(pod.told_at);
            }
            for mount in &pod.mounts {
                if let State::Unusable(at) = &mount.state {
                    due = due.min(*at);
                }
            }
        }
        due
    }

    /// The volumes that are attached for pods or are to be, sorted.
    fn in_use(&self) -> Vec<Name> {
        let mounts = self.pods.values().flat_map(|p| &p.mounts);
        let mut all: Vec<Name> = mounts.filter_map(|m| m.unique().cloned()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Of pods that are not there any more everything is unmounted.
    pub(super) fn keep(&mut self, is_there: impl Fn(Uid) -> bool, now: SimTime) {
        for (uid, pod) in &mut self.pods {
            if !is_there(*uid) {
                pod.leaves_at.get_or_insert(now);
            }
        }
    }

    /// The process has ended and the node lives: what was mounted is, all else begins anew.
    pub(super) fn remember_mounted(&mut self) {
        for mount in self.pods.values_mut().flat_map(|p| &mut p.mounts) {
            if !mount.is_mounted() {
                mount.state = State::New;
            }
        }
    }
}

impl PodVolumes {
    fn is_ready(&self) -> bool {
        self.mounts.iter().all(Mount::is_mounted)
    }

    /// The names of the volumes that are not there.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/volumemanager/volume_manager.go,
    /// `WaitForAttachAndMount`
    fn complaint(&self) -> String {
        let missing = self.mounts.iter().filter(|m| !m.is_mounted());
        let attached = |m: &&Mount| matches!(m.state, State::Mounting(..));
        let names = |all: Vec<&Mount>| {
            let names: Vec<&str> = all.iter().map(|m| m.volume.as_str()).collect();
            names.join(" ")
        };
        let unmounted = names(missing.clone().collect());
        let unattached = names(missing.filter(|m| !attached(m)).collect());
        format!(
            "Unable to attach or mount volumes: unmounted volumes=[{unmounted}], unattached \
             volumes=[{unattached}], failed to process volumes=[]: context deadline exceeded"
        )
    }
}

impl Host {
    /// A claim of a pod, or its volume, was read.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/volumemanager/populator/
    /// desired_state_of_world_populator.go, `getPVCExtractPV`, `getPVSpec`
    pub(super) fn volume_answered(
        &mut self,
        uid: Uid,
        place: usize,
        answer: &Answer,
        moment: &mut Moment<'_>,
    ) {
        let storage = self.config.storage.clone();
        let Some(pod) = self.volumes.pods.get_mut(&uid) else { return };
        let Some(mount) = pod.mounts.get_mut(place) else { return };
        mount.state = State::Unusable(moment.now + RETRY);
        if let Answer::Object(Object::PersistentVolumeClaim(claim)) = answer {
            let volume = &claim.spec.volume_name;
            if claim.status.phase == "Bound" && !volume.is_empty() && !claim.meta.is_deleting() {
                mount.state = State::Asked;
                let why = Why::one("a pod is to mount it as {}", &mount.volume);
                let key = ObjectKey::new(Kind::PERSISTENT_VOLUME, "", volume);
                self.send(Sent::Storage(uid, place), Verb::Get(key), why, moment);
            }
        } else if let Answer::Object(Object::PersistentVolume(volume)) = answer {
            let way = way(volume, storage.as_deref());
            mount.state = match way {
                Way::Attached(name) => State::Waits(name),
                Way::Direct(span) => State::Mounting(moment.now + span, None),
                Way::Unknown(driver) => {
                    let text = format!(
                        "MountVolume.MountDevice failed for volume {:?} : kubernetes.io/csi: \
                         attacher.MountDevice failed to create newCsiDriverClient: driver name \
                         {driver} not found in the list of registered CSI drivers",
                        volume.meta.name
                    );
                    let pod = pod.pod.clone();
                    self.texts.tell(&pod, None, (true, "FailedMount"), text.into(), moment);
                    State::Unusable(moment.now + TIMEOUT)
                }
            };
        }
    }

    /// Unmounts what a pod has that has ended; when that is done, none when nothing is left.
    pub(super) fn leave_volumes(&mut self, uid: Uid, now: SimTime) -> Option<SimTime> {
        let pod = self.volumes.pods.get_mut(&uid)?;
        let span = self.config.storage.as_ref().map_or(SimDuration::ZERO, |s| s.unmount);
        let has_some = pod.mounts.iter().any(|m| m.is_mounted() && m.unique().is_some());
        let span = if has_some { span } else { SimDuration::ZERO };
        let at = *pod.leaves_at.get_or_insert(now + span);
        if at <= now {
            self.volumes.pods.remove(&uid);
            return None;
        }
        Some(at)
    }

    /// Does what is due for the volumes of all pods; the pods whose last volume has just come.
    fn advance_volumes(&mut self, node: &Node, moment: &mut Moment<'_>) -> Vec<Uid> {
        let mut ready = Vec::new();
        let all: Vec<Uid> = self.volumes.pods.keys().copied().collect();
        for uid in all {
            let Some(pod) = self.volumes.pods.get_mut(&uid) else { continue };
            if pod.leaves_at.is_some() || pod.is_ready() {
                continue;
            }
            let mut asks = Vec::new();
            for (place, mount) in pod.mounts.iter_mut().enumerate() {
                mount.advance(node, self.config.storage.as_deref(), moment.now);
                if mount.state == State::Asked {
                    continue;
                }
                if mount.state == State::New {
                    mount.state = State::Asked;
                    asks.push((place, mount.claim.clone(), mount.volume.clone()));
                }
            }
            if pod.is_ready() {
                ready.push(uid);
            }
            let (own, is_late) = (pod.pod.clone(), pod.told_at <= moment.now && !pod.is_ready());
            if is_late {
                let text = pod.complaint();
                pod.told_at = moment.now + TIMEOUT;
                self.texts.tell(&own, None, (true, "FailedMount"), text.into(), moment);
            }
            for (place, claim, volume) in asks {
                let namespace = &own.meta.namespace;
                let key = ObjectKey::new(Kind::PERSISTENT_VOLUME_CLAIM, namespace, &claim);
                let why = Why::one("a pod is to mount it as {}", &volume);
                self.send(Sent::Storage(uid, place), Verb::Get(key), why, moment);
            }
        }
        ready
    }
}

impl Mount {
    /// Goes on as far as it can: what is in use and attached is mounted, what is mounted is there.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/volumemanager/reconciler/reconciler_common.go,
    /// `waitForVolumeAttach`, `mountAttachedVolumes`
    fn advance(&mut self, node: &Node, storage: Option<&NodeStorage>, now: SimTime) {
        match &self.state {
            State::Unusable(at) if *at <= now => self.state = State::New,
            State::Waits(name) => {
                let status = &node.status;
                let is_attached = status.volumes_attached.iter().any(|a| a.name == *name);
                if status.volumes_in_use.contains(name) && is_attached {
                    let span = storage.map_or(SimDuration::ZERO, |s| s.mount);
                    self.state = State::Mounting(now + span, Some(name.clone()));
                }
            }
            State::Mounting(at, name) if *at <= now => {
                self.state = State::Mounted(name.clone());
            }
            State::New
            | State::Asked
            | State::Unusable(_)
            | State::Mounting(..)
            | State::Mounted(_) => {}
        }
    }
}

/// How a volume comes to a node.
enum Way {
    /// It is attached under this name first.
    Attached(Name),
    /// It is mounted at once, which takes so long.
    Direct(SimDuration),
    /// The node does not have its driver.
    Unknown(Name),
}

fn way(volume: &PersistentVolume, storage: Option<&NodeStorage>) -> Way {
    let Some(csi) = &volume.spec.csi else { return Way::Direct(SimDuration::ZERO) };
    match storage.filter(|s| s.driver.name == csi.driver) {
        None => Way::Unknown(csi.driver.clone()),
        Some(storage) if !storage.attaches => Way::Direct(storage.mount),
        Some(_) => Way::Attached(unique_volume_name(volume).unwrap_or_default()),
    }
}

impl Kubelet {
    /// Goes on with the volumes of pods; pods that have all of theirs are looked at.
    pub(super) fn mount(&mut self, moment: &mut Moment<'_>) {
        let gone = |uid: &Uid| !self.workers.contains_key(uid);
        let left: Vec<Uid> = self.host.volumes.pods.keys().copied().filter(gone).collect();
        for uid in left {
            self.host.leave_volumes(uid, moment.now);
        }
        let ready = self.host.advance_volumes(self.node.node(), moment);
        for uid in ready {
            if let Some(worker) = self.workers.get_mut(&uid) {
                worker.sync_at = moment.now;
                self.turn(uid, moment);
            }
        }
        self.node.set_in_use(self.host.volumes.in_use(), moment.now);
    }
}
