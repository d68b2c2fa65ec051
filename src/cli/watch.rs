//! `wavetank run --watch`: plays a run in the terminal.
//!
//! Responsible for showing a run that is over at any of its instants: desired beside observed,
//! nodes and their pods, and the timeline up to there. It never touches the run.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Row, Table};

use crate::api::core::node::Node;
use crate::api::core::pod::{Pod, PodPhase};
use crate::api::note::Note;
use crate::api::object::{Kind, ObjectKey};
use crate::scenario::spec::Timeline as Sort;
use crate::scenario::world::World;
use crate::sim::log::Log;
use crate::sim::time::{SimDuration, SimTime};
use crate::trace::export::messages;
use crate::trace::history::History;
use crate::trace::page::aim_of;
use crate::trace::timeline::{Told, clock, told};
use crate::trace::verdict::Outcome;

/// The terminal is asked for keys so often.
const TICK: Duration = Duration::from_millis(50);

/// The paces: what a tick moves.
const PACES: &[(&str, Pace)] = &[
    ("1 line a second", Pace::Lines(20)),
    ("3 lines a second", Pace::Lines(7)),
    ("10 lines a second", Pace::Lines(2)),
    ("20 lines a second", Pace::Lines(1)),
    ("real time", Pace::Real(1)),
    ("10 times real time", Pace::Real(10)),
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pace {
    /// The next line of the timeline after so many ticks.
    Lines(u32),
    /// So many times as fast as a clock.
    Real(u64),
}

/// A run that is played.
struct Play {
    title: String,
    history: History,
    lines: Vec<Told>,
    /// When desired and observed part, when they agree again, and when expectations failed.
    partings: Vec<SimTime>,
    meetings: Vec<SimTime>,
    failures: Vec<SimTime>,
    begin: SimTime,
    end: SimTime,
    now: SimTime,
    /// So many lines are shown: several of one instant come one by one.
    shown: usize,
    playing: bool,
    pace: usize,
    ticks: u32,
}

/// Plays a world that has run, until the person has seen enough.
///
/// # Errors
/// When the terminal cannot be used.
pub(crate) fn watch(world: &World) -> io::Result<()> {
    let mut play = Play::of(world);
    let mut terminal = ratatui::try_init()?;
    let done = show(&mut terminal, &mut play);
    ratatui::restore();
    done
}

fn show(terminal: &mut ratatui::DefaultTerminal, play: &mut Play) -> io::Result<()> {
    loop {
        terminal.draw(|frame| play.draw(frame))?;
        if !event::poll(TICK)? {
            play.tick();
        } else if let Event::Key(key) = event::read()?
            && key.kind == KeyEventKind::Press
            && !play.press(key.code)
        {
            return Ok(());
        }
    }
}

impl Play {
    fn of(world: &World) -> Play {
        let log = world.cluster().engine.log();
        let every = world.described().scenario.timeline == Sort::Messages;
        let lines = if every { messages::told(log) } else { told(log) };
        let first = lines.iter().map(|line| line.time).find(|at| at.0 >= 1_000_000_000);
        let begin = first.unwrap_or(SimTime::ZERO);
        let scenario = &world.described().scenario;
        let shown = lines.partition_point(|line| line.time <= begin);
        let (partings, meetings) = turns(log);
        let verdict = world.traced_verdict();
        let failed = verdict.expectations.iter().filter(|e| e.outcome != Outcome::Held);
        Play {
            partings,
            meetings,
            failures: failed.map(|e| e.at).collect(),
            title: scenario.name.clone().unwrap_or_default(),
            history: History::new(world.beginning(), log),
            lines,
            begin,
            end: world.now(),
            now: begin,
            shown,
            playing: true,
            pace: 1,
            ticks: 0,
        }
    }

    /// A moment of the person's time has passed.
    fn tick(&mut self) {
        if !self.playing {
            return;
        }
        match PACES[self.pace].1 {
            Pace::Lines(every) => {
                self.ticks += 1;
                if self.ticks >= every {
                    self.ticks = 0;
                    self.step();
                }
            }
            Pace::Real(times) => {
                let span = TICK.as_millis() * u128::from(times);
                let span = SimDuration::millis(u64::try_from(span).unwrap_or(u64::MAX));
                self.go((self.now + span).min(self.end));
            }
        }
        self.playing &= self.now < self.end;
    }

    /// Goes to an instant, with all that has happened until then.
    fn go(&mut self, at: SimTime) {
        self.now = at;
        self.shown = self.lines.partition_point(|line| line.time <= at);
    }

    /// Goes to the next line of the timeline.
    fn step(&mut self) {
        match self.lines.get(self.shown) {
            Some(line) => {
                self.now = self.now.max(line.time);
                self.shown += 1;
            }
            None => self.now = self.end,
        }
    }

    /// Goes to the next line of a sort, and stays there.
    fn jump(&mut self, is_it: impl Fn(&Told) -> bool) {
        self.playing = false;
        if let Some(ahead) = self.lines[self.shown..].iter().position(is_it) {
            self.shown += ahead + 1;
            self.now = self.lines[self.shown - 1].time;
        }
    }

    /// Goes to the next of some instants, and stays there.
    fn jump_to(&mut self, instants: fn(&Play) -> &Vec<SimTime>) {
        self.playing = false;
        let next = instants(self).iter().copied().filter(|at| *at > self.now).min();
        if let Some(at) = next {
            self.go(at);
        }
    }

    fn back(&mut self) {
        let first = self.lines.partition_point(|line| line.time <= self.begin);
        if self.now >= self.end && self.shown == self.lines.len() {
            self.now = self.lines.last().map_or(self.begin, |line| line.time);
        }
        self.shown = self.shown.saturating_sub(1).max(first);
        let last = self.shown.checked_sub(1).and_then(|n| self.lines.get(n));
        self.now = last.map_or(self.begin, |line| line.time).max(self.begin);
    }

    /// A key is pressed; false when it is the one to end.
    #[expect(clippy::wildcard_enum_match_arm, reason = "keyboards have more keys than commands")]
    fn press(&mut self, key: KeyCode) -> bool {
        match key {
            KeyCode::Char('q') | KeyCode::Esc => return false,
            KeyCode::Char(' ') => {
                if self.now >= self.end {
                    self.go(self.begin);
                }
                self.playing = !self.playing;
            }
            KeyCode::Right | KeyCode::Char('l') => {
                self.playing = false;
                self.step();
            }
            KeyCode::Left | KeyCode::Char('h') => {
                self.playing = false;
                self.back();
            }
            KeyCode::Char('c') => self.jump(Told::is_step),
            KeyCode::Char('f') => self.jump(Told::is_fault),
            KeyCode::Char('d') => self.jump_to(|play| &play.partings),
            KeyCode::Char('m') => self.jump_to(|play| &play.meetings),
            KeyCode::Char('e') => self.jump_to(|play| &play.failures),
            KeyCode::Home => self.go(self.begin),
            KeyCode::End => self.go(self.end),
            KeyCode::Char('+' | '=') => self.pace = (self.pace + 1).min(PACES.len() - 1),
            KeyCode::Char('-') => self.pace = self.pace.saturating_sub(1),
            _ => {}
        }
        true
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let (works, nodes) = (self.workloads(), self.nodes());
        let most = frame.area().height * 9 / 20;
        let rows = u16::try_from(works.len().max(nodes.len())).unwrap_or(most);
        let [head, bar, middle, story, keys] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Length(rows.saturating_add(3).clamp(6, most.max(6))),
            Constraint::Min(5),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        let [left, right] =
            Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)])
                .areas(middle);
        let state = if self.playing { "▶ playing" } else { "❚❚ paused" };
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let at = clock(self.now);
        let title = format!("{at} of {}  {state}, {}", clock(self.end), PACES[self.pace].0);
        let title = [Span::styled(title, bold), Span::raw(format!("   {}", self.title))];
        frame.render_widget(Paragraph::new(Line::from(title.to_vec())), head);
        self.draw_bar(frame, bar);
        draw_workloads(frame, left, works);
        draw_nodes(frame, right, nodes);
        self.draw_story(frame, story);
        let text =
            "space play  ←/→ step  c command  d ≠  m =  f fault  e failure  +/- pace  q quit";
        frame.render_widget(Paragraph::new(text).style(Style::new().fg(Color::DarkGray)), keys);
    }

    /// How far the run has come, and where in it faults begin or end.
    fn draw_bar(&self, frame: &mut Frame<'_>, area: Rect) {
        let width = usize::from(area.width);
        let place = |at: SimTime| {
            let (done, all) = (at.since(self.begin).0, self.end.since(self.begin).0.max(1));
            let place = u128::from(done) * width as u128 / u128::from(all);
            usize::try_from(place).unwrap_or(width).min(width.saturating_sub(1))
        };
        let now = place(self.now);
        let mut signs: Vec<Span<'_>> = (0..width)
            .map(|n| {
                let sign = if n <= now { "━" } else { "─" };
                let colour = if n <= now { Color::Blue } else { Color::DarkGray };
                Span::styled(sign, Style::new().fg(colour))
            })
            .collect();
        for line in self.lines.iter().filter(|l| l.is_fault() && l.time >= self.begin) {
            signs[place(line.time)] = Span::styled("▼", Style::new().fg(Color::Yellow));
        }
        frame.render_widget(Paragraph::new(Line::from(signs)), area);
    }

    /// What is desired beside what is observed: name, sign, both numbers, and what they count.
    fn workloads(&self) -> Vec<([String; 5], bool)> {
        let top = self.history.at(self.now).filter(|object| object.meta().owners().is_empty());
        top.filter_map(|object| aim_of(object).map(|aim| (object, aim)))
            .map(|(object, aim)| {
                let name = format!("{} {}", short(object.kind()), object.meta().name);
                let sign = if aim.apart { "≠" } else { "=" }.to_owned();
                let unit = aim.unit.to_owned();
                ([name, sign, aim.want.to_string(), aim.have.to_string(), unit], aim.apart)
            })
            .collect()
    }

    /// Nodes, each with its pods as signs; before them the pods that have no node.
    fn nodes(&self) -> Vec<Line<'static>> {
        let pods: Vec<&Pod> = self
            .history
            .list(Kind::POD, self.now)
            .filter_map(|o| o.as_a::<Pod>())
            .map(|p| &**p)
            .collect();
        let signs = |node: &str| {
            let own = pods.iter().filter(|pod| pod.node_name == node);
            own.map(|pod| sign(pod)).collect::<Vec<Span<'_>>>()
        };
        let mut lines = Vec::new();
        let homeless = signs("");
        if !homeless.is_empty() {
            lines.push(Line::from([vec![Span::raw("on no node yet  ")], homeless].concat()));
        }
        let nodes = self.history.list(Kind::NODE, self.now).filter_map(|o| o.as_a::<Node>());
        for node in nodes {
            let (word, colour) = match (node.is_ready(), node.spec.unschedulable) {
                (false, _) => ("not ready", Color::Red),
                (true, true) => ("cordoned", Color::Yellow),
                (true, false) => ("ready", Color::Green),
            };
            let name = Span::raw(format!("{:<10} ", node.meta.name));
            let word = Span::styled(format!("{word:<10}"), Style::new().fg(colour));
            lines.push(Line::from([vec![name, word], signs(&node.meta.name)].concat()));
        }
        lines
    }

    /// The timeline up to now, the newest line last.
    fn draw_story(&self, frame: &mut Frame<'_>, area: Rect) {
        let upto = self.shown;
        let room = usize::from(area.height.saturating_sub(2));
        let width = usize::from(area.width.saturating_sub(2));
        let shown = &self.lines[upto.saturating_sub(room)..upto];
        let lines = shown.iter().map(|line| {
            let time = format!("{:>9}  ", line.clock());
            let style = if line.is_bad() {
                Style::new().fg(Color::Red)
            } else if line.is_step() {
                Style::new().add_modifier(Modifier::BOLD)
            } else {
                Style::new()
            };
            let text = cut(&line.text, width.saturating_sub(time.chars().count()));
            let left = width.saturating_sub(time.chars().count() + text.chars().count());
            let why = if line.why.is_empty() { String::new() } else { format!("  ({})", line.why) };
            let why = if left > 12 { cut(&why, left) } else { String::new() };
            let quiet = Style::new().fg(Color::DarkGray);
            Line::from(vec![
                Span::styled(time, quiet),
                Span::styled(text, style),
                Span::styled(why, quiet),
            ])
        });
        let block = Block::bordered().title("timeline");
        frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()).block(block), area);
    }
}

