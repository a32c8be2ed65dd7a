//! What happens in the library, learned from its events: for metrics, and for a log line for each
//! refresh.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

const EXCHANGE: &str = "aws_google_web_identity::exchange";
const ISSUED: &str = "got a role session";
/// Logs nothing but refreshes that fail.
const REFRESH: &str = "aws_google_web_identity::refresh::task";

/// Counts exchanges and failed refreshes.
#[derive(Debug, Default)]
pub(crate) struct Events {
    exchanges: AtomicU64,
    failures: AtomicU64,
    changed: Notify,
}

impl Events {
    pub(crate) fn exchanges(&self) -> u64 {
        self.exchanges.load(Ordering::Relaxed)
    }

    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Returns after the next exchange, or at once when there was one since the last call.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The events that [`Counter`] looks at.
    pub(crate) fn concerns(metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::DEBUG && [EXCHANGE, REFRESH].contains(&metadata.target())
    }
}

/// The subscriber that counts.
pub(crate) struct Counter(pub(crate) std::sync::Arc<Events>);

impl<S: Subscriber> Layer<S> for Counter {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == REFRESH {
            self.0.failures.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let mut is_issued = IsIssued(false);
        event.record(&mut is_issued);
        if is_issued.0 {
            self.0.exchanges.fetch_add(1, Ordering::Relaxed);
            self.0.changed.notify_one();
        }
    }
}

/// Whether the message says that STS issued a session.
struct IsIssued(bool);

impl Visit for IsIssued {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0 |= field.name() == "message" && format!("{value:?}") == ISSUED;
    }
}
