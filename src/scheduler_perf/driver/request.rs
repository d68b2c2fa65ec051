//! The requests of a workload, and what follows from their answers.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;

use super::step::Doing;
use super::{Alarm, Driver, Row};
use crate::api::Name;
use crate::api::deletion::DeleteOptions;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::request::{Answer, Subresource, Verb};
use crate::cluster::Moved;
use crate::scheduler_perf::plan::New;
use crate::sim::time::SimDuration;

/// What a request is for.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    /// Part of the step that waits for it.
    Step,
    /// Nothing waits for it, but it must not be refused.
    Background,
    /// Nothing waits for it, and it may fail.
    May,
    /// The next part of the same object follows.
    Part(Box<(ObjectKey, Arc<Value>, &'static [Subresource])>),
    /// An object of churn: the churn's number, the object's, its turn.
    Churned(usize, usize, usize),
}

/// Makes requests of objects; those that are alike are read by the apiserver once.
#[derive(Clone, Default)]
pub(super) struct Maker {
    last: Option<(Arc<Value>, Object)>,
}

impl Maker {
    /// A request for a new object. The first of several that are alike is read strictly, as those
    /// of all clients are; the others are it again.
    pub(super) fn create(&mut self, kind: Kind, namespace: &Name, value: &Arc<Value>) -> Verb {
        if let Some((known, object)) = &self.last
            && Arc::ptr_eq(known, value)
        {
            let mut object = object.clone();
            object.meta_mut().namespace = namespace.clone();
            return Verb::Create { object, dry_run: false };
        }
        if let Ok(object) = Object::from_value(kind, Value::clone(value)) {
            self.last = Some((value.clone(), object));
        }
        let (namespace, value) = (namespace.clone(), value.clone());
        Verb::Post { kind, namespace, value, dry_run: false }
    }
}

/// A request for an object that goes.
pub(super) fn delete(kind: Kind, namespace: &Name, name: &Name, grace: Option<i64>) -> Verb {
    let options = DeleteOptions { grace_period_seconds: grace, ..DeleteOptions::default() };
    Verb::Delete { key: ObjectKey::new(kind, namespace, name), options }
}

/// A request for another version of a part of an object.
fn put(key: ObjectKey, part: Subresource, value: Arc<Value>) -> Verb {
    Verb::Put { key, part, value, dry_run: false }
}

/// The requests that update an object.
pub(super) fn update(new: &New, parts: &'static [Subresource]) -> (Verb, Purpose) {
    let name = new.value["metadata"]["name"].as_str().unwrap_or_default();
    let key = ObjectKey::new(new.kind, &new.namespace, name);
    let verb = put(key.clone(), parts[0], new.value.clone());
    (verb, Purpose::Part(Box::new((key, new.value.clone(), &parts[1..]))))
}

impl Driver {
    /// What follows from an answer.
    pub(super) fn after(&mut self, purpose: Purpose, answer: &Answer, context: &mut Moved<'_>) {
        match (purpose, answer) {
            (Purpose::May, _) => {}
            (Purpose::Churned(n, object, turn), answer) => {
                let name = if let Answer::Object(made) = answer {
                    made.meta().name.clone()
                } else {
                    Name::default()
                };
                self.churns[n].names[object][turn] = name;
            }
            (_, Answer::Refused(refusal)) => self.fail(&refusal.message),
            (Purpose::Step, _) => self.doing.answered(),
            (Purpose::Background, _) => {}
            (Purpose::Part(part), _) => {
                let (key, value, parts) = *part;
                match parts.split_first() {
                    None => self.doing.answered(),
                    Some((first, rest)) => {
                        let verb = put(key.clone(), *first, value.clone());
                        self.send(verb, Purpose::Part(Box::new((key, value, rest))), context);
                    }
                }
            }
        }
    }

    /// Sends requests one by one, so many a second; all at once for 0.
    pub(super) fn pace(
        &mut self,
        all: VecDeque<(Verb, Purpose)>,
        per_second: u64,
        context: &mut Moved<'_>,
    ) {
        if per_second == 0 {
            self.waiting.extend(all);
            return self.flow(context);
        }
        let pause = SimDuration(1_000_000_000 / per_second);
        let number = self.current;
        self.rows.insert(number, Row { left: all, pause });
        self.alarm_at(context.now() + pause, Alarm::Paced(number), context);
    }

    /// The next of a row.
    pub(super) fn paced(&mut self, number: usize, context: &mut Moved<'_>) {
        let Some(row) = self.rows.get_mut(&number) else { return };
        let Some((verb, purpose)) = row.left.pop_front() else { return };
        let (pause, is_last) = (row.pause, row.left.is_empty());
        if is_last {
            self.rows.remove(&number);
        } else {
            self.alarm_at(context.now() + pause, Alarm::Paced(number), context);
        }
        self.send(verb, purpose, context);
    }

    /// One turn of objects that come and go.
    ///
    /// Source: kubernetes v1.36 test/integration/scheduler_perf/executor.go, `runChurnOp`
    pub(super) fn churn(&mut self, n: usize, context: &mut Moved<'_>) {
        let churning = &mut self.churns[n];
        let (churn, count) = (churning.churn.clone(), churning.count);
        churning.count += 1;
        for (at, new) in churn.objects.iter().enumerate() {
            let turn = if churn.recreates { count % churn.number } else { 0 };
            let known = std::mem::take(&mut self.churns[n].names[at][turn]);
            if known.is_empty() || !churn.recreates {
                let verb = self.maker.create(new.kind, &new.namespace, &new.value);
                self.send(verb, Purpose::Churned(n, at, turn), context);
            } else {
                let verb = delete(new.kind, &new.namespace, &known, None);
                self.send(verb, Purpose::May, context);
            }
        }
        if churn.recreates || churn.number == 0 || count + 1 < churn.number {
            self.alarm_at(context.now() + churn.interval, Alarm::Churn(n), context);
        }
    }

    /// Begins requests that the step waits for.
    pub(super) fn ask(&mut self, all: VecDeque<(Verb, Purpose)>, context: &mut Moved<'_>) {
        self.doing = Doing::Answers(all.len());
        self.waiting.extend(all);
        self.flow(context);
    }
}
