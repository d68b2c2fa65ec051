//! Traces held against recordings of a real cluster.
