//! Conformance units: store.

use serde_json::{Value, json};
use wavetank::api::Name;
use wavetank::api::deletion::Preconditions;
use wavetank::api::field::FieldError;
use wavetank::api::gates::Gates;
use wavetank::api::message::{Condition, StoreChange};
use wavetank::api::object::{Kind, Object, ObjectKey};
use wavetank::api::refusal::{GroupResource, Reason, Refusal};
use wavetank::api::request::{
    DeleteOptions, ListOptions, ObjectList, Subresource, Verb, VersionMatch, WatchOptions,
};
use wavetank::api::time::EPOCH;
use wavetank::apiserver::cache::{Begin, WatchCache};
use wavetank::apiserver::history::{FRESH, History, Index, greatest_capacity, retry_after_seconds};
use wavetank::apiserver::list;
use wavetank::apiserver::list_options::{
    CacheState, ContinueToken, Query, Route, WatchStart, at_least, parse_revision,
};
use wavetank::apiserver::registry::{self, Outcome};
use wavetank::etcd::store::{Store, Unreadable};
use wavetank::sim::engine::Peer;
use wavetank::sim::time::{SimDuration, SimTime};

use super::{Case, Differs, Unit, same};

/// The units of this area, and the function that runs a case of each.
pub(crate) const UNITS: &[Unit] = &[
    ("list-options", list_options),
    ("list-from-cache", list_from_cache),
    ("watch-start-rv", watch_start),
    ("watch-cache-sizing", sizing),
    ("store-list", store_list),
    ("store-list-keys", store_list_keys),
    ("store-point-ops", point_ops),
    ("watch-events", watch_events),
];

/// Cases that are known to differ, with the reason.
pub(crate) const DIFFERS: &[Differs] = &[];

type Run = Result<(), String>;

// ── Reading ─────────────────────────────────────────────────────────────────────────────────────

fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str, String> {
    match &value[field] {
        Value::Null => Ok(""),
        Value::String(text) => Ok(text),
        other => Err(format!("`{field}` is no text: {other}")),
    }
}

fn number(value: &Value, field: &str) -> Result<u64, String> {
    match &value[field] {
        Value::Null => Ok(0),
        other => other.as_u64().ok_or_else(|| format!("`{field}` is no number: {other}")),
    }
}

fn size(value: &Value, field: &str) -> Result<usize, String> {
    usize::try_from(number(value, field)?).map_err(|e| e.to_string())
}

fn flag(value: &Value, field: &str) -> Result<bool, String> {
    match &value[field] {
        Value::Null => Ok(false),
        other => other.as_bool().ok_or_else(|| format!("`{field}` is no flag: {other}")),
    }
}

fn token(value: &Value) -> Result<Name, String> {
    match value {
        Value::Null => Ok(Name::default()),
        Value::String(text) => Ok(text.into()),
        token => {
            let revision = token["rv"].as_i64().ok_or("a token has a revision")?;
            let start = text(token, "start")?.into();
            Ok(ContinueToken { revision, start }.encode())
        }
    }
}

/// The names of fields that a unit's input may have; another one is not understood.
fn only(input: &Value, known: &[&str]) -> Run {
    let fields = input.as_object().ok_or("no input")?;
    match fields.keys().find(|field| !known.contains(&field.as_str())) {
        Some(field) => Err(format!("unknown input `{field}`")),
        None => Ok(()),
    }
}

// ── Options ─────────────────────────────────────────────────────────────────────────────────────

fn query<'a>(options: &'a Value, token: &'a str) -> Result<Query<'a>, String> {
    only(
        options,
        &[
            "watch",
            "resourceVersion",
            "resourceVersionMatch",
            "limit",
            "continue",
            "sendInitialEvents",
            "allowWatchBookmarks",
            "recursive",
        ],
    )?;
    Ok(Query {
        watch: flag(options, "watch")?,
        resource_version: text(options, "resourceVersion")?,
        version_match: text(options, "resourceVersionMatch")?,
        limit: size(options, "limit")?,
        continue_token: token,
        send_initial_events: options["sendInitialEvents"].as_bool(),
        bookmarks: flag(options, "allowWatchBookmarks")?,
        recursive: flag(options, "recursive")?,
    })
}

