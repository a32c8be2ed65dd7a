//! One binary for what is tested from outside.

mod auto_traits;
mod builder;
mod support;
