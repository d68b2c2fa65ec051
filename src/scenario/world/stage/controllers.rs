//! The flags of kube-controller-manager that change how its controllers are run.

use crate::controllers::{FLAG_NAMES, Options};
use crate::scenario::duration;
use crate::sim::time::SimDuration;

/// Sets what a flag says; none when it is not one of these.
pub(super) fn set(flag: &str, value: &str, options: &mut Options) -> Option<Result<(), String>> {
    if let Some(span) = span(flag, options) {
        let read = duration::parse(value).ok_or("expected a duration such as `40s`");
        return Some(read.map(|read| *span = read).map_err(str::to_owned));
    }
    let number = |_| "expected a number".to_owned();
    Some(match flag {
        "controllers" => choose(value).map(|left_out| options.left_out = left_out),
        "horizontal-pod-autoscaler-tolerance" => value.parse().map_err(number).map(|share| {
            options.autoscaler.tolerances.up = share;
            options.autoscaler.tolerances.down = share;
        }),
        "terminated-pod-gc-threshold" => value
            .parse()
            .map_err(|_| "expected a whole number".to_owned())
            .map(|count| options.pod_gc.threshold = count),
        "node-eviction-rate" => rate(value).map(|rate| options.nodes.rates.usual = rate),
        "secondary-node-eviction-rate" => {
            rate(value).map(|rate| options.nodes.rates.reduced = rate)
        }
        "unhealthy-zone-threshold" => {
            rate(value).map(|rate| options.nodes.unhealthy_threshold = rate)
        }
        "large-cluster-size-threshold" => value
            .parse()
            .map_err(|_| "expected a whole number".to_owned())
            .map(|count| options.nodes.rates.large_zone_threshold = count),
        _ => return None,
    })
}

fn rate(value: &str) -> Result<f32, String> {
    value.parse().map_err(|_| "expected a number".to_owned())
}

fn span<'o>(flag: &str, options: &'o mut Options) -> Option<&'o mut SimDuration> {
    let autoscaler = &mut options.autoscaler;
    Some(match flag {
        "horizontal-pod-autoscaler-sync-period" => &mut autoscaler.sync_period,
        "horizontal-pod-autoscaler-downscale-stabilization" => {
            &mut autoscaler.downscale_stabilization
        }
        "horizontal-pod-autoscaler-cpu-initialization-period" => {
            &mut autoscaler.patience.cpu_initialization
        }
        "horizontal-pod-autoscaler-initial-readiness-delay" => {
            &mut autoscaler.patience.initial_readiness
        }
        "node-monitor-period" => &mut options.nodes.period,
        "node-monitor-grace-period" => &mut options.nodes.grace.usual,
        "node-startup-grace-period" => &mut options.nodes.grace.startup,
        _ => return None,
    })
}

/// The controllers that a list leaves out: `*,-cronjob` all but one, `deployment,replicaset` all
/// but two.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/controller-manager/app/helper.go, `IsControllerEnabled`
fn choose(list: &str) -> Result<Vec<&'static str>, String> {
    let words: Vec<&str> = list.split(',').map(str::trim).filter(|w| !w.is_empty()).collect();
    let known = |word: &str| FLAG_NAMES.iter().any(|(own, old, _)| word == *own || word == *old);
    let mut named = words.iter().map(|w| w.trim_start_matches('-')).filter(|w| *w != "*");
    if let Some(stranger) = named.find(|w| !known(w)) {
        return Err(format!("the controller `{stranger}` is not one that can be left out"));
    }
    let says = |prefix: &str, own: &str, old: &str| {
        words.iter().any(|w| w.strip_prefix(prefix).is_some_and(|w| w == own || w == old))
    };
    let all = words.contains(&"*");
    let is_out = |own: &str, old: &str| says("-", own, old) || !all && !says("", own, old);
    let out = FLAG_NAMES.iter().filter(|(own, old, _)| is_out(own, old));
    Ok(out.map(|(_, _, user)| *user).collect())
}
