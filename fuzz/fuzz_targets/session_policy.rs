#![no_main]

use aws_google_web_identity::fuzzing;
use aws_google_web_identity_fuzz::{chain, check_text};
use libfuzzer_sys::fuzz_target;

// The input is read as a policy, and as the ARNs of policies, one on each line.
fuzz_target!(|text: &str| {
    match fuzzing::session_policy(text) {
        Ok(compact) => {
            let value =
                |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("it is JSON");
            assert_eq!(value(&compact), value(text));
            assert_eq!(
                fuzzing::session_policy(&compact).expect("it is one"),
                compact
            );
            assert!(compact.chars().count() <= 2048);
        }
        Err(error) => check_text(&chain(&error)),
    }
    let arns: Vec<String> = text.lines().map(str::to_owned).collect();
    if let Err(error) = fuzzing::policy_arns(&arns) {
        check_text(&chain(&error));
    }
});
