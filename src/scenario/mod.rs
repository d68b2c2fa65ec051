//! Scenario files: from text to a typed description of what is to happen.
//!
//! Responsible for reading scenarios, manifests and command lines and for telling every mistake in
//! them with its place. It never reads a file itself (a [`Loader`](manifest::Loader) is handed
//! in), never prints, and never runs anything.

pub mod amount;
pub mod chaos;
pub mod decode;
pub mod diagnostic;
pub mod dump;
pub mod duration;
mod expression;
pub mod kubectl;
pub mod kwok;
pub mod load;
pub mod manifest;
pub mod print;
pub mod schema;
pub mod source;
pub mod spec;
pub mod template;
pub mod terminal;
pub mod world;
pub mod yaml;

pub use load::Described;
pub use load::Override;
pub use load::load;
