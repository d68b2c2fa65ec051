//! Links that are cut, slow, or lose messages.

use serde::Serialize;

use crate::fault::plan::span;
use crate::fault::stage::{Began, Stage};
use crate::fault::target::Endpoints;
use crate::sim::engine::ActorId;
use crate::sim::link::Trouble;
use crate::sim::time::SimDuration;

/// Two ends that do not reach each other.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Partition {
    /// One end.
    pub from: Endpoints,
    /// The other end.
    pub to: Endpoints,
    /// Which way the messages are lost.
    #[serde(skip_serializing_if = "Direction::is_both")]
    pub direction: Direction,
}

/// Two ends between which messages take longer.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Latency {
    /// One end.
    pub from: Endpoints,
    /// The other end.
    pub to: Endpoints,
    /// How much longer.
    #[serde(serialize_with = "span")]
    pub latency: SimDuration,
    /// Which way.
    #[serde(skip_serializing_if = "Direction::is_both")]
    pub direction: Direction,
}

/// Two ends between which messages are lost.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Loss {
    /// One end.
    pub from: Endpoints,
    /// The other end.
    pub to: Endpoints,
    /// How many of a hundred packets are lost. A connection resends what is lost: each loss costs
    /// a message 200 ms, doubling with every further one.
    pub loss: u32,
    /// Which way.
    #[serde(skip_serializing_if = "Direction::is_both")]
    pub direction: Direction,
}

/// Which way messages are hit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Both ways.
    #[default]
    Both,
    /// From the first end to the second.
    To,
    /// From the second end to the first.
    From,
}

impl Direction {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
    fn is_both(&self) -> bool {
        *self == Direction::Both
    }

    fn ways(self, a: ActorId, b: ActorId) -> Vec<(ActorId, ActorId)> {
        match self {
            Direction::Both => vec![(a, b), (b, a)],
            Direction::To => vec![(a, b)],
            Direction::From => vec![(b, a)],
        }
    }
}

pub(super) fn part(it: &Partition, stage: &mut Stage<'_>) -> Result<Began, String> {
    let trouble = Trouble { cut: true, ..Trouble::default() };
    between((&it.from, &it.to), it.direction, trouble, stage)
}

pub(super) fn slow(it: &Latency, stage: &mut Stage<'_>) -> Result<Began, String> {
    let trouble = Trouble { slower: it.latency, ..Trouble::default() };
    between((&it.from, &it.to), it.direction, trouble, stage)
}

pub(super) fn lose(it: &Loss, stage: &mut Stage<'_>) -> Result<Began, String> {
    let per_mille = u16::try_from(it.loss.min(100) * 10).unwrap_or(1000);
    let trouble = Trouble { loss_per_mille: per_mille, ..Trouble::default() };
    between((&it.from, &it.to), it.direction, trouble, stage)
}

fn between(
    (from, to): (&Endpoints, &Endpoints),
    direction: Direction,
    trouble: Trouble,
    stage: &mut Stage<'_>,
) -> Result<Began, String> {
    let (from, to) = (stage.ends(from)?, stage.ends(to)?);
    let mut began = Began::default();
    for (name, a) in &from {
        began.hit.push(name.clone());
        for (_, b) in &to {
            for (from, to) in direction.ways(*a, *b) {
                began.healing.push(stage.trouble(from, to, trouble));
            }
        }
    }
    began.hit.extend(to.iter().map(|(name, _)| name.clone()));
    Ok(began)
}
