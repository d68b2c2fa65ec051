use super::*;
use crate::explore::budget::Budget;

/// Pairs that are found within few runs.
const SAMPLE: &[&str] = &["B08", "B11", "B13", "B16", "B18", "U01", "U09", "U57"];

fn measured(id: &str, runs: u64) -> Row {
    let pair = all().into_iter().find(|p| p.id == id).expect("the pair is in the list");
    let options = Options::default();
    let with = Measure { find: Budget::runs(runs), quiet: 6, options };
    measure(&pair, &with).expect("its scenario can be carried out")
}

#[test]
fn bugs_of_a_sample_are_found_and_the_other_sides_are_quiet() {
    for id in SAMPLE {
        let row = measured(id, 400);
        assert!(row.found, "{id} is not found");
        assert!(row.faults.len() <= 5, "{id} takes {:?}", row.faults);
        assert_eq!(row.alarm, None, "{id}");
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
