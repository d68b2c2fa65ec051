//! `ImageLocality`: a node is better the more of the pod's images it holds, by their size.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::scheduler::cache::{Cache, ImageState};
use crate::scheduler::config::PluginArgs;
use crate::scheduler::framework::{Attempt, MAX_NODE_SCORE, Plugin, PreScore, Score};

/// The plugin.
#[derive(Clone, Copy, Debug)]
struct ImageLocality;

/// The images of a pod.
#[derive(Debug)]
struct Wanted {
    images: Vec<Name>,
    most: i64,
}

const MEBIBYTE: i64 = 1024 * 1024;

/// Sums below it score nothing.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/imagelocality/image_locality.go,
/// `minThreshold`
const LEAST: i64 = 23 * MEBIBYTE;

/// A sum of so much a container scores all.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/imagelocality/image_locality.go,
/// `maxContainerThreshold`
const MOST_A_CONTAINER: i64 = 1000 * MEBIBYTE;

/// Makes it.
pub(crate) fn make(_: &PluginArgs) -> Arc<dyn Plugin> {
    Arc::new(ImageLocality)
}

/// A name without a tag means the latest.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/imagelocality/image_locality.go,
/// `normalizedImageName`
fn tagged(name: &str) -> Name {
    if name.rfind(':') <= name.rfind('/') {
        return smol_str::format_smolstr!("{name}:latest");
    }
    name.into()
}

impl Plugin for ImageLocality {
    fn is_shareable(&self, _: &Pod) -> bool {
        true
    }

    fn pre_score(&self, attempt: Attempt<'_>) -> PreScore {
        let spec = &attempt.pod.spec;
        let volumes = spec.raw.get("volumes").and_then(|v| v.as_array());
        let mounted = volumes.into_iter().flatten();
        let mounted = mounted.filter_map(|v| v.pointer("/image/reference")?.as_str());
        let run = spec.all_containers().map(|c| c.image.as_str());
        let images = run.chain(mounted).map(tagged).collect();
        let containers = i64::try_from(spec.all_containers().count()).unwrap_or(i64::MAX);
        Ok(Some(Box::new(Wanted { images, most: MOST_A_CONTAINER.saturating_mul(containers) })))
    }
}

/// The size of an image times the share of the nodes that hold it, so that pods do not gather
/// where an image happens to be.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/imagelocality/image_locality.go,
/// `scaledImageScore`
#[expect(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the rule itself is one of floating point; its operations are exact everywhere"
)]
fn scaled(image: &ImageState, nodes: usize) -> i64 {
    let share = image.slots.len() as f64 / nodes as f64;
    (image.size as f64 * share) as i64
}

impl Score for Wanted {
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/imagelocality/image_locality.go,
    /// `sumImageScores` and `calculatePriority`
    fn score(&mut self, cluster: &Cache, nodes: &[u32], scores: &mut [i64]) {
        scores.fill(0);
        let images = self.images.iter().filter_map(|name| cluster.images().get(name));
        for image in images {
            let size = scaled(image, cluster.len());
            let held = scores.iter_mut().zip(nodes).filter(|(_, slot)| image.slots.contains(slot));
            held.for_each(|(score, _)| *score += size);
        }
        for score in scores {
            let sum = (*score).clamp(LEAST, self.most.max(LEAST));
            *score = if self.most > LEAST {
                MAX_NODE_SCORE * (sum - LEAST) / (self.most - LEAST)
            } else {
                0
            };
        }
    }
}
