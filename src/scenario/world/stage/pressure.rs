//! The kubelet's flags about eviction.

use crate::cluster::ClusterConfig;
use crate::node::eviction::config::{Statements, thresholds};

/// Takes up a flag: `memory.available<100Mi,nodefs.available<10%`, or with `=` for what belongs to
/// a threshold.
pub(super) fn set(name: &str, value: &str, config: &mut ClusterConfig, wrong: &mut Vec<String>) {
    let sign = if matches!(name, "eviction-hard" | "eviction-soft") { '<' } else { '=' };
    let mut statements = Statements::new();
    for part in value.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        match part.split_once(sign) {
            Some((signal, value)) => {
                statements.insert(signal.trim().to_owned(), value.trim().to_owned());
            }
            None => wrong.push(format!("`--{name}`: `{part}` has no `{sign}`")),
        }
    }
    let settings = &mut config.eviction;
    match name {
        "eviction-hard" => settings.hard = statements,
        "eviction-soft" => settings.soft = statements,
        "eviction-soft-grace-period" => settings.soft_grace = statements,
        "eviction-minimum-reclaim" => settings.min_reclaim = statements,
        _ => wrong.push(format!("the flag `--{name}` of kubelet is not modelled")),
    }
}

/// Whether the flags together make sense.
pub(super) fn check(config: &ClusterConfig, wrong: &mut Vec<String>) {
    if let Err(why) = thresholds(&config.eviction) {
        wrong.push(format!("kubelet: {why}"));
    }
}
