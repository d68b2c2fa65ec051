//! A window of a run as a Mermaid sequence diagram.

use crate::api::note::Note;
use crate::sim::log::Log;
use crate::sim::time::SimTime;
use crate::trace::export::messages::{APISERVER, ETCD, Message, What, messages};
use crate::trace::timeline::clock;

/// What of a run is drawn.
#[derive(Clone, Debug)]
pub struct Window {
    /// From this instant on.
    pub from: SimTime,
    /// Up to this instant.
    pub to: SimTime,
    /// Only what these say and hear; everybody when it is empty. `kubelet` stands for all.
    pub actors: Vec<String>,
    /// So many messages at most; what is left out is said.
    pub most: usize,
}

impl Default for Window {
    fn default() -> Self {
        Window { from: SimTime::ZERO, to: SimTime::NEVER, actors: Vec::new(), most: 200 }
    }
}

impl Window {
    fn takes(&self, message: &Message) -> bool {
        let is_in = |name: &str| {
            self.actors.iter().any(|a| {
                a == name || name.strip_prefix(a.as_str()).is_some_and(|n| n.starts_with('/'))
            })
        };
        let is_apart = matches!(message.what, What::Fault | What::Step);
        let wanted =
            self.actors.is_empty() || is_apart || is_in(&message.from) || is_in(&message.to);
        message.time >= self.from && message.time <= self.to && wanted
    }
}

/// The diagram.
pub fn mermaid(log: &Log<Note>, window: &Window) -> String {
    let all: Vec<Message> = messages(log).into_iter().filter(|m| window.takes(m)).collect();
    // What is asked by somebody who is drawn is also stored.
    let shown = &all[..all.len().min(window.most)];
    let mut out = String::from("sequenceDiagram\n    autonumber\n");
    for name in participants(shown) {
        out.push_str(&format!("    participant {} as {}\n", id(&name), plain(&name)));
    }
    for message in shown {
        out.push_str(&line(message));
    }
    if all.len() > shown.len() {
        let left = all.len() - shown.len();
        let over = id(&shown[0].from);
        out.push_str(&format!("    Note over {over}: {left} further messages are not drawn\n"));
    }
    out
}

/// Who takes part: the person first, the apiserver and the store last.
fn participants(messages: &[Message]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in messages.iter().flat_map(|m| [&m.from, &m.to]) {
        if !names.contains(name) && name != APISERVER && name != ETCD {
            names.push(name.clone());
        }
    }
    names.sort_by_key(|name| name != "kubectl");
    names.extend([APISERVER.to_owned(), ETCD.to_owned()]);
    names
}

fn line(message: &Message) -> String {
    let (from, to) = (id(&message.from), id(&message.to));
    let text = plain(&message.text);
    let at = clock(message.time);
    match message.what {
        What::Step => format!("    Note over {from}: {at} $ {text}\n"),
        What::Fault => format!("    Note over {from}: {at} {text}\n"),
        What::Noticed => format!("    {from}--){to}: notices {text}\n"),
        What::Asked => format!("    {from}->>{to}: {text}\n"),
        What::Refused => format!("    {from}--x{to}: {text}\n"),
        What::Stored => format!("    {from}->>{to}: {at} stores {text}\n"),
    }
}

/// A participant's name as Mermaid takes it.
fn id(name: &str) -> String {
    let part = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    // `end` closes a block.
    format!("p_{}", name.chars().map(part).collect::<String>())
}

/// An arrow's text is drawn on one line, and no longer than this.
const WIDEST: usize = 72;

/// A text without what Mermaid reads as its own.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let cut = if text.chars().count() > WIDEST { WIDEST - 1 } else { WIDEST };
    for c in text.chars().take(cut) {
        match c {
            ';' => out.push(','),
            '#' => out.push_str("#35;"),
            '\n' => out.push(' '),
            other => out.push(other),
        }
    }
    if cut < WIDEST {
        out.push('…');
    }
    out
}
