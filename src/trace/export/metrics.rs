//! The metrics of the components under their real names, as a time series in OpenMetrics text.
//!
//! Every family has a sample each interval of virtual time, so that Prometheus can take the whole
//! run in (`promtool tsdb create-blocks-from openmetrics`). What the simulator knows and Kubernetes
//! has no metric for bears the prefix `wavetank_`. The states of workloads and nodes bear the names
//! that kube-state-metrics gives them.

mod states;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::api::core::event::Event;
use crate::api::note::{Note, RefusedNote, WriteNote};
use crate::api::object::{Kind, Object};
use crate::api::time::Time;
use crate::sim::log::Log;
use crate::sim::time::{SimDuration, SimTime, Start};
use crate::trace::gauge::Gauges;

/// A metric: its name, its type, what it tells.
pub(super) struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    series: BTreeMap<String, Vec<(SimTime, u64)>>,
    /// When series end that do not last to the end of the run.
    ends: BTreeMap<String, SimTime>,
}

impl Family {
    pub(super) fn new(name: &'static str, kind: &'static str, help: &'static str) -> Family {
        Family { name, kind, help, series: BTreeMap::new(), ends: BTreeMap::new() }
    }

    /// The object that a series tells of is gone.
    pub(super) fn end(&mut self, labels: &str, at: SimTime) {
        if self.series.contains_key(labels) {
            self.ends.insert(labels.to_owned(), at);
        }
    }

    pub(super) fn set(&mut self, labels: &str, at: SimTime, value: u64) {
        self.ends.remove(labels);
        self.series.entry(labels.to_owned()).or_default().push((at, value));
    }

    fn add(&mut self, labels: &str, at: SimTime) {
        let points = self.series.entry(labels.to_owned()).or_default();
        let value = points.last().map_or(0, |(_, value)| *value) + 1;
        points.push((at, value));
    }

    fn write(&self, instants: &[SimTime], start: Start, out: &mut String) {
        if self.series.is_empty() {
            return;
        }
        // A counter's family is named without the ending of its samples.
        let family =
            if self.kind == "counter" { self.name.trim_end_matches("_total") } else { self.name };
        let (kind, help) = (self.kind, self.help);
        let _ = write!(out, "# HELP {family} {help}\n# TYPE {family} {kind}\n");
        for (labels, points) in &self.series {
            let end = self.ends.get(labels).copied().unwrap_or(SimTime::NEVER);
            for at in instants.iter().filter(|at| **at < end) {
                let Some(value) = Gauges::at(points, *at) else { continue };
                let _ = writeln!(out, "{}{labels} {value} {}", self.name, stamp(start, *at));
            }
        }
    }
}

/// Seconds since 1970, with thousandths.
fn stamp(start: Start, at: SimTime) -> String {
    let millis = Time::wall(start, at).since_1970().as_millis();
    format!("{}.{:03}", millis / 1_000, millis % 1_000)
}

pub(super) fn labels(pairs: &[(&str, &str)]) -> String {
    let one = |(name, value): &(&str, &str)| {
        format!(
            "{name}=\"{}\"",
            value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
        )
    };
    let shown = pairs.iter().filter(|(name, _)| !name.is_empty());
    format!("{{{}}}", shown.map(one).collect::<Vec<_>>().join(","))
}

/// The metrics of a run, sampled each `interval`; queues and caches only where they were measured.
pub fn metrics(
    beginning: &[Object],
    log: &Log<Note>,
    gauges: Option<&Gauges>,
    interval: SimDuration,
    end: SimTime,
) -> String {
    let mut instants = vec![SimTime::ZERO];
    let step = interval.0.max(1_000_000);
    while let Some(last) = instants.last()
        && last.0 + step <= end.0
    {
        instants.push(SimTime(last.0 + step));
    }
    if instants.last() != Some(&end) {
        instants.push(end);
    }
    let mut out = String::new();
    for family in of_log(beginning, log, gauges) {
        family.write(&instants, log.start(), &mut out);
    }
    for family in states::of_states(beginning, log) {
        family.write(&instants, log.start(), &mut out);
    }
    for family in gauges.map(of_gauges).unwrap_or_default() {
        family.write(&instants, log.start(), &mut out);
    }
    out.push_str("# EOF\n");
    out
}

/// The verb as the apiserver's metrics name it.
fn verb_of(verb: &str) -> String {
    match verb {
        "create" => "POST".to_owned(),
        "update" => "PUT".to_owned(),
        other => other.to_uppercase(),
    }
}

fn of_log(beginning: &[Object], log: &Log<Note>, gauges: Option<&Gauges>) -> Vec<Family> {
    let mut told = Told::new(beginning);
    for record in log.iter().filter(|r| r.turn > 0 && !r.note.is_heartbeat()) {
        match &record.note {
            Note::Write(write) => told.written(write, record.time),
            Note::Refused(refused) => told.refused(refused, record.time),
            Note::Step(_) | Note::Fault(_) | Note::Mark(_) => {}
        }
    }
    told.reads(gauges);
    vec![told.requests, told.objects, told.attempts]
}

/// What the log tells.
struct Told {
    requests: Family,
    objects: Family,
    attempts: Family,
    counts: BTreeMap<Kind, u64>,
}

