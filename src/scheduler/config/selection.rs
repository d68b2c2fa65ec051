//! Which plugins are in force, at which points, in which order and with which weights.

use std::collections::BTreeMap;

use crate::scheduler::plugins::{PluginId, Point};

/// The plugins that a profile enables and disables.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selection {
    /// At all points at which they act.
    pub multi_point: Changes,
    /// At single points.
    pub points: BTreeMap<Point, Changes>,
}

/// Plugins that are enabled and disabled.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Changes {
    /// In this order, with the weights that are stated.
    pub enabled: Vec<(PluginId, Option<i64>)>,
    /// By name.
    pub disabled: Vec<PluginId>,
    /// `*`: all that would be there by default.
    pub disables_all: bool,
}

impl Changes {
    fn leaves_out(&self, id: PluginId) -> bool {
        self.disables_all || self.disabled.contains(&id)
    }

    fn enabled(&self, id: PluginId) -> Option<(PluginId, Option<i64>)> {
        self.enabled.iter().find(|(enabled, _)| *enabled == id).copied()
    }
}

impl Selection {
    /// The plugins that are in force at all their points: those of the default profile that are
    /// not disabled, in its order, then those that are enabled beside.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/apis/config/v1/default_plugins.go, `mergePluginSet`
    fn everywhere(&self) -> Vec<(PluginId, Option<i64>)> {
        let changes = &self.multi_point;
        let by_default = |id: &PluginId| id.row().is_default && !changes.leaves_out(*id);
        let mut all: Vec<(PluginId, Option<i64>)> = PluginId::all()
            .filter(by_default)
            .map(|id| changes.enabled(id).unwrap_or((id, None)))
            .collect();
        let more = changes.enabled.iter().filter(|(id, _)| !all.iter().any(|(a, _)| a == id));
        let more: Vec<_> = more.copied().collect();
        all.extend(more);
        all
    }

    /// The plugins that are in force at a point, in their order, with the weights that are stated.
    /// Those come first that the point names and that are in force everywhere, then the rest of
    /// the latter, then what the point adds.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/runtime/framework.go,
    /// `frameworkImpl.expandMultiPointPlugins`
    pub fn at(&self, point: Point) -> Vec<(PluginId, Option<i64>)> {
        let none = Changes::default();
        let own = self.points.get(&point).unwrap_or(&none);
        let everywhere: Vec<(PluginId, Option<i64>)> = if own.disables_all {
            Vec::new()
        } else {
            let acts = |(id, _): &(PluginId, Option<i64>)| id.acts_at(point);
            self.everywhere()
                .into_iter()
                .filter(acts)
                .filter(|(id, _)| !own.leaves_out(*id))
                .collect()
        };
        let is_everywhere = |id: PluginId| everywhere.iter().find(|(e, _)| *e == id);
        let (first, last): (Vec<_>, Vec<_>) =
            own.enabled.iter().copied().partition(|(id, _)| is_everywhere(*id).is_some());
        let named = |id: PluginId| own.enabled(id).is_some();
        let first = first.into_iter().map(|(id, weight)| {
            (id, weight.or_else(|| is_everywhere(id).and_then(|(_, weight)| *weight)))
        });
        let middle = everywhere.iter().copied().filter(|(id, _)| !named(*id));
        first.chain(middle).chain(last).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> PluginId {
        PluginId::named(name).expect("a plugin")
    }

    fn names(selection: &Selection, point: Point) -> Vec<String> {
        let text = |(id, weight): (PluginId, Option<i64>)| match weight {
            Some(weight) => format!("{}={weight}", id.name()),
            None => id.name().to_owned(),
        };
        selection.at(point).into_iter().map(text).collect()
    }

    #[test]
    fn a_point_names_its_own_order_and_weights() {
        let mut selection = Selection::default();
        let own = Changes {
            enabled: vec![(id("ImageLocality"), Some(5)), (id("NodeAffinity"), None)],
            ..Changes::default()
        };
        selection.points.insert(Point::Score, own);
        let names = names(&selection, Point::Score);
        assert_eq!(names[..3], ["ImageLocality=5", "NodeAffinity", "TaintToleration"]);
    }

    #[test]
    fn a_star_leaves_only_what_is_enabled_beside() {
        let mut selection = Selection::default();
        let own = Changes {
            enabled: vec![(id("NodeResourcesFit"), Some(7))],
            disables_all: true,
            ..Changes::default()
        };
        selection.points.insert(Point::Score, own);
        assert_eq!(names(&selection, Point::Score), ["NodeResourcesFit=7"]);
        assert!(names(&selection, Point::Filter).contains(&"NodeAffinity".to_owned()));
    }
}
