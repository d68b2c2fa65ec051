//! What the apiserver refuses.
