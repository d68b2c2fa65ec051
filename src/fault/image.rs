//! A registry of images that does not answer, or answers slowly.

use serde::Serialize;
use serde_json::json;

use crate::api::Name;
use crate::fault::request::some_span;
use crate::fault::stage::{Began, Healing, Stage};
use crate::fault::target::Hit;
use crate::sim::time::SimDuration;

/// How long a registry is away when nobody says.
const USUAL: SimDuration = SimDuration::secs(60);

/// What a registry says that has no answer left for anybody.
const LIMIT: &str = "429 Too Many Requests - toomanyrequests: You have reached your pull rate \
                     limit";

/// Which pulls fail or take longer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Pull {
    /// Nodes whose pulls are hit; all when none is given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<String>,
    /// Images by glob; all when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// What the registry says; without it that a limit is reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Pulls do not fail but take so much longer.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "some_span")]
    pub latency: Option<SimDuration>,
}

pub(super) fn begin(it: &Pull, stage: &mut Stage<'_>) -> Result<Began, String> {
    let nodes = stage.cluster.topology.nodes.clone();
    if let Some(unknown) = it.nodes.iter().find(|n| !nodes.contains_key(n.as_str())) {
        return Err(format!("there is no node `{unknown}`"));
    }
    let meant = |name: &Name| it.nodes.is_empty() || it.nodes.iter().any(|n| n == name.as_str());
    let chosen = nodes.iter().filter(|(name, _)| meant(name));
    let chosen: Vec<Hit> = chosen.map(|(name, (id, _))| (name.clone(), *id)).collect();
    let image = it.image.as_deref().unwrap_or("*");
    let error = it.error.as_deref().unwrap_or(LIMIT);
    let how = |on: bool| match it.latency {
        Some(span) => json!({ "image": image, "slower": span.0, "on": on }),
        None => json!({ "image": image, "error": error, "on": on }),
    };
    let mut began = Began { usual: Some(USUAL), ..Began::default() };
    for (name, id) in chosen {
        stage.tell(id, "registry", how(true));
        began.healing.push(Healing::Unstick(id, "registry", how(false)));
        began.hit.push(name);
    }
    Ok(began)
}
