//! An informer's cache: what a process knows of one kind, with the indices that rules ask.

use crate::api::Name;
use crate::api::labels::Labels;
use crate::api::meta::Uid;
use crate::api::object::Object;
use crate::api::selector::Selector;
use crate::api::table::ObjectTable;
use crate::sim::index::Map;

/// What a process knows of one kind.
///
/// Objects lie in slots; an index lists the slots of one key. The order within a list depends on
/// the history of the cache alone, so it is the same in two runs, and no rule may rely on it: the
/// real informer gives no order at all.
#[derive(Clone, Default)]
pub struct Cache {
    objects: ObjectTable,
    by_uid: Map<Uid, u32>,
    by_controller: Index<Uid>,
    by_node: Index<Name>,
    by_namespace: Index<Name>,
    orphans: Index<Name>,
    label_sets: Index<(Name, Labels)>,
    /// The distinct label sets of a namespace, so that a selector is held against few of them.
    sets_of: std::collections::BTreeMap<Name, Vec<Labels>>,
    /// The highest version that was ever put in.
    newest: u64,
}

/// Slots by key, with constant-time removal.
#[derive(Clone)]
struct Index<K> {
    lists: Map<K, Vec<u32>>,
    position: Vec<u32>,
}

impl<K> Default for Index<K> {
    fn default() -> Self {
        Index { lists: Map::default(), position: Vec::new() }
    }
}

impl<K: std::hash::Hash + Eq + Clone> Index<K> {
    /// Lists a slot under a key; true when it is the key's first.
    fn insert(&mut self, key: &K, slot: u32) -> bool {
        let place = slot as usize;
        if self.position.len() <= place {
            self.position.resize(place + 1, 0);
        }
        let list = match self.lists.get_mut(key) {
            Some(list) => list,
            None => self.lists.entry(key.clone()).or_default(),
        };
        self.position[place] = u32::try_from(list.len()).expect("fewer than 2^32 objects");
        list.push(slot);
        list.len() == 1
    }

    /// Takes a slot off the list of a key; true when the list is now gone.
    fn remove(&mut self, key: &K, slot: u32) -> bool {
        let Some(list) = self.lists.get_mut(key) else { return false };
        let place = self.position[slot as usize];
        list.swap_remove(place as usize);
        if let Some(moved) = list.get(place as usize) {
            self.position[*moved as usize] = place;
        }
        let gone = list.is_empty();
        if gone {
            self.lists.remove(key);
        }
        gone
    }

    fn get(&self, key: &K) -> &[u32] {
        self.lists.get(key).map_or(&[], Vec::as_slice)
    }
}

/// The node that an object is put on; empty for none.
fn node_of(object: &Object) -> &Name {
    const NONE: &Name = &Name::new_static("");
    if let Object::Pod(pod) = object { &pod.node_name } else { NONE }
}

fn controller_of(object: &Object) -> Uid {
    object.meta().controller().map_or(Uid::NONE, |o| o.uid)
}

impl Cache {
    /// Puts a version in place of the one of the same namespace and name; gives the former one.
    pub fn put(&mut self, object: Object) -> Option<Object> {
        self.newest = self.newest.max(object.meta().resource_version);
        let new = object.clone();
        let (slot, old) = self.objects.put(object);
        match &old {
            Some(old) => self.replaced(slot, old, &new),
            None => {
                self.by_uid.insert(new.meta().uid, slot);
                self.link(slot, &new);
            }
        }
        old
    }

    /// Most changes leave uid, owner, node and labels as they are: then no index is touched. A
    /// binding changes the node alone.
    fn replaced(&mut self, slot: u32, old: &Object, new: &Object) {
        let (a, b) = (old.meta(), new.meta());
        if a.uid != b.uid {
            self.by_uid.remove(&a.uid);
            self.by_uid.insert(b.uid, slot);
        }
        let same_labels = a.labels.is_same_copy(&b.labels) || a.labels == b.labels;
        if !same_labels || controller_of(old) != controller_of(new) {
            self.unlink(slot, old);
            self.link(slot, new);
            return;
        }
        let (was, is) = (node_of(old), node_of(new));
        if was != is {
            if !was.is_empty() {
                self.by_node.remove(was, slot);
            }
            if !is.is_empty() {
                self.by_node.insert(is, slot);
            }
        }
    }

