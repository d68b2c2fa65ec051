//! The engine: virtual time, agenda, actors and their lives, links, random streams, log, digest.
//! It knows nothing of Kubernetes.

pub mod agenda;
pub mod curve;
pub mod digest;
pub mod engine;
pub mod index;
pub mod link;
pub mod log;
pub mod rng;
pub mod time;
