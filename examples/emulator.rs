//! Starts the emulator for programs in other languages: prints where it is as one line of JSON, and ends when its stdin does.

use aws_google_web_identity::emulator::Emulator;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::Read as _;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let emulator = Emulator::start().await?;
    let directory = tempfile::tempdir()?;
    let key_file = directory.path().join("key.json");
    emulator.write_key_file(emulator.service_account_email(), &key_file)?;
    let env: BTreeMap<_, _> = emulator.env().into_iter().collect();
    let description = serde_json::json!({
        "metadata_host": emulator.metadata_host(),
        "token_uri": emulator.token_uri(),
        "iam_endpoint": emulator.iam_endpoint(),
        "jwks_uri": emulator.jwks_uri(),
        "sts_endpoint": emulator.sts_endpoint(),
        "env": env,
        "key_file": key_file,
        "audience": emulator.audience(),
        "role_arn": emulator.role_arn(),
        "service_account": {
            "email": emulator.service_account_email(),
            "unique_id": emulator.service_account_id(),
        },
    });
    println!("{description}");
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    Ok(())
}
