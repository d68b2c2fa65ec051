//! Views of the log: trace, timeline, why.
