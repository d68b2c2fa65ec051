//! descheduler: pods are evicted from where the scheduler would not put them today, so that it
//! puts them elsewhere.
//!
//! Responsible for rounds of evictions at an interval. Its strategies say which pods stand badly;
//! where they would stand better is the scheduler's to find, which knows other rules than these.
//! That is how the two can go in circles. It never deletes a pod: it asks for evictions, so that
//! disruption budgets count.
//!
//! Differs: the rules were read in files of different age, so that one which was changed lately may
//! be as it was before.

pub mod component;
pub mod duplicates;
pub mod evictor;
pub mod fit;
pub mod policy;
pub mod sight;
pub mod spread;
pub mod utilization;

#[cfg(test)]
mod tests;

pub use component::Descheduler;
pub use policy::Policy;