/// When desired and observed of a workload part, and when they agree again.
fn turns(log: &Log<Note>) -> (Vec<SimTime>, Vec<SimTime>) {
    let (mut partings, mut meetings) = (Vec::new(), Vec::new());
    let mut apart: BTreeSet<ObjectKey> = BTreeSet::new();
    for record in log.iter().filter(|record| record.turn > 0) {
        let Note::Write(write) = &record.note else { continue };
        let object = &write.change.object;
        if !object.meta().owners().is_empty() {
            continue;
        }
        let key = object.key();
        let is = !write.change.deleted && aim_of(object).is_some_and(|aim| aim.apart);
        match (apart.contains(&key), is) {
            (false, true) => {
                apart.insert(key);
                partings.push(record.time);
            }
            (true, false) => {
                apart.remove(&key);
                meetings.push(record.time);
            }
            _ => {}
        }
    }
    (partings, meetings)
}

/// Kinds with long names by the short ones of kubectl.
fn short(kind: Kind) -> &'static str {
    match kind.name() {
        "HorizontalPodAutoscaler" => "HPA",
        "PersistentVolumeClaim" => "PVC",
        "PodDisruptionBudget" => "PDB",
        "ReplicationController" => "RC",
        "ConfigMap" => "node groups in",
        name => name,
    }
}