fn list_options(case: &Case<'_>) -> Run {
    let input = case.input;
    match text(case.whole, "kind")? {
        "request-list" | "request-watch" => {
            only(input, &["options", "watch_list_feature"])?;
            let token = token(&input["options"]["continue"])?;
            let errors =
                query(&input["options"], &token)?.errors(flag(input, "watch_list_feature")?);
            same(&json!({"valid": errors.is_empty(), "errors": fields(&errors)}), case.want)
        }
        "storage-revision" => {
            only(input, &["options"])?;
            let token = token(&input["options"]["continue"])?;
            match query(&input["options"], &token)?.storage() {
                Ok(s) => {
                    let got = json!({"etcd_revision": s.revision, "continue_key": s.start});
                    same(&got, case.want)
                }
                Err(refusal) => refused(&refusal, case.want),
            }
        }
        "effective-limit" => {
            only(input, &["resourceVersion", "limit"])?;
            let limit = query(input, "")?.cache_limit();
            same(&json!({"effective_limit": limit}), case.want)
        }
        "parse-rv" => {
            only(input, &["resourceVersion"])?;
            let got = match parse_revision(text(input, "resourceVersion")?) {
                Ok(revision) => json!({"value": revision}),
                Err(_) => json!({"error": true}),
            };
            same(&got, case.want)
        }
        other => Err(format!("unknown kind `{other}`")),
    }
}

/// The fields and classes of errors, in the order of their texts.
fn fields(errors: &[FieldError]) -> Value {
    let of = GroupResource::new("meta.k8s.io", "ListOptions");
    let status = Refusal::invalid(&of, "", errors).to_status();
    let mut all: Vec<(String, String)> = Vec::new();
    for cause in status["details"]["causes"].as_array().into_iter().flatten() {
        let class = match cause["reason"].as_str().unwrap_or_default() {
            "FieldValueForbidden" => "forbidden",
            "FieldValueNotSupported" => "unsupported",
            "FieldValueInvalid" => "invalid",
            other => other,
        };
        all.push((cause["field"].as_str().unwrap_or_default().to_owned(), class.to_owned()));
    }
    all.sort();
    all.dedup();
    all.into_iter().map(|(field, class)| json!({"field": field, "type": class})).collect()
}

/// Holds a refusal against the words that name its class.
fn refused(refusal: &Refusal, want: &Value) -> Run {
    let wanted = want["error"].as_str().ok_or_else(|| format!("refused: {refusal}"))?;
    let too_large = refusal.is(Reason::Timeout)
        && refusal.has_cause("ResourceVersionTooLarge")
        && refusal.suggested_delay_seconds() == Some(1);
    let holds = match wanted {
        "invalid resource version" => {
            refusal.is(Reason::BadRequest) && refusal.message.starts_with(wanted)
        }
        "invalid request" => refusal.is(Reason::BadRequest) || refusal.code == 500,
        "resource version too large" | "resource version too large (Timeout, retry after 1 s)" => {
            too_large
        }
        "410 Gone: the resource version is too old" => {
            refusal.code == 410 && refusal.message.contains("resourceVersion")
        }
        "410 Gone: the continue token is too old" => {
            let status = refusal.to_status();
            let next = status["metadata"]["continue"].as_str().unwrap_or_default();
            refusal.code == 410 && ContinueToken::decode(next).is_ok_and(|t| t.revision == -1)
        }
        "NotFound" => refusal.is(Reason::NotFound),
        "InvalidObj (precondition), surfaces as 409 Conflict" => refusal.is(Reason::Conflict),
        "resourceVersion should not be set on objects to be created" => {
            refusal.message.contains(wanted)
        }
        other => return Err(format!("unknown error `{other}`")),
    };
    if holds { Ok(()) } else { Err(format!("want {wanted}\n      got  {}", refusal.to_status())) }
}

fn list_from_cache(case: &Case<'_>) -> Run {
    let input = case.input;
    only(
        input,
        &[
            "recursive",
            "resourceVersion",
            "resourceVersionMatch",
            "limit",
            "list_from_snapshot",
            "old_revision_retained",
            "continue_rv",
        ],
    )?;
    let token = match input["continue_rv"].as_i64() {
        None => Name::default(),
        Some(revision) => ContinueToken { revision, start: "a".into() }.encode(),
    };
    let query = Query {
        resource_version: text(input, "resourceVersion")?,
        version_match: text(input, "resourceVersionMatch")?,
        limit: size(input, "limit")?,
        continue_token: &token,
        recursive: flag(input, "recursive")?,
        ..Query::default()
    };
    let oldest = if flag(input, "old_revision_retained")? { 80 } else { 100 };
    let snapshots = flag(input, "list_from_snapshot")?;
    let state = CacheState { revision: 100, oldest_snapshot: snapshots.then_some(oldest) };
    let route = query.route(&state).map_err(|refusal| refusal.to_string())?;
    let by = match route {
        Route::Etcd => "etcd",
        Route::Cache | Route::Consistent => "watch cache",
    };
    same(&json!({"served_by": by}), case.want)
}

