#![no_main]

use aws_google_web_identity::fuzzing;
use aws_google_web_identity_fuzz::{Canned, chain, check_text};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static CONTEXT: LazyLock<aws_google_web_identity::Context> =
    LazyLock::new(|| Canned::default().context());

// The first line is the account to impersonate, if any. Then comes the file and, after a line of
// `---`, the answer that holds an external account's subject token.
fuzz_target!(|text: &str| {
    let (impersonate, rest) = text.split_once('\n').unwrap_or(("", text));
    let (file, answer) = rest.split_once("\n---\n").unwrap_or((rest, ""));
    let impersonate = Some(impersonate).filter(|account| !account.is_empty());
    if let Err(error) = fuzzing::adc_file(&CONTEXT, file.as_bytes(), impersonate) {
        check_text(&chain(&error));
    }
    if let Err(error) = fuzzing::subject_token(file.as_bytes(), answer.as_bytes()) {
        check_text(&error);
    }
});
