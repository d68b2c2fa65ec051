//! Views of the log: trace, history, timeline, why.
//!
//! Responsible for telling people and tools what happened in a run. A view reads the log and
//! changes nothing: no component knows that it is looked at.

mod change;
pub mod export;
pub mod gauge;
pub mod history;
pub mod page;
pub mod reader;
pub mod rows;
pub mod scheduling;
pub mod story;
pub mod timeline;
pub mod verdict;
pub mod why;

#[cfg(test)]
mod tests;
