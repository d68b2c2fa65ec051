//! The one integration binary.

mod conformance;
mod convergence;
mod determinism;
mod golden;
mod random;
mod scenarios;
mod tidy;
