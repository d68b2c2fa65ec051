//! Pods on nodes, counted by their labels: pods of one workload are one crowd, so that a selector
//! is held against few sets of labels however many pods there are.

use std::collections::BTreeMap;

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::api::labels::Labels;
use crate::sim::index::Map;

/// The crowds of all namespaces. Pods on their way out are in none.
#[derive(Clone, Debug, Default)]
pub struct Crowds {
    of_namespace: Map<Name, Namespace>,
}

/// The crowds of one namespace.
#[derive(Clone, Debug, Default)]
struct Namespace {
    places: Map<Labels, usize>,
    crowds: Vec<Crowd>,
}

/// Pods with the same labels.
#[derive(Clone, Debug)]
struct Crowd {
    labels: Labels,
    /// By the node's slot: how many of them it has, more than none.
    on: BTreeMap<u32, i64>,
}

impl Crowds {
    /// A pod has come to a node or left it.
    pub(super) fn moved(&mut self, pod: &Pod, slot: u32, came: bool) {
        if pod.meta.is_deleting() {
            return;
        }
        let (namespace, labels) = (&pod.meta.namespace, &pod.meta.labels);
        let here = match self.of_namespace.get_mut(namespace) {
            Some(here) => here,
            None => self.of_namespace.entry(namespace.clone()).or_default(),
        };
        let on = &mut here.crowd(labels).on;
        if came {
            *on.entry(slot).or_default() += 1;
        } else if let Some(count) = on.get_mut(&slot) {
            *count -= 1;
            if *count == 0 {
                on.remove(&slot);
            }
        }
    }

    /// How many pods of a namespace whose labels fit a node has, by its slot: once for each crowd
    /// that fits.
    pub fn fitting(
        &self,
        namespace: &Name,
        fits: impl Fn(&Labels) -> bool,
    ) -> impl Iterator<Item = (u32, i64)> {
        let crowds = self.of_namespace.get(namespace).map_or(&[][..], |here| &here.crowds);
        let fitting = crowds.iter().filter(move |crowd| fits(&crowd.labels));
        fitting.flat_map(|crowd| crowd.on.iter().map(|(slot, count)| (*slot, *count)))
    }
}

impl Namespace {
    fn crowd(&mut self, labels: &Labels) -> &mut Crowd {
        let place = match self.places.get(labels) {
            Some(place) => *place,
            None => {
                self.places.insert(labels.clone(), self.crowds.len());
                self.crowds.push(Crowd { labels: labels.clone(), on: BTreeMap::new() });
                self.crowds.len() - 1
            }
        };
        &mut self.crowds[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::meta::Meta;
    use crate::api::time::Time;

    #[test]
    fn pods_are_counted_where_they_are_until_they_are_on_their_way_out() {
        let pod = |app: &str| {
            let mut meta = Meta::named("default", app);
            meta.labels = Labels::from([("app", app)]);
            Pod { meta, ..Pod::default() }
        };
        let (web, mut db) = (pod("web"), pod("db"));
        let mut crowds = Crowds::default();
        for slot in [3, 1, 3] {
            crowds.moved(&web, slot, true);
        }
        crowds.moved(&db, 1, true);
        crowds.moved(&web, 1, false);
        db.meta.deletion = Some(Time::default());
        crowds.moved(&db, 2, true);
        let all: Vec<_> = crowds.fitting(&"default".into(), |_| true).collect();
        assert_eq!(all, [(3, 2), (1, 1)]);
        let has_web = |labels: &Labels| labels.has("app") && *labels == web.meta.labels;
        assert_eq!(crowds.fitting(&"default".into(), has_web).collect::<Vec<_>>(), [(3, 2)]);
        assert_eq!(crowds.fitting(&"other".into(), |_| true).count(), 0);
    }
}