fn watch_start(case: &Case<'_>) -> Run {
    let input = case.input;
    let query = Query {
        watch: true,
        resource_version: text(input, "resourceVersion")?,
        send_initial_events: input["sendInitialEvents"].as_bool(),
        bookmarks: flag(input, "allowWatchBookmarks")?,
        recursive: true,
        ..Query::default()
    };
    match text(case.whole, "kind")?.split(' ').next() {
        Some("watch-start") => {
            let revision = match query.watch_start().map_err(|e| e.to_string())? {
                WatchStart::After(revision) => revision,
                WatchStart::Present => number(input, "current_etcd_rv")?,
            };
            same(&json!({"watch_from_rv": revision}), case.want)
        }
        Some("initial-events-bookmark") => {
            let (required, cache) =
                (number(input, "required_rv")?, number(input, "watch_cache_rv")?);
            let after = query.bookmark_after(required, cache).unwrap_or(0);
            same(&json!({"bookmark_after_rv": after}), case.want)
        }
        other => Err(format!("unknown kind {other:?}")),
    }
}

// ── Sizes ───────────────────────────────────────────────────────────────────────────────────────

fn sizing(case: &Case<'_>) -> Run {
    let input = case.input;
    let fresh = SimDuration::nanos(number(input, "events_fresh_ns")?);
    let got = match text(case.whole, "kind")? {
        "resize-keep" | "resize-shrink" | "resize-grow" => resized(input)?,
        "channel" => {
            let index = match (flag(input, "index_exists")?, flag(input, "trigger_used")?) {
                (false, _) => Index::None,
                (true, false) => Index::Unused,
                (true, true) => Index::Used,
            };
            let capacity = size(input, "capacity")?;
            let history = History::with(fresh, capacity, (capacity, capacity), 0);
            json!({"channel_size": history.channel_size(index)})
        }
        "upper-bound" => json!({"upper_bound": greatest_capacity(fresh)}),
        "retry-after" => {
            let down = SimDuration::nanos(number(input, "downtime_ns")?);
            json!({"retry_after_s": retry_after_seconds(down)})
        }
        other => return Err(format!("unknown kind `{other}`")),
    };
    same(&got, case.want)
}

fn resized(input: &Value) -> Result<Value, String> {
    let bounds = (size(input, "lower_bound")?, size(input, "upper_bound")?);
    let start = number(input, "start_index")?;
    let mut history = History::with(FRESH, size(input, "capacity")?, bounds, start);
    let interval = SimDuration::nanos(number(input, "interval_ns")?);
    let events = number(input, "events")?;
    let mut store = Store::default();
    for n in 0..events {
        let pod = object(&json!({"name": format!("pod-{n}")}))?;
        let change = create(&mut store, pod)?;
        history.push(change, SimTime::ZERO + interval.times(n));
    }
    history.resize(SimTime::ZERO + interval.times(events));
    Ok(json!({"capacity": history.capacity(), "start_index": history.first()}))
}

// ── Stores ──────────────────────────────────────────────────────────────────────────────────────

/// A pod by its name, namespace, node and labels.
fn object(spec: &Value) -> Result<Object, String> {
    let known = ["name", "namespace", "nodeName", "labels", "updated", "uid", "resourceVersion"];
    only(spec, &known)?;
    let namespace = spec["namespace"].as_str().unwrap_or("test-ns");
    let mut metadata = json!({"name": spec["name"], "namespace": namespace});
    for field in ["labels", "uid", "resourceVersion"] {
        if !spec[field].is_null() {
            metadata[field] = spec[field].clone();
        }
    }
    if flag(spec, "updated")? {
        metadata["annotations"] = json!({"updated": "true"});
    }
    let container = json!({"name": "c", "image": "i"});
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata,
        "spec": {"nodeName": spec["nodeName"].as_str().unwrap_or(""), "containers": [container]},
    });
    wavetank::api::defaults::apply("Pod", &mut pod).map_err(|e| e.to_string())?;
    Object::from_value(Kind::POD, pod).map_err(|e| e.to_string())
}

fn create(store: &mut Store, object: Object) -> Result<StoreChange, String> {
    let key = object.key();
    store
        .commit(&key, Condition::Absent, Some(object), 0)
        .map_err(|_| "the key is taken".to_owned())
}

/// Writes a key, whether it is there or not.
fn put(store: &mut Store, object: Object) -> Result<StoreChange, String> {
    let key = object.key();
    let condition = present(store, &key);
    store.commit(&key, condition, Some(object), 0).map_err(|_| "the key has changed".to_owned())
}

fn delete(store: &mut Store, key: &ObjectKey) -> Result<StoreChange, String> {
    let condition = present(store, key);
    store.commit(key, condition, None, 0).map_err(|_| "the key is not there".to_owned())
}

