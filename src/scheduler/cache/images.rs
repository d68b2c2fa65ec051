//! Which nodes hold which images.

use crate::api::Name;
use crate::api::core::node::NodeImage;
use crate::sim::index::{Map, Set};

/// An image that nodes hold.
///
/// Source: kubernetes v1.36 pkg/scheduler/backend/cache/cache.go, `addNodeImageStates`
#[derive(Clone, Debug, Default)]
pub struct ImageState {
    /// Its size, as the first node told that held it.
    pub size: i64,
    /// The slots of the nodes that hold it.
    pub slots: Set<u32>,
}

/// The images, by each of their names.
#[derive(Clone, Debug, Default)]
pub struct Images(Map<Name, ImageState>);

impl Images {
    /// An image by one of its names.
    pub fn get(&self, name: &str) -> Option<&ImageState> {
        self.0.get(name)
    }

    /// Whether no node holds any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A node holds these images.
    pub(super) fn add(&mut self, slot: u32, images: &[NodeImage]) {
        for image in images {
            for name in &image.names {
                let state = self.0.entry(name.clone()).or_insert_with(|| ImageState {
                    size: image.size_bytes,
                    slots: Set::default(),
                });
                state.slots.insert(slot);
            }
        }
    }

    /// A node holds them no more.
    pub(super) fn remove(&mut self, slot: u32, images: &[NodeImage]) {
        for name in images.iter().flat_map(|image| &image.names) {
            let Some(state) = self.0.get_mut(name) else { continue };
            state.slots.remove(&slot);
            if state.slots.is_empty() {
                self.0.remove(name);
            }
        }
    }
}
