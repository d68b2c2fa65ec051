//! The kinds of storage, to and from the wire.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{put, put_rest, rest, take};
use crate::api::core::persistent_volume::PersistentVolume;
use crate::api::core::persistent_volume_claim::PersistentVolumeClaim;
use crate::api::meta::Meta;
use crate::api::object::{Kind, Object, Resource};
use crate::api::storage::csi_driver::CSIDriver;
use crate::api::storage::csi_node::CSINode;
use crate::api::storage::storage_class::StorageClass;
use crate::api::storage::volume_attachment::VolumeAttachment;

resource!(
    PersistentVolume,
    PERSISTENT_VOLUME,
    |meta, mut body| {
        let spec = take(&mut body, "spec")?;
        Ok(PersistentVolume { meta, spec, status: take(&mut body, "status")? })
    },
    |volume, body| {
        put(body, "spec", &volume.spec);
        put(body, "status", &volume.status);
    },
    status: [status],
    spec: [spec]
);

resource!(
    PersistentVolumeClaim,
    PERSISTENT_VOLUME_CLAIM,
    |meta, mut body| {
        let spec = take(&mut body, "spec")?;
        Ok(PersistentVolumeClaim { meta, spec, status: take(&mut body, "status")? })
    },
    |claim, body| {
        put(body, "spec", &claim.spec);
        put(body, "status", &claim.status);
    },
    status: [status],
    spec: [spec]
);

resource!(
    StorageClass,
    STORAGE_CLASS,
    |meta, mut body| {
        Ok(StorageClass {
            meta,
            provisioner: take(&mut body, "provisioner")?,
            reclaim_policy: take(&mut body, "reclaimPolicy")?,
            volume_binding_mode: take(&mut body, "volumeBindingMode")?,
            allowed_topologies: take(&mut body, "allowedTopologies")?,
            rest: rest(body),
        })
    },
    |class, body| {
        body.insert("provisioner".into(), class.provisioner.as_str().into());
        put_text(body, "reclaimPolicy", &class.reclaim_policy);
        put_text(body, "volumeBindingMode", &class.volume_binding_mode);
        put(body, "allowedTopologies", &class.allowed_topologies);
        put_rest(body, &class.rest);
    },
    status: [],
    spec: [provisioner, reclaim_policy, volume_binding_mode, allowed_topologies, rest]
);

resource!(
    VolumeAttachment,
    VOLUME_ATTACHMENT,
    |meta, mut body| {
        let spec = take(&mut body, "spec")?;
        Ok(VolumeAttachment { meta, spec, status: take(&mut body, "status")? })
    },
    |attachment, body| {
        put(body, "spec", &attachment.spec);
        put(body, "status", &attachment.status);
    },
    status: [status],
    spec: [spec]
);

resource!(
    CSINode,
    CSI_NODE,
    |meta, mut body| Ok(CSINode { meta, spec: take(&mut body, "spec")? }),
    |node, body| put(body, "spec", &node.spec),
    status: [],
    spec: [spec]
);

resource!(
    CSIDriver,
    CSI_DRIVER,
    |meta, mut body| Ok(CSIDriver { meta, spec: take(&mut body, "spec")? }),
    |driver, body| put(body, "spec", &driver.spec),
    status: [],
    spec: [spec]
);

fn put_text(body: &mut Map<String, Value>, name: &str, text: &str) {
    if !text.is_empty() {
        body.insert(name.into(), text.into());
    }
}
