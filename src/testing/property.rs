//! Properties that are functions of the cluster.

use std::sync::Arc;

use crate::cluster::Cluster;
use crate::explore::judge::Property;

/// A property that is a function.
struct Says<F> {
    name: &'static str,
    holds: F,
    /// Whether it has to hold after each change, and not only at rest.
    always: bool,
}

impl<F> Property for Says<F>
where
    F: Fn(&Cluster) -> Result<(), String> + Send + Sync,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn always(&self, cluster: &Cluster) -> Result<(), String> {
        if self.always { (self.holds)(cluster) } else { Ok(()) }
    }

    fn at_rest(&self, cluster: &Cluster) -> Result<(), String> {
        (self.holds)(cluster)
    }
}

/// A property that must hold after each change of the store.
pub fn always<F>(name: &'static str, holds: F) -> Arc<dyn Property>
where
    F: Fn(&Cluster) -> Result<(), String> + Send + Sync + 'static,
{
    Arc::new(Says { name, holds, always: true })
}

/// A property that must hold when nothing is left to do.
pub fn at_rest<F>(name: &'static str, holds: F) -> Arc<dyn Property>
where
    F: Fn(&Cluster) -> Result<(), String> + Send + Sync + 'static,
{
    Arc::new(Says { name, holds, always: false })
}
