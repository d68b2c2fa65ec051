//! Label and annotation sets: sorted, immutable, shared.

use std::fmt;
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::api::Name;

/// A set of keys and values, sorted by key; the labels or annotations of an object.
///
/// A clone shares the set, so all pods of one template hold one copy.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Labels(Option<Arc<[(Name, Name)]>>);

impl Labels {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Name> {
        let all = self.0.as_deref()?;
        all.binary_search_by(|(k, _)| k.as_str().cmp(key)).ok().map(|i| &all[i].1)
    }

    /// Whether the key is there.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// All pairs, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Name)> {
        self.0.iter().flat_map(|all| all.iter().map(|(k, v)| (k, v)))
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |all| all.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The set with one pair added or replaced.
    #[must_use]
    pub fn with(&self, key: &str, value: &str) -> Labels {
        if self.get(key).is_some_and(|v| v == value) {
            return self.clone();
        }
        let others = self.iter().filter(|(k, _)| *k != key).map(|(k, v)| (k.clone(), v.clone()));
        others.chain([(key.into(), value.into())]).collect()
    }

    /// The set without one key.
    #[must_use]
    pub fn without(&self, key: &str) -> Labels {
        if !self.has(key) {
            return self.clone();
        }
        self.iter().filter(|(k, _)| *k != key).map(|(k, v)| (k.clone(), v.clone())).collect()
    }

    /// Whether both are one shared copy: a quick test before comparing pair by pair.
    pub fn is_same_copy(&self, other: &Labels) -> bool {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (a, b) => a.is_none() && b.is_none(),
        }
    }
}

impl FromIterator<(Name, Name)> for Labels {
    fn from_iter<I: IntoIterator<Item = (Name, Name)>>(pairs: I) -> Self {
        let mut all: Vec<_> = pairs.into_iter().collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all.dedup_by(|later, first| later.0 == first.0);
        Labels((!all.is_empty()).then(|| all.into()))
    }
}

impl<'a, const N: usize> From<[(&'a str, &'a str); N]> for Labels {
    fn from(pairs: [(&'a str, &'a str); N]) -> Self {
        pairs.into_iter().map(|(k, v)| (Name::new(k), Name::new(v))).collect()
    }
}

/// As people write a label set: `app=web,tier=front`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (k, v)) in self.iter().enumerate() {
            write!(f, "{}{k}={v}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Labels;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of texts")
            }

            fn visit_unit<E>(self) -> Result<Labels, E> {
                Ok(Labels::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let mut all = Vec::new();
                while let Some((k, v)) = map.next_entry::<Name, Option<Name>>()? {
                    all.push((k, v.unwrap_or_default()));
                }
                Ok(all.into_iter().collect())
            }
        }
        d.deserialize_any(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_sorted_and_its_clones_share_it() {
        let a = Labels::from([("tier", "front"), ("app", "web")]);
        assert_eq!(a.to_string(), "app=web,tier=front");
        assert!(a.is_same_copy(&a.with("app", "web")));
        assert_eq!(a.with("app", "db").without("tier").to_string(), "app=db");
    }
}
