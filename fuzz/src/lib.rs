//! Shared by the targets: the form of answers in a corpus, and the limits of an error.

use aws_google_web_identity::{Context, Error};
use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use std::alloc::{GlobalAlloc, Layout, System};
use std::error::Error as StdError;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// More than the longest role ARN, three server texts of 500 characters and four values of 80
/// together.
pub const MAX_TEXT: usize = 16 * 1024;

/// The error and its causes.
pub fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text += " <- ";
        text += &error.to_string();
        next = error.source();
    }
    text
}

/// Checks that the text is short, whatever was sent.
pub fn check_text(text: &str) {
    assert!(text.len() < MAX_TEXT, "{} bytes: {:.300}", text.len(), text);
}

/// Checks that the error is short, on one line, and shows none of the secrets.
pub fn check_error(error: &Error, secrets: &[&str]) {
    let text = chain(error);
    check_text(&text);
    assert!(!text.contains('\n'), "{text}");
    let debug = format!("{error:?}");
    assert!(debug.len() < 4 * MAX_TEXT, "{} bytes", debug.len());
    for secret in secrets {
        assert!(!text.contains(secret) && !debug.contains(secret), "{debug}");
    }
}

/// Parses an answer of a corpus:
/// `STATUS|Date|Retry-After|Metadata-Flavor|Content-Type|x-amzn-requestid` on the first line, each
/// header only where it has a text, then the body.
pub fn answer(data: &[u8]) -> HttpResponse {
    let (head, body) = match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (&b"200"[..], data),
    };
    let head = String::from_utf8_lossy(head);
    let mut fields = head.split('|');
    let status = fields
        .next()
        .and_then(|status| status.parse().ok())
        .and_then(|status: u16| StatusCode::try_from(status).ok())
        .unwrap_or_else(|| StatusCode::try_from(200).expect("it is a status"));
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    let names = [
        "date",
        "retry-after",
        "metadata-flavor",
        "content-type",
        "x-amzn-requestid",
    ];
    for (name, value) in names
        .iter()
        .zip(fields)
        .filter(|(_, value)| !value.is_empty())
    {
        // What can't be a header value never reaches the crate.
        let _ = response.headers_mut().try_insert(*name, value.to_owned());
    }
    response
}

#[derive(Debug)]
struct NoSleep;

impl AsyncSleep for NoSleep {
    fn sleep(&self, _: Duration) -> Sleep {
        Sleep::new(std::future::pending())
    }
}

/// Answers every request with what was put in last.
#[derive(Clone, Debug, Default)]
pub struct Canned(Arc<Mutex<Vec<u8>>>);

impl Canned {
    pub fn put(&self, data: Vec<u8>) {
        *self.0.lock().expect("nobody panics") = data;
    }

    /// A context over this client, which neither retries nor waits.
    pub fn context(&self) -> Context {
        let connector = SharedHttpConnector::new(self.clone());
        let client = http_client_fn(move |_, _| connector.clone());
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .retry_config(RetryConfig::disabled())
            .sleep_impl(aws_smithy_async::rt::sleep::SharedAsyncSleep::new(NoSleep))
            .http_client(SharedHttpClient::new(client))
            .build();
        Context::new(&config).expect("the configuration is whole")
    }
}

impl HttpConnector for Canned {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(Ok(answer(&self.0.lock().expect("nobody panics"))))
    }
}

/// No input is worth an allocation of more than this: an answer has at most 64 KiB.
const MAX_ALLOCATION: usize = 4 * 1024 * 1024;

/// Ends the process at a large allocation, which libFuzzer then reports with the input.
struct Bounded;

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

fn check_size(size: usize) {
    if size > MAX_ALLOCATION {
        eprintln!("an allocation of {size} bytes");
        std::process::abort();
    }
}

// SAFETY: all of it is the system's allocator.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        check_size(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        check_size(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        check_size(size);
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        unsafe { System.dealloc(old, layout) }
    }
}
