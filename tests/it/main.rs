//! One binary for what is tested from outside.

mod auto_traits;
mod bad_input;
mod builder;
mod flow;
mod redaction;
mod sts;
mod support;
