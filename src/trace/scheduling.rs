//! Attempts to find a node for a pod, as they are told: which plugin refused which node and why,
//! what each plugin gave to those that were left, and which was chosen.
//!
//! Responsible for the form alone, as a row of a trace (keys and values of
//! kube-scheduler-simulator) and as text that stays readable with any number of nodes. It never
//! works out a verdict.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::api::Name;
use crate::scheduler::component::told;
use crate::sim::time::SimTime;
use crate::trace::timeline::clock;

/// What the keys of the annotations begin with.
const PREFIX: &str = "kube-scheduler-simulator.sigs.k8s.io/";

/// No line is longer, where words can be broken.
const WIDTH: usize = 100;

/// What stands before the lines under the first one.
const INDENT: usize = 10;

/// So many nodes have their scores shown side by side, the best first, if the width allows it.
const COLUMNS: usize = 6;

/// Of a node's name so much is shown above its scores.
const NAME: usize = 24;

/// So many refused nodes are named for each reason.
const NAMED: usize = 4;

/// One attempt.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Attempt {
    /// When it ended.
    pub at: SimTime,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The scheduler's name.
    pub scheduler: String,
    /// For which time, from 1.
    pub number: u64,
    /// How many nodes the scheduler knew of.
    pub nodes: u64,
    /// The node that was chosen; empty for none.
    pub chosen: String,
    /// The node on which room is made; empty for none.
    pub nominated: String,
    /// Why none was chosen.
    pub message: String,
    /// The verdict as kube-scheduler-simulator writes it on pods.
    pub annotations: BTreeMap<String, String>,
}

impl From<&told::Attempt> for Attempt {
    fn from(made: &told::Attempt) -> Attempt {
        let told = made.verdict.annotations(made.chosen.as_deref());
        let text = |name: &Option<Name>| name.as_deref().unwrap_or_default().to_owned();
        Attempt {
            at: made.at,
            namespace: made.namespace.to_string(),
            pod: made.pod.to_string(),
            scheduler: made.scheduler.to_string(),
            number: u64::from(made.number),
            nodes: made.nodes as u64,
            chosen: text(&made.chosen),
            nominated: text(&made.nominated),
            message: made.message.clone(),
            annotations: told.into_iter().map(|(key, value)| (key.to_string(), value)).collect(),
        }
    }
}

