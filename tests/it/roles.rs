//! Many roles of one identity.

mod cache;
mod isolation;
mod memory;
mod pace;
pub mod simulation;

use crate::support::chain;
use aws_google_web_identity::{RefreshPolicy, Roles};
use simulation::{Clock, Source, Sts, arn};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// An STS that allows 100 calls a second, 10 of them at once.
fn limited(clock: &Clock) -> Sts {
    Sts::new(clock, 100.0, 10.0)
}

async fn roles(sts: &Sts, source: &Source) -> Roles {
    let policy = RefreshPolicy::new().jitter(0.0);
    let builder = sts.roles(source).refresh_policy(policy);
    builder.build().await.unwrap()
}

#[test]
fn the_same_role_has_the_same_session() {
    let clock = Clock::default();
    let (sts, source) = (limited(&clock), Source::default());
    clock.block_on(async {
        let roles = roles(&sts, &source).await;
        let first = roles.role(arn(1)).unwrap().session().await.unwrap();
        // Nobody holds the provider meanwhile.
        clock.skip(60 * SECOND);
        let again = roles.clone().role(arn(1)).unwrap().session().await.unwrap();
        assert_eq!(first.credentials(), again.credentials());
        assert_eq!((sts.calls().len(), source.tokens()), (1, 1));
    });
}

#[test]
fn all_roles_share_one_id_token_until_it_expires() {
    let clock = Clock::default();
    let (sts, source) = (limited(&clock), Source::default());
    clock.block_on(async {
        let roles = roles(&sts, &source).await;
        for number in 0..50 {
            roles.role(arn(number)).unwrap().session().await.unwrap();
        }
        assert_eq!(source.tokens(), 1);
        clock.skip(3550 * SECOND);
        roles.role(arn(50)).unwrap().session().await.unwrap();
        assert_eq!(source.tokens(), 2);
    });
}

#[test]
fn a_bad_role_is_an_error_with_the_value_and_the_rule() {
    let clock = Clock::default();
    let (sts, source) = (limited(&clock), Source::default());
    clock.block_on(async {
        let roles = roles(&sts, &source).await;
        let error = roles.role("arn:aws:iam::12:role/demo").unwrap_err();
        let text = chain(&error);
        assert!(
            text.contains("role_arn: \"arn:aws:iam::12:role/demo\""),
            "{text}"
        );
        assert!(text.contains("12 digits"), "{text}");
        let error = roles.role("arn:aws:iam:::role/demo").unwrap_err();
        assert!(chain(&error).contains("role_arn: \"arn:aws:iam:::role/demo\" has no account id"));
        let wrong = roles.role_with("demo", |role| {
            role.policy("text")
                .policy_arns(["nonsense"])
                .session_name("a b")
                .session_length(SECOND)
        });
        let error = wrong.unwrap_err();
        let settings: Vec<_> = error.problems().iter().map(|it| it.setting()).collect();
        let expected = [
            "role_arn",
            "session_name",
            "session_length",
            "policy",
            "policy_arns",
        ];
        assert_eq!(settings, expected);
        assert!(sts.calls().is_empty());
    });
}

#[test]
fn build_reports_all_problems() {
    let clock = Clock::default();
    let (sts, source) = (limited(&clock), Source::default());
    clock.block_on(async {
        let builder = sts.roles(&source).audience("").session_length(SECOND);
        let error = builder.build().await.unwrap_err();
        let settings: Vec<_> = error.problems().iter().map(|it| it.setting()).collect();
        assert_eq!(settings, ["audience", "session_length"]);
    });
}

#[test]
fn debug_is_bounded_and_shows_no_secret() {
    let clock = Clock::default();
    let (sts, source) = (limited(&clock), Source::default());
    clock.block_on(async {
        let roles = roles(&sts, &source).await;
        let mut held = Vec::new();
        for number in 0..1000 {
            held.push(roles.role(arn(number)).unwrap());
        }
        let session = held[0].session().await.unwrap();
        let text = format!("{roles:?}");
        assert!(text.len() < 1000, "{text}");
        assert!(text.contains("roles: 1000"), "{text}");
        let credentials = session.credentials();
        for secret in [
            credentials.secret_access_key(),
            credentials.session_token().unwrap(),
        ] {
            assert!(!text.contains(secret) && !format!("{:?}", held[0]).contains(secret));
        }
    });
}

#[test]
fn the_length_of_all_roles_is_the_default_of_each() {
    let clock = Clock::default();
    let (sts, source) = (limited(&clock), Source::default());
    clock.block_on(async {
        let builder = sts.roles(&source).session_length(900 * SECOND);
        let roles = builder.build().await.unwrap();
        let longer =
            |role: aws_google_web_identity::RoleBuilder| role.session_length(7200 * SECOND);
        for (provider, length) in [
            (roles.role(arn(1)).unwrap(), 900),
            (roles.role_with(arn(1), longer).unwrap(), 7200),
        ] {
            let now = aws_smithy_async::time::TimeSource::now(&clock);
            let left = provider
                .session()
                .await
                .unwrap()
                .expires_at()
                .duration_since(now);
            let left = left.unwrap().as_secs_f64();
            assert!(
                (left - f64::from(length)).abs() < 2.0,
                "{left} s of {length}"
            );
        }
    });
}