fn present(store: &Store, key: &ObjectKey) -> Condition {
    store.get(key).map_or(Condition::Absent, |o| Condition::Unchanged(o.meta().resource_version))
}

fn pod(namespace: &str, name: &str) -> Result<Object, String> {
    object(&json!({"namespace": namespace, "name": name}))
}

/// What the units say before their cases.
fn seeded_list() -> Result<Store, String> {
    let mut store = Store::starting_at(10);
    for (namespace, name) in [
        ("first", "bar"),
        ("second", "bar"),
        ("second", "foo"),
        ("third", "barfoo"),
        ("third", "foo"),
        ("second", "baz"),
    ] {
        create(&mut store, pod(namespace, name)?)?;
    }
    let moved = json!({"namespace": "first", "name": "bar", "nodeName": "fakeNode"});
    put(&mut store, object(&moved)?)?;
    delete(&mut store, &ObjectKey::new(Kind::POD, "second", "baz"))?;
    store.compact(11);
    store.advance();
    Ok(store)
}

fn seeded_keys(seed: &str) -> Result<Store, String> {
    let mut store = Store::starting_at(10);
    match seed {
        "foo created@11, updated@12; store revision bumped to 13" => {
            create(&mut store, pod("test-ns", "foo")?)?;
            put(&mut store, object(&json!({"name": "foo", "updated": true}))?)?;
            store.advance();
        }
        "test-ns/foo@11, test-ns/foobar@12, test-ns2/baz@13" => {
            for (namespace, name) in
                [("test-ns", "foo"), ("test-ns", "foobar"), ("test-ns2", "baz")]
            {
                create(&mut store, pod(namespace, name)?)?;
            }
        }
        other => return Err(format!("unknown seed `{other}`")),
    }
    Ok(store)
}

/// The options of a list of the storage; the fields as a client would have written them.
fn options(input: &Value, namespace: &str) -> Result<Result<ListOptions, Refusal>, String> {
    let version_match = match text(input, "resourceVersionMatch")? {
        "" => None,
        "Exact" => Some(VersionMatch::Exact),
        "NotOlderThan" => Some(VersionMatch::NotOlderThan),
        other => {
            let query = Query {
                resource_version: text(input, "resourceVersion")?,
                version_match: other,
                recursive: true,
                ..Query::default()
            };
            return query
                .storage()
                .map_err(Err::<ListOptions, Refusal>)
                .map_or_else(Ok, |_| Err(format!("`{other}` was taken for a match")));
        }
    };
    Ok(Ok(ListOptions {
        namespace: namespace.into(),
        fields: text(input, "field_selector")?.parse().map_err(|e| format!("{e:?}"))?,
        resource_version: text(input, "resourceVersion")?.into(),
        version_match,
        limit: size(input, "limit")?,
        continue_token: token(&input["continue"])?,
        ..ListOptions::all(Kind::POD)
    }))
}

/// A list that etcd answers.
fn from_store(store: &Store, options: &ListOptions) -> Result<ObjectList, Refusal> {
    let query = Query::of_list(options);
    let (storage, present) = (query.storage()?, store.revision());
    let (revision, all) = match storage.revision {
        0 => (present, Ok(store.list(options.kind))),
        revision => (revision, store.list_at(options.kind, revision)),
    };
    let all = all.map_err(|why| match why {
        Unreadable::Compacted => list::compacted(&query),
        Unreadable::Future => Refusal::too_large_resource_version(revision, present, 1),
    })?;
    let found = ObjectList {
        resource_version: revision,
        items: all,
        continue_token: Name::default(),
        remaining: None,
    };
    list::stored_page(options, &found)
}

fn items(list: &ObjectList) -> Value {
    let item = |object: &Object| {
        let meta = object.meta();
        json!({
            "pod": format!("{}/{}", meta.namespace, meta.name),
            "resourceVersion": meta.resource_version.to_string(),
        })
    };
    list.items.iter().map(item).collect()
}

/// Holds a page against what is wanted of it.
fn page(list: &ObjectList, want: &Value) -> Run {
    for (field, wanted) in want.as_object().ok_or("no wanted page")? {
        let got = match field.as_str() {
            "items" => items(list),
            "items_any_of" => {
                let any = wanted.as_array().is_some_and(|all| all.contains(&items(list)));
                if any { wanted.clone() } else { items(list) }
            }
            "continue" => json!(!list.continue_token.is_empty()),
            "continue_token" => {
                let token = ContinueToken::decode(&list.continue_token)?;
                json!({"start": token.start, "rv": token.revision})
            }
            "remaining_item_count" => json!(list.remaining),
            "list_rv" => json!(list.resource_version.to_string()),
            "list_rv_not_older_than" => {
                let least = wanted.as_str().and_then(|w| w.parse::<u64>().ok()).ok_or("no rv")?;
                if list.resource_version >= least {
                    wanted.clone()
                } else {
                    json!(list.resource_version)
                }
            }
            other => return Err(format!("unknown wanted field `{other}`")),
        };
        same(&got, wanted).map_err(|e| format!("{field}: {e}"))?;
    }
    if want["remaining_item_count"].is_null() && list.remaining.is_some() {
        return Err(format!("remaining_item_count is set: {:?}", list.remaining));
    }
    Ok(())
}

