//! The fields of every kind: names, types, merge keys; strict decoding.
