//! The provider and the S3 client, configured by the environment or for the offline mode.

use crate::hops::Hops;
use crate::status::Status;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_google_web_identity::{GoogleWebIdentityProvider, MetadataServer, RefreshPolicy};
use aws_google_web_identity_emulator::{Emulator, S3};
use aws_sdk_s3::config::SharedCredentialsProvider;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::Mutex;

/// However many people look at the page, the servers are asked at most this often.
const STATUS_KEPT: Duration = Duration::from_secs(2);

pub struct Service {
    pub provider: GoogleWebIdentityProvider,
    pub s3: aws_sdk_s3::Client,
    pub hops: Hops,
    /// The servers of the offline mode.
    pub offline: Option<Offline>,
    /// The end of the last session that was seen.
    pub last_expiry: Mutex<Option<SystemTime>>,
    status: Mutex<Option<(Instant, Arc<Status>)>>,
}

/// Dropping them ends them.
pub struct Offline {
    _emulator: Emulator,
    _s3: S3,
    _directory: tempfile::TempDir,
}

/// Whether neither the role nor the audience is set.
pub fn is_unconfigured() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !is_set("AWS_ROLE_ARN") && !is_set("TARGET_AUDIENCE")
}

impl Service {
    pub async fn from_env() -> Result<Self, Box<dyn Error>> {
        let hops = Hops::default();
        let region = std::env::var("AWS_REGION").ok();
        let region = region.filter(|region| !region.is_empty());
        // With a Region, the SDK does not look for one at EC2's metadata address.
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(
                region.unwrap_or_else(|| "us-east-1".to_owned()),
            ))
            .http_client(hops.client())
            .no_credentials()
            .load()
            .await;
        let provider = GoogleWebIdentityProvider::from_env()
            .configure(&config)
            .refresh_policy(RefreshPolicy::new().keep_warm(true))
            .build()
            .await?;
        Ok(Self::new(provider, config, hops, None))
    }

    pub async fn offline() -> Result<Self, Box<dyn Error>> {
        let hops = Hops::default();
        let emulator = Emulator::start().await?;
        let directory = tempfile::tempdir()?;
        for bucket in ["backups", "photos", "reports-2026"] {
            std::fs::create_dir(directory.path().join(bucket))?;
        }
        let s3 = emulator.serve_s3(directory.path(), 0)?;
        let config = emulator.sdk_config().into_builder();
        let config = config.http_client(hops.client()).build();
        let provider = GoogleWebIdentityProvider::builder(emulator.role_arn())
            .audience(emulator.audience())
            .token_source(MetadataServer::new().endpoint(emulator.metadata_endpoint()))
            .configure(&config)
            .refresh_policy(RefreshPolicy::new().keep_warm(true))
            .build()
            .await?;
        let config = config.into_builder().endpoint_url(s3.endpoint()).build();
        let offline = Offline {
            _emulator: emulator,
            _s3: s3,
            _directory: directory,
        };
        Ok(Self::new(provider, config, hops, Some(offline)))
    }

    fn new(
        provider: GoogleWebIdentityProvider,
        config: SdkConfig,
        hops: Hops,
        offline: Option<Offline>,
    ) -> Self {
        let credentials = SharedCredentialsProvider::new(provider.clone());
        let config = config.into_builder().credentials_provider(credentials);
        Self {
            provider,
            s3: aws_sdk_s3::Client::new(&config.build()),
            hops,
            offline,
            last_expiry: Mutex::default(),
            status: Mutex::default(),
        }
    }

    pub async fn status(&self) -> Arc<Status> {
        let mut kept = self.status.lock().await;
        match &*kept {
            Some((at, status)) if at.elapsed() < STATUS_KEPT => status.clone(),
            _ => {
                let status = Arc::new(Status::of(self).await);
                *kept = Some((Instant::now(), status.clone()));
                status
            }
        }
    }

    pub async fn buckets(&self) -> Result<Vec<String>, String> {
        let answer = self.s3.list_buckets().send().await;
        let answer = answer.map_err(|error| crate::status::chain(&error))?;
        let names = answer.buckets().iter().filter_map(|bucket| bucket.name());
        Ok(names.map(str::to_owned).collect())
    }
}