fn store_list(case: &Case<'_>) -> Run {
    let input = case.input;
    only(
        input,
        &[
            "prefix",
            "resourceVersion",
            "resourceVersionMatch",
            "limit",
            "continue",
            "field_selector",
            "storage",
        ],
    )?;
    let store = seeded_list()?;
    let prefix = text(input, "prefix")?;
    let namespace = prefix.strip_prefix("/pods/").ok_or("another prefix")?.trim_end_matches('/');
    let answer = options(input, namespace)?.and_then(|options| from_store(&store, &options));
    match answer {
        Ok(list) => page(&list, case.want),
        Err(refusal) => refused(&refusal, case.want),
    }
}

fn store_list_keys(case: &Case<'_>) -> Run {
    let input = case.input;
    let known =
        ["key", "resourceVersion", "resourceVersionMatch", "field_selector", "seed", "limit"];
    only(input, &known)?;
    let seed = match text(input, "seed")? {
        "" => return Err("no seed".to_owned()),
        seed => seed,
    };
    let store = seeded_keys(seed)?;
    let key = text(input, "key")?.strip_prefix("/pods/").ok_or("another key")?;
    let is_prefix = key.is_empty() || key.ends_with('/');
    let (namespace, name) = key.split_once('/').unwrap_or((key, ""));
    // A list of one key is a list whose field selector names the object; a list of all below a
    // key that is no namespace finds nothing.
    let recursive = case.name.contains(" Recursive");
    let mut list = match options(input, namespace)? {
        Ok(options) => options,
        Err(refusal) => return refused(&refusal, case.want),
    };
    if !recursive {
        let named = format!("metadata.name={}", if is_prefix { "-" } else { name });
        let fields = match text(input, "field_selector")? {
            "" => named,
            more => format!("{named},{more}"),
        };
        list.fields = fields.parse().map_err(|e| format!("{e:?}"))?;
    } else if !is_prefix {
        list.namespace = key.into();
    }
    match from_store(&store, &list) {
        Ok(list) => page(&list, case.want),
        Err(refusal) => refused(&refusal, case.want),
    }
}

// ── Single keys ─────────────────────────────────────────────────────────────────────────────────

fn point_ops(case: &Case<'_>) -> Run {
    match text(case.whole, "kind")? {
        "get" => get(case),
        "update" => update(case),
        "delete" => delete_one(case),
        "create" => create_one(case),
        "watch-start" => started(case),
        "bookmark" => bookmarks(case),
        other => Err(format!("unknown kind `{other}`")),
    }
}

/// foo created@11, foo updated@12, bar created@13.
fn seeded_points(uid: &str) -> Result<Store, String> {
    let mut store = Store::starting_at(10);
    create(&mut store, object(&json!({"name": "foo", "uid": uid}))?)?;
    put(&mut store, object(&json!({"name": "foo", "uid": uid, "updated": true}))?)?;
    create(&mut store, pod("test-ns", "bar")?)?;
    Ok(store)
}

fn foo() -> ObjectKey {
    ObjectKey::new(Kind::POD, "test-ns", "foo")
}

fn pods() -> GroupResource {
    registry::resource(Kind::POD)
}

fn get(case: &Case<'_>) -> Run {
    let input = case.input;
    only(input, &["seed", "key", "resourceVersion", "ignore_not_found"])?;
    let (store, name) = (seeded_points("A")?, text(input, "key")?);
    let query = Query { resource_version: text(input, "resourceVersion")?, ..Query::default() };
    let found =
        query.minimum().and_then(|minimum| at_least(minimum, store.revision())).and_then(|()| {
            let key = ObjectKey::new(Kind::POD, "test-ns", name);
            store.get(&key).ok_or_else(|| Refusal::not_found(&pods(), name))
        });
    match found {
        Ok(found) => {
            let got = json!(format!("{name}@{}", found.meta().resource_version));
            let any = case.want["any_of"].as_array();
            if any.is_some_and(|any| any.contains(&got)) {
                return Ok(());
            }
            same(&json!({"object": got}), case.want)
        }
        Err(refusal) if flag(input, "ignore_not_found")? && refusal.is(Reason::NotFound) => {
            same(&json!({"object": "empty"}), case.want)
        }
        Err(refusal) => refused(&refusal, case.want),
    }
}

