//! The kubelet's settings about eviction, as text.

use std::collections::BTreeMap;

use super::threshold::{Signal, Threshold, ThresholdValue};
use crate::api::go_duration;
use crate::api::quantity::Quantity;
use crate::sim::time::SimDuration;

/// Settings by signal: `memory.available: 100Mi`.
pub type Statements = BTreeMap<String, String>;

/// What the kubelet is told about eviction.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    /// `enforceNodeAllocatable`.
    pub enforce_allocatable: Vec<String>,
    /// `evictionHard`.
    pub hard: Statements,
    /// `evictionSoft`.
    pub soft: Statements,
    /// `evictionSoftGracePeriod`.
    pub soft_grace: Statements,
    /// `evictionMinimumReclaim`.
    pub min_reclaim: Statements,
}

/// Source: kubernetes v1.36 pkg/kubelet/eviction/defaults_linux.go, `DefaultEvictionHard`
pub const DEFAULT_HARD: [(&str, &str); 5] = [
    ("imagefs.available", "15%"),
    ("imagefs.inodesFree", "5%"),
    ("memory.available", "100Mi"),
    ("nodefs.available", "10%"),
    ("nodefs.inodesFree", "5%"),
];

impl Settings {
    /// What a kubelet has that is told nothing.
    pub fn usual() -> Settings {
        let hard = DEFAULT_HARD.map(|(signal, value)| (signal.to_owned(), value.to_owned()));
        Settings { hard: hard.into(), ..Settings::default() }
    }
}

/// The thresholds that settings mean.
///
/// # Errors
/// What cannot be read or makes no sense.
///
/// Source: kubernetes v1.36 pkg/kubelet/eviction/helpers.go, `ParseThresholdConfig`
pub fn thresholds(settings: &Settings) -> Result<Vec<Threshold>, String> {
    let mut all = statements(&settings.hard)?;
    let mut soft = statements(&settings.soft)?;
    let graces = graces(&settings.soft_grace)?;
    let reclaims = reclaims(&settings.min_reclaim)?;
    for threshold in &mut soft {
        let name = threshold.signal.name();
        threshold.grace = *graces.get(&threshold.signal).ok_or_else(|| {
            format!("grace period must be specified for the soft eviction threshold {name}")
        })?;
    }
    all.append(&mut soft);
    for threshold in &mut all {
        threshold.min_reclaim = reclaims.get(&threshold.signal).cloned();
    }
    if settings.enforce_allocatable.iter().any(|e| e == "pods") {
        let hard_memory =
            |t: &&Threshold| t.signal == Signal::MemoryAvailable && t.grace == SimDuration::ZERO;
        let of_pods: Vec<Threshold> = all
            .iter()
            .filter(hard_memory)
            .map(|t| Threshold { signal: Signal::AllocatableMemoryAvailable, ..t.clone() })
            .collect();
        all.extend(of_pods);
    }
    Ok(all)
}

fn signal(name: &str) -> Result<Signal, String> {
    Signal::named(name).ok_or_else(|| format!("unknown eviction threshold {name}"))
}

/// Source: kubernetes v1.36 pkg/kubelet/eviction/helpers.go, `parseThresholdStatement`
fn statements(all: &Statements) -> Result<Vec<Threshold>, String> {
    let mut found = Vec::new();
    for (name, text) in all {
        let signal = Signal::named(name)
            .ok_or_else(|| format!("eviction signal {name} is not supported"))?;
        let value = if text.ends_with('%') {
            if matches!(text.as_str(), "0%" | "100%") {
                continue;
            }
            let share = percentage(text)?;
            if share < 0.0 {
                return Err(format!("eviction percentage threshold {name} must be >= 0%: {text}"));
            }
            if share > 1.0 {
                return Err(format!(
                    "eviction percentage threshold {name} must be <= 100%: {text}"
                ));
            }
            ThresholdValue::Percentage(share)
        } else {
            let amount = quantity(text)?;
            if amount.sign() <= 0 {
                return Err(format!("eviction threshold {name} must be positive: {text}"));
            }
            ThresholdValue::Quantity(amount)
        };
        found.push(Threshold { signal, value, grace: SimDuration::ZERO, min_reclaim: None });
    }
    Ok(found)
}

fn quantity(text: &str) -> Result<Quantity, String> {
    text.parse().map_err(|_| format!("{text:?} is no quantity"))
}

/// Source: kubernetes v1.36 pkg/kubelet/eviction/helpers.go, `parsePercentage`
#[expect(clippy::float_arithmetic, reason = "as Kubernetes computes it")]
fn percentage(text: &str) -> Result<f32, String> {
    let number: f32 =
        text.trim_end_matches('%').parse().map_err(|_| format!("{text:?} is no percentage"))?;
    Ok(number / 100.0)
}

/// Source: kubernetes v1.36 pkg/kubelet/eviction/helpers.go, `parseGracePeriods`
fn graces(all: &Statements) -> Result<BTreeMap<Signal, SimDuration>, String> {
    let one = |(name, text): (&String, &String)| {
        let signal = signal(name)?;
        let nanos = go_duration::parse_signed(text)
            .ok_or_else(|| format!("time: invalid duration {text:?}"))?;
        let nanos = u64::try_from(nanos).map_err(|_| {
            format!("invalid eviction grace period specified: {text}, must be a positive value")
        })?;
        Ok((signal, SimDuration(nanos)))
    };
    all.iter().map(one).collect()
}

/// Source: kubernetes v1.36 pkg/kubelet/eviction/helpers.go, `parseMinimumReclaims`
fn reclaims(all: &Statements) -> Result<BTreeMap<Signal, ThresholdValue>, String> {
    let one = |(name, text): (&String, &String)| {
        let signal = signal(name)?;
        if text.ends_with('%') {
            let share = percentage(text)?;
            if share <= 0.0 {
                let text = format!("minimum reclaim of {name} must be positive: {text}");
                return Err(text);
            }
            return Ok((signal, ThresholdValue::Percentage(share)));
        }
        let amount = quantity(text)?;
        if amount.sign() < 0 {
            return Err(format!("negative eviction minimum reclaim specified for {name}"));
        }
        Ok((signal, ThresholdValue::Quantity(amount)))
    };
    all.iter().map(one).collect()
}
