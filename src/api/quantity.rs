//! Quantities: numbers with a unit, as resources are counted.
