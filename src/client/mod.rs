//! What every client of the apiserver shares.
//!
//! The machinery here is pure: it holds no clock, sends nothing and draws no randomness of its
//! own. Each method takes the instant it happens at, and says what is to be done next. Only the
//! process speaks, through the engine's context.

pub mod backoff;
pub mod cache;
pub mod component;
pub mod delta_fifo;
pub mod event_recorder;
pub mod event_series;
pub mod expectations;
pub mod informer;
#[cfg(test)]
pub(crate) mod known;
pub mod leader_election;
mod lru;
pub mod manager;
pub mod plan;
pub mod process;
pub mod rate_limiter;
pub mod reconciler;
pub mod reflector;
pub mod slow_start;
pub mod telling;
pub mod token_bucket;
pub mod view;
pub mod work_queue;

/// A source of chance: given `n` it answers a number between 0 and `n`, both included, each as
/// likely as any other.
pub type Draw<'a> = &'a mut dyn FnMut(u64) -> u64;
