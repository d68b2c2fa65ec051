//! The engine alone: the hold model, in which each event that happens asks for one more.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use wavetank::sim::agenda::Agenda;
use wavetank::sim::rng::Rng;
use wavetank::sim::time::SimTime;

/// Takes the next of `n` things on the agenda and asks for another, at a random later time.
fn hold(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hold");
    for n in [1_000_u64, 100_000, 1_000_000] {
        let mut rng = Rng::named(1, "hold");
        let mut agenda = Agenda::default();
        for i in 0..n {
            agenda.push(SimTime(rng.between(0, 2_000_000)), i);
        }
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::from_parameter(n), |bencher| {
            bencher.iter(|| {
                let (at, what) = agenda.pop()?;
                agenda.push(SimTime(at.0 + rng.between(0, 2_000_000)), what);
                Some(())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, hold);
criterion_main!(benches);
