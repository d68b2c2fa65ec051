//! The store alone, and a write that an apiserver's watch cache tells N watchers of.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use wavetank::api::core::event::{Event, EventBody};
use wavetank::api::message::Condition;
use wavetank::api::meta::Meta;
use wavetank::api::object::Object;
use wavetank::api::request::WatchOptions;
use wavetank::api::selector::FieldSelector;
use wavetank::api::selector::Selector;
use wavetank::apiserver::cache::{Begin, WatchCache};
use wavetank::etcd::store::Store;
use wavetank::sim::engine::Peer;
use wavetank::sim::time::SimTime;

fn object(n: usize) -> Object {
    let meta = Meta::named("default", &format!("event-{n}"));
    Object::from(Event { meta, body: EventBody::default() })
}

/// One write to a store of 100,000 keys.
fn write(criterion: &mut Criterion) {
    let mut store = Store::default();
    let objects: Vec<Object> = (0..100_000).map(object).collect();
    for object in &objects {
        let key = object.key();
        store.commit(&key, Condition::Absent, Some(object.clone()), 0).expect("keys differ");
    }
    let keys: Vec<_> = objects.iter().map(Object::key).collect();
    let mut n = 0;
    criterion.bench_function("store/write", |bencher| {
        bencher.iter(|| {
            n = (n + 7919) % keys.len();
            let current = store.get(&keys[n]).cloned();
            let version = current.as_ref().map_or(0, |o| o.meta().resource_version);
            let done = store.commit(&keys[n], Condition::Unchanged(version), current, 0);
            store.remember_at_most(1000);
            done.is_ok()
        });
    });
}

/// One change, taken up by a watch cache and looked up for each of N watchers.
fn fan_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("store/fan-out");
    for watchers in [1_usize, 10, 1000] {
        let mut store = Store::default();
        let mut cache = WatchCache::default();
        for n in 0..watchers {
            let options = WatchOptions {
                kind: object(0).kind(),
                namespace: "".into(),
                labels: Selector::default(),
                fields: FieldSelector::default(),
                resource_version: "".into(),
                bookmarks: false,
                send_initial_events: false,
            };
            let opened = cache.open(Peer::default(), n as u64, options, Begin::default());
            assert!(opened.is_ok(), "an empty history reaches back to the beginning");
        }
        let mut concerned = Vec::new();
        let mut n = 0;
        group.bench_function(BenchmarkId::from_parameter(watchers), |bencher| {
            bencher.iter(|| {
                n += 1;
                let (object, now) = (object(n % 1000), SimTime(n as u64 * 1_000_000));
                let key = object.key();
                let condition = match store.get(&key) {
                    None => Condition::Absent,
                    Some(old) => Condition::Unchanged(old.meta().resource_version),
                };
                let change = store.commit(&key, condition, Some(object), 0).expect("it holds");
                store.remember_at_most(1000);
                concerned.clear();
                cache.take_up(&change, now, &mut concerned);
                let due = |number: &u64| cache.due(*number).map_or(0, |events| events.len());
                concerned.iter().map(due).sum::<usize>()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, write, fan_out);
criterion_main!(benches);
