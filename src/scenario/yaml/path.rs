//! Paths into a tree: to find the place of `spec.template.containers[0].image`, and to set a
//! value there.

use crate::scenario::source::Place;
use crate::scenario::yaml::Data;
use crate::scenario::yaml::Entry;
use crate::scenario::yaml::Node;

/// One step of a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Segment {
    /// A key of a mapping.
    Key(String),
    /// An item of a list, from 0.
    Index(usize),
}

/// Reads `a.b[0]["dotted.key"].c` or `a.b.0.c`; `None` when it is no path.
pub fn parse_path(path: &str) -> Option<Vec<Segment>> {
    let mut segments = Vec::new();
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    rest = rest.strip_prefix('.').unwrap_or(rest);
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (segment, after) = bracket(inside)?;
            segments.push(segment);
            rest = after;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let name = &rest[..end];
            if name.is_empty() {
                return None;
            }
            segments.push(Segment::Key(name.to_owned()));
            rest = &rest[end..];
        }
        if let Some(after) = rest.strip_prefix('.') {
            if after.is_empty() {
                return None;
            }
            rest = after;
        }
    }
    if segments.is_empty() { None } else { Some(segments) }
}

/// What follows a `[`: an index, or a key with or without quotes; and the rest after the `]`.
fn bracket(inside: &str) -> Option<(Segment, &str)> {
    for quote in ['"', '\''] {
        if let Some(text) = inside.strip_prefix(quote) {
            let (key, after) = text.split_once(quote)?;
            return Some((Segment::Key(key.to_owned()), after.strip_prefix(']')?));
        }
    }
    let (text, after) = inside.split_once(']')?;
    let segment = text.parse().map_or_else(|_| Segment::Key(text.to_owned()), Segment::Index);
    Some((segment, after))
}

impl Node {
    /// The place of what a path names: of its key, or of the value that holds no such key.
    ///
    /// A path may come from a validation that knows only JSON; where it leads to nothing, the
    /// deepest place on the way is given.
    pub fn locate(&self, path: &str) -> Place {
        let segments = parse_path(path).unwrap_or_default();
        let mut place = self.place;
        let mut node = self;
        for segment in &segments {
            let Some((at, next)) = node.step(segment) else { break };
            place = at;
            node = next;
        }
        place
    }

    /// The value that a path leads to.
    pub fn find(&self, segments: &[Segment]) -> Option<&Node> {
        segments.iter().try_fold(self, |node, segment| Some(node.step(segment)?.1))
    }

    /// One step down, with the place by which to tell it.
    fn step(&self, segment: &Segment) -> Option<(Place, &Node)> {
        match (&self.data, segment) {
            (Data::Map(entries), segment) => {
                let key = match segment {
                    Segment::Key(key) => key.clone(),
                    Segment::Index(index) => index.to_string(),
                };
                let is_it = |entry: &&Entry| *entry.key == *key || entry.json_key() == key;
                let entry = entries.iter().find(is_it)?;
                Some((entry.key_place, &entry.value))
            }
            (Data::List(items), Segment::Index(index)) => {
                items.get(*index).map(|item| (item.place, item))
            }
            (Data::List(items), Segment::Key(key)) => {
                let item = items.get(key.parse::<usize>().ok()?)?;
                Some((item.place, item))
            }
            (Data::Scalar(_), _) => None,
        }
    }

    /// Puts a value where a path leads; mappings on the way are made, lists may grow by one.
    ///
    /// # Errors
    /// The step that leads nowhere, in words.
    pub fn put(&mut self, segments: &[Segment], value: Node) -> Result<(), String> {
        let Some((first, rest)) = segments.split_first() else {
            *self = value;
            return Ok(());
        };
        if self.is_null() {
            self.data = Data::Map(Vec::new());
        }
        let place = value.place;
        match (&mut self.data, first) {
            (Data::Map(entries), Segment::Key(key)) => {
                let known = entries.iter().position(|entry| *entry.key == **key);
                let at = known.unwrap_or_else(|| {
                    let empty = Node { place, data: Data::Map(Vec::new()) };
                    let key = key.as_str().into();
                    entries.push(Entry { key, meaning: None, key_place: place, value: empty });
                    entries.len() - 1
                });
                entries[at].value.put(rest, value)
            }
            (Data::List(items), segment) => {
                let index = match segment {
                    Segment::Index(index) => Some(*index),
                    Segment::Key(key) => key.parse().ok(),
                };
                match index {
                    Some(index) if index <= items.len() => {
                        if index == items.len() {
                            items.push(Node { place, data: Data::Map(Vec::new()) });
                        }
                        items[index].put(rest, value)
                    }
                    Some(index) => Err(format!("the list has {} items, none {index}", items.len())),
                    None => Err(format!("`{}` is no index of a list", show(segment))),
                }
            }
            (Data::Map(_) | Data::Scalar(_), segment) => {
                Err(format!("there is no list or mapping to hold `{}`", show(segment)))
            }
        }
    }
}

/// A segment as it is told to people.
fn show(segment: &Segment) -> String {
    match segment {
        Segment::Key(key) => key.clone(),
        Segment::Index(index) => format!("[{index}]"),
    }
}
