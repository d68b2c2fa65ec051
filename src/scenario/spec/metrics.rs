//! What containers use over time, the load of services, and metrics by name.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::api::selector::Selector;
use crate::scenario::amount::Amount;
use crate::scenario::decode::Decode;
use crate::scenario::decode::object;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::duration;
use crate::scenario::schema::Schema;
use crate::scenario::source::Session;
use crate::scenario::yaml::Node;
use crate::sim::curve::{Curve, Part};
use crate::sim::time::SimDuration;

/// An amount over time, in thousandths: `200Mi`, growing: `50Mi + 10Mi/min`, or by the time from
/// which on it holds: `{0s: 100m, 2m: 500m}`.
#[derive(Clone, PartialEq, Debug)]
pub struct Course {
    /// Parts by when they begin; values and slopes in thousandths.
    parts: Vec<Part>,
}

impl Course {
    /// Reads `200Mi`, `50Mi + 10Mi/min` or `2 - 100m/s`.
    fn part(text: &str) -> Option<Part> {
        let cut = text.find(" + ").map(|at| (at, 1)).or(text.find(" - ").map(|at| (at, -1)));
        let (basis, growth) = match cut {
            Some((at, sign)) => (&text[..at], Some((&text[at + 3..], sign))),
            None => (text, None),
        };
        let value = Amount::parse(basis.trim())?.millis;
        let slope = match growth {
            None => None,
            Some((growth, sign)) => {
                let (by, per) = growth.split_once('/')?;
                let by = i64::try_from(Amount::parse(by.trim())?.millis).ok()?;
                Some((by * sign, duration::parse_per(per)?))
            }
        };
        Some(Part { from: SimDuration::ZERO, value, slope })
    }

    /// In thousandths.
    pub fn in_thousandths(&self) -> Curve {
        Curve::new(self.parts.clone())
    }

    /// In whole units: bytes.
    pub fn in_units(&self) -> Curve {
        let whole = |part: &Part| Part {
            value: part.value.div_ceil(1_000),
            // Per a thousand spans, so that nothing is lost.
            slope: part.slope.map(|(by, per)| (by, per.times(1_000))),
            ..*part
        };
        Curve::new(self.parts.iter().map(whole).collect())
    }
}

const EXPECTED: &str = "expected one such as `200m`, `50Mi + 10Mi/min` or `{0s: 100m, 2m: 500m}`";

impl Decode for Course {
    fn shape(_: &mut Schema) -> Value {
        let one = json!({ "type": ["string", "number"], "examples": ["200Mi", "50Mi + 10Mi/min"] });
        json!({ "anyOf": [one, { "type": "object", "additionalProperties": one }] })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let Some(entries) = node.entries() else {
            let part = read(node, session)?;
            return Some(Course { parts: vec![part] });
        };
        let mut parts = BTreeMap::new();
        for entry in entries {
            let Some(from) = duration::parse(&entry.key) else {
                session.report(entry.key_place, Mistake::bad_duration(&entry.key));
                continue;
            };
            let part = read(&entry.value, session)?;
            parts.insert(from, Part { from, ..part });
        }
        Some(Course { parts: parts.into_values().collect() })
    }
}

fn read(node: &Node, session: &mut Session) -> Option<Part> {
    let text = node.scalar().map(|scalar| &*scalar.text);
    let part = text.and_then(Course::part);
    match (text, &part) {
        (None, _) => node.report_type("an amount", session),
        (Some(text), None) => {
            session.report(node.place, Mistake::bad_value("amount over time", text, EXPECTED));
        }
        (Some(_), Some(_)) => {}
    }
    part
}

object! {
    /// A load that the ready endpoints of a Service share in equal parts, by the time of the run.
    pub struct Load as "a load" {
        /// The Service, in the scenario's namespace.
        "service" => service: String;
        /// The cpu that all of it takes.
        "cpu" => cpu: Option<Course> = None;
        /// The memory that all of it takes.
        "memory" => memory: Option<Course> = None;
    }
}

object! {
    /// One series of a metric by name, by the time of the run; what it is measured of is one of
    /// `object` and `pods`, or nothing in the cluster.
    pub struct Metric as "a metric" checked by one_subject {
        /// The name of the metric.
        "name" => name: String;
        /// Its value.
        "value" => value: Course;
        /// The object that it is measured of: `Service/web`.
        "object" => object: Option<String> = None;
        /// The pods that it is measured of: each has the value.
        "pods" => pods: Option<Selector> = None;
        /// Whether the ready pods share the value instead.
        "shared" => shared: bool = false;
        /// The labels of the series.
        "labels" => labels: BTreeMap<String, String> = BTreeMap::new();
        /// How much later it is known than it was.
        "delay" => delay: SimDuration = SimDuration::ZERO;
    }
}

/// Reports a metric of two things, and an object that is no `KIND/NAME`.
fn one_subject(metric: &Metric, node: &Node, session: &mut Session) {
    if metric.object.is_some() && metric.pods.is_some() {
        let message = "a metric is measured of an object or of pods, not of both";
        session.report(node.place, Mistake::other(message));
    }
    if metric.shared && metric.pods.is_none() {
        session.report(node.place, Mistake::other("only `pods` share a value"));
    }
    if let Some(object) = metric.object.as_deref().filter(|o| !o.contains('/')) {
        let place = node.get("object").map_or(node.place, |n| n.place);
        session.report(place, Mistake::bad_value("object", object, "one such as `Service/web`"));
    }
}

object! {
    /// How metrics-server is run.
    pub struct MetricsServer as "`metrics-server`" checked by misses_are_a_share {
        /// Whether there is one; by default only when something needs it.
        "enabled" => enabled: bool = true;
        /// From one look at the kubelets to the next.
        "resolution" => resolution: SimDuration = SimDuration::secs(15);
        /// Of a hundred looks at a node, how many come to nothing.
        "misses" => misses: u32 = 0;
    }
}

fn misses_are_a_share(server: &MetricsServer, node: &Node, session: &mut Session) {
    if server.misses > 100 {
        let place = node.get("misses").map_or(node.place, |n| n.place);
        let found = server.misses.to_string();
        session.report(place, Mistake::bad_value("share", &found, "at most 100"));
    }
    if server.resolution < SimDuration::secs(1) {
        let place = node.get("resolution").map_or(node.place, |n| n.place);
        let found = server.resolution.to_string();
        session.report(place, Mistake::bad_value("resolution", &found, "at least 1s"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_course_may_grow_and_shrink() {
        let grown = |text| Course::part(text).map(|p| (p.value, p.slope));
        assert_eq!(grown("200Mi").map(|p| p.0 >> 20), Some(200_000));
        let rate = (10_000 << 20, SimDuration::secs(60));
        assert_eq!(grown("50Mi + 10Mi/min"), Some((50_000 << 20, Some(rate))));
        assert_eq!(grown("2 - 100m/s"), Some((2_000, Some((-100, SimDuration::secs(1))))));
        assert_eq!(grown("50Mi + 10Mi"), None);
        assert_eq!(grown("50Mi +"), None);
    }

    #[test]
    fn bytes_grow_evenly() {
        let course = Course { parts: vec![Course::part("50Mi + 1/min").expect("a course")] };
        let bytes = course.in_units();
        let at = |s| bytes.at(SimDuration::secs(s)) - (50 << 20);
        assert_eq!([at(0), at(59), at(60), at(600)], [0, 0, 1, 10]);
    }
}
