//! How long links and operations take.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;

use crate::scenario::decode::Decode;
use crate::scenario::decode::object;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::duration;
use crate::scenario::schema::Schema;
use crate::scenario::source::Session;
use crate::scenario::yaml::Node;
use crate::sim::time::SimDuration;

/// The links and operations whose time can be set, and what each is.
pub const LATENCIES: &[(&str, &str)] = &[
    ("request", "any client's request on its way to the apiserver"),
    ("response", "the apiserver's answer on its way back"),
    ("watch", "a watch event on its way to any client"),
    ("controller-manager", "the link between kube-controller-manager and the apiserver"),
    ("scheduler", "the link between kube-scheduler and the apiserver"),
    ("kubelet", "the link between a kubelet and the apiserver"),
    ("kubectl", "the link between kubectl and the apiserver"),
    ("etcd", "a transaction in etcd"),
    ("scheduling", "one scheduling cycle"),
    ("sandbox", "making a pod's sandbox"),
    ("pull", "pulling an image that the image table does not name"),
    ("start", "starting a container that the image table does not name"),
    ("stop", "stopping a container that the image table does not name"),
];

/// How long something takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Latency {
    /// Always as long.
    Fixed(SimDuration),
    /// Evenly between two bounds, both included.
    Range(SimDuration, SimDuration),
    /// By its quantiles, evenly between them.
    Quantiles(Quantiles),
}

object! {
    /// A distribution.
    pub struct Distribution as "a latency" {
        /// By quantiles.
        "distribution" => distribution: Quantiles;
    }
}

object! {
    /// Quantiles of a distribution; none may be below the one before it.
    pub struct Quantiles as "a distribution" checked by quantiles_rise {
        /// The shortest.
        "min" => min: SimDuration = SimDuration::ZERO;
        /// The median.
        "p50" => p50: SimDuration;
        /// The ninetieth percentile.
        "p90" => p90: SimDuration;
        /// The ninety-ninth percentile.
        "p99" => p99: SimDuration;
        /// The longest.
        "max" => max: SimDuration;
    }
}

impl Eq for Quantiles {}

/// Reports quantiles that fall.
fn quantiles_rise(q: &Quantiles, node: &Node, session: &mut Session) {
    let rises = [q.min, q.p50, q.p90, q.p99, q.max].is_sorted();
    if !rises {
        let message = "the quantiles fall: each must be at least the one before it";
        session.report(node.place, Mistake::other(message));
    }
}

impl Latency {
    /// Reads `2ms` or `1ms..3ms`.
    pub fn parse(text: &str) -> Option<Latency> {
        match text.split_once("..") {
            None => duration::parse(text.trim()).map(Latency::Fixed),
            Some((low, high)) => {
                let (low, high) = (duration::parse(low.trim())?, duration::parse(high.trim())?);
                (low <= high).then_some(Latency::Range(low, high))
            }
        }
    }
}

impl Decode for Latency {
    fn shape(schema: &mut Schema) -> Value {
        let text = json!({ "type": ["string", "integer"], "examples": ["2ms", "1ms..3ms"] });
        json!({ "anyOf": [text, Distribution::shape(schema)] })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        if node.entries().is_some() {
            return Distribution::decode(node, session).map(|d| Latency::Quantiles(d.distribution));
        }
        let text = node.scalar().map(|scalar| &*scalar.text);
        let latency = text.and_then(Latency::parse);
        if latency.is_none() {
            let expected = "expected one such as `2ms`, `1ms..3ms` or `{distribution: {…}}`";
            let mistake = Mistake::bad_value("latency", text.unwrap_or("a list"), expected);
            session.report(node.place, mistake);
        }
        latency
    }
}

/// The latencies that are set, by name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Latencies(pub BTreeMap<String, Latency>);

impl Decode for Latencies {
    fn shape(schema: &mut Schema) -> Value {
        let shape = Latency::shape(schema);
        let property = |(name, about): &(&str, &str)| {
            let mut shape = shape.clone();
            shape["description"] = (*about).into();
            ((*name).to_owned(), shape)
        };
        let properties: serde_json::Map<String, Value> = LATENCIES.iter().map(property).collect();
        json!({ "type": "object", "additionalProperties": false, "properties": properties })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let known: Vec<&str> = LATENCIES.iter().map(|(name, _)| *name).collect();
        for entry in node.entries().unwrap_or(&[]) {
            if !known.contains(&&*entry.key) {
                let mistake = Mistake::unknown_name("latency", &entry.key, &known);
                session.report(entry.key_place, mistake);
            }
        }
        BTreeMap::decode(node, session).map(Latencies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_fixed_or_ranges() {
        let ms = SimDuration::millis;
        assert_eq!(Latency::parse("2ms"), Some(Latency::Fixed(ms(2))));
        assert_eq!(Latency::parse("1ms..3ms"), Some(Latency::Range(ms(1), ms(3))));
        assert_eq!(Latency::parse("3ms..1ms"), None);
        assert_eq!(Latency::parse("fast"), None);
    }
}
