#![no_main]

use aws_google_web_identity::{Audience, BuildError, RoleArn, ServiceAccountEmail, SessionName};
use aws_google_web_identity_fuzz::{chain, check_text};
use libfuzzer_sys::fuzz_target;
use std::fmt::Display;
use std::str::FromStr;

fn check<T: FromStr<Err = BuildError> + Display>(text: &str) {
    match text.parse::<T>() {
        Ok(name) => assert_eq!(name.to_string(), text),
        Err(error) => check_text(&chain(&error)),
    }
}

fuzz_target!(|text: &str| {
    check::<RoleArn>(text);
    check::<Audience>(text);
    check::<SessionName>(text);
    check::<ServiceAccountEmail>(text);
    if let Ok(arn) = text.parse::<RoleArn>() {
        assert!([0, 12].contains(&arn.account_id().len()));
    }
});
