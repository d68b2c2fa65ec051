use super::*;
use crate::explore::budget::Budget;

/// Pairs that are found within few runs, some of each family.
const SAMPLE: &[&str] = &[
    "B08", "B11", "B13", "B16", "B18", "B25", "B27", "B28", "B31", "B54", "B55", "U01", "U09",
    "B01", "U12", "B51", "U40", "U47", "U56", "U57",
];

/// The kinds of places at which the sides of a pair differ are few: this many runs reach them.
const RUNS: u64 = 300;

fn measured(id: &str, runs: u64) -> Row {
    let pair = all().into_iter().find(|p| p.id == id).expect("the pair is in the list");
    let options = Options::default();
    let with = Measure { find: Some(Budget::runs(runs)), quiet: 6, options };
    measure(&pair, &with).expect("its scenario can be carried out")
}

#[test]
fn bugs_of_each_family_are_found_and_the_other_sides_are_quiet() {
    for id in SAMPLE {
        let row = measured(id, RUNS);
        let hit = row.found.unwrap_or_else(|| panic!("{id} is not found"));
        assert!(hit.faults.len() <= 5, "{id} takes {:?}", hit.faults);
        assert_eq!(hit.twin, None, "{id}");
        assert_eq!(row.alarm, None, "{id}");
    }
    let of = |id: &&str| all().iter().find(|p| p.id == *id).map(|p| p.family);
    let families: std::collections::BTreeSet<_> = SAMPLE.iter().filter_map(of).collect();
    assert_eq!(families.len(), FAMILIES.len(), "{families:?}");
}

#[test]
fn the_page_of_known_bugs_has_every_pair_and_no_other() {
    let page = include_str!("../../docs/known-bugs.md");
    let table = page.split("<!-- table: wavetank bugs --quiet").nth(1);
    let table = table.and_then(|rest| rest.split("<!-- end of table -->").next());
    let rows = table.expect("it is there").lines().filter_map(|line| line.strip_prefix("| "));
    let told: Vec<&str> = rows.filter_map(|row| row.split(" | ").next()).skip(1).collect();
    let ids: Vec<&str> = all().iter().map(|p| p.id).collect();
    assert_eq!(
        told, ids,
        "`wavetank bugs --quiet 1000 --page docs/known-bugs.md` writes the table"
    );
    for pair in all() {
        assert!(page.contains(pair.what), "{}: {}", pair.id, pair.what);
    }
}

#[test]
fn every_family_of_mechanisms_has_pairs_and_every_pair_a_family_and_a_number_of_its_own() {
    let all = all();
    for family in 1..=12 {
        assert!(FAMILIES.iter().any(|(n, _)| *n == family), "family {family}");
        assert!(all.iter().any(|p| p.family == family), "family {family} has no pair");
    }
    assert!(all.windows(2).all(|two| two[0].id < two[1].id));
}
