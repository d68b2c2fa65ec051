//! Lines as text: columns, colours, and nothing wider than the page.

use crate::api::Name;
use crate::sim::time::{SimDuration, SimTime};
use crate::trace::timeline;
use crate::trace::timeline::fact::{Fact, Tone};
use crate::trace::timeline::group::Told;
use crate::trace::timeline::{Colour, Options};
use crate::trace::verdict::{Outcome, Verdict};

/// The widest column of actors.
const ACTOR: usize = 24;

/// The column of what happened is no wider; what is longer moves its reason to the right.
const WHAT: usize = 46;

/// So many names are written out.
const NAMES: usize = 3;

/// After a longer pause there is an empty line.
const PAUSE: SimDuration = SimDuration::secs(2);

/// Writes the lines and the verdict.
pub(super) fn render(lines: &[Told], verdict: Option<&Verdict>, options: Options) -> String {
    let page = Page::new(lines, options);
    let mut out = String::new();
    let mut last: Option<&Told> = None;
    for line in lines {
        if last.is_some_and(|last| is_apart(last, line)) {
            out.push('\n');
        }
        let is_same_instant =
            last.is_some_and(|last| clock(last.fact.time) == clock(line.fact.time));
        page.line(line, is_same_instant, &mut out);
        last = Some(line);
    }
    if let Some(verdict) = verdict {
        page.verdict(verdict, &mut out);
    }
    out
}

/// Whether an empty line stands between two lines: before a step or fault, and after a pause.
fn is_apart(last: &Told, line: &Told) -> bool {
    let is_event = |told: &Told| matches!(told.fact.tone, Tone::Step | Tone::Fault);
    (is_event(line) && !is_event(last)) || line.fact.time.since(last.fact.time) > PAUSE
}

/// An instant in seconds, cut to milliseconds: `70.016s`.
pub(crate) fn clock(time: SimTime) -> String {
    let millis = time.0 / 1_000_000;
    format!("{}.{:03}s", millis / 1_000, millis % 1_000)
}

struct Page {
    options: Options,
    clock: usize,
    actor: usize,
    what: usize,
}

impl Page {
    fn new(lines: &[Told], options: Options) -> Page {
        let widest = |widths: &mut dyn Iterator<Item = usize>, most: usize| {
            widths.filter(|width| *width <= most).max().unwrap_or(0)
        };
        let clocks = lines.last().map_or(8, |line| clock(line.last).len());
        let actors = lines.iter().filter(|l| l.fact.tone != Tone::Step);
        let actor = widest(&mut actors.map(|l| actor(l).chars().count()), ACTOR);
        let told = lines.iter().filter(|l| l.fact.tone != Tone::Step && has_reason(l));
        let what = widest(&mut told.map(|l| what(l).chars().count()), WHAT);
        Page { options, clock: clocks.max(8), actor, what }
    }

    fn line(&self, line: &Told, is_same_instant: bool, out: &mut String) {
        let time = if is_same_instant { String::new() } else { clock(line.fact.time) };
        let mut columns = Columns::new(self.options);
        columns.put(&format!("{time:>0$}", self.clock), "2");
        columns.put("  ", "");
        let style = style(line.fact.tone);
        if line.fact.tone == Tone::Step {
            columns.put(&line.fact.what, style);
        } else {
            columns.put(&pad(&actor(line), self.actor), "36");
            columns.put("  ", "");
            let what = what(line);
            let what = if has_reason(line) { pad(&what, self.what) } else { what };
            columns.put(&what, style);
        }
        let reason = line.fact.why.to_string();
        if !reason.is_empty() && has_reason(line) {
            let reason = if line.reasons_differ { format!("{reason}, …") } else { reason };
            columns.put(&format!("  {reason}"), "2");
        }
        columns.end(out);
    }

    fn verdict(&self, verdict: &Verdict, out: &mut String) {
        out.push('\n');
        for expected in &verdict.expectations {
            let style = if expected.outcome == Outcome::Held { "32" } else { "31" };
            let mut columns = Columns::new(self.options);
            columns.put(&format!("{:>1$}", clock(expected.at), self.clock), "2");
            columns.put(&format!("  {:<6}", expected.outcome.as_str()), style);
            columns.put(&format!("  {}", expected.text), "");
            if !expected.detail.is_empty() {
                columns.put(&format!("  {}", expected.detail), "2");
            }
            columns.end(out);
        }
        if let Some(error) = &verdict.error {
            let mut columns = Columns::new(self.options);
            columns.put(&format!("{:>1$}  error: {error}", "", self.clock), "31");
            columns.end(out);
        }
        let (end, turns, writes) = (clock(verdict.end), verdict.turns, verdict.writes);
        let width = self.clock;
        let digest = verdict.digest;
        let mut columns = Columns::new(self.options);
        let text = format!("{end:>width$}  end: {turns} turns, {writes} writes, digest {digest}");
        columns.put(&text, "");
        columns.end(out);
    }
}

