//! What the apiserver fills in.
