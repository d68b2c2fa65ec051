//! The story of a failure: what led to it, in at most thirty lines.

use std::collections::BTreeSet;

use crate::api::note::Note;
use crate::check::Breach;
use crate::explore::{Finding, Setting};
use crate::sim::log::Record;
use crate::trace::story::line;

/// So many lines at most.
pub const LINES: usize = 30;

/// Tells how a plan breaks what it breaks.
///
/// # Errors
/// What in the scenario cannot be carried out, in words.
pub fn story(setting: &Setting, finding: &Finding) -> Result<Vec<String>, Vec<String>> {
    let mut world = setting.world(&finding.plan, false)?;
    while world.now() <= finding.breach.at && world.go_on() {
        if world.breaches().iter().any(|b| b.id == finding.breach.id) {
            break;
        }
    }
    let engine = &world.cluster().engine;
    let records: Vec<&Record<Note>> = engine.log().iter().collect();
    let kept = relevant(&records, &finding.breach);
    let mut lines: Vec<String> =
        kept.into_iter().filter_map(|record| line(record, engine.name(record.actor))).collect();
    lines.dedup_by(|a, b| a[9.min(a.len())..] == b[9.min(b.len())..]);
    let most = LINES - 1;
    if lines.len() > most {
        let cut = lines.len() - most + 1;
        // The beginning and the end tell most: the middle is left out.
        let head = most / 2;
        lines.splice(head..head + cut, [format!("{:>9}  … {cut} more", "")]);
    }
    lines.push(format!("{:>9}  BROKEN {}: {}", "", finding.breach.id, finding.breach.what));
    Ok(lines)
}

/// The records that a failure follows from: steps, faults, what was refused, and the causes of the
/// last writes of the kind that is broken.
fn relevant<'a>(records: &[&'a Record<Note>], breach: &Breach) -> Vec<&'a Record<Note>> {
    let mut causes: BTreeSet<u64> = BTreeSet::new();
    let of_kind = |record: &&&Record<Note>| match &record.note {
        Note::Write(w) => {
            !record.note.is_heartbeat()
                && breach.kind.is_none_or(|kind| w.change.object.kind() == kind)
                && !w.origin.user.starts_with("kubelet/")
        }
        Note::Refused(_) | Note::Step(_) | Note::Fault(_) | Note::Mark(_) => false,
    };
    for record in records.iter().rev().filter(of_kind).take(12) {
        let mut turn = record.turn;
        causes.insert(turn);
        while let Some(cause) = cause_of(records, turn) {
            if !causes.insert(cause) {
                break;
            }
            turn = cause;
        }
    }
    let told = |record: &&&Record<Note>| match &record.note {
        Note::Step(_) | Note::Fault(_) => true,
        Note::Mark(mark) => mark.mark == "fault",
        Note::Refused(refused) => refused.user != "weather" && refused.verb != "list",
        Note::Write(_) => causes.contains(&record.turn) && !record.note.is_heartbeat(),
    };
    records.iter().filter(told).copied().collect()
}

fn cause_of(records: &[&Record<Note>], turn: u64) -> Option<u64> {
    let place = records.partition_point(|record| record.turn < turn);
    let record = records.get(place).filter(|record| record.turn == turn)?;
    (record.cause != 0 && record.cause < turn).then_some(record.cause)
}
