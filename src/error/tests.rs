use super::*;

fn refusal() -> Error {
    Error::from_message(Stage::Sts, ErrorKind::Denied, "HTTP 403 AccessDenied: no")
        .with_code(Some("AccessDenied"), Some("c6104cbe-af31"))
        .with_detail("role", "arn:aws:iam::123456789012:role/demo")
        .with_detail("accounts.google.com:sub", "\"1\"")
        .with_hint("change the policy")
        .and_hint("aws iam update-assume-role-policy …")
        .with_source("the cause")
}

#[test]
fn display_is_one_line() {
    assert_eq!(
        refusal().to_string(),
        "AWS STS: denied: HTTP 403 AccessDenied: no, request id c6104cbe-af31"
    );
}

#[test]
fn the_alternate_form_is_the_explanation() {
    assert_eq!(
        format!("{:#}", refusal()),
        "AWS STS: denied: HTTP 403 AccessDenied: no, request id c6104cbe-af31
  role                     arn:aws:iam::123456789012:role/demo
  accounts.google.com:sub  \"1\"
  hint: change the policy
        aws iam update-assume-role-policy …"
    );
}

#[test]
fn a_long_request_id_is_a_row_of_the_table() {
    let error = refusal().with_code(None, Some(&"x".repeat(41)));
    assert_eq!(
        error.to_string(),
        "AWS STS: denied: HTTP 403 AccessDenied: no"
    );
    assert!(format!("{error:#}").contains("\n  request id               xxx"));
}

#[test]
fn the_parts_have_accessors() {
    let error = refusal();
    assert_eq!(error.message(), Some("HTTP 403 AccessDenied: no"));
    let details: Vec<_> = error.details().collect();
    assert_eq!(details[1], ("accounts.google.com:sub", "\"1\""));
    let lines: Vec<_> = error.hint().unwrap().lines().collect();
    assert_eq!(lines[0], "change the policy");
    assert_eq!(error.source().unwrap().to_string(), "the cause");
}

#[test]
fn a_detail_stays_on_its_line() {
    let error = refusal().with_detail("standard error", &"a\nb\u{1b}[0m ".repeat(900));
    let text = format!("{error:#}");
    assert!(!text.contains('\u{1b}') && text.len() < 1000, "{text}");
    assert_eq!(text.lines().count(), 6);
}

/// Callers share an error: what one of them adds must not show in the others.
#[test]
fn a_clone_is_independent() {
    let error = refusal();
    let changed = error.clone().with_hint("another");
    assert_eq!(
        (error.hint().unwrap().lines().count(), changed.hint()),
        (2, Some("another"))
    );
}
