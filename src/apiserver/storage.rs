//! What admission does to volumes and claims.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::persistent_volume::VOLUME_PROTECTION;
use crate::api::core::persistent_volume_claim::CLAIM_PROTECTION;
use crate::api::meta::Meta;
use crate::api::object::Object;
use crate::apiserver::admission::Lookup;

/// `DefaultStorageClass`: a claim that says nothing of a class gets the default one, if there is
/// one. `StorageObjectInUseProtection`: claims and volumes are held while they are in use.
///
/// Source: kubernetes v1.36 plugin/pkg/admission/storage/storageclass/setdefault/admission.go,
/// `claimDefaulterPlugin.Admit`, and plugin/pkg/admission/storage/storageobjectinuseprotection/
/// admission.go, `storageProtectionPlugin.Admit`
pub fn admit(object: &mut Object, look: &impl Lookup) {
    if let Object::PersistentVolumeClaim(claim) = object {
        let claim = Arc::make_mut(claim);
        hold(&mut claim.meta, CLAIM_PROTECTION);
        claim.status.phase = Name::new_static("Pending");
        if !claim.has_class() {
            Arc::make_mut(&mut claim.spec).storage_class_name = look.default_storage_class();
        }
    } else if let Object::PersistentVolume(volume) = object {
        hold(&mut Arc::make_mut(volume).meta, VOLUME_PROTECTION);
    }
}

fn hold(meta: &mut Meta, finalizer: &'static str) {
    if !meta.has_finalizer(finalizer) {
        let mut all = meta.finalizers().to_vec();
        all.push(Name::new_static(finalizer));
        meta.set_finalizers(all);
    }
}