impl Told {
    fn new(beginning: &[Object]) -> Told {
        let requests = Family::new(
            "apiserver_request_total",
            "counter",
            "Requests that were answered; renewals of leases are computed and not counted.",
        );
        let help = "Objects in the store.";
        let objects = Family::new("apiserver_resource_objects", "gauge", help);
        let help = "Attempts to schedule pods, by result.";
        let attempts = Family::new("scheduler_schedule_attempts_total", "counter", help);
        let mut told = Told { requests, objects, attempts, counts: BTreeMap::new() };
        for object in beginning {
            *told.counts.entry(object.kind()).or_default() += 1;
        }
        for (kind, count) in &told.counts {
            told.objects.set(&resource(*kind), SimTime::ZERO, *count);
        }
        told
    }

    fn written(&mut self, write: &WriteNote, at: SimTime) {
        let (change, origin) = (&write.change, &write.origin);
        let kind = change.object.kind();
        let row = kind.row();
        let code = if origin.verb == "create" { "201" } else { "200" };
        let verb = verb_of(origin.verb);
        self.requests.add(&request(&verb, row.group, row.plural, origin.subresource, code), at);
        if change.old.is_none() || change.deleted {
            let count = self.counts.entry(kind).or_default();
            *count = if change.deleted { count.saturating_sub(1) } else { *count + 1 };
            self.objects.set(&resource(kind), at, *count);
        }
        if let Some(result) = attempt(&change.object, origin.subresource) {
            let of = labels(&[("profile", "default-scheduler"), ("result", result)]);
            self.attempts.add(&of, at);
        }
    }

    fn refused(&mut self, refused: &RefusedNote, at: SimTime) {
        let (plural, part) = refused.resource.split_once('/').unwrap_or((&refused.resource, ""));
        let (verb, code) = (verb_of(refused.verb), refused.refusal.code.to_string());
        self.requests.add(&request(&verb, group_of(plural), plural, part, &code), at);
    }

    /// Reads that were asked for, as far as they were measured.
    fn reads(&mut self, gauges: Option<&Gauges>) {
        let reads = gauges.into_iter().flat_map(Gauges::series);
        for (series, points) in reads.filter(|(series, _)| series.label.0 == "resource") {
            let plural = series.label.1.as_str();
            let of = request(&verb_of(series.metric), group_of(plural), plural, "", "200");
            for (at, value) in points {
                self.requests.set(&of, *at, *value);
            }
        }
    }
}

fn resource(kind: Kind) -> String {
    let row = kind.row();
    labels(&[("group", row.group), ("resource", row.plural)])
}

fn group_of(plural: &str) -> &'static str {
    let kind = Kind::all().find(|kind| kind.row().plural == plural);
    kind.map_or("", |kind| kind.row().group)
}

/// The labels of a request. The scope of reads is not known where they are counted.
fn request(verb: &str, group: &str, resource: &str, part: &str, code: &str) -> String {
    let scope = if ["LIST", "WATCH"].contains(&verb) { ("", "") } else { ("scope", "resource") };
    labels(&[
        ("code", code),
        ("component", "apiserver"),
        ("group", group),
        ("resource", resource),
        scope,
        ("subresource", part),
        ("verb", verb),
        ("version", version_of(resource)),
    ])
}

fn version_of(plural: &str) -> &'static str {
    Kind::all().find(|kind| kind.row().plural == plural).map_or("", |kind| kind.row().version)
}

/// What an attempt to schedule a pod came to, as its traces in the store tell it.
fn attempt(object: &Object, subresource: &str) -> Option<&'static str> {
    if matches!(object, Object::Pod(_)) && subresource == "binding" {
        return Some("scheduled");
    }
    let event = object.as_a::<Event>()?;
    (event.body.reason == "FailedScheduling").then_some("unschedulable")
}

/// The families that are read from gauges: the gauge's name, the metric, and what it tells.
const GAUGES: &[(&str, &str, &str)] = &[
    ("workqueue_depth", "workqueue_depth", "Keys that wait to be worked on."),
    (
        "scheduler_pending_pods",
        "scheduler_pending_pods",
        "Pods that wait, by queue; the gated among the unschedulable.",
    ),
    ("up", "up", "Whether the process runs."),
    ("etcd_revision", "etcd_debugging_mvcc_current_revision", "The revision of the store."),
    ("workqueue_waiting", "wavetank_workqueue_waiting", "Keys that are to be added later."),
    ("workqueue_unfinished", "wavetank_workqueue_unfinished", "Keys that are being worked on."),
    (
        "informer_changes_behind",
        "wavetank_informer_changes_behind",
        "Changes of the store that an informer has not seen.",
    ),
    (
        "watch_cache_behind",
        "wavetank_watch_cache_behind",
        "Revisions by which a watch cache is behind etcd.",
    ),
];

fn of_gauges(gauges: &Gauges) -> Vec<Family> {
    let one = |(gauge, name, help): &(&'static str, &'static str, &'static str)| {
        let mut family = Family::new(name, "gauge", help);
        for (series, points) in gauges.series().filter(|(series, _)| series.metric == *gauge) {
            let of = labels(&[("job", &series.component), (series.label.0, &series.label.1)]);
            family.series.insert(of, points.to_vec());
        }
        family
    };
    GAUGES.iter().map(one).collect()
}
