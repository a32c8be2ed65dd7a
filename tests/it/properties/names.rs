//! The names that go over the wire.

use super::{Checked, check, check_text, damaged, text};
use crate::support::{AUDIENCE, ROBOT, ROLE};
use aws_google_web_identity::{Audience, BuildError, RoleArn, ServiceAccountEmail, SessionName};
use proptest::prelude::*;
use std::fmt::Display;
use std::str::FromStr;

/// What is taken is kept as it is; what isn't is named, and shortly.
fn keeps_or_names<T: FromStr<Err = BuildError> + Display>(name: &str) -> Checked {
    match name.parse::<T>() {
        Ok(parsed) => prop_assert_eq!(parsed.to_string(), name),
        Err(error) => {
            let says = check_text(&error)?;
            if says.contains(", not shown>") {
                // The value looks like a key or a token.
                let inner = name.trim_start_matches(['\u{feff}', '"', '\'', ' ', '\t', '\r', '\n']);
                let begins = ["{", "[", "ey", "ew", "Bearer ", "bearer ", "ya29."];
                let looks = begins.iter().any(|begin| inner.starts_with(begin));
                prop_assert!(
                    looks || inner.contains("PRIVATE KEY") || inner.contains("eyJ"),
                    "{}",
                    says
                );
                return Ok(());
            }
            let begins: String = name.chars().take(40).collect();
            let begins = format!("{begins:?}");
            prop_assert!(says.contains(&begins[..begins.len() - 1]), "{}", says);
        }
    }
    Ok(())
}

fn all(name: &str) -> Checked {
    keeps_or_names::<RoleArn>(name)?;
    keeps_or_names::<Audience>(name)?;
    keeps_or_names::<SessionName>(name)?;
    keeps_or_names::<ServiceAccountEmail>(name)
}

#[test]
fn any_text_is_a_name_or_is_refused_by_name_and_rule() {
    check(1000, any::<String>(), |name| all(&name));
}

#[test]
fn a_damaged_name_is_a_name_or_is_refused_by_name_and_rule() {
    let names = [ROLE, AUDIENCE, ROBOT, "117291390000000000001", "a-session"];
    let names = names.map(str::to_owned).to_vec();
    check(1000, damaged(names), |name| all(&text(&name)));
}

#[test]
fn what_a_role_arn_holds_in_place_of_its_account_is_not_shown_whole() {
    for part in ["\u{1}", "9", "é"] {
        let part = part.repeat(2000 / part.len());
        all(&format!("arn:aws:iam::{part}:role/demo")).unwrap();
        all(&format!("arn:aws:iam::123456789012:{part}/demo")).unwrap();
    }
}

#[test]
fn a_key_or_a_token_in_place_of_a_name_is_not_shown() {
    for secret in [
        r#"{"type":"service_account","private_key":"SECRET"}"#,
        "  {\n\"private_key\": \"SECRET\"}",
        r#"[{"private_key":"SECRET"}]"#,
        "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n",
        "eyJhbGciOiJSUzI1NiJ9.SECRET.SECRET",
        "eyJ0eXBlIjoic2VydmljZV9hY2NvdW50In0SECRET",
        "ya29.SECRET",
        "Bearer SECRET",
        "arn:aws:iam::123456789012:role/eyJhbGciOiJSUzI1NiJ9.SECRET.SECRET ",
    ] {
        let errors = [
            secret.parse::<RoleArn>().err(),
            secret.parse::<SessionName>().err(),
            secret.parse::<ServiceAccountEmail>().err(),
            format!("{secret}\u{1}").parse::<Audience>().err(),
        ];
        for error in errors.into_iter().flatten() {
            for says in [
                format!("{error}"),
                format!("{error:#}"),
                format!("{error:?}"),
            ] {
                assert!(!says.contains("SECRET"), "{says}");
                assert!(says.contains("not shown"), "{says}");
            }
        }
    }
}