/// What a write did: the object after it, whether it was written, and how often the rule ran.
struct Done {
    object: Object,
    written: bool,
    calls: usize,
}

/// Carries out a write as the apiserver does, which begins with the version that it has cached.
fn write(store: &mut Store, verb: &Verb, cached: Option<Object>) -> Result<Done, Refusal> {
    let key = verb.key();
    let mut is_fresh = cached.is_none();
    let mut current = cached.or_else(|| store.get(&key).cloned());
    let mut calls = 0;
    loop {
        let Some(now) = current else { return Err(Refusal::not_found(&pods(), &key.name)) };
        calls += 1;
        let object = match registry::change(verb, &now, EPOCH, Gates::DEFAULT) {
            Err(_) if !is_fresh => {
                current = store.get(&key).cloned();
                is_fresh = true;
                continue;
            }
            Err(refusal) => return Err(refusal),
            Ok(Outcome::Unchanged(object)) => return Ok(Done { object, written: false, calls }),
            Ok(Outcome::Store(object)) => Some(object),
            Ok(Outcome::StoreThenRemove(_) | Outcome::Remove(_)) => None,
        };
        let condition = Condition::Unchanged(now.meta().resource_version);
        match store.commit(&key, condition, object, 0) {
            Ok(change) => return Ok(Done { object: change.object, written: true, calls }),
            Err(fresh) => (current, is_fresh) = (fresh, true),
        }
    }
}

fn label(key: &str) -> Verb {
    let change = json!({"metadata": {"labels": {key: "yes"}}});
    Verb::Patch {
        key: foo(),
        part: Subresource::Main,
        patch: wavetank::api::request::Patch::Merge(change.into()),
        dry_run: false,
    }
}

fn update(case: &Case<'_>) -> Run {
    let input = case.input;
    let known =
        ["key", "ignore_not_found", "preconditions", "stored_uid", "same_data", "writers", "order"];
    only(input, &known)?;
    if number(input, "writers")? == 2 {
        return two_writers(case.want);
    }
    let mut store = seeded_points(text(input, "stored_uid")?)?;
    let old = store.get(&foo()).cloned().ok_or("foo is there")?;
    let mut wanted = old.clone();
    wanted.meta_mut().name = text(input, "key")?.into();
    wanted.meta_mut().resource_version = 0;
    if let Some(uid) = input["preconditions"]["uid"].as_str() {
        wanted.meta_mut().uid = wavetank::api::meta::Uid::parse(uid);
    }
    if !flag(input, "same_data")? {
        let more = object(&json!({"name": "x", "labels": {"more": "yes"}}))?;
        wanted.meta_mut().labels = more.meta().labels.clone();
    }
    let verb = Verb::Update { object: wanted, part: Subresource::Main };
    match write(&mut store, &verb, None) {
        Ok(done) => {
            let changes = done.object.meta().resource_version != old.meta().resource_version;
            let result = if done.written { "updated" } else { "no write" };
            same(&json!({"result": result, "rv_changes": changes}), case.want)
        }
        Err(refusal) => refused(&refusal, case.want),
    }
}

fn two_writers(want: &Value) -> Run {
    let mut store = seeded_points("A")?;
    let stale = store.get(&foo()).cloned();
    let winner = write(&mut store, &label("b"), stale.clone()).map_err(|e| e.to_string())?;
    let loser = write(&mut store, &label("a"), stale).map_err(|e| e.to_string())?;
    let labels = &loser.object.meta().labels;
    let both = ["a", "b"].iter().all(|l| labels.get(l).is_some());
    let mut got = json!({});
    for (field, wanted) in want.as_object().ok_or("no want")? {
        got[field] = match (field.as_str(), wanted.as_str()) {
            ("loser_calls", _) => json!(loser.calls),
            ("winner_calls", _) => json!(winner.calls),
            ("A", Some("is retried with the newer object; its update function runs again"))
                if loser.calls == 2 =>
            {
                wanted.clone()
            }
            ("final", Some("A applied on top of B")) if both => wanted.clone(),
            _ => json!(null),
        };
    }
    same(&got, want)
}

