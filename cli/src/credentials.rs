//! `credentials`: the JSON of `credential_process`, once.

use crate::arguments::Options;
use crate::failure::{Failure, print_out};
use crate::{cache, json, setup};
use std::process::ExitCode;

pub(crate) async fn run(options: &Options) -> Result<ExitCode, Failure> {
    let builder = cache::cached(setup::builder(options)?, options).await?;
    let provider = builder.build().await?;
    let session = provider.session().await?;
    print_out(json::process(&session).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
