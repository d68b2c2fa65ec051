//! etcd: revisions, compare-and-swap, history, compaction, leases, quota.
