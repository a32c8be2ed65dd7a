//! Metrics in Prometheus' text format.

use crate::events::Events;
use http::StatusCode;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

const STATUSES: [StatusCode; 7] = [
    StatusCode::OK,
    StatusCode::BAD_REQUEST,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::METHOD_NOT_ALLOWED,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// Answered requests, by status.
#[derive(Debug, Default)]
pub(super) struct Requests([AtomicU64; STATUSES.len()]);

impl Requests {
    pub(super) fn count(&self, status: StatusCode) {
        let counters = STATUSES.iter().zip(&self.0);
        for (_, counter) in counters.filter(|(other, _)| **other == status) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

pub(super) fn text(events: &Events, requests: &Requests, left: Duration) -> String {
    let mut text = String::new();
    let mut metric = |name: &str, r#type: &str, help: &str, values: &[(String, u64)]| {
        // Formatting into a String cannot fail.
        let _ = writeln!(text, "# HELP aws_google_web_identity_{name} {help}");
        let _ = writeln!(text, "# TYPE aws_google_web_identity_{name} {type}");
        for (labels, value) in values {
            let _ = writeln!(text, "aws_google_web_identity_{name}{labels} {value}");
        }
    };
    let one = |value| [(String::new(), value)];
    metric(
        "exchanges_total",
        "counter",
        "Sessions that AWS STS issued.",
        &one(events.exchanges()),
    );
    metric(
        "exchange_failures_total",
        "counter",
        "Refreshes that failed.",
        &one(events.failures()),
    );
    metric(
        "credentials_seconds_left",
        "gauge",
        "Remaining lifetime of the credentials; 0 without any.",
        &one(left.as_secs()),
    );
    let requests: Vec<_> = STATUSES
        .iter()
        .zip(&requests.0)
        .map(|(status, counter)| {
            let labels = format!("{{code=\"{}\"}}", status.as_u16());
            (labels, counter.load(Ordering::Relaxed))
        })
        .collect();
    metric(
        "requests_total",
        "counter",
        "Requests answered, by HTTP status.",
        &requests,
    );
    text
}
