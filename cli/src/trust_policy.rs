//! `trust-policy`: prints the trust policy that admits this identity, or checks one.

use crate::arguments::{Options, TrustPolicy};
use crate::failure::Failure;
use std::process::ExitCode;

pub(crate) async fn run(_options: &Options, _arguments: &TrustPolicy) -> Result<ExitCode, Failure> {
    Err(Failure::new("trust-policy is not implemented yet"))
}
