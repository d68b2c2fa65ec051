//! Scenario files: what was written, what it means, what is wrong with it.
