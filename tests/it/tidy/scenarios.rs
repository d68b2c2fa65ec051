//! Every scenario says what it is, and has its golden outcome beside it.

use super::none;
use super::source::{File, files};

fn has(file: &File, field: &str) -> bool {
    let line = file.text.lines().find_map(|line| line.strip_prefix(field));
    line.is_some_and(|rest| !rest.trim().is_empty())
}

#[test]
fn a_scenario_has_a_name_and_says_what_it_is_about() {
    let mut complaints = Vec::new();
    for file in files("scenarios", ".yaml") {
        for field in ["name:", "about:"] {
            if !has(&file, field) {
                complaints.push(format!("{}: no `{field}`", file.path));
            }
        }
    }
    none(&complaints);
}

#[test]
fn a_scenario_has_its_golden_timeline_and_no_timeline_is_left_over() {
    let of = |end| files("scenarios", end).into_iter().map(move |f| f.path.replace(end, ""));
    let scenarios: Vec<String> = of(".yaml").collect();
    let timelines: Vec<String> = of(".timeline").collect();
    let without = scenarios.iter().filter(|name| !timelines.contains(name));
    let over = timelines.iter().filter(|name| !scenarios.contains(name));
    let complaints = without.map(|name| format!("{name}.yaml: no timeline (UPDATE=1 writes it)"));
    none(&complaints.chain(over.map(|n| format!("{n}.timeline: no scenario"))).collect::<Vec<_>>());
}
