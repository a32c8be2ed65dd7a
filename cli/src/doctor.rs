//! `doctor`: goes through every hop and says what to change.

use crate::arguments::{Doctor, Options};
use crate::failure::Failure;
use std::process::ExitCode;

pub(crate) async fn run(_options: &Options, _arguments: &Doctor) -> Result<ExitCode, Failure> {
    Err(Failure::new("doctor is not implemented yet"))
}
