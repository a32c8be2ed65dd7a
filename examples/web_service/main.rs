//! A web service that shows its own way from a Google identity to AWS: who it is for Google, which
//! role session it has, each hop with its time, the buckets of the account, and why it is refused.
//!
//! Configured as `list_buckets` is, by `TARGET_AUDIENCE`, `AWS_ROLE_ARN` and `AWS_REGION`. With
//! `--offline`, or without these variables, it runs against an emulator and an S3 in process.
//! With `PORT` it listens on all interfaces, as Cloud Run wants it, else on 127.0.0.1:8080. The
//! page names accounts and roles, so do not serve it to everybody.

#![allow(
    clippy::disallowed_methods,
    reason = "a program has no other clock than the system's"
)]

mod hops;
mod page;
mod routes;
mod service;
mod status;

use service::Service;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use tracing_subscriber::EnvFilter;

const USAGE: &str = "usage: web_service [--offline]";

#[tokio::main]
async fn main() -> ExitCode {
    let is_offline = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => service::is_unconfigured(),
        [argument] if argument == "--offline" => true,
        [argument] if argument == "--help" => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    logs();
    match run(is_offline).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(is_offline: bool) -> Result<(), Box<dyn Error>> {
    let service = match is_offline {
        true => Service::offline().await?,
        false => Service::from_env().await?,
    };
    let address = match std::env::var("PORT") {
        Ok(port) => {
            let port = port
                .parse()
                .map_err(|_| format!("PORT: {port:?} is not a port, 0 to 65535"))?;
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))
        }
        Err(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
    };
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(|error| format!("{address}: {error}"))?;
    println!(
        "listening on http://localhost:{}/",
        listener.local_addr()?.port()
    );
    axum::serve(listener, routes::router(Arc::new(service)))
        .with_graceful_shutdown(stopped())
        .await?;
    tracing::info!("stopped");
    Ok(())
}

/// s3s, the S3 of the offline mode, logs session tokens: its logs stay off.
fn logs() {
    let selected = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let filter = ["s3s=off", "s3s_fs=off"]
        .iter()
        .filter_map(|directive| directive.parse().ok())
        .fold(selected, EnvFilter::add_directive);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}

/// Waits for SIGTERM, which Cloud Run and Kubernetes send, or for Ctrl-C.
async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
