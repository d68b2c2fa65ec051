//! `kubectl top`.

use std::fmt::Write as _;

use crate::api::Name;
use crate::api::autoscaling::metric::{NodeMetrics, PodMetrics, Usage};
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::human_duration;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::Reason;
use crate::api::request::ListOptions;
use crate::api::resource::Resources;
use crate::scenario::kubectl::{TopNodes, TopPods, TopSortBy};
use crate::scenario::print::tab;
use crate::scenario::terminal::Scene;
use crate::scenario::terminal::failure::Failure;
use crate::scenario::terminal::script::{Play, Script};

/// Cells of a row, each with its tab.
fn row(out: &mut String, cells: &[&str]) {
    for cell in cells {
        let _ = write!(out, "{cell}\t");
    }
    out.push('\n');
}

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/metricsutil/metrics_printer.go,
/// `printSingleResourceUsage`
fn shown(usage: Usage) -> (String, String) {
    let milli = usage.milli("cpu").unwrap_or(0);
    (format!("{milli}m"), format!("{}Mi", usage.bytes / (1 << 20)))
}

/// The order of rows: by a resource, the highest first, or by name.
fn order(sort: Option<TopSortBy>, usage: Usage, name: &Name) -> (std::cmp::Reverse<u64>, Name) {
    let by = match sort {
        None => 0,
        Some(TopSortBy::Cpu) => usage.nanocores,
        Some(TopSortBy::Memory) => usage.bytes,
    };
    (std::cmp::Reverse(by), name.clone())
}

/// What is asked for, as a list of one or many.
fn metrics(
    script: &mut Script<'_>,
    kind: Kind,
    namespace: &Name,
    name: Option<&str>,
    options: &ListOptions,
) -> Play<Vec<Object>> {
    let asked = match name {
        Some(name) => {
            let key = ObjectKey::new(kind, namespace, name);
            script.attempt(|s| s.get(&key).map(|o| vec![o]))?
        }
        None => script.attempt(|s| s.list(options).map(|l| l.items))?,
    };
    match asked {
        Ok(items) => Ok(items),
        // The group is not served at all.
        Err(why) if name.is_none() && why.is(Reason::NotFound) => {
            Err(Failure::text("Metrics API not available").into())
        }
        Err(why) => Err(why.into()),
    }
}

/// Runs `kubectl top node`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/top/top_node.go, `RunTopNode`
pub(super) fn nodes(script: &mut Script<'_>, top: &TopNodes) -> Play<()> {
    let labels = top.selector.clone().unwrap_or_default();
    let options = ListOptions { labels: labels.clone(), ..ListOptions::all(Kind::NODE_METRICS) };
    let none = Name::default();
    let found = metrics(script, Kind::NODE_METRICS, &none, top.name.as_deref(), &options)?;
    let nodes = script.list(&ListOptions { labels, ..ListOptions::all(Kind::NODE) })?;
    let mut rows = Vec::new();
    for object in &nodes.items {
        let Some(node) = object.as_a::<Node>() else { continue };
        let name = &node.meta.name;
        if top.name.as_ref().is_some_and(|asked| asked != name) {
            continue;
        }
        let usage = found
            .iter()
            .filter_map(|o| o.as_a::<NodeMetrics>())
            .find(|m| m.meta.name == *name)
            .map(|m| m.usage);
        let key = (usage.is_none(), order(top.sort_by, usage.unwrap_or_default(), name));
        rows.push((key, name.clone(), usage, node.allocatable.clone()));
    }
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    let mut out = String::new();
    if !top.no_headers {
        row(&mut out, &["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"]);
    }
    for (_, name, usage, room) in &rows {
        node_row(&mut out, name, *usage, room);
    }
    script.print(&tab::lay_out(&out, tab::GET));
    Ok(())
}

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/metricsutil/metrics_printer.go,
/// `printAllResourceUsages`
fn node_row(out: &mut String, name: &str, usage: Option<Usage>, room: &Resources) {
    const UNKNOWN: &str = "<unknown>";
    let Some(usage) = usage else { return row(out, &[name, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN]) };
    let share = |used: i64, of: i64| {
        let percent = used.saturating_mul(100).checked_div(of).unwrap_or(0);
        format!("{percent}%")
    };
    let (cpu, memory) = shown(usage);
    let bytes = i64::try_from(usage.bytes).unwrap_or(i64::MAX);
    let (of_cpu, of_memory) =
        (share(usage.milli("cpu").unwrap_or(0), room.milli_cpu), share(bytes, room.memory));
    row(out, &[name, &cpu, &of_cpu, &memory, &of_memory]);
}

