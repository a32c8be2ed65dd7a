//! Where an example works: in the bucket that the environment names or, without variables, in one
//! of its own: Google, AWS STS and S3 in process, with a clock that the example moves.

use crate::support::{required_var, var};
use aws_google_web_identity::trust_policy::{ConditionKeys, TrustPolicy};
use aws_google_web_identity::{Builder, GoogleWebIdentityProvider};
use aws_google_web_identity_emulator::{Emulator, Role, S3, TestClock};
use std::error::Error;
use std::time::{Duration, SystemTime};

const MINUTE: Duration = Duration::from_secs(60);
/// A role whose trust policy names another account.
const STRANGE_ROLE: &str = "arn:aws:iam::123456789012:role/not-for-robots";

pub struct Place {
    pub bucket: String,
    pub region: String,
    pub endpoint: Option<String>,
    clouds: Option<Clouds>,
}

struct Clouds {
    emulator: Emulator,
    clock: TestClock,
    s3: S3,
    _directory: tempfile::TempDir,
}

impl Place {
    pub async fn find() -> Result<Self, Box<dyn Error>> {
        if var("AWS_ROLE_ARN").is_none() && var("S3_BUCKET").is_none() {
            return Self::in_process().await;
        }
        Ok(Self {
            bucket: required_var("S3_BUCKET", "the bucket to work in")?,
            region: required_var("AWS_REGION", "the bucket's Region")?,
            endpoint: var("AWS_ENDPOINT_URL_S3"),
            clouds: None,
        })
    }

    async fn in_process() -> Result<Self, Box<dyn Error>> {
        // opendal reads the machine's clock, not this one. By that, the first session ends in two
        // minutes, so that opendal does not cache it.
        #[allow(clippy::disallowed_methods)]
        let clock = TestClock::starting_at(SystemTime::now() - 58 * MINUTE);
        let emulator = Emulator::builder().test_clock(&clock).start().await?;
        let another =
            ConditionKeys::from_claims(None, emulator.audience(), "100000000000000000009");
        let policy = TrustPolicy::admitting(&another);
        emulator.put_role(Role::new(STRANGE_ROLE).trust_policy(&policy))?;
        let directory = tempfile::tempdir()?;
        std::fs::create_dir(directory.path().join("photos"))?;
        let s3 = emulator.serve_s3(directory.path(), 0)?;
        Ok(Self {
            bucket: "photos".to_owned(),
            region: "us-east-1".to_owned(),
            endpoint: Some(s3.endpoint()),
            clouds: Some(Clouds {
                emulator,
                clock,
                s3,
                _directory: directory,
            }),
        })
    }

    /// Points a provider that is configured by the environment at the clouds in process, if there
    /// are any.
    pub fn configure(&self, builder: Builder) -> Builder {
        match &self.clouds {
            None => builder,
            Some(clouds) => builder
                .environment(clouds.emulator.env())
                .configure(&clouds.emulator.sdk_config())
                .monotonic_clock(clouds.clock.clone()),
        }
    }

    /// In process: a provider for a role that does not admit the account.
    pub async fn refused(&self) -> Result<Option<GoogleWebIdentityProvider>, Box<dyn Error>> {
        let Some(clouds) = &self.clouds else {
            return Ok(None);
        };
        let builder = GoogleWebIdentityProvider::builder(STRANGE_ROLE)
            .audience(clouds.emulator.audience())
            .token_source(aws_google_web_identity::MetadataServer::new());
        Ok(Some(self.configure(builder).build().await?))
    }

    /// In process: 50 minutes later, when the session has been replaced. Elsewhere it waits for
    /// that if `ROTATE` is set.
    pub async fn rotate(&self, provider: &GoogleWebIdentityProvider) -> Result<(), Box<dyn Error>> {
        let old = provider.session().await?;
        match &self.clouds {
            Some(clouds) => clouds.clock.run_for(50 * MINUTE).await,
            None if var("ROTATE").is_none() => return Ok(()),
            None => {}
        }
        while provider.session().await?.expires_at() == old.expires_at() {
            match self.clouds {
                Some(_) => tokio::task::yield_now().await,
                #[allow(clippy::disallowed_methods)]
                None => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
        Ok(())
    }

    /// In process: fails unless S3 was called with the keys of both sessions.
    pub fn check_rotation(&self) -> Result<(), Box<dyn Error>> {
        let Some(clouds) = &self.clouds else {
            return Ok(());
        };
        let keys = clouds.s3.access_key_ids();
        println!("S3 was called with the keys of {} sessions", keys.len());
        match keys.len() {
            2 => Ok(()),
            _ => Err("the session did not rotate".into()),
        }
    }
}
