//! Retries for a metadata server that is not running yet.

use crate::context::Context;
use crate::error::Error;
use std::sync::OnceLock;
use std::time::Duration;

/// The metadata server of GKE can start 5 s to 10 s after the pod; reports ask for 30 s
/// ([workload identity](https://cloud.google.com/kubernetes-engine/docs/troubleshooting/authentication#pod-startup)).
const TOTAL: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// Retries within the first 30 s of asking, in Kubernetes only. All clones of a source share it.
///
/// An attempt may last as long as the transport lets it: the last one can end after the 30 s. The
/// deadline of the first fetch in a pod leaves room for that.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// When the server was first asked, by the monotonic clock.
    first_asked: OnceLock<Duration>,
}

impl Patience {
    /// Notes that the server is asked.
    pub(super) fn begin(&self, cx: &Context) {
        self.first_asked.get_or_init(|| cx.clocks().elapsed());
    }

    /// Waits before the next attempt, after this many that failed.
    ///
    /// # Errors
    /// The error itself when there should be no other attempt.
    pub(super) async fn wait(&self, cx: &Context, failed: u32, error: Error) -> Result<(), Error> {
        if !error.is_retryable() || cx.var("KUBERNETES_SERVICE_HOST").is_none() {
            return Err(error);
        }
        let now = cx.clocks().elapsed();
        let asking_for = now.saturating_sub(*self.first_asked.get_or_init(|| now));
        let pause = FIRST_PAUSE
            .saturating_mul(2u32.saturating_pow(failed.saturating_sub(1)))
            .min(LONGEST_PAUSE)
            .max(error.retry_after().unwrap_or_default())
            .min(TOTAL.saturating_sub(asking_for));
        if pause.is_zero() {
            return Err(error.and_hint(
                "is the metadata server of this node running, and does a network policy of the pod \
                 block 169.254.169.254 or 169.254.169.252?",
            ));
        }
        cx.clocks().sleep(pause).await;
        Ok(())
    }
}
