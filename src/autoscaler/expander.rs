//! Which group grows, when several could.

use std::sync::Arc;

use super::estimate::Choice;
use super::provider::NodeGroup;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::resource::Resources;
use crate::sim::rng::Rng;

/// How the autoscaler chooses between groups.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expander {
    /// Any of them.
    Random,
    /// The one that helps most pods.
    MostPods,
    /// The one that would leave the least CPU and memory idle.
    LeastWaste,
    /// The cheapest for what the pods ask.
    Price,
    /// The one with the highest priority.
    Priority,
    /// The one that adds the fewest nodes.
    LeastNodes,
}

impl Expander {
    /// Its name in the flag.
    pub const NAMES: [(&str, Expander); 6] = [
        ("random", Expander::Random),
        ("most-pods", Expander::MostPods),
        ("least-waste", Expander::LeastWaste),
        ("price", Expander::Price),
        ("priority", Expander::Priority),
        ("least-nodes", Expander::LeastNodes),
    ];

    /// The one of a name.
    pub fn named(name: &str) -> Option<Expander> {
        Expander::NAMES.iter().find(|(n, _)| *n == name).map(|(_, expander)| *expander)
    }
}

/// CPU and memory that pods ask for.
fn asked(pods: &[Arc<Pod>]) -> (i64, i64) {
    let sum = |of: fn(&Resources) -> i64| pods.iter().map(|p| of(&p.spec.requests)).sum();
    (sum(|r| r.milli_cpu), sum(|r| r.memory))
}

/// What a node has altogether.
fn capacity(node: &Node) -> Resources {
    Resources::of(&node.status.capacity)
}

/// The share of CPU and of memory that would be idle, added.
///
/// One node with 4 CPU and 8 GiB for pods that ask for 3 CPU and 2 GiB: 0.25 + 0.75 = 1.
///
/// Source: autoscaler cluster-autoscaler-1.36 cluster-autoscaler/expander/waste/waste.go,
/// `leastwaste.BestOptions`
#[expect(clippy::float_arithmetic, reason = "as the autoscaler computes it")]
#[expect(clippy::cast_precision_loss, reason = "as the autoscaler converts it")]
fn waste(choice: &Choice, group: &NodeGroup) -> f64 {
    let (cpu, memory) = asked(&choice.pods);
    let count = i64::try_from(choice.nodes).unwrap_or(i64::MAX);
    let idle = |asked: i64, each: i64| {
        let there = each.saturating_mul(count);
        (there - asked) as f64 / there as f64
    };
    let room = capacity(&group.template);
    idle(cpu, room.milli_cpu) + idle(memory, room.memory)
}

/// What a CPU costs an hour, and a GiB of memory.
///
/// Differs: prices of pods are those of the GCE provider, as that of KWOK has none.
///
/// Source: autoscaler cluster-autoscaler-1.36
/// cluster-autoscaler/cloudprovider/gce/gce_price_info.go
const PRICES: (f64, f64) = (0.033_174, 0.004_446);

#[expect(clippy::float_arithmetic, reason = "as the autoscaler computes it")]
#[expect(clippy::cast_precision_loss, reason = "as the autoscaler converts it")]
fn price_of(milli_cpu: i64, memory: i64) -> f64 {
    let gib = memory as f64 / 1_073_741_824.0;
    milli_cpu as f64 / 1_000.0 * PRICES.0 + gib * PRICES.1
}

/// What nodes cost for each unit of what the pods would cost, and how little their size suits a
/// cluster of this size; the second counts less the more nodes are added.
///
/// Source: autoscaler cluster-autoscaler-1.36 cluster-autoscaler/expander/price/price.go,
/// `priceBased.BestOptions`
#[expect(clippy::float_arithmetic, reason = "as the autoscaler computes it")]
#[expect(clippy::cast_precision_loss, reason = "as the autoscaler converts it")]
fn price(choice: &Choice, group: &NodeGroup, cluster: usize) -> f64 {
    let of_pod = |p: &Arc<Pod>| price_of(p.spec.requests.milli_cpu, p.spec.requests.memory);
    let pods: f64 = choice.pods.iter().map(of_pod).sum();
    let nodes = group.price_millis as f64 / 1_000.0 * choice.nodes as f64;
    // So that very small pods do not count as priceless: one of 500m and 500 MiB.
    let stable = price_of(500, 500 * 1_048_576);
    let sub_score = (nodes + stable) / (pods + stable);
    let unfitness = unfitness(capacity(&group.template).milli_cpu, cluster);
    let damping = 1.0 - tanh((choice.nodes as f64 - 1.0) / 15.0);
    ((unfitness - 1.0) * damping + 1.0) * sub_score
}

