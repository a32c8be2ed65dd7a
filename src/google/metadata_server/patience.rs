//! How long a metadata server that isn't there yet is waited for.

use crate::context::Context;
use crate::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A pod of GKE can be there 5 s to 10 s before its metadata server is; reports ask for 30 s
/// ([workload identity](https://cloud.google.com/kubernetes-engine/docs/troubleshooting/authentication#pod-startup)).
const IN_ALL: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(1);

/// When the server was first found missing, by the monotonic clock. The calls of all clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Patience(Arc<Mutex<Option<Duration>>>);

impl Patience {
    /// After a call of those that began then failed: returns when it is time for the next.
    ///
    /// # Errors
    /// When there is to be none. Only a pod of Kubernetes is patient.
    pub(super) async fn wait(
        &self,
        cx: &Context,
        began: Duration,
        error: Error,
    ) -> Result<(), Error> {
        if !error.is_retryable() {
            // It is there, and says no.
            self.met();
            return Err(error);
        }
        if cx.var("KUBERNETES_SERVICE_HOST").is_none() {
            return Err(error);
        }
        let now = cx.clocks().elapsed();
        let missing = now.saturating_sub(*self.missing_since().get_or_insert(began));
        if missing + PAUSE > IN_ALL {
            return Err(error.and_hint(&format!(
                "missing for {} s: is the metadata server of this node running, and does no network policy \
                 of the pod keep it from 169.254.169.254 and 169.254.169.252?",
                missing.as_secs()
            )));
        }
        cx.clocks().sleep(PAUSE).await;
        Ok(())
    }

    /// It answered.
    pub(super) fn met(&self) {
        *self.missing_since() = None;
    }

    fn missing_since(&self) -> MutexGuard<'_, Option<Duration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
