//! Serves sessions from Redis, for the tests in `tests/interop/redis.py`: for each line of stdin a
//! new provider gets a session. Prints the access key id and the milliseconds it took.
//!
//! Environment: `REDIS_URLS` (separated by spaces), `REDIS_KIND` (`cluster`, or `sentinel:NAME`),
//! `REDIS_ACCESS_TOKEN` (if set, those of the metadata server are the passwords), `SEALING_KEY` (64
//! hexadecimal digits), or `KMS_KEY` and `KMS_ENDPOINT`.

#![allow(clippy::disallowed_methods, reason = "it measures real time")]

use aws_google_web_identity::{
    GoogleKms, GoogleWebIdentityProvider, MetadataServer, RedisCache, Sealed, SealingKey,
};
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;
use tokio::io::{AsyncBufReadExt as _, BufReader};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
    let urls = std::env::var("REDIS_URLS")?;
    let builder = RedisCache::builder(urls.split(' '));
    let kind = std::env::var("REDIS_KIND").unwrap_or_default();
    let builder = match kind.strip_prefix("sentinel:") {
        Some(name) => builder.sentinel(name),
        None if kind == "cluster" => builder.cluster(),
        None => builder,
    };
    let builder = match std::env::var_os("REDIS_ACCESS_TOKEN") {
        Some(_) => builder.access_token(MetadataServer::new()),
        None => builder,
    };
    let key = match std::env::var("KMS_KEY") {
        Ok(name) => GoogleKms::new(name, MetadataServer::new())
            .endpoint(std::env::var("KMS_ENDPOINT")?)
            .into(),
        Err(_) => SealingKey::local(key(&std::env::var("SEALING_KEY")?)?),
    };
    let start = Instant::now();
    let cache = Arc::new(Sealed::new(builder.connect().await?, key));
    println!("{cache:?} {}", start.elapsed().as_millis());
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while lines.next_line().await?.is_some() {
        let start = Instant::now();
        let provider = GoogleWebIdentityProvider::from_env()
            .session_cache(cache.clone())
            .build()
            .await?;
        match provider.session().await {
            Ok(session) => println!(
                "{} {}",
                session.credentials().access_key_id(),
                start.elapsed().as_millis()
            ),
            Err(error) => println!("error {error:#}"),
        }
    }
    Ok(())
}

fn key(hex: &str) -> Result<[u8; 32], Box<dyn Error>> {
    let mut key = [0; 32];
    for (at, byte) in key.iter_mut().enumerate() {
        let digits = hex.get(2 * at..2 * at + 2).ok_or("64 digits expected")?;
        *byte = u8::from_str_radix(digits, 16)?;
    }
    Ok(key)
}