/// How far a node's CPU is from what suits a cluster of this size: 1 core for up to 2 nodes, 2 for
/// up to 6, and so on.
///
/// Source: autoscaler cluster-autoscaler-1.36
/// cluster-autoscaler/expander/price/preferred.go, `SimplePreferredNodeProvider.Node`,
/// `SimpleNodeUnfitness`
#[expect(clippy::float_arithmetic, reason = "as the autoscaler computes it")]
#[expect(clippy::cast_precision_loss, reason = "as the autoscaler converts it")]
fn unfitness(milli_cpu: i64, cluster: usize) -> f64 {
    let steps = [(2, 1_000), (6, 2_000), (20, 4_000), (60, 8_000), (200, 16_000)];
    let step = steps.iter().find(|(most, _)| cluster <= *most);
    let preferred = f64::from(step.map_or(32_000, |(_, cpu)| *cpu));
    let own = milli_cpu.max(1) as f64;
    (preferred / own).max(own / preferred)
}

/// The hyperbolic tangent for what is not negative, computed alike on every machine.
#[expect(clippy::float_arithmetic, reason = "a function of a score of the autoscaler")]
fn tanh(x: f64) -> f64 {
    if x > 20.0 {
        return 1.0;
    }
    // e^(2x) by halving until the series is short.
    let small = 2.0 * x / 1_024.0;
    let (mut term, mut sum) = (1.0, 1.0);
    for n in 1..12 {
        term *= small / f64::from(n);
        sum += term;
    }
    let power = (0..10).fold(sum, |e, _| e * e);
    1.0 - 2.0 / (power + 1.0)
}

/// Those with the lowest figure.
fn lowest(choices: &[Choice], left: &[usize], figure: impl Fn(&Choice) -> f64) -> Vec<usize> {
    let figures: Vec<f64> = left.iter().map(|n| figure(&choices[*n])).collect();
    let best = figures.iter().copied().min_by(f64::total_cmp);
    let is_best = |f: &f64| best.is_some_and(|best| f.total_cmp(&best).is_eq());
    left.iter().zip(&figures).filter(|(_, f)| is_best(f)).map(|(n, _)| *n).collect()
}

/// Those with the highest figure.
fn highest(choices: &[Choice], left: &[usize], figure: impl Fn(&Choice) -> i64) -> Vec<usize> {
    let best = left.iter().map(|n| figure(&choices[*n])).max();
    left.iter().copied().filter(|n| Some(figure(&choices[*n])) == best).collect()
}

/// The choice that is taken, by its place: each expander leaves some, and of what all leave one is
/// drawn. None of none.
///
/// Source: autoscaler cluster-autoscaler-1.36
/// cluster-autoscaler/expander/factory/chain.go, `chainStrategy.BestOption`
pub fn choose(
    expanders: &[Expander],
    choices: &[Choice],
    groups: &[NodeGroup],
    cluster: usize,
    rng: &mut Rng,
) -> Option<usize> {
    let group = |c: &Choice| &groups[c.group];
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let mut left: Vec<usize> = (0..choices.len()).collect();
    for expander in expanders {
        if left.len() <= 1 {
            break;
        }
        left = match expander {
            Expander::Random => break,
            Expander::MostPods => highest(choices, &left, |c| count(c.pods.len())),
            Expander::LeastNodes => highest(choices, &left, |c| -count(c.nodes)),
            Expander::LeastWaste => lowest(choices, &left, |c| waste(c, group(c))),
            Expander::Price => lowest(choices, &left, |c| price(c, group(c), cluster)),
            Expander::Priority => highest(choices, &left, |c| i64::from(group(c).priority)),
        };
    }
    match left.len() {
        0 => None,
        1 => Some(left[0]),
        n => {
            let drawn = rng.below(u64::try_from(n).unwrap_or(1));
            left.get(usize::try_from(drawn).unwrap_or(0)).copied()
        }
    }
}
