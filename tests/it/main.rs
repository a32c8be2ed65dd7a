//! One binary for what is tested from outside.

mod allocations;
mod application_default;
mod auto_traits;
mod bad_input;
mod builder;
mod faults;
mod flow;
mod redaction;
mod refresh;
mod sts;
mod support;
mod where_it_runs;
