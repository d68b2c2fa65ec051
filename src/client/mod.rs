//! What every client of the apiserver shares.
