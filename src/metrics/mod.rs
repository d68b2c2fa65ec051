//! The metrics APIs: metrics-server, the adapter for metrics by name, and the load of services.
//!
//! Responsible for how figures of nodes come to those who ask for them, late and sometimes not at
//! all, and for who carries a load. It never decides about replicas, and knows no container: what
//! a node says of itself is all there is.

pub mod adapter;
pub mod server;
pub mod traffic;
