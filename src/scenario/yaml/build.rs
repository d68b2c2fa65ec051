//! From the parser's events to trees, within limits.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use saphyr_parser::Event;
use saphyr_parser::Parser;
use saphyr_parser::ScalarStyle;
use saphyr_parser::Span;
use saphyr_parser::Tag;

use crate::scenario::diagnostic::Mistake;
use crate::scenario::source::Place;
use crate::scenario::source::Session;
use crate::scenario::yaml::Base;
use crate::scenario::yaml::DEEPEST;
use crate::scenario::yaml::Data;
use crate::scenario::yaml::Entry;
use crate::scenario::yaml::MOST_NODES;
use crate::scenario::yaml::Node;
use crate::scenario::yaml::Scalar;
use crate::scenario::yaml::Style;

/// What ends the reading of a text: a mistake after which nothing can be made out any more.
type Fatal = Box<(Place, Mistake)>;

/// All documents up to the first fatal mistake, which is reported.
pub(super) fn documents(text: &str, base: Base, session: &mut Session) -> Vec<Node> {
    let mut builder = Builder {
        base,
        frames: Vec::new(),
        anchors: BTreeMap::new(),
        nodes: 0,
        finished: Vec::new(),
    };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let outcome = match event {
            Ok((event, span)) => builder.event(event, span, session),
            Err(error) => {
                let at = error.marker();
                let place = base.place(at.line().max(1), at.col() + 1, 1);
                Err(Box::new((place, syntax_mistake(error.info()))))
            }
        };
        if let Err(fatal) = outcome {
            let (place, mistake) = *fatal;
            session.report(place, mistake);
            break;
        }
    }
    builder.finished
}

/// A mistake that the parser found; its own limit of nesting is told as ours.
fn syntax_mistake(info: &str) -> Mistake {
    match info {
        "recursion limit exceeded" => Mistake::too_deep(DEEPEST),
        other => Mistake::yaml_syntax(other),
    }
}

/// A list or mapping that is not yet complete.
struct Frame {
    place: Place,
    anchor: usize,
    /// How many nodes there were before it.
    before: usize,
    content: Content,
}

/// What an incomplete list or mapping holds by now.
enum Content {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, lines: BTreeMap<Box<str>, usize>, key: Option<Key> },
}

/// A key that waits for its value.
struct Key {
    text: Box<str>,
    meaning: Option<Box<str>>,
    place: Place,
}

struct Builder {
    base: Base,
    frames: Vec<Frame>,
    /// Finished anchored values, each with the number of nodes in it.
    anchors: BTreeMap<usize, (Node, usize)>,
    nodes: usize,
    finished: Vec<Node>,
}