fn delete_one(case: &Case<'_>) -> Run {
    let input = case.input;
    only(input, &["key", "preconditions", "stored_uid", "suggestion", "validation", "fresh_uid"])?;
    let uid = |text: &str| wavetank::api::meta::Uid::parse(text);
    let stored = match (text(input, "stored_uid")?, text(input, "fresh_uid")?) {
        ("", "") => "A",
        ("", fresh) => fresh,
        (stored, _) => stored,
    };
    let mut store = seeded_points(stored)?;
    let mut options = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
    if let Some(named) = input["preconditions"]["uid"].as_str() {
        let uid = Some(uid(named));
        options.preconditions = Some(Preconditions { uid, resource_version: None });
    }
    let mut cached = store.get(&foo()).cloned().ok_or("foo is there")?;
    match text(input, "suggestion")? {
        "" => {}
        "deleted object" => {
            delete(&mut store, &foo())?;
        }
        "stale" => {
            let fresh = put(&mut store, object(&json!({"name": "foo", "uid": stored}))?)?;
            if text(input, "validation")? == "needs fresh" {
                let version = fresh.revision.to_string();
                let version = Some(version.into());
                options.preconditions =
                    Some(Preconditions { uid: None, resource_version: version });
            }
        }
        "stale, uid myUID" => {
            put(&mut store, object(&json!({"name": "foo", "uid": stored}))?)?;
            cached.meta_mut().uid = uid("myUID");
        }
        other => return Err(format!("unknown suggestion `{other}`")),
    }
    let verb = Verb::Delete { key: foo(), options };
    let done = match write(&mut store, &verb, Some(cached)) {
        Ok(done) => done,
        Err(refusal) => {
            if case.want["object"] == "kept" && store.get(&foo()).is_none() {
                return Err("the object is gone".to_owned());
            }
            return refused(&refusal, case.want);
        }
    };
    if store.get(&foo()).is_some() {
        return Err("the object is still there".to_owned());
    }
    for (field, wanted) in case.want.as_object().ok_or("no want")? {
        let holds = match (field.as_str(), wanted.as_str()) {
            ("result", Some("deleted")) => done.written,
            ("returns", Some("last state, with the revision of the deletion")) => {
                done.object.meta().resource_version == store.revision()
            }
            ("validation_calls_at_most", _) => wanted.as_u64() >= Some(done.calls as u64),
            _ => false,
        };
        if !holds {
            return Err(format!("want {field}: {wanted}"));
        }
    }
    Ok(())
}

fn create_one(case: &Case<'_>) -> Run {
    let input = case.input;
    only(input, &["key", "object.resourceVersion"])?;
    let version = text(input, "object.resourceVersion")?;
    let mut spec = json!({"name": "foo"});
    if !version.is_empty() {
        spec["resourceVersion"] = json!(version);
    }
    let new = object(&spec)?;
    if let Err(refusal) = wavetank::apiserver::create::is_new(&new) {
        return refused(&refusal, case.want);
    }
    let mut store = Store::starting_at(10);
    let sent = new.meta().resource_version;
    let change = create(&mut store, new)?;
    let revision = change.object.meta().resource_version == store.revision();
    let got = json!({
        "returns": if revision { "object with resourceVersion = revision of the create" } else { "" },
        "stored_resourceVersion": if sent == 0 { "empty (not stored in the value)" } else { "" },
    });
    same(&got, case.want)
}

// ── Watches ─────────────────────────────────────────────────────────────────────────────────────

/// A cache that was filled from a store.
fn cache_of(store: &Store) -> WatchCache {
    let mut cache = WatchCache::default();
    cache.fill(&store.list(Kind::POD), store.revision(), FRESH);
    cache
}

fn watch_options(fields: &str, labels: &str, namespace: &str) -> Result<WatchOptions, String> {
    Ok(WatchOptions {
        kind: Kind::POD,
        namespace: namespace.into(),
        labels: labels.parse().map_err(|e| format!("{e:?}"))?,
        fields: fields.parse().map_err(|e| format!("{e:?}"))?,
        resource_version: Name::default(),
        bookmarks: false,
        send_initial_events: false,
    })
}

/// Opens a watch as the apiserver does.
fn open(cache: &mut WatchCache, options: &WatchOptions) -> Result<Result<u64, u64>, String> {
    let query = Query::of_watch(options);
    let WatchStart::After(after) = query.watch_start().map_err(|e| e.to_string())? else {
        return Err("this watch asks for the present revision".to_owned());
    };
    let with_present = query.begins_with_present(after);
    let begin = Begin { after, with_present, ..Begin::default() };
    Ok(cache.open(Peer::default(), 1, options.clone(), begin))
}

fn take_up(cache: &mut WatchCache, change: &StoreChange) {
    cache.take_up(change, SimTime::ZERO, &mut Vec::new());
}