    /// Takes an object out; gives the version that was known.
    pub fn remove(&mut self, namespace: &Name, name: &Name) -> Option<Object> {
        let (slot, old) = self.objects.remove(namespace, name)?;
        self.by_uid.remove(&old.meta().uid);
        self.unlink(slot, &old);
        Some(old)
    }

    fn link(&mut self, slot: u32, object: &Object) {
        let meta = object.meta();
        self.by_namespace.insert(&meta.namespace, slot);
        let controller = controller_of(object);
        if controller.is_none() {
            self.orphans.insert(&meta.namespace, slot);
        } else {
            self.by_controller.insert(&controller, slot);
        }
        let node = node_of(object);
        if !node.is_empty() {
            self.by_node.insert(node, slot);
        }
        let set = (meta.namespace.clone(), meta.labels.clone());
        if self.label_sets.insert(&set, slot) {
            self.sets_of.entry(set.0).or_default().push(set.1);
        }
    }

    fn unlink(&mut self, slot: u32, object: &Object) {
        let meta = object.meta();
        self.by_namespace.remove(&meta.namespace, slot);
        let controller = controller_of(object);
        if controller.is_none() {
            self.orphans.remove(&meta.namespace, slot);
        } else {
            self.by_controller.remove(&controller, slot);
        }
        let node = node_of(object);
        if !node.is_empty() {
            self.by_node.remove(node, slot);
        }
        let set = (meta.namespace.clone(), meta.labels.clone());
        if self.label_sets.remove(&set, slot)
            && let Some(sets) = self.sets_of.get_mut(&set.0)
        {
            sets.retain(|s| *s != set.1);
        }
    }

    fn at(&self, slot: u32) -> &Object {
        self.objects.at(slot)
    }

    /// How many objects are known.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// The highest version that was ever put in: what was written before it has been seen, even
    /// when it is gone again.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// The object of a name.
    pub fn get(&self, namespace: &str, name: &str) -> Option<&Object> {
        self.objects.get(namespace, name)
    }

    /// The object of a uid.
    pub fn by_uid(&self, uid: Uid) -> Option<&Object> {
        self.by_uid.get(&uid).map(|s| self.at(*s))
    }

    /// Those whose managing owner has this uid.
    pub fn controlled_by(&self, uid: Uid) -> impl ExactSizeIterator<Item = &Object> {
        self.by_controller.get(&uid).iter().map(|s| self.at(*s))
    }

    /// Those of a namespace that no owner manages.
    pub fn orphans(&self, namespace: &Name) -> impl ExactSizeIterator<Item = &Object> {
        self.orphans.get(namespace).iter().map(|s| self.at(*s))
    }

    /// Pods that are put on a node.
    pub fn on_node(&self, node: &Name) -> impl ExactSizeIterator<Item = &Object> {
        self.by_node.get(node).iter().map(|s| self.at(*s))
    }

    /// Those of a namespace.
    pub fn in_namespace(&self, namespace: &Name) -> impl ExactSizeIterator<Item = &Object> {
        self.by_namespace.get(namespace).iter().map(|s| self.at(*s))
    }

    /// Those of a namespace whose labels match: the selector is held against each distinct label
    /// set once.
    pub fn select<'a>(
        &'a self,
        namespace: &'a Name,
        selector: &'a Selector,
    ) -> impl Iterator<Item = &'a Object> {
        let sets = self.sets_of.get(namespace).map_or(&[][..], Vec::as_slice);
        let matching = sets.iter().filter(|set| selector.matches(set));
        matching.flat_map(|set| {
            let slots = self.label_sets.get(&(namespace.clone(), set.clone()));
            slots.iter().map(|s| self.at(*s))
        })
    }

    /// All of them, in slot order. A scan: its bound is the number of objects of the kind.
    pub fn all(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter()
    }
}