impl Builder {
    fn event(&mut self, event: Event, span: Span, session: &mut Session) -> Result<(), Fatal> {
        let place = self.place(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let data = Data::Scalar(self.scalar(text, style, tag.as_deref(), span));
                self.grow(1, place)?;
                self.finish(Node { place, data }, anchor, 1, session)
            }
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
                    return Err(Box::new((
                        place,
                        Mistake::other("this alias is inside what it names"),
                    )));
                };
                self.grow(size, place)?;
                self.finish(node, 0, 0, session)
            }
            Event::SequenceStart(anchor, _) => self.open(place, anchor, Content::List(Vec::new())),
            Event::MappingStart(anchor, _) => {
                let entries = Content::Map { entries: vec![], lines: BTreeMap::new(), key: None };
                self.open(place, anchor, entries)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(session),
            Event::DocumentEnd => {
                self.anchors.clear();
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {
                Ok(())
            }
        }
    }

    /// The place of an event; what spans lines is told by its beginning.
    fn place(&self, span: Span) -> Place {
        let one_line = span.start.line() == span.end.line();
        let length = if one_line { span.end.col().saturating_sub(span.start.col()) } else { 1 };
        self.base.place(span.start.line().max(1), span.start.col() + 1, length)
    }

    fn grow(&mut self, by: usize, place: Place) -> Result<(), Fatal> {
        self.nodes += by;
        let fits = self.nodes <= MOST_NODES;
        if fits { Ok(()) } else { Err(Box::new((place, Mistake::too_many_nodes(MOST_NODES)))) }
    }

    fn open(&mut self, place: Place, anchor: usize, content: Content) -> Result<(), Fatal> {
        if self.frames.len() >= DEEPEST {
            return Err(Box::new((place, Mistake::too_deep(DEEPEST))));
        }
        let before = self.nodes;
        self.grow(1, place)?;
        self.frames.push(Frame { place, anchor, before, content });
        Ok(())
    }

    fn close(&mut self, session: &mut Session) -> Result<(), Fatal> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        let data = match frame.content {
            Content::List(items) => Data::List(items),
            Content::Map { entries, .. } => Data::Map(merged(entries)),
        };
        let size = self.nodes - frame.before;
        self.finish(Node { place: frame.place, data }, frame.anchor, size, session)
    }

    /// Puts a complete value where it belongs.
    fn finish(
        &mut self,
        node: Node,
        anchor: usize,
        size: usize,
        session: &mut Session,
    ) -> Result<(), Fatal> {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.frames.last_mut().map(|frame| &mut frame.content) {
            None => self.finished.push(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map { entries, lines, key }) => match key.take() {
                Some(Key { text: key, meaning, place: key_place }) => {
                    entries.push(Entry { key, meaning, key_place, value: node });
                }
                None => *key = Some(as_key(&node, lines, session)?),
            },
        }
        Ok(())
    }

    fn scalar(&self, text: Cow<str>, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Scalar {
        let forced = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
        let style = match style {
            ScalarStyle::Plain if !forced => Style::Plain,
            ScalarStyle::Plain | ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                Style::Quoted
            }
            // The span begins at the first line that is not blank; blank ones before it are text.
            ScalarStyle::Literal => {
                let blank = text.chars().take_while(|c| *c == '\n').count();
                let line = span.start.line().saturating_sub(blank).max(1);
                Style::Block(self.base.place(line, span.start.col() + 1, 1))
            }
            ScalarStyle::Folded => Style::Folded,
        };
        let empty = style == Style::Plain && span.is_empty();
        let text = if empty { Cow::Borrowed("") } else { text };
        Scalar { text: text.into(), style }
    }
}

/// A node in the place of a key; a second one of the same name is reported.
fn as_key(
    node: &Node,
    lines: &mut BTreeMap<Box<str>, usize>,
    session: &mut Session,
) -> Result<Key, Fatal> {
    let Data::Scalar(scalar) = &node.data else {
        return Err(Box::new((node.place, Mistake::wrong_type("text as a key", &node.describe()))));
    };
    let key = scalar.text.clone();
    let value = scalar.value();
    let json_key = if value.is_string() { key.to_string() } else { value.to_string() };
    let meaning = (json_key != *key).then(|| json_key.into());
    match lines.get(&key) {
        Some(first) if &*key != "<<" => {
            session.report(node.place, Mistake::duplicate_key(&key, *first));
        }
        _ => {
            lines.insert(key.clone(), node.place.line);
        }
    }
    Ok(Key { text: key, meaning, place: node.place })
}

/// The entries with `<<` replaced by what it merges in; own keys win, then earlier mappings.
fn merged(entries: Vec<Entry>) -> Vec<Entry> {
    if !entries.iter().any(|entry| &*entry.key == "<<") {
        return entries;
    }
    let (merges, mut own): (Vec<Entry>, Vec<Entry>) =
        entries.into_iter().partition(|entry| &*entry.key == "<<");
    let mut keys: BTreeSet<Box<str>> = own.iter().map(|entry| entry.key.clone()).collect();
    for merge in merges {
        let sources = match merge.value.data {
            Data::List(items) => items,
            Data::Map(_) | Data::Scalar(_) => vec![merge.value],
        };
        for entry in sources.iter().filter_map(Node::entries).flatten() {
            if keys.insert(entry.key.clone()) {
                own.push(entry.clone());
            }
        }
    }
    own
}
