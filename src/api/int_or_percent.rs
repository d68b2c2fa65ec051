//! A whole number or a percentage of another.
