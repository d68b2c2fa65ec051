//! The volumes of a pod that storage has to do with, made ready once; most pods have none.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::api::Name;
use crate::api::core::pod::Pod;

/// The volumes of a pod that storage has to do with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PodStorage {
    /// Them, in the order of the spec.
    pub volumes: Vec<PodVolume>,
}

/// A volume of a pod.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PodVolume {
    /// Its name in the pod.
    pub name: Name,
    /// What is behind it.
    pub source: Source,
}

/// What is behind a volume of a pod.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// A claim of this name.
    Claim(Name),
    /// A claim of the pod's own, made of this template.
    Ephemeral(Arc<Value>),
    /// A disk that is named in the pod itself.
    Disk(Disk),
    /// A volume that a CSI driver makes on the node.
    Inline(Name),
}

/// A disk that is named in the pod itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Disk {
    /// Of which sort.
    pub sort: DiskSort,
    /// Its names: of two disks of a sort all are equal, but for `monitors`, when they are one.
    pub identity: Vec<Name>,
    /// Servers that know it; one in common makes it the same disk. Only of RBD.
    pub monitors: Vec<Name>,
    /// Whether it is only read.
    pub read_only: bool,
}

/// A sort of disks that pods may name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DiskSort {
    /// Of Google's cloud.
    Gce,
    /// Of Amazon's cloud.
    Aws,
    /// iSCSI.
    Iscsi,
    /// Ceph.
    Rbd,
}

impl Disk {
    /// Whether two pods that name them may not be on one node.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/volumerestrictions/
    /// volume_restrictions.go, `isVolumeConflict`
    pub fn clashes(&self, other: &Disk) -> bool {
        let meet = || self.monitors.iter().any(|m| other.monitors.contains(m));
        let shares = self.read_only && other.read_only && self.sort != DiskSort::Aws;
        self.sort == other.sort
            && self.identity == other.identity
            && (self.sort != DiskSort::Rbd || meet())
            && !shares
    }
}

impl PodStorage {
    /// Reads the volumes of a pod's spec; none when storage has nothing to do with them.
    pub fn of(raw: &Map<String, Value>) -> Option<Arc<PodStorage>> {
        let all = raw.get("volumes")?.as_array()?;
        let volumes: Vec<PodVolume> = all.iter().filter_map(volume).collect();
        (!volumes.is_empty()).then(|| Arc::new(PodStorage { volumes }))
    }

    /// Whether a claim is among them.
    pub fn has_claims(&self) -> bool {
        let is_claim = |v: &PodVolume| matches!(v.source, Source::Claim(_) | Source::Ephemeral(_));
        self.volumes.iter().any(is_claim)
    }

    /// The disks that are named in the pod itself.
    pub fn disks(&self) -> impl Iterator<Item = &Disk> {
        self.volumes.iter().filter_map(|v| match &v.source {
            Source::Disk(disk) => Some(disk),
            Source::Claim(_) | Source::Ephemeral(_) | Source::Inline(_) => None,
        })
    }
}

fn volume(written: &Value) -> Option<PodVolume> {
    let text = |of: &Value, key: &str| Name::from(of[key].as_str().unwrap_or_default());
    let disk = |sort, of: &Value, identity: Vec<Name>| {
        let monitors = of["monitors"].as_array().into_iter().flatten();
        let monitors = monitors.filter_map(Value::as_str).map(Name::from).collect();
        let read_only = of["readOnly"].as_bool().unwrap_or_default();
        Source::Disk(Disk { sort, identity, monitors, read_only })
    };
    let source = written.as_object()?.iter().find_map(|(key, of)| match key.as_str() {
        "persistentVolumeClaim" => Some(Source::Claim(text(of, "claimName"))),
        "ephemeral" => {
            let template = of.get("volumeClaimTemplate")?;
            Some(Source::Ephemeral(Arc::new(template.clone())))
        }
        "gcePersistentDisk" => Some(disk(DiskSort::Gce, of, vec![text(of, "pdName")])),
        "awsElasticBlockStore" => Some(disk(DiskSort::Aws, of, vec![text(of, "volumeID")])),
        "iscsi" => Some(disk(DiskSort::Iscsi, of, vec![text(of, "iqn")])),
        "rbd" => {
            // The pool that is meant when none is named.
            let pool = if of["pool"].is_null() { "rbd".into() } else { text(of, "pool") };
            Some(disk(DiskSort::Rbd, of, vec![pool, text(of, "image")]))
        }
        "csi" => Some(Source::Inline(text(of, "driver"))),
        _ => None,
    })?;
    Some(PodVolume { name: text(written, "name"), source })
}

/// A claim that a pod uses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsedClaim<'a> {
    /// The volume's name in the pod.
    pub volume: &'a Name,
    /// The claim's name.
    pub name: Name,
    /// Whether it is the pod's own.
    pub is_ephemeral: bool,
}

impl Pod {
    /// The claims that it uses, in the order of its volumes.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/storage/ephemeral/
    /// ephemeral.go, `VolumeClaimName`
    pub fn claims(&self) -> impl Iterator<Item = UsedClaim<'_>> {
        let all = self.spec.storage.iter().flat_map(|s| &s.volumes);
        all.filter_map(|v| match &v.source {
            Source::Claim(name) => {
                Some(UsedClaim { volume: &v.name, name: name.clone(), is_ephemeral: false })
            }
            Source::Ephemeral(_) => {
                let name = smol_str::format_smolstr!("{}-{}", self.meta.name, v.name);
                Some(UsedClaim { volume: &v.name, name, is_ephemeral: true })
            }
            Source::Disk(_) | Source::Inline(_) => None,
        })
    }

    /// Whether it uses a claim.
    pub fn uses_claim(&self, name: &str) -> bool {
        self.spec.storage.is_some() && self.claims().any(|c| c.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn disks(volumes: Value) -> Vec<Disk> {
        let raw = Map::from_iter([("volumes".to_owned(), volumes)]);
        PodStorage::of(&raw).map(|s| s.disks().cloned().collect()).unwrap_or_default()
    }

    #[test]
    fn a_disk_may_be_shared_by_readers_unless_it_is_amazons() {
        let of = |name: &str, value: Value| disks(json!([{"name": "v", name: value}])).remove(0);
        let gce = |ro| of("gcePersistentDisk", json!({"pdName": "a", "readOnly": ro}));
        assert!(gce(true).clashes(&gce(false)) && !gce(true).clashes(&gce(true)));
        let aws = of("awsElasticBlockStore", json!({"volumeID": "a", "readOnly": true}));
        assert!(aws.clashes(&aws));
        let rbd = |m: &[&str]| of("rbd", json!({"monitors": m, "pool": "p", "image": "i"}));
        assert!(rbd(&["a", "b"]).clashes(&rbd(&["b"])) && !rbd(&["a"]).clashes(&rbd(&["c"])));
    }

    #[test]
    fn most_pods_have_nothing_to_do_with_storage() {
        let raw = Map::from_iter([("volumes".to_owned(), json!([{"name": "t", "emptyDir": {}}]))]);
        assert_eq!(PodStorage::of(&raw), None);
    }
}