impl Attempt {
    /// One step of the verdict: by node, or by plugin.
    fn step(&self, name: &str) -> Map<String, Value> {
        let text = self.annotations.get(&format!("{PREFIX}{name}"));
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// The attempt in words.
    pub fn text(&self) -> String {
        let filters = self.step("filter-result");
        let finals = self.step("finalscore-result");
        let refused = refusals(&filters);
        let looked_at = filters.len();
        let would_do = looked_at - refused.values().map(Vec::len).sum::<usize>();
        let mut out = format!(
            "{:>8}  pod {}/{}, attempt {} of {}: {}\n",
            clock(self.at),
            self.namespace,
            self.pod,
            self.number,
            self.scheduler,
            self.outcome(would_do, looked_at),
        );
        for (plugin, told) in self.step("prefilter-status").iter().chain(&self.narrowing()) {
            if told != "success" {
                line(&mut out, &format!("{plugin}: {}", words(told)));
            }
        }
        if !refused.is_empty() {
            line(&mut out, "refused:");
            refusal_lines(&refused, &mut out);
        }
        if !finals.is_empty() {
            self.scores(&finals, &mut out);
        } else if would_do == 1 && !self.chosen.is_empty() {
            line(&mut out, "only one node would do: nothing was scored");
        }
        out
    }

    fn outcome(&self, would_do: usize, looked_at: usize) -> String {
        if self.chosen.is_empty() {
            let room = match self.nominated.as_str() {
                "" => String::new(),
                node => format!("; room is made on {node}"),
            };
            return format!("no node\n{}", wrapped(&format!("{}{room}", self.message)));
        }
        let all = if looked_at as u64 == self.nodes {
            format!("all {looked_at}")
        } else {
            format!("{looked_at} of {}", self.nodes)
        };
        format!("{}\n          {would_do} would do, {all} nodes were looked at", self.chosen)
    }

    /// The plugins that left only some nodes to be looked at, and which.
    fn narrowing(&self) -> Map<String, Value> {
        let all = self.step("prefilter-result").into_iter();
        all.map(|(plugin, nodes)| (plugin, format!("only {}", words(&nodes)).into())).collect()
    }

    /// The scores: a row a plugin, a column a node, the best nodes first.
    fn scores(&self, finals: &Map<String, Value>, out: &mut String) {
        let raw = self.step("score-result");
        let mut nodes: Vec<(&str, i64)> =
            finals.iter().map(|(node, row)| (node.as_str(), total(row))).collect();
        nodes.sort_by_key(|(node, total)| (-total, *node != self.chosen));
        let (best, least) = (nodes[0].1, nodes[nodes.len() - 1].1);
        let equals = nodes.iter().filter(|(_, total)| *total == best).count();
        let plugins: Vec<&String> = finals
            .values()
            .next()
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(plugin, _)| plugin)
            .collect();
        let table = |nodes: &[(&str, i64)]| {
            let mut table = vec![vec!["scores (weighted; raw)".to_owned()]];
            table[0].extend(nodes.iter().map(|(node, _)| clipped(node)));
            for plugin in &plugins {
                let cell = |node: &str| {
                    let (last, first) = (word(&finals[node], plugin), word(&raw[node], plugin));
                    if last == first { last } else { format!("{last} ({first})") }
                };
                let row = nodes.iter().map(|(node, _)| cell(node));
                table.push(std::iter::once((*plugin).clone()).chain(row).collect());
            }
            let totals = nodes.iter().map(|(_, total)| total.to_string());
            table.push(std::iter::once("total".to_owned()).chain(totals).collect());
            table
        };
        let fits = |count: &usize| width(&table(&nodes[..*count])) <= WIDTH;
        let shown = (2..=nodes.len().min(COLUMNS)).rev().find(fits).unwrap_or(1);
        let left = nodes.len() - shown;
        columns(&table(&nodes[..shown]), out);
        if left > 0 {
            line(out, &format!("… {left} more nodes, totals from {least} to {best} in all"));
        }
        if equals > 1 {
            line(out, &format!("{} was drawn among {equals} with {best}", self.chosen));
        }
    }
}

/// The sum of the weighted scores of a node.
fn total(row: &Value) -> i64 {
    let all = row.as_object().into_iter().flatten();
    all.filter_map(|(_, n)| n.as_str()?.parse::<i64>().ok()).sum()
}

fn word(row: &Value, plugin: &str) -> String {
    row[plugin].as_str().unwrap_or("-").to_owned()
}

fn words(value: &Value) -> String {
    match value {
        Value::Array(all) => all.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(&format!("{:>INDENT$}{text}\n", ""));
}

/// The refused nodes by plugin and reason.
fn refusals(filters: &Map<String, Value>) -> BTreeMap<(&str, &str), Vec<&str>> {
    let mut all: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for (node, row) in filters {
        let row = row.as_object().into_iter().flatten();
        let last =
            row.filter_map(|(plugin, told)| Some((plugin.as_str(), told.as_str()?))).next_back();
        if let Some((plugin, told)) = last.filter(|(_, told)| *told != "passed") {
            all.entry((plugin, told)).or_default().push(node);
        }
    }
    all
}

fn refusal_lines(refused: &BTreeMap<(&str, &str), Vec<&str>>, out: &mut String) {
    let mut rows: Vec<_> = refused.iter().collect();
    rows.sort_by_key(|(why, nodes)| (std::cmp::Reverse(nodes.len()), *why));
    let table = |most: usize| -> Vec<Vec<String>> {
        let row = |((plugin, told), nodes): &(&(&str, &str), &Vec<&str>)| {
            let shown = nodes.len().min(most);
            let mut named = nodes[..shown].join(", ");
            match (shown, nodes.len() - shown) {
                (_, 0) => {}
                (0, _) => named.clear(),
                (_, more) => named.push_str(&format!(", … {more} more")),
            }
            vec![nodes.len().to_string(), (*plugin).to_owned(), (*told).to_owned(), named]
        };
        rows.iter().map(row).collect()
    };
    let fits = |most: &usize| width(&table(*most)) <= WIDTH;
    let most = (1..=NAMED).rev().find(fits).unwrap_or(0);
    columns(&table(most), out);
}

/// A name that is short enough for a column.
fn clipped(name: &str) -> String {
    if name.chars().count() <= NAME {
        return name.to_owned();
    }
    name.chars().take(NAME - 1).chain(['…']).collect()
}

/// A text in lines of the width, each indented.
fn wrapped(text: &str) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column == 0 || column + 1 + length > WIDTH {
            out.push_str(if column == 0 { "" } else { "\n" });
            out.push_str(&" ".repeat(INDENT));
            column = INDENT + length;
        } else {
            out.push(' ');
            column += 1 + length;
        }
        out.push_str(word);
    }
    out
}

