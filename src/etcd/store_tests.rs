//! Properties of the store and of watches on it: history can be replayed, and a stream is ordered,
//! free of gaps and exact.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::api::core::pod::Pod;
use crate::api::meta::Meta;
use crate::api::request::{Change, WatchEvent, WatchOptions};
use crate::apiserver::cache::{Begin, WatchCache};
use crate::apiserver::history::FRESH;
use crate::sim::engine::Peer;
use crate::sim::time::SimTime;

/// One wish: which key, on which node and with which label it is put; none deletes it.
type Wish = (u8, Option<(u8, bool)>);

fn wishes() -> impl Strategy<Value = Vec<Wish>> {
    let put = proptest::option::weighted(0.75, (0..3_u8, any::<bool>()));
    proptest::collection::vec((0..8_u8, put), 1..400)
}

const NAMESPACES: [&str; 3] = ["prod", "prod-eu", "dev"];

fn key(n: u8) -> ObjectKey {
    ObjectKey::new(Kind::POD, NAMESPACES[usize::from(n) % 3], &format!("pod-{n}"))
}

fn pod(key: &ObjectKey, node: u8, labelled: bool) -> Object {
    let mut pod = Pod { meta: Meta::named(&key.namespace, &key.name), ..Pod::default() };
    pod.node_name = format!("node-{node}").into();
    let mut object = Object::from(pod);
    if labelled {
        object.meta_mut().labels = [("app".into(), "web".into())].into_iter().collect();
    }
    object
}

/// Carries out a wish, if it changes anything.
fn carry_out(store: &mut Store, (n, put): Wish) -> Option<StoreChange> {
    let key = key(n);
    let condition = store
        .get(&key)
        .map_or(Condition::Absent, |o| Condition::Unchanged(o.meta().resource_version));
    let put = put.map(|(node, labelled)| pod(&key, node, labelled));
    store.commit(&key, condition, put, 0).ok()
}

fn watch(fields: &str, labels: &str) -> WatchOptions {
    WatchOptions {
        kind: Kind::POD,
        namespace: Name::default(),
        labels: labels.parse().expect("a selector"),
        fields: fields.parse().expect("a selector"),
        resource_version: Name::default(),
        bookmarks: false,
        send_initial_events: false,
    }
}

fn opened(cache: &mut WatchCache, options: &WatchOptions, begin: Begin) -> Option<u64> {
    cache.open(Peer::default(), 1, options.clone(), begin).ok()
}

/// What a watcher knows who believes the events.
fn follow(known: &mut BTreeMap<ObjectKey, Object>, events: &[WatchEvent]) {
    for event in events {
        let key = event.object.key();
        let was = match event.change {
            Change::Added => known.insert(key, event.object.clone()).is_none(),
            Change::Modified => known.insert(key, event.object.clone()).is_some(),
            Change::Deleted => known.remove(&key).is_some(),
        };
        assert!(was, "{:?} fits what was there", event.change);
    }
}

proptest! {
    #[test]
    fn a_list_at_a_revision_is_what_was_there_then(all in wishes(), compacted in 0..50_u64) {
        let mut store = Store::default();
        let mut then = vec![(store.revision(), Vec::new())];
        for wish in &all {
            if carry_out(&mut store, *wish).is_some() {
                then.push((store.revision(), store.list(Kind::POD)));
            }
        }
        store.compact(compacted);
        for (revision, wanted) in then {
            let got = store.list_at(Kind::POD, revision);
            if revision < store.compacted() {
                prop_assert_eq!(got, Err(Unreadable::Compacted));
            } else {
                prop_assert_eq!(got, Ok(wanted));
            }
        }
        prop_assert_eq!(store.list_at(Kind::POD, store.revision() + 1), Err(Unreadable::Future));
    }

    #[test]
    fn a_list_is_in_the_order_of_its_keys(all in wishes()) {
        let mut store = Store::default();
        for wish in &all {
            carry_out(&mut store, *wish);
        }
        let keys: Vec<String> = store
            .list(Kind::POD)
            .iter()
            .map(|o| format!("{}/{}", o.meta().namespace, o.meta().name))
            .collect();
        prop_assert!(keys.is_sorted());
    }

    #[test]
    fn a_watch_is_free_of_gaps_and_exact(
        all in wishes(),
        from in 0..400_usize,
        pause in 1..60_usize,
        selector in prop_oneof![
            Just(("", "")), Just(("spec.nodeName=node-1", "")), Just(("", "app=web")),
            Just(("spec.nodeName!=node-1", "app=web")),
        ],
        present in any::<bool>(),
    ) {
        let options = watch(selector.0, selector.1);
        let matches = |o: &Object| {
            options.labels.matches(&o.meta().labels)
                && options.fields.matches(|f| crate::apiserver::field::value(o, f))
        };
        let selected = |store: &Store| -> BTreeMap<ObjectKey, Object> {
            store.list(Kind::POD).into_iter().filter(|o| matches(o)).map(|o| (o.key(), o)).collect()
        };
        let mut store = Store::default();
        let mut cache = WatchCache::default();
        cache.fill(&[], store.revision(), FRESH);
        let (mut stream, mut known, mut last) = (None, BTreeMap::new(), 0);
        for (turn, wish) in all.iter().enumerate() {
            if turn == from.min(all.len() - 1) {
                known = if present { BTreeMap::new() } else { selected(&store) };
                let after = store.revision();
                let begin = Begin { after, with_present: present, ..Begin::default() };
                stream = opened(&mut cache, &options, begin);
                prop_assert!(stream.is_some());
                // A watch that is not delivered to after each change is one that is held.
                if let Some(stream) = stream.and_then(|n| cache.stream_mut(n)) {
                    stream.held = true;
                }
            }
            let Some(change) = carry_out(&mut store, *wish) else { continue };
            // Old and new capacity: the clock stands, so the history grows instead of forgetting.
            cache.take_up(&change, SimTime::ZERO, &mut Vec::new());
            let Some(number) = stream.filter(|_| turn % pause == 0) else { continue };
            let events = cache.due(number).expect("nothing is forgotten");
            for event in &events {
                let initial = event.revision <= last || event.cause == 0;
                prop_assert!(event.revision > last || (initial && last == 0));
                prop_assert_eq!(event.object.meta().resource_version, event.revision);
            }
            last = events.last().map_or(last, |e| e.revision.max(last));
            follow(&mut known, &events);
            prop_assert_eq!(&known, &selected(&store));
        }
    }

    #[test]
    fn the_watch_cache_tells_old_states_as_the_store_does(all in wishes(), seconds in 0..3_u64) {
        let mut store = Store::default();
        let mut cache = WatchCache::default();
        cache.fill(&[], store.revision(), FRESH);
        let mut now = SimTime::ZERO;
        for wish in &all {
            now += crate::sim::time::SimDuration::secs(seconds);
            if let Some(change) = carry_out(&mut store, *wish) {
                cache.take_up(&change, now, &mut Vec::new());
            }
        }
        let oldest = cache.state(store.revision()).oldest_snapshot.expect("it keeps some");
        for revision in oldest..=store.revision() {
            prop_assert_eq!(Ok(cache.list_at(revision)), store.list_at(Kind::POD, revision));
        }
    }
}
