//! Exports: the log of a run in other people's formats.
//!
//! Responsible for saying nothing that the log does not: what a format asks for and the log does
//! not hold is left out.

pub mod audit;
pub mod curves;
pub mod mermaid;
pub mod messages;
pub mod metrics;
pub mod perfetto;
