//! The chain of causes: from a record back to where it all began.

use crate::api::note::{Note, RefusedNote, WriteNote};
use crate::sim::log::{Log, Record};
use crate::sim::time::SimTime;
use crate::trace::timeline::{Colour, Options, clock, words};
use crate::trace::why::causes::{Cause, Causes};

/// One link of a chain, as it is shown.
struct Link {
    time: SimTime,
    actor: String,
    what: String,
    why: String,
}

/// The chain from a record back, newest first, drawn.
pub(super) fn chain(log: &Log<Note>, from: &Record<Note>, options: Options) -> String {
    let causes = Causes::new(log);
    let place = causes.records().iter().position(|record| std::ptr::eq(*record, from));
    let mut place = place.expect("the record is one of the log");
    let mut links = Vec::new();
    loop {
        let record = causes.records()[place];
        links.push(link(record));
        let found = causes.of(place);
        if let (Cause::Timer | Cause::Beginning, Some(cut)) = (found, log.cut())
            && record.cause <= cut.turn
        {
            let what = "what led to it is forgotten: the history is cut here".to_owned();
            links.push(Link::last(cut.at, what));
            break;
        }
        match found {
            Cause::Record(cause) => place = cause,
            Cause::Fault(fault) => {
                links.push(link(causes.records()[fault]));
                break;
            }
            Cause::Step(step) => {
                let step = causes.steps()[step].0;
                links.push(Link::last(step.begun, format!("$ {}", step.text)));
                break;
            }
            Cause::Timer => {
                links.push(Link::last(record.time, "a timer: the time has come".to_owned()));
                break;
            }
            Cause::Beginning => {
                links.push(Link::last(SimTime::ZERO, "the beginning of the run".to_owned()));
                break;
            }
        }
    }
    render(&links, options)
}

impl Link {
    fn last(time: SimTime, what: String) -> Link {
        Link { time, actor: String::new(), what, why: String::new() }
    }
}

fn link(record: &Record<Note>) -> Link {
    let (actor, what, why) = match &record.note {
        Note::Write(write) => {
            (write.origin.user.to_string(), told(write, record), write.origin.why.to_string())
        }
        Note::Refused(refused) => (refused.user.to_string(), refused_text(refused), String::new()),
        Note::Step(step) => (String::new(), format!("$ {}", step.text), String::new()),
        Note::Fault(fault) => {
            let word = if fault.begins { "begins" } else { "ends" };
            let what = format!("{} {word}: {}", fault.fault, fault.hit.join(", "));
            ("fault".to_owned(), what, String::new())
        }
        Note::Mark(mark) => {
            (mark.who.to_string(), format!("{}: {}", mark.mark, mark.detail), String::new())
        }
    };
    Link { time: record.time, actor, what, why }
}

fn refused_text(refused: &RefusedNote) -> String {
    let (verb, resource, name) = (refused.verb, &refused.resource, &refused.name);
    format!("{verb} {resource} {name} refused: {}", refused.refusal.message)
}

/// Verb, object, and in plain words what changed.
fn told(write: &WriteNote, record: &Record<Note>) -> String {
    let (origin, object) = (&write.origin, &write.change.object);
    let kind = object.kind().name();
    let part = match origin.subresource {
        "" => String::new(),
        part => format!("/{part}"),
    };
    let mut text = format!("{} {kind}{part} {}", origin.verb, object.meta().name);
    let words = words(write, record.time);
    if !words.is_empty() {
        text = format!("{text}: {}", words.join("; "));
    }
    text
}

/// The links from the newest to the oldest, joined by a line; what leads to a link stands below it.
fn render(links: &[Link], options: Options) -> String {
    let times: Vec<String> = links.iter().map(|link| clock(link.time)).collect();
    let time = times.iter().map(String::len).max().unwrap_or(0);
    let room = options.width.saturating_sub(time + 5).max(20);
    let paint = |text: &str, style: &str| match options.colour {
        Colour::Always if !style.is_empty() => format!("\u{1b}[{style}m{text}\u{1b}[0m"),
        Colour::Always | Colour::Never => text.to_owned(),
    };
    let mut out = String::new();
    for (n, (link, clock)) in links.iter().zip(&times).enumerate() {
        let is_root = n + 1 == links.len();
        let (sign, style) = if is_root { ("◆", "33") } else { ("●", "36") };
        let rail = if is_root { " " } else { "│" };
        let mut lines = wrapped(&format!("{}  {}", link.actor, link.what), room);
        if link.actor.is_empty() {
            lines = wrapped(&link.what, room);
        }
        let first = match lines[0].split_once("  ").filter(|_| !link.actor.is_empty()) {
            Some((actor, what)) => format!("{}  {what}", paint(actor, style)),
            None => lines[0].clone(),
        };
        let head = paint(&format!("{clock:>time$}"), "2");
        out.push_str(&format!("{head} {} {first}\n", paint(sign, style)));
        for line in &lines[1..] {
            out.push_str(&format!("{:time$} {rail}   {line}\n", ""));
        }
        if !link.why.is_empty() {
            for line in wrapped(&format!("because {}", link.why), room) {
                out.push_str(&format!("{:time$} {rail}   {}\n", "", paint(&line, "2")));
            }
        }
    }
    out
}

/// Text in lines of at most so many characters, broken between words where it can be.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for line in text.lines() {
        for word in line.split(' ') {
            let mut word: Vec<char> = word.chars().collect();
            loop {
                let last = lines.last_mut().expect("there is a line");
                let used = last.chars().count();
                let gap = usize::from(used > 0);
                if used + gap + word.len() <= width {
                    last.push_str(&" "[..gap]);
                    last.extend(word);
                    break;
                }
                if used > 0 {
                    lines.push(String::new());
                    continue;
                }
                last.extend(word.drain(..width));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> Vec<Link> {
        let link = |at: u64, actor: &str, what: &str, why: &str| Link {
            time: SimTime(at * 1_000_000),
            actor: actor.to_owned(),
            what: what.to_owned(),
            why: why.to_owned(),
        };
        let long = "update Deployment/status web: not available: 2 pods available of those";
        vec![
            link(105_043, "deployment-controller", long, "3 new pods, 2 available, 3 wanted"),
            link(1_005, "kubelet/node-1", "patch Pod/status web-1: Running", ""),
            link(60, "", "$ kubectl apply -f web.yaml", ""),
        ]
    }

    #[test]
    fn a_chain_is_drawn_and_keeps_to_its_width() {
        let options = Options { width: 60, colour: Colour::Never };
        let drawn = render(&links(), options);
        let expected = "\
105.043s ● deployment-controller  update Deployment/status
         │   web: not available: 2 pods available of those
         │   because 3 new pods, 2 available, 3 wanted
  1.005s ● kubelet/node-1  patch Pod/status web-1: Running
  0.060s ◆ $ kubectl apply -f web.yaml
";
        assert_eq!(drawn, expected);
        let coloured = render(&links(), Options { width: 60, colour: Colour::Always });
        assert!(
            coloured.contains("\u{1b}[36mdeployment-controller\u{1b}[0m  update"),
            "{coloured}"
        );
    }

    #[test]
    fn words_that_are_too_long_are_broken() {
        assert_eq!(wrapped("to abcdefgh", 4), ["to", "abcd", "efgh"]);
        assert_eq!(wrapped("", 4), [""]);
    }
}
