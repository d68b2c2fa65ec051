//! One line of a story: an entry of the log in plain words.

use crate::api::note::Note;
use crate::sim::log::Record;
use crate::trace::timeline::clock;
use crate::trace::timeline::words;

/// An entry of the log as a line; none for what nobody asks about.
pub fn line(record: &Record<Note>, actor: &str) -> Option<String> {
    let text = match &record.note {
        Note::Write(write) => {
            let meta = write.change.object.meta();
            let kind = write.change.object.kind();
            if kind == crate::api::object::Kind::EVENT {
                return None;
            }
            let said = words(write, record.time).join(", ");
            let said = if said.is_empty() { plain(write).to_owned() } else { said };
            let why = write.origin.why.to_string();
            let why = if why.is_empty() { why } else { format!(": {why}") };
            format!("{}  {} {} {said}{why}", write.origin.user, kind.name(), meta.name)
        }
        Note::Refused(refused) => {
            let what = format!("{} {} {}", refused.verb, refused.resource, refused.name);
            format!("{}  {what} refused: {}", refused.user, refused.refusal.message)
        }
        Note::Step(step) => format!("$ {}", step.text),
        Note::Fault(fault) => {
            let word = if fault.begins { "begins" } else { "ends" };
            let hit: Vec<&str> = fault.hit.iter().map(crate::api::Name::as_str).collect();
            let on = if hit.is_empty() { "" } else { " on " };
            format!("FAULT {} {word}{on}{}", fault.fault, hit.join(", "))
        }
        Note::Mark(mark) => format!("{}  {} {}", mark.who, mark.mark, mark.detail),
    };
    let _ = actor;
    Some(format!("{:>9}  {text}", clock(record.time)))
}

/// What a write did, when nothing better can be said.
fn plain(write: &crate::api::note::WriteNote) -> &'static str {
    let new = write.change.object.meta();
    match (&write.change.old, write.change.deleted) {
        (_, true) => "gone",
        (None, false) => "created",
        (Some(old), false) if !old.meta().is_deleting() && new.is_deleting() => "is to go",
        (Some(_), false) if write.origin.subresource == "status" => "status changed",
        (Some(_), false) => "changed",
    }
}
