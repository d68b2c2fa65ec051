//! The built-in controllers: pure rules, one file or folder each.
