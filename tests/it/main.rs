//! The one integration binary.

mod conformance;
mod determinism;
mod tidy;
