//! The one integration binary.

#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::too_many_lines,
    clippy::type_complexity,
    clippy::unnecessary_wraps,
    clippy::field_reassign_with_default,
    clippy::duplicate_mod,
    reason = "tests report to people, and meet every other variant with a failure"
)]

mod batch;
mod bounds;
mod browser;
mod cli;
mod conformance;
mod convergence;
mod determinism;
mod documents;
mod dump;
mod elastic;
mod endings;
mod explorer;
mod exports;
mod faults;
mod golden;
mod policy;
mod random;
mod scenarios;
mod scheduler;
mod sets;
mod stale;
mod storage;
mod testing;
mod tidy;
