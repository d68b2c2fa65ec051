//! What a decision of the scheduler costs: one attempt and what is assumed of it.

use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use serde_json::json;
use wavetank::api::core::node::Node;
use wavetank::api::core::pod::Pod;
use wavetank::api::meta::Uid;
use wavetank::api::object::{Kind, Object, Resource};
use wavetank::scheduler::cache::Cache;
use wavetank::scheduler::config::Config;
use wavetank::scheduler::cycle::{Outcome, Search};
use wavetank::scheduler::profile::Profile;
use wavetank::sim::rng::Rng;

fn node(n: usize) -> Arc<Node> {
    let room = json!({"cpu": "1000", "memory": "4000Gi", "pods": "100000"});
    let value = json!({
        "metadata": {"name": format!("node-{n}")},
        "spec": {},
        "status": {"capacity": room, "allocatable": room},
    });
    let object = Object::from_value(Kind::NODE, value).expect("a node");
    Node::of(&object).cloned().expect("a node")
}

fn pod() -> Pod {
    let value = json!({
        "metadata": {"name": "pod", "namespace": "default"},
        "spec": {"containers": [{
            "name": "app",
            "image": "app",
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
        }]},
    });
    let object = Object::from_value(Kind::POD, value).expect("a pod");
    Pod::of(&object).map(|p| Pod::clone(p)).expect("a pod")
}

fn decision(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scheduler/decision");
    for nodes in [100, 1000, 5000] {
        let mut cache = Cache::default();
        (0..nodes).for_each(|n| cache.put_node(&node(n)));
        let config = Config::default();
        let profile = Profile::new(&config.profiles[0]);
        let (mut search, mut rng) = (Search::default(), Rng::named(1, "scheduler"));
        let (template, mut n) = (pod(), 0);
        group.bench_function(BenchmarkId::from_parameter(nodes), |bencher| {
            bencher.iter(|| {
                n += 1;
                let mut pod = template.clone();
                pod.meta.uid = Uid::random(n << 80 | n);
                let pod = Arc::new(pod);
                let percentage = config.percentage_of_nodes_to_score;
                let outcome = search.run(&profile, percentage, &cache, &pod, &mut rng);
                let Outcome::Found(found) = outcome else { panic!("{outcome:?}") };
                cache.assume(&pod, &found.node);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decision);
criterion_main!(benches);
