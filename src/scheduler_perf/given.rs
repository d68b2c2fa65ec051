//! The files that a file of test cases names.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::template::{self, Datum, Template, Values};
use crate::api::object::Kind;
use crate::scenario::decode::{Decode, Spanned};
use crate::scenario::diagnostic::Mistake;
use crate::scenario::manifest::{self, Loader};
use crate::scenario::source::{Place, Session};
use crate::scenario::spec::KubeScheduler;
use crate::scenario::yaml::{self, Base};
use crate::scheduler::config::Config as SchedulerSetup;

/// A template of an object.
struct Known {
    template: Template,
    /// The number of its text.
    source: usize,
    /// The object, where it is the same each time and was read.
    plain: Plain,
}

/// The object of a template that is the same each time.
enum Plain {
    NotRead,
    Wrong,
    Read(Object),
}

/// An object of a template.
#[derive(Clone)]
pub(super) struct Object {
    /// Its kind.
    pub(super) kind: Kind,
    /// It.
    pub(super) value: Arc<Value>,
}

/// The files, each read once.
pub(super) struct Given<'g, 'l> {
    loader: &'g mut Loader<'l>,
    templates: BTreeMap<String, Option<Known>>,
    configs: BTreeMap<String, Option<SchedulerSetup>>,
}

impl<'g, 'l> Given<'g, 'l> {
    pub(super) fn new(loader: &'g mut Loader<'l>) -> Self {
        Given { loader, templates: BTreeMap::new(), configs: BTreeMap::new() }
    }

    fn text(&mut self, path: &Spanned<String>, session: &mut Session) -> Option<usize> {
        let file = match (self.loader)(&path.value) {
            Ok(files) => files.into_iter().next()?,
            Err(why) => {
                session.report(path.place, Mistake::unreadable(&path.value, &why));
                return None;
            }
        };
        let text = yaml::text_of(&file.name, file.bytes, session)?;
        Some(session.add(&file.name, &text))
    }

    /// A scheduler's configuration.
    pub(super) fn scheduler(
        &mut self,
        path: &Spanned<String>,
        session: &mut Session,
    ) -> Option<SchedulerSetup> {
        if let Some(known) = self.configs.get(&path.value) {
            return known.clone();
        }
        let read = self.text(path, session).and_then(|source| {
            let documents = yaml::parse(session, source);
            Some(KubeScheduler::decode(documents.first()?, session)?.config(session))
        });
        self.configs.insert(path.value.clone(), read.clone());
        read
    }

    fn known(&mut self, path: &Spanned<String>, session: &mut Session) -> Option<&mut Known> {
        if !self.templates.contains_key(&path.value) {
            let known = self.text(path, session).and_then(|source| {
                let template = template::parse(source, session)?;
                Some(Known { template, source, plain: Plain::NotRead })
            });
            self.templates.insert(path.value.clone(), known);
        }
        self.templates.get_mut(&path.value)?.as_mut()
    }

    /// So many objects of a template, filled in with the number of each and some values.
    pub(super) fn objects(
        &mut self,
        path: &Spanned<String>,
        count: usize,
        values: &Values,
        session: &mut Session,
    ) -> Option<Vec<Object>> {
        let known = self.known(path, session)?;
        if known.template.is_plain() {
            if matches!(known.plain, Plain::NotRead) {
                let (text, base) = (session.text(known.source), Base::Source(known.source));
                let read = object(&text, base, path.place, session);
                known.plain = read.map_or(Plain::Wrong, Plain::Read);
            }
            let Plain::Read(one) = &known.plain else { return None };
            return Some(vec![one.clone(); count]);
        }
        let mut all = Vec::with_capacity(count);
        for index in 0..count {
            let mut values = values.clone();
            values.insert("Index".to_owned(), Datum::count(index));
            values.insert("Count".to_owned(), Datum::count(count));
            let text = known.template.fill(&values, session)?;
            // Its lines are those of no file.
            all.push(object(&text, Base::Point(path.place), path.place, session)?);
        }
        Some(all)
    }

    /// The one object of a template that need not have a name.
    pub(super) fn nameless(
        &mut self,
        path: &Spanned<String>,
        session: &mut Session,
    ) -> Option<Value> {
        let source = self.known(path, session)?.source;
        let documents = yaml::parse(session, source);
        documents.first().map(yaml::Node::to_json)
    }
}

/// The one object of a text.
fn object(text: &str, base: Base, at: Place, session: &mut Session) -> Option<Object> {
    let before = session.count();
    let documents = yaml::parse_text(text, base, session);
    if session.count() > before {
        return None;
    }
    let [document] = documents.as_slice() else {
        let message = format!("expected one object, found {}", documents.len());
        session.report(at, Mistake::other(message));
        return None;
    };
    let written = manifest::inline(document, session).into_iter().next()?;
    let kind = Kind::of_version(&written.api_version, &written.kind);
    let kind = kind.filter(|_| session.count() == before);
    if kind.is_none() && session.count() == before {
        session.report(at, Mistake::not_modelled("kind", &written.kind));
    }
    Some(Object { kind: kind?, value: written.value })
}
