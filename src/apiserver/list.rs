//! Pages: which objects of a list an answer holds, and how the list goes on.

use crate::api::Name;
use crate::api::object::Object;
use crate::api::refusal::Refusal;
use crate::api::request::{ListOptions, ObjectList};
use crate::apiserver::field;
use crate::apiserver::list_options::{
    CONTINUE_EXPIRED, ContinueToken, EXPIRED, INCONSISTENT, Query, at_least,
};

/// A page of a list.
///
/// `all` are the objects of the kind in the order of their keys, as they were at `revision`;
/// `start` is the first key within the scope of the list, empty for its beginning; `limit` the
/// greatest number of objects, 0 for all. The page ends where it is full; how many keys remain is
/// told only where nothing is selected.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/etcd3/store.go, `GetList`
pub fn page(
    all: &[Object],
    revision: u64,
    options: &ListOptions,
    start: &str,
    limit: usize,
) -> ObjectList {
    let one = options.fields.exact("metadata.name").filter(|_| !Query::of_list(options).recursive);
    let in_scope = |o: &&Object| {
        is_in_scope(o, options)
            && one.is_none_or(|name| *name == o.meta().name)
            && !is_before(o, options, start)
    };
    let keys: Vec<&Object> = all.iter().filter(in_scope).collect();
    let mut items = Vec::new();
    let mut seen = 0;
    for object in &keys {
        if limit > 0 && items.len() >= limit {
            break;
        }
        seen += 1;
        if selects(object, options) {
            items.push((*object).clone());
        }
    }
    let rest = keys.len() - seen;
    let last = keys.get(seen.wrapping_sub(1)).filter(|_| rest > 0);
    let selective = !options.labels.is_everything() || !options.fields.is_everything();
    ObjectList {
        resource_version: revision,
        items,
        continue_token: last.map(|o| go_on_after(o, options, revision)).unwrap_or_default(),
        remaining: (rest > 0 && !selective).then_some(rest),
    }
}

fn go_on_after(last: &Object, options: &ListOptions, revision: u64) -> Name {
    let mut start = key(last, options);
    start.push('\0');
    let revision = i64::try_from(revision).expect("revisions are far from 2^63");
    ContinueToken { revision, start: start.into() }.encode()
}

/// The key of an object within the scope of a list: with the namespace when all are listed.
fn key(object: &Object, options: &ListOptions) -> String {
    let meta = object.meta();
    if namespace(options).is_empty() && object.kind().row().namespaced {
        format!("{}/{}", meta.namespace, meta.name)
    } else {
        meta.name.to_string()
    }
}

fn is_before(object: &Object, options: &ListOptions, start: &str) -> bool {
    !start.is_empty() && key(object, options).as_str() < start
}

/// The namespace of a list; a field selector can name it too.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go,
/// `ListPredicate`
fn namespace(options: &ListOptions) -> &Name {
    match options.fields.exact("metadata.namespace") {
        Some(named) if options.namespace.is_empty() => named,
        Some(_) | None => &options.namespace,
    }
}

/// Whether the list goes over the object's key at all.
fn is_in_scope(object: &Object, options: &ListOptions) -> bool {
    let (meta, namespace) = (object.meta(), namespace(options));
    namespace.is_empty() || *namespace == meta.namespace
}

fn selects(object: &Object, options: &ListOptions) -> bool {
    options.labels.matches(&object.meta().labels)
        && options.fields.matches(|name| field::value(object, name))
}

/// Whether an object is within the options.
pub fn matches(object: &Object, options: &ListOptions) -> bool {
    is_in_scope(object, options) && selects(object, options)
}

/// Why a list is refused whose revision was compacted away: a list in pages is given a token by
/// which it goes on with what is there now.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/etcd3/errors.go,
/// `interpretListError`
pub fn compacted(query: &Query<'_>) -> Refusal {
    match ContinueToken::decode(query.continue_token) {
        _ if query.limit == 0 => Refusal::resource_expired(EXPIRED),
        Ok(token) => {
            let token = ContinueToken { revision: -1, ..token };
            Refusal::continue_expired(INCONSISTENT, token.encode())
        }
        Err(_) => Refusal::resource_expired(CONTINUE_EXPIRED),
    }
}

/// The page of a list that was read from etcd.
///
/// # Errors
/// 504 when the client has seen a later revision than etcd has.
pub fn stored_page(options: &ListOptions, found: &ObjectList) -> Result<ObjectList, Refusal> {
    let query = Query::of_list(options);
    let storage = query.storage()?;
    if storage.revision == 0 {
        at_least(query.minimum()?, found.resource_version)?;
    }
    let (limit, start) = (options.limit, &storage.start);
    Ok(page(&found.items, found.resource_version, options, start, limit))
}
