//! Taints of nodes and tolerations of pods: what they are, which covers which, and kubectl's text.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::api::Name;
use crate::api::gates::{Gate, Gates};
use crate::api::names;
use crate::api::time::Time;

/// A mark on a node that keeps pods away which do not tolerate it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Taint {
    /// A qualified name: `node.kubernetes.io/not-ready`.
    pub key: Name,
    /// Empty for none.
    #[serde(default, skip_serializing_if = "Name::is_empty")]
    pub value: Name,
    /// What it does to pods.
    pub effect: TaintEffect,
    /// When it was put on; only for effects that throw pods out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_added: Option<Time>,
}

/// What a taint does to pods that do not tolerate it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum TaintEffect {
    /// They are not scheduled there.
    NoSchedule,
    /// They are rather scheduled elsewhere.
    PreferNoSchedule,
    /// They are not scheduled there, and thrown out where they run.
    NoExecute,
}

/// Which taints a pod bears.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Toleration {
    /// The taint's key; empty for every key.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub key: Name,
    /// How values are compared; none is `Equal`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "empty_is_none")]
    pub operator: Option<TolerationOperator>,
    /// The value to compare with.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub value: Name,
    /// The taint's effect; none for every effect.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "empty_is_none")]
    pub effect: Option<TaintEffect>,
    /// How long a `NoExecute` taint is borne; none is for ever, zero and less is not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toleration_seconds: Option<i64>,
}

/// How a toleration compares values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum TolerationOperator {
    /// Every value is borne.
    Exists,
    /// The same value is borne.
    Equal,
    /// A whole number less than the toleration's is borne.
    Lt,
    /// A whole number greater than the toleration's is borne.
    Gt,
}

/// The feature gate `TaintTolerationComparisonOperators`, off by default in 1.36.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ComparisonOperators {
    /// `Lt` and `Gt` tolerate nothing.
    #[default]
    Off,
    /// `Lt` and `Gt` compare whole numbers.
    On,
}

impl ComparisonOperators {
    /// As feature gates say.
    pub fn of(gates: Gates) -> ComparisonOperators {
        if gates.is_on(Gate::TaintTolerationComparisonOperators) {
            return ComparisonOperators::On;
        }
        ComparisonOperators::Off
    }
}

impl TaintEffect {
    /// All effects.
    pub const ALL: [TaintEffect; 3] =
        [TaintEffect::NoSchedule, TaintEffect::PreferNoSchedule, TaintEffect::NoExecute];

    /// Kubernetes' name of it.
    pub fn name(self) -> &'static str {
        match self {
            TaintEffect::NoSchedule => "NoSchedule",
            TaintEffect::PreferNoSchedule => "PreferNoSchedule",
            TaintEffect::NoExecute => "NoExecute",
        }
    }

    /// The effect of a name.
    pub fn parse(name: &str) -> Option<TaintEffect> {
        TaintEffect::ALL.into_iter().find(|e| e.name() == name)
    }
}

impl Taint {
    /// A taint without a value.
    pub fn new(key: &str, effect: TaintEffect) -> Taint {
        Taint { key: key.into(), value: Name::default(), effect, time_added: None }
    }

    /// Whether a node cannot have both: they have the same key and effect.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/api/core/v1/taint.go, `Taint.MatchTaint`
    pub fn is_same_mark(&self, other: &Taint) -> bool {
        self.key == other.key && self.effect == other.effect
    }
}

impl Toleration {
    /// Whether the taint is borne, for however long.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/api/core/v1/toleration.go,
    /// `Toleration.ToleratesTaint`
    pub fn tolerates(&self, taint: &Taint, comparison: ComparisonOperators) -> bool {
        if self.effect.is_some_and(|e| e != taint.effect) {
            return false;
        }
        if !self.key.is_empty() && self.key != taint.key {
            return false;
        }
        let compare = |is_met: fn(i64, i64) -> bool| {
            comparison == ComparisonOperators::On
                && whole_number(&taint.value)
                    .zip(whole_number(&self.value))
                    .is_some_and(|(has, than)| is_met(has, than))
        };
        match self.operator {
            None | Some(TolerationOperator::Equal) => self.value == taint.value,
            Some(TolerationOperator::Exists) => true,
            Some(TolerationOperator::Lt) => compare(|has, than| has < than),
            Some(TolerationOperator::Gt) => compare(|has, than| has > than),
        }
    }
}

