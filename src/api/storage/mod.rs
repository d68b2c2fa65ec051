//! The kinds of the group `storage.k8s.io`.

pub mod csi_driver;
pub mod csi_node;
pub mod matching;
pub mod storage_class;
pub mod volume_attachment;