/// Runs `kubectl top pod`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/top/top_pod.go, `RunTopPod`
pub(super) fn pods(script: &mut Script<'_>, scene: &Scene, top: &TopPods) -> Play<()> {
    let all = top.all_namespaces;
    let namespace = if all { Name::default() } else { scene.namespace.clone() };
    let labels = top.selector.clone().unwrap_or_default();
    let list = |kind| ListOptions {
        labels: labels.clone(),
        namespace: namespace.clone(),
        ..ListOptions::all(kind)
    };
    let options = list(Kind::POD_METRICS);
    let found = metrics(script, Kind::POD_METRICS, &namespace, top.name.as_deref(), &options)?;
    if found.is_empty() {
        return nothing(script, &list(Kind::POD), all);
    }
    let mut rows: Vec<_> = found
        .iter()
        .filter_map(|o| o.as_a::<PodMetrics>())
        .map(|m| (m.meta.namespace.clone(), order(top.sort_by, total(m), &m.meta.name), m))
        .collect();
    if top.sort_by.is_some() {
        rows.sort_by(|a, b| a.1.cmp(&b.1));
    } else {
        rows.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    }
    let mut out = String::new();
    let of_namespace = |cells: &mut Vec<String>, text: &str| {
        if all {
            cells.push(text.to_owned());
        }
    };
    if !top.no_headers {
        let mut cells = Vec::new();
        of_namespace(&mut cells, "NAMESPACE");
        cells.extend(top.containers.then(|| "POD".to_owned()));
        cells.extend(["NAME", "CPU(cores)", "MEMORY(bytes)"].map(str::to_owned));
        row(&mut out, &cells.iter().map(String::as_str).collect::<Vec<_>>());
    }
    for (_, _, pod) in rows {
        let one = [(pod.meta.name.clone(), total(pod))];
        let lines = if top.containers { &pod.containers[..] } else { &one[..] };
        for (name, usage) in lines {
            let mut cells = Vec::new();
            of_namespace(&mut cells, &pod.meta.namespace);
            cells.extend(top.containers.then(|| pod.meta.name.to_string()));
            let (cpu, memory) = shown(*usage);
            cells.extend([name.to_string(), cpu, memory]);
            row(&mut out, &cells.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
    script.print(&tab::lay_out(&out, tab::GET));
    Ok(())
}

fn total(pod: &PodMetrics) -> Usage {
    let sum = |of: fn(&Usage) -> u64| pod.containers.iter().map(|(_, u)| of(u)).sum();
    Usage { nanocores: sum(|u| u.nanocores), bytes: sum(|u| u.bytes) }
}

/// No pod has figures: there is none, or one that should have some has not.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/top/top_pod.go,
/// `verifyEmptyMetrics`
fn nothing(script: &mut Script<'_>, options: &ListOptions, all: bool) -> Play<()> {
    let pods = script.list(options)?;
    let now = script.now();
    let Some(pod) = pods.items.iter().find_map(|o| o.as_a::<Pod>()) else {
        script.say(&if all {
            "No resources found".to_owned()
        } else {
            format!("No resources found in {} namespace.", options.namespace)
        });
        return Ok(());
    };
    let age = now.since(pod.meta.creation.unwrap_or(now));
    let age = human_duration::human_duration(i64::try_from(age.0).unwrap_or(i64::MAX));
    let (namespace, name) = (&pod.meta.namespace, &pod.meta.name);
    Err(Failure::text(&format!("metrics not available for pod {namespace}/{name}, age: {age}"))
        .into())
}
