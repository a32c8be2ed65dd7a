#![no_main]

use aws_google_web_identity::LocalKey;
use aws_google_web_identity_fuzz::{chain, check_text};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;

const RUN: usize = 20;

/// Checks that neither text nor `Debug` shows a run of possible key material.
fn check(file: &[u8], pem: &str) {
    let Err(error) = LocalKey::from_json(file) else {
        return;
    };
    let text = format!("{} {error:?}", chain(&error));
    check_text(&text);
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    for run in pem
        .as_bytes()
        .windows(RUN)
        .filter(|run| run.iter().all(base64))
    {
        let run = str::from_utf8(run).expect("it is ASCII");
        assert!(!text.contains(run), "{text}");
    }
}

// An input that begins with `{` is a file, with `-` the PEM in a file; any other is the DER in a
// PEM.
fuzz_target!(|data: &[u8]| {
    let pem = match data.first() {
        Some(b'{') => return check(data, ""),
        Some(b'-') => String::from_utf8_lossy(data).into_owned(),
        _ => format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(data)
        ),
    };
    let file = serde_json::json!({
        "type": "service_account",
        "client_email": "robot@demo-project.iam.gserviceaccount.com",
        "private_key_id": "1",
        "private_key": pem,
    });
    check(file.to_string().as_bytes(), &pem);
});