fn started(case: &Case<'_>) -> Run {
    let input = case.input;
    only(input, &["rv", "state", "then", "compacted_at", "cancelled"])?;
    let state = match text(input, "state")? {
        "" => 11,
        state => state
            .strip_prefix("foo@")
            .and_then(|r| r.parse::<u64>().ok())
            .ok_or_else(|| format!("unknown state `{state}`"))?,
    };
    let mut store = Store::starting_at(state - 1);
    create(&mut store, pod("test-ns", "foo")?)?;
    store.compact(number(input, "compacted_at")?);
    let mut cache = cache_of(&store);
    let mut options = watch_options("", "", "")?;
    options.resource_version = text(input, "rv")?.into();
    let Ok(watch) = open(&mut cache, &options)? else {
        return same(&json!({"events": ["ERROR 410 Expired"]}), case.want);
    };
    if flag(input, "cancelled")? {
        let closed = cache.close(watch).is_some();
        let events = cache.due(watch).map_err(|_| "expired")?.len();
        return same(&json!({"events": vec![0; events], "closed": closed}), case.want);
    }
    let change = match text(input, "then")? {
        "" => None,
        "update@12" => Some(put(&mut store, object(&json!({"name": "foo", "updated": true}))?)?),
        "delete@12" => Some(delete(&mut store, &foo())?),
        other => return Err(format!("unknown step `{other}`")),
    };
    change.iter().for_each(|change| take_up(&mut cache, change));
    let events = cache.due(watch).map_err(|_| "expired")?;
    let told: Vec<String> = events
        .iter()
        .map(|e| (e.change.as_str(), e.object.meta().resource_version))
        .map(|(change, revision)| match change {
            "DELETED" => format!("DELETED foo with resourceVersion {revision}"),
            change => format!("{change} foo@{revision}"),
        })
        .collect();
    same(&json!({"events": told}), case.want)
}

fn bookmarks(case: &Case<'_>) -> Run {
    only(case.input, &["allowWatchBookmarks", "period_s"])?;
    let store = seeded_points("A")?;
    let mut cache = cache_of(&store);
    let mut options = watch_options("", "", "")?;
    options.bookmarks = flag(case.input, "allowWatchBookmarks")?;
    let watch = open(&mut cache, &options)?.map_err(|_| "expired")?;
    cache.due(watch).map_err(|_| "expired")?;
    let (end, revision) = (cache.history().end(), store.revision());
    let told = cache.streams().filter(|(_, s)| s.wants_bookmark(end, revision)).count();
    same(&json!({"bookmarks": told}), case.want)
}

fn watch_events(case: &Case<'_>) -> Run {
    let input = case.input;
    let known = [
        "scope",
        "label_selector",
        "field_selector",
        "steps",
        "requested_namespace",
        "requested_name",
        "recursive",
    ];
    only(input, &known)?;
    let mut store = Store::starting_at(10);
    create(&mut store, pod("other-ns", "before")?)?;
    let mut cache = cache_of(&store);
    let mut fields = text(input, "field_selector")?.to_owned();
    let namespace = match &input["scope"] {
        Value::Null => text(input, "requested_namespace")?,
        scope if scope == "prefix" => "test-ns",
        scope if scope == "one object" => {
            fields =
                format!("metadata.name=foo{}{fields}", if fields.is_empty() { "" } else { "," });
            "test-ns"
        }
        other => return Err(format!("unknown scope {other}")),
    };
    let mut options = watch_options(&fields, text(input, "label_selector")?, namespace)?;
    options.resource_version = store.revision().to_string().into();
    let watch = open(&mut cache, &options)?.map_err(|_| "expired")?;
    take_up(&mut cache, &create(&mut store, pod("other-ns", "unseen")?)?);
    if !input["scope"].is_null() && !cache.due(watch).map_err(|_| "expired")?.is_empty() {
        return Err("another namespace is seen".to_owned());
    }
    let watch = if input["scope"].is_null() {
        cache.close(watch);
        options.resource_version = store.revision().to_string().into();
        open(&mut cache, &options)?.map_err(|_| "expired")?
    } else {
        watch
    };
    let mut events = Vec::new();
    for step in input["steps"].as_array().ok_or("no steps")? {
        let change = match step.as_object().and_then(|s| s.iter().next()) {
            Some((what, spec)) if what == "write" => put(&mut store, object(spec)?)?,
            Some((what, _)) if what == "delete" => delete(&mut store, &foo())?,
            other => return Err(format!("unknown step {other:?}")),
        };
        take_up(&mut cache, &change);
        let due = cache.due(watch).map_err(|_| "expired")?;
        if due.len() > 1 || due.iter().any(|e| e.object.meta().resource_version != change.revision)
        {
            return Err(format!("events {due:?} of one change"));
        }
        events.push(due.first().map(|e| e.change.as_str()));
    }
    same(&json!({"events": events}), case.want)
}