/// How wide each column of a table is.
fn widths(table: &[Vec<String>]) -> Vec<usize> {
    let count = table.iter().map(Vec::len).max().unwrap_or(0);
    let wide =
        |n: usize| table.iter().filter_map(|row| row.get(n)).map(|c| c.chars().count()).max();
    (0..count).map(|n| wide(n).unwrap_or(0)).collect()
}

/// How wide a table is as it is shown.
fn width(table: &[Vec<String>]) -> usize {
    let widths = widths(table);
    INDENT + widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1)
}

/// A table; cells that begin with a digit stand at the right of their column.
fn columns(table: &[Vec<String>], out: &mut String) {
    let widths = widths(table);
    for row in table {
        let cells = row.iter().zip(&widths).map(|(cell, width)| {
            if cell.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        });
        let text = cells.collect::<Vec<_>>().join("  ");
        line(out, &format!("  {}", text.trim_end()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn attempt(nodes: u64) -> Attempt {
        let (mut filters, mut raw, mut finals) = (Map::new(), Map::new(), Map::new());
        for n in 0..nodes {
            let node = format!("node-{n}");
            if n % 2 == 0 {
                filters.insert(node, json!({"NodeResourcesFit": "Insufficient cpu"}));
                continue;
            }
            filters.insert(node.clone(), json!({"NodeResourcesFit": "passed"}));
            raw.insert(node.clone(), json!({"TaintToleration": "0", "NodeResourcesFit": "40"}));
            finals.insert(node, json!({"TaintToleration": "300", "NodeResourcesFit": "40"}));
        }
        let told =
            [("filter-result", filters), ("score-result", raw), ("finalscore-result", finals)];
        let annotation = |(key, map): (&str, Map<String, Value>)| {
            (format!("{PREFIX}{key}"), Value::Object(map).to_string())
        };
        Attempt {
            namespace: "default".to_owned(),
            pod: "web".to_owned(),
            scheduler: "default-scheduler".to_owned(),
            number: 1,
            nodes,
            chosen: "node-3".to_owned(),
            annotations: told.into_iter().map(annotation).collect(),
            ..Attempt::default()
        }
    }

    #[test]
    fn five_nodes_are_all_named() {
        let text = attempt(5).text();
        let shown: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(
            shown,
            [
                "0.000s  pod default/web, attempt 1 of default-scheduler: node-3",
                "2 would do, all 5 nodes were looked at",
                "refused:",
                "3  NodeResourcesFit  Insufficient cpu  node-0, node-2, node-4",
                "scores (weighted; raw)  node-3   node-1",
                "TaintToleration         300 (0)  300 (0)",
                "NodeResourcesFit             40       40",
                "total                       340      340",
                "node-3 was drawn among 2 with 340",
            ]
        );
    }

    #[test]
    fn five_hundred_nodes_stay_readable() {
        let text = attempt(500).text();
        assert!(text.lines().count() < 12, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.contains("node-6, … 246 more") && text.contains("… 244 more nodes"), "{text}");
    }

    #[test]
    fn long_names_and_messages_are_cut_and_broken() {
        let mut long = attempt(500);
        let rename = |text: &String| {
            text.replace("node-", "ip-10-0-0-1.eu-central-1.compute.internal-")
                .replace("Insufficient cpu", "node(s) didn't match Pod's node affinity/selector")
        };
        long.annotations.values_mut().for_each(|text| *text = rename(text));
        let text = long.text();
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        long.chosen.clear();
        long.message =
            "0/500 nodes are available: 300 Insufficient cpu, 150 node(s) had untolerated \
                        taint(s), 50 node(s) didn't match Pod's node affinity/selector. no new \
                        claims to deallocate, preemption: 0/500 nodes are available: 500 No \
                        preemption victims found for incoming pod."
                .to_owned();
        let text = long.text();
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        let words: Vec<&str> = text.split_whitespace().collect();
        assert!(words.join(" ").contains(&long.message), "{text}");
    }
}
