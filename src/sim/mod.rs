//! The engine: virtual time, agenda, actors and their lives, links, random streams, log, digest.
//! It knows nothing of Kubernetes.

pub mod index;
pub mod rng;
pub mod time;
