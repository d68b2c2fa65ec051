//! What was reached: each reason that a controller can give, each refusal, each fault, relist,
//! crash and change of leaders is a mark. A search that has met few of them has proved little.

use std::collections::BTreeMap;

use crate::api::note::Note;

/// How often each mark was met.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Marks(pub BTreeMap<String, u32>);

impl Marks {
    /// Meets what an entry of the log says; true when that is new.
    pub fn meet(&mut self, note: &Note) -> bool {
        let Some(mark) = mark(note) else { return false };
        let count = self.0.entry(mark).or_default();
        *count += 1;
        *count == 1
    }

    /// Takes up the marks of another run; gives how many are new.
    pub fn take_up(&mut self, other: &Marks) -> usize {
        let mut new = 0;
        for (mark, count) in &other.0 {
            let known = self.0.entry(mark.clone()).or_default();
            new += usize::from(*known == 0);
            *known += count;
        }
        new
    }

    /// How many different ones were met.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none was met.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What a search that proves something has met sometimes: in words, and how its mark ends or
/// begins.
const WANTED: &[(&str, Meant)] = &[
    ("a write met a conflict", Meant::Ends(" answered 409")),
    ("the answer to a write was lost", Meant::Ends(" answered 0")),
    ("a write was refused for no fault of its own", Meant::Ends(" answered 500")),
    ("a client listed anew", Meant::Ends(": relist")),
    ("a watch was cut", Meant::Ends(": watch-cut")),
    ("a component crashed", Meant::Begins("fault: container-kill")),
    ("a component stood still", Meant::Begins("fault: pause")),
    ("a client saw changes late", Meant::Begins("fault: watch-lag")),
    ("a client missed changes", Meant::Begins("fault: watch-skip")),
    ("a component saw the past", Meant::Begins("fault: time-travel")),
    ("a kubelet was restarted", Meant::Begins("fault: kubelet-restart")),
    ("a node was lost", Meant::Begins("fault: node-stop")),
    ("a node was cut off", Meant::Begins("fault: network-partition")),
    ("messages overtook each other", Meant::Begins("fault: shuffle")),
];

/// How a mark is known.
#[derive(Clone, Copy)]
enum Meant {
    Begins(&'static str),
    Ends(&'static str),
}

impl Marks {
    /// What was never met of that which a search should meet sometimes, in words.
    pub fn unmet(&self) -> Vec<&'static str> {
        let is = |mark: &str, meant: Meant| match meant {
            Meant::Begins(text) => mark.starts_with(text),
            Meant::Ends(text) => mark.ends_with(text),
        };
        let met = |meant: Meant| self.0.keys().any(|mark| is(mark, meant));
        WANTED.iter().filter(|(_, meant)| !met(*meant)).map(|(words, _)| *words).collect()
    }
}

/// The mark of an entry of the log.
fn mark(note: &Note) -> Option<String> {
    match note {
        Note::Write(write) => {
            let text = write.origin.why.text();
            (!text.is_empty()).then(|| format!("{}: {text}", class(&write.origin.user)))
        }
        Note::Refused(refused) => {
            let (user, resource) = (class(&refused.user), &refused.resource);
            Some(format!("{user}: {} {resource} answered {}", refused.verb, refused.refusal.code))
        }
        Note::Fault(fault) if fault.begins => Some(format!("fault: {}", fault.fault)),
        Note::Mark(mark) => Some(format!("{}: {}", class(&mark.who), mark.mark)),
        Note::Step(_) | Note::Fault(_) => None,
    }
}

/// All kubelets are one.
fn class(user: &str) -> &str {
    if user.starts_with("kubelet/") { "kubelet" } else { user }
}
