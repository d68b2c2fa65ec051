//! Makes what was found smaller, and keeps only what breaks the same.
//!
//! First whole faults go, then faults become shorter and weaker and come at simpler places, then
//! the steps and nodes of the scenario go that it does not take. Every attempt is a whole run from
//! the beginning, judged by the run without faults of the same scenario; one that breaks
//! something else is none.

use std::sync::Arc;

use crate::explore::reference::Reference;
use crate::explore::{Finding, Setting};
use crate::fault::plan::Occurrence;
use crate::fault::{Entry, Fault, Plan, Trigger};
use crate::sim::time::SimDuration;

/// So many attempts at most.
const ATTEMPTS: u32 = 400;

/// What the scenario of a smaller failure is without.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Smaller {
    /// The steps that are left, by their numbers.
    pub steps: Vec<usize>,
    /// How many nodes each group of nodes has.
    pub counts: Vec<Option<u32>>,
}

struct Shrinker<'a> {
    setting: &'a Setting,
    fingerprint: String,
    left: u32,
    best: Finding,
    /// The runs without faults, calm and eager, once they are needed.
    references: [Option<Reference>; 2],
}

/// The finding with the smallest plan that breaks the same.
///
/// # Errors
/// What in the scenario cannot be carried out, in words.
pub fn plan(setting: &Setting, finding: &Finding) -> Result<Finding, Vec<String>> {
    let mut shrinker = Shrinker {
        setting,
        fingerprint: finding.breach.fingerprint(),
        left: ATTEMPTS,
        best: finding.clone(),
        references: [None, None],
    };
    if !shrinker.attempt(finding.plan.clone())? {
        return Ok(finding.clone());
    }
    shrinker.drop_faults()?;
    shrinker.weaken()?;
    Ok(shrinker.best)
}

