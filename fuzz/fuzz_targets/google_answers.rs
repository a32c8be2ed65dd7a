#![no_main]

use aws_google_web_identity::fuzzing::GoogleAnswers;
use aws_google_web_identity_fuzz::{answer, check_error};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

static HOPS: LazyLock<GoogleAnswers> = LazyLock::new(|| GoogleAnswers {
    account: "robot@demo-project.iam.gserviceaccount.com"
        .parse()
        .expect("it is one"),
    audience: "https://myservice.example.com".parse().expect("it is one"),
    at: UNIX_EPOCH + Duration::from_secs(1_700_000_100),
});

// `answer` documents the form.
fuzz_target!(|data: &[u8]| {
    for error in HOPS.read(|| answer(data)) {
        check_error(&error, &[]);
    }
});
