//! What the course needs beyond scenarios.
//!
//! Responsible for the operators that lessons run, and for the designs that they compare. Nothing
//! else may depend on it but scenarios and the command line.

pub mod keepers;
pub mod omega;