/// The SGR parameters of a tone.
fn style(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "",
        Tone::Good => "32",
        Tone::Bad => "31",
        Tone::Step => "1",
        Tone::Fault => "33",
    }
}

/// Who did it; kubelets together where there are several.
fn actor(line: &Told) -> String {
    let actor = &line.fact.actor;
    match actor.split_once('/') {
        Some((class, _)) if line.actors_differ => format!("{class}s"),
        Some(_) | None => actor.to_string(),
    }
}

/// Reasons are left out where they only say again what happened.
fn has_reason(line: &Told) -> bool {
    let why = &line.fact.why;
    let echoes = line.fact.actor.starts_with("kubelet/") && line.fact.tone == Tone::Good;
    let is_phase = line.fact.what == "Running";
    !why.is_empty() && !echoes && !is_phase
}

/// What happened: to whom, what, and what differs.
fn what(line: &Told) -> String {
    let fact = &line.fact;
    let mut text = subject(line);
    if let Some((from, to)) = fact.span {
        text = format!("{text} {from} → {to}");
    }
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(&one_line(&fact.what));
    if let Some(details) = details(line) {
        text = format!("{text} {details}");
    }
    if line.count > line.distinct() && fact.span.is_none() {
        text = format!("{text} ×{}", line.count);
    }
    text
}

/// One line, not laid out.
pub(super) fn told(line: &Told) -> timeline::Told {
    let what = what(line);
    let is_step = line.fact.tone == Tone::Step;
    let text = if is_step { line.fact.what.clone() } else { format!("{} {what}", actor(line)) };
    let why = if has_reason(line) { line.fact.why.to_string() } else { String::new() };
    timeline::Told { time: line.fact.time, text, why, tone: line.fact.tone }
}

/// What happened, without to whom.
pub(super) fn phrase(fact: &Fact) -> String {
    let mut text = one_line(&fact.what);
    if let Some((from, to)) = fact.span {
        text = format!("{from} → {to} {text}");
    }
    if fact.detail.is_empty() { text } else { format!("{text} {}", fact.detail) }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `Pod web-1`, `Pods web-{a, b}`, `98 Pods web-*`.
fn subject(line: &Told) -> String {
    let (fact, distinct) = (&line.fact, line.distinct());
    let (kind, stem) = (fact.kind, &fact.stem);
    if kind.is_empty() {
        return fact.name.to_string();
    }
    if distinct <= 1 {
        return format!("{kind} {stem}{}", fact.name);
    }
    if distinct > NAMES || distinct < line.count {
        return format!("{distinct} {kind}s {stem}*");
    }
    let names = line.names.iter().map(Name::as_str).collect::<Vec<_>>().join(",");
    format!("{kind}s {stem}{{{names}}}")
}

/// What differs from sibling to sibling: written out, or how many there are.
fn details(line: &Told) -> Option<String> {
    if line.details.iter().all(Name::is_empty) {
        return None;
    }
    let mut all: Vec<&str> = line.details.iter().map(Name::as_str).collect();
    if all.iter().all(|detail| *detail == all[0]) {
        return Some(all[0].to_owned());
    }
    if all.len() <= NAMES {
        return Some(all.join(", "));
    }
    all.sort_unstable();
    all.dedup();
    Some(if all.len() <= NAMES { all.join(", ") } else { format!("{} nodes", all.len()) })
}

fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.chars().count());
    format!("{text}{}", " ".repeat(missing))
}

/// A line that is being put together.
struct Columns {
    text: String,
    room: usize,
    colour: Colour,
}

impl Columns {
    fn new(options: Options) -> Columns {
        Columns { text: String::new(), room: options.width, colour: options.colour }
    }

    /// Adds text in a style, as far as there is room.
    fn put(&mut self, text: &str, style: &str) {
        let width = text.chars().count();
        let cut: String = if width <= self.room {
            text.to_owned()
        } else if self.room == 0 {
            return;
        } else {
            text.chars().take(self.room - 1).chain(['…']).collect()
        };
        self.room = self.room.saturating_sub(width);
        if self.colour == Colour::Never || style.is_empty() || cut.trim().is_empty() {
            self.text.push_str(&cut);
        } else {
            self.text.extend(["\u{1b}[", style, "m", &cut, "\u{1b}[0m"]);
        }
    }

    fn end(self, out: &mut String) {
        out.push_str(self.text.trim_end());
        out.push('\n');
    }
}
