//! What people are told when no node was found.

use std::collections::BTreeMap;

use crate::api::Name;
use crate::scheduler::framework::{Refused, Running};

/// What an event's note may have at most, in bytes.
///
/// Source: kubernetes v1.36 pkg/scheduler/schedule_one.go, `truncateMessage`
const LONGEST_NOTE: usize = 1024;

/// `0/5 nodes are available: 2 Insufficient cpu, 3 …`, the reasons sorted as text with their
/// numbers in front.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/types.go, `FitError.Error`
pub fn unavailable(nodes: usize, reasons: &BTreeMap<Name, usize>) -> String {
    let mut texts: Vec<String> = reasons.iter().map(|(why, n)| format!("{n} {why}")).collect();
    texts.sort_unstable();
    if texts.is_empty() {
        return format!("0/{nodes} nodes are available:");
    }
    format!("0/{nodes} nodes are available: {}.", texts.join(", "))
}

/// How many nodes were refused for each reason. One node may count for several.
pub fn histogram(refused: &[(u32, u8, Refused)], filters: &[Running]) -> BTreeMap<Name, usize> {
    let mut counts = vec![[0_usize; 64]; filters.len()];
    for (_, filter, why) in refused {
        why.bits().for_each(|bit| counts[usize::from(*filter)][bit as usize] += 1);
    }
    let mut reasons = BTreeMap::new();
    for ((_, filter), counts) in filters.iter().zip(&counts) {
        for (bit, n) in (0..).zip(counts).filter(|(_, n)| **n > 0) {
            *reasons.entry(filter.reason(bit)).or_default() += n;
        }
    }
    reasons
}

/// Cut to what an event may hold.
///
/// Source: kubernetes v1.36 pkg/scheduler/schedule_one.go, `truncateMessage`
pub fn note(message: &str) -> String {
    const SUFFIX: &str = " ...";
    if message.len() <= LONGEST_NOTE {
        return message.to_owned();
    }
    let mut end = LONGEST_NOTE - SUFFIX.len();
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{SUFFIX}", &message[..end])
}
