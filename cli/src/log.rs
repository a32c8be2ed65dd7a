//! The log, on standard error.

use crate::events::{Counter, Events};
use std::io::IsTerminal as _;
use std::sync::Arc;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts the log, and the counters.
///
/// Only this package's own events are logged: those of the SDK and of its HTTP client can hold
/// tokens at their finer levels.
pub(crate) fn start(verbose: u8, default: LevelFilter) -> Arc<Events> {
    let events = Arc::<Events>::default();
    let level = match verbose {
        0 => default,
        1 => default.max(LevelFilter::INFO),
        _ => LevelFilter::DEBUG,
    };
    // Without a subscriber, an event costs one load of an atomic.
    if level == LevelFilter::OFF {
        return events;
    }
    let ours = Targets::new().with_target("aws_google_web_identity", level);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(is_coloured());
    tracing_subscriber::registry()
        .with(lines.with_filter(ours))
        .with(Counter(events.clone()).with_filter(filter_fn(Events::concerns)))
        .init();
    events
}

/// Whether standard error shows colours: it is a terminal, and `NO_COLOR` is not set.
pub(crate) fn is_coloured() -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !no_color && std::io::stderr().is_terminal()
}
