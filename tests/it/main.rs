//! The one integration binary.

mod cli;
mod conformance;
mod convergence;
mod determinism;
mod golden;
mod random;
mod scenarios;
mod tidy;
