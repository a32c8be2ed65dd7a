//! Three processes, one exchange: sessions in a directory, sealed.
//!
//! `cargo run --example shared_cache` needs nothing: Google and AWS STS run in process. Each
//! "process" is a provider of its own, which shares nothing with the others but the directory and
//! the key. Over Redis it is the same with `Sealed::new(RedisCache::connect(url).await?, key)`: see
//! the guide's page about the shared cache, and `examples/redis_cache.rs`.

use aws_google_web_identity::{
    FileCache, GoogleWebIdentityProvider, MetadataServer, Sealed, SealingKey,
};
use aws_google_web_identity_emulator::{Call, Emulator};
use std::error::Error;
use std::path::Path;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let emulator = Emulator::start().await?;
    let directory = tempfile::tempdir()?;
    let directory = directory.path().join("sessions");
    // In production, 32 random bytes from wherever the program gets its secrets.
    let key = [7; 32];
    for process in 1..=3 {
        let provider = provider(&emulator, &directory, key).await?;
        let session = provider.session().await?;
        println!(
            "process {process}: {}, {} calls of STS so far",
            session.credentials().access_key_id(),
            emulator.requests_of(Call::Sts).len(),
        );
    }
    let provider = provider(&emulator, &directory, [8; 32]).await?;
    let session = provider.session().await?;
    println!(
        "with another sealing key: {}, {} calls of STS so far",
        session.credentials().access_key_id(),
        emulator.requests_of(Call::Sts).len(),
    );
    Ok(())
}

async fn provider(
    emulator: &Emulator,
    directory: &Path,
    key: [u8; 32],
) -> Result<GoogleWebIdentityProvider, Box<dyn Error>> {
    let cache = Sealed::new(FileCache::new(directory)?, SealingKey::local(key));
    let provider = GoogleWebIdentityProvider::builder(emulator.role_arn())
        .audience(emulator.audience())
        .token_source(MetadataServer::new().endpoint(emulator.metadata_endpoint()))
        .configure(&emulator.sdk_config())
        .session_cache(cache)
        .build()
        .await?;
    Ok(provider)
}
