//! What a cluster is made of, and its start.