/// The first taint that counts and that no toleration covers.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/scheduling/corev1/helpers.go,
/// `FindMatchingUntoleratedTaint`
pub fn first_untolerated<'a>(
    taints: &'a [Taint],
    tolerations: &[Toleration],
    counts: impl Fn(&Taint) -> bool,
    comparison: ComparisonOperators,
) -> Option<&'a Taint> {
    taints
        .iter()
        .filter(|taint| counts(taint))
        .find(|taint| !tolerations.iter().any(|t| t.tolerates(taint, comparison)))
}

/// A whole number without sign of plus and without leading zeros.
fn whole_number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = text == "0" || digits.starts_with(|c: char| ('1'..='9').contains(&c));
    if is_plain { text.parse().ok() } else { None }
}

/// What `kubectl taint` was asked to do.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TaintChange {
    /// The taints to put on: `key=value:effect`.
    pub add: Vec<Taint>,
    /// The taints to take off, by key and effect, or with every effect: `key:effect-`, `key-`.
    pub remove: Vec<(Name, Option<TaintEffect>)>,
}

impl TaintChange {
    /// Reads kubectl's texts.
    ///
    /// # Errors
    ///
    /// The first text that is no taint, in Kubernetes' words.
    ///
    /// Source: kubernetes v1.36 pkg/util/taints/taints.go, `ParseTaints`
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<TaintChange, String> {
        let mut change = TaintChange::default();
        for text in texts.iter().map(AsRef::as_ref) {
            if let Some(text) = text.strip_suffix('-') {
                let (key, _, effect) = parse_one(text)?;
                change.remove.push((key, effect));
                continue;
            }
            let (key, value, effect) = parse_one(text)?;
            let effect = effect.ok_or_else(|| format!("invalid taint spec: {text}"))?;
            let taint = Taint { key, value, effect, time_added: None };
            if change.add.iter().any(|t| t.is_same_mark(&taint)) {
                return Err(format!(
                    "duplicated taints with the same key and effect: {{{} {} {} <nil>}}",
                    taint.key,
                    taint.value,
                    effect.name()
                ));
            }
            change.add.push(taint);
        }
        Ok(change)
    }
}

/// Reads `key=value:effect`, `key:effect` or `key`.
fn parse_one(text: &str) -> Result<(Name, Name, Option<TaintEffect>), String> {
    let invalid = |why: &[String]| {
        let why = if why.is_empty() { String::new() } else { format!(", {}", why.join("; ")) };
        format!("invalid taint spec: {text}{why}")
    };
    let parts: Vec<&str> = text.split(':').collect();
    let (key, value, effect) = match parts[..] {
        [key] => (key, "", None),
        [pair, effect] => {
            let effect = TaintEffect::parse(effect).ok_or_else(|| {
                format!("invalid taint effect: {effect}, unsupported taint effect")
            })?;
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            if value.contains('=') {
                return Err(invalid(&[]));
            }
            (key, value, Some(effect))
        }
        _ => return Err(invalid(&[])),
    };
    for why in [names::label_value(value), names::qualified_name(key)] {
        if !why.is_empty() {
            return Err(invalid(&why));
        }
    }
    Ok((key.into(), value.into(), effect))
}

/// As kubectl writes it: `key=value:effect`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/api/core/v1/taint.go, `Taint.ToString`
impl fmt::Display for Taint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, effect) = (&self.key, self.effect.name());
        if self.value.is_empty() {
            return write!(f, "{key}:{effect}");
        }
        write!(f, "{key}={}:{effect}", self.value)
    }
}

/// Go's zero value of a text enum is the empty text: the same as not there.
fn empty_is_none<'de, D, T>(d: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    use serde::de::IntoDeserializer;
    match Option::<Name>::deserialize(d)? {
        Some(text) if !text.is_empty() => {
            T::deserialize(text.as_str().into_deserializer()).map(Some)
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_only_when_the_gate_is_on() {
        let toleration = Toleration {
            key: "sla".into(),
            operator: Some(TolerationOperator::Gt),
            value: "950".into(),
            ..Toleration::default()
        };
        let taint = |value: &str| Taint {
            value: value.into(),
            ..Taint::new("sla", TaintEffect::NoSchedule)
        };
        let with = |value, gate| toleration.tolerates(&taint(value), gate);
        assert!(with("951", ComparisonOperators::On));
        assert!(!with("950", ComparisonOperators::On));
        assert!(!with("0951", ComparisonOperators::On));
        assert!(!with("951", ComparisonOperators::Off));
    }
}
