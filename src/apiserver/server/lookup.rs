//! What admission looks up in the apiserver's caches.

use std::sync::Arc;

use super::Apiserver;
use crate::api::Name;
use crate::api::core::limit_range::LimitRange;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::storage::storage_class::{StorageClass, default_class};
use crate::apiserver::admission::{Lookup, Plugins};

impl Lookup for Apiserver {
    fn without(&self) -> Plugins {
        self.config.without
    }

    fn find(&self, key: &ObjectKey) -> Option<&Object> {
        self.cache(key.kind).get(key)
    }

    fn default_priority_class(&self) -> Option<&Object> {
        let cache = self.cache(Kind::PRIORITY_CLASS);
        cache.first(|o| matches!(o, Object::PriorityClass(c) if c.global_default))
    }

    fn default_storage_class(&self) -> Option<Name> {
        let all = self.cache(Kind::STORAGE_CLASS).list();
        let classes = all.iter().filter_map(Object::as_a::<StorageClass>);
        default_class(classes).map(|class| class.meta.name.clone())
    }

    fn limit_ranges(&self, namespace: &str) -> Vec<Arc<LimitRange>> {
        let all = self.cache(Kind::LIMIT_RANGE).list();
        let of = |object: &Object| object.as_a::<LimitRange>().cloned();
        let all = all.iter().filter_map(of).filter(|r| r.meta.namespace == namespace);
        let mut all: Vec<Arc<LimitRange>> = all.collect();
        all.sort_by(|a, b| a.meta.name.cmp(&b.meta.name));
        all
    }
}
