//! The paths, and what every answer has: security headers and a line in the log.

use crate::page;
use crate::service::Service;
use axum::Json;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

/// No script at all, and nothing from elsewhere.
const HEADERS: [(&str, &str); 5] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
];

pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/healthz", get(async || Json(json!({ "status": "ok" }))))
        .route("/readyz", get(ready))
        .route("/api/buckets", get(buckets))
        .route(
            "/style.css",
            get(async || file("text/css", include_str!("style.css"))),
        )
        .route(
            "/icon.svg",
            get(async || file("image/svg+xml", include_str!("icon.svg"))),
        )
        .layer(from_fn(with_headers_and_log))
        .with_state(service)
}

fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, kind)], text)
}

async fn index(State(service): State<Arc<Service>>) -> Html<String> {
    Html(page::html(&*service.status().await))
}

/// Ready while there are credentials.
async fn ready(State(service): State<Arc<Service>>) -> Response {
    match service.provider.session().await {
        Ok(_) => Json(json!({ "ready": true })).into_response(),
        Err(error) => {
            let body = json!({ "ready": false, "error": error.to_string() });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}

async fn buckets(State(service): State<Arc<Service>>) -> Response {
    match service.buckets().await {
        Ok(names) => Json(json!({ "buckets": names })).into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, Json(json!({ "error": error }))).into_response(),
    }
}

async fn with_headers_and_log(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let started = Instant::now();
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        let name = HeaderName::from_static(name);
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let (status, ms) = (response.status().as_u16(), started.elapsed().as_millis());
    tracing::info!(%method, path, status, ms, "request");
    response
}
