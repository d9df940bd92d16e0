//! The code that the papers show, compiled: each how-to is a doc-test here.
#![forbid(unsafe_code)]

