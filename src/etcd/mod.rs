//! etcd: revisions, compare-and-swap, history, compaction, leases, quota.

pub mod server;
pub mod store;