/// A text of at most so many characters.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

fn draw_workloads(frame: &mut Frame<'_>, area: Rect, works: Vec<([String; 5], bool)>) {
    let rows = works.into_iter().map(|(cells, apart)| {
        let style = Style::new().fg(if apart { Color::Red } else { Color::Green });
        Row::new(cells).style(style)
    });
    let head = Row::new(["workload", "", "desired", "observed", ""]);
    let widths = [
        Constraint::Min(14),
        Constraint::Length(1),
        Constraint::Length(7),
        Constraint::Length(8),
        Constraint::Max(if area.width > 50 { 12 } else { 0 }),
    ];
    let block = Block::bordered().title("desired beside observed");
    let head = head.style(Style::new().add_modifier(Modifier::BOLD));
    frame.render_widget(Table::new(rows, widths).header(head).block(block), area);
}

fn draw_nodes(frame: &mut Frame<'_>, area: Rect, nodes: Vec<Line<'_>>) {
    let signs = if area.width >= 50 {
        "✓ ready ◐ running … pending × leaving ! failed"
    } else {
        "✓ready ◐running …pending ×leaving !bad"
    };
    let block = Block::bordered().title("nodes and their pods").title_bottom(signs);
    frame.render_widget(Paragraph::new(nodes).block(block), area);
}

/// A pod as one character.
fn sign(pod: &Pod) -> Span<'static> {
    let (text, colour) = match (pod.meta.is_deleting(), pod.status.phase, pod.is_ready()) {
        (true, ..) => ("× ", Color::DarkGray),
        (_, PodPhase::Failed | PodPhase::Unknown, _) => ("! ", Color::Red),
        (_, PodPhase::Succeeded, _) => ("■ ", Color::DarkGray),
        (_, PodPhase::Running, true) => ("✓ ", Color::Green),
        (_, PodPhase::Running, false) => ("◐ ", Color::Blue),
        (_, PodPhase::Pending, _) => ("… ", Color::Yellow),
    };
    Span::styled(text, Style::new().fg(colour))
}
