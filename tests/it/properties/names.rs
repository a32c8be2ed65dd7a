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