impl Shrinker<'_> {
    /// Runs a plan; when it breaks the same it is the best one so far.
    fn attempt(&mut self, plan: Plan) -> Result<bool, Vec<String>> {
        if self.left == 0 {
            return Ok(false);
        }
        self.left -= 1;
        let eager = !plan.is_calm();
        let reference = &mut self.references[usize::from(eager)];
        if reference.is_none() {
            *reference = Some(self.setting.reference(eager)?);
        }
        let Some(reference) = reference else { return Ok(false) };
        let outcome = self.setting.try_with(&plan, reference)?;
        let same = outcome.breaches.iter().find(|b| b.fingerprint() == self.fingerprint);
        let Some(breach) = same.cloned() else { return Ok(false) };
        let (end, digest) = (outcome.end, outcome.digest);
        self.best = Finding { breach, plan, end, digest, ..self.best.clone() };
        Ok(true)
    }

    /// Takes out halves, then single faults, as long as that goes.
    fn drop_faults(&mut self) -> Result<(), Vec<String>> {
        let mut size = self.best.plan.entries.len().div_ceil(2).max(1);
        loop {
            let mut place = 0;
            while place < self.best.plan.entries.len() && self.best.plan.entries.len() > 1 {
                let mut entries = self.best.plan.entries.clone();
                let end = (place + size).min(entries.len());
                entries.drain(place..end);
                if entries.is_empty() || !self.attempt(Plan { entries })? {
                    place += size;
                }
            }
            if size == 1 {
                return Ok(());
            }
            size = size.div_ceil(2);
        }
    }

    /// Makes each fault weaker, as long as that goes.
    fn weaken(&mut self) -> Result<(), Vec<String>> {
        for place in 0..self.best.plan.entries.len() {
            loop {
                let entry = self.best.plan.entries[place].clone();
                let mut better = false;
                for weaker in weaker(&entry) {
                    let mut plan = self.best.plan.clone();
                    plan.entries[place] = weaker;
                    if self.attempt(plan)? {
                        better = true;
                        break;
                    }
                }
                if !better || self.left == 0 {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Weaker faults than one, the weakest first.
fn weaker(entry: &Entry) -> Vec<Entry> {
    let mut all = Vec::new();
    if let Some(span) = entry.inject.duration.filter(|span| span.0 > 100_000_000) {
        for divisor in [10, 2] {
            let mut shorter = entry.clone();
            shorter.inject.duration = Some(rounded(SimDuration(span.0 / divisor)));
            if shorter != *entry {
                all.push(shorter);
            }
        }
    }
    if let Trigger::When(what, n) = &entry.trigger
        && *n > 1
    {
        for earlier in [1, n / 2, n - 1] {
            let earlier = earlier.max(1);
            let trigger = Trigger::When(what.clone(), earlier);
            all.push(Entry { trigger, ..entry.clone() });
        }
    }
    if let Trigger::When(Occurrence::AfterWrite(w) | Occurrence::BeforeWrite(w), n) = &entry.trigger
        && w.verb.is_some()
        && *n == 1
    {
        // A simpler place: the first write of the kind.
        let mut simpler = entry.clone();
        if let Trigger::When(Occurrence::AfterWrite(w) | Occurrence::BeforeWrite(w), _) =
            &mut simpler.trigger
        {
            w.verb = None;
        }
        all.push(simpler);
    }
    if let Fault::Shuffle(shuffle) = &entry.inject.fault
        && shuffle.most.0 > 1_000_000
    {
        let mut less = entry.clone();
        let mut shuffle = shuffle.clone();
        shuffle.most = SimDuration(shuffle.most.0 / 2);
        less.inject.fault = Fault::Shuffle(shuffle);
        all.push(less);
    }
    all
}

/// A span with one digit: 4s instead of 4.2s.
fn rounded(span: SimDuration) -> SimDuration {
    let mut unit = 1;
    while span.0 / unit >= 10 {
        unit *= 10;
    }
    SimDuration((span.0 / unit).max(1) * unit)
}

/// The setting without the steps and nodes that a finding does not take.
///
/// # Errors
/// What in the scenario cannot be carried out, in words.
pub fn setting(
    setting: &Setting,
    finding: &Finding,
) -> Result<(Setting, Smaller, Finding), Vec<String>> {
    let nodes = &setting.described.scenario.cluster.nodes;
    let mut smaller = Smaller {
        steps: (0..setting.described.scenario.steps.len()).collect(),
        counts: nodes.iter().map(|group| group.count).collect(),
    };
    let mut best = (setting.clone(), finding.clone());
    let mut left = 60_u32;
    let mut attempt = |candidate: &Smaller| -> Option<(Setting, Finding)> {
        left = left.checked_sub(1)?;
        let with = applied(setting, candidate);
        let outcome = with.try_plan(&finding.plan).ok()?;
        let fingerprint = finding.breach.fingerprint();
        let breach = outcome.breaches.into_iter().find(|b| b.fingerprint() == fingerprint)?;
        if outcome.missed > 0 {
            return None;
        }
        let (end, digest) = (outcome.end, outcome.digest);
        Some((with, Finding { breach, end, digest, ..finding.clone() }))
    };
    for place in (0..smaller.steps.len()).rev() {
        let mut candidate = smaller.clone();
        candidate.steps.remove(place);
        if let Some(found) = attempt(&candidate) {
            (smaller, best) = (candidate, found);
        }
    }
    for group in 0..smaller.counts.len() {
        while let Some(count) = smaller.counts[group].filter(|n| *n > 1) {
            let mut candidate = smaller.clone();
            candidate.counts[group] = Some(count - 1);
            let Some(found) = attempt(&candidate) else { break };
            (smaller, best) = (candidate, found);
        }
    }
    Ok((best.0, smaller, best.1))
}

/// A setting with fewer steps and nodes.
fn applied(setting: &Setting, smaller: &Smaller) -> Setting {
    let mut described = (*setting.described).clone();
    let steps = &described.scenario.steps;
    described.scenario.steps = smaller.steps.iter().map(|n| steps[*n].clone()).collect();
    for (group, count) in described.scenario.cluster.nodes.iter_mut().zip(&smaller.counts) {
        group.count = *count;
    }
    Setting { described: Arc::new(described), ..setting.clone() }
}
