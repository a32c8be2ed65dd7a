//! What one role does or suffers reaches no other.

use super::simulation::{Clock, Source, Sts, arn, owner, persistent};
use super::{SECOND, limited, roles};
use aws_google_web_identity::{
    Error, ErrorKind, GoogleWebIdentityProvider, RoleBuilder, Roles, Session, Stage,
};
use aws_smithy_async::rt::sleep::AsyncSleep;
use std::sync::Arc;

const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[]}"#;
const OTHER_POLICY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;

type Settings = fn(RoleBuilder) -> RoleBuilder;

/// Roles that differ in one thing each.
fn variants() -> Vec<(&'static str, usize, Settings)> {
    vec![
        ("the role", 1, |role| role),
        ("another account", 2, |role| role),
        ("a policy", 1, |role| role.policy(POLICY)),
        ("another policy", 1, |role| role.policy(OTHER_POLICY)),
        ("a session name", 1, |role| role.session_name("tenant-1")),
        ("another session name", 1, |role| {
            role.session_name("tenant-2")
        }),
        ("the letters of a name", 1, |role| {
            role.session_name("TENANT-1")
        }),
        ("a length", 1, |role| role.session_length(900 * SECOND)),
        ("another length", 1, |role| {
            role.session_length(901 * SECOND)
        }),
        ("a policy ARN", 1, |role| {
            role.policy_arns(["arn:aws:iam::aws:policy/ReadOnlyAccess"])
        }),
        ("two policy ARNs", 1, |role| {
            role.policy_arns([
                "arn:aws:iam::aws:policy/ReadOnlyAccess",
                "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
            ])
        }),
        ("a policy and a name", 1, |role| {
            role.policy(POLICY).session_name("tenant-1")
        }),
    ]
}

fn key(session: &Session) -> String {
    session.credentials().access_key_id().to_owned()
}

#[test]
fn no_two_different_roles_share_a_session() {
    let clock = Clock::default();
    let (sts, source) = (limited(&clock), Source::default());
    clock.block_on(async {
        let roles = roles(&sts, &source).await;
        let mut sessions = Vec::new();
        for (name, number, settings) in variants() {
            let session = roles
                .role_with(arn(number), settings)
                .unwrap()
                .session()
                .await;
            sessions.push((name, key(&session.unwrap())));
        }
        for (first, (name, number, settings)) in variants().into_iter().enumerate() {
            let again = roles
                .role_with(arn(number), settings)
                .unwrap()
                .session()
                .await;
            let again = key(&again.unwrap());
            for (second, (other, session)) in sessions.iter().enumerate() {
                assert_eq!(again == *session, first == second, "{name} and {other}");
            }
        }
        assert_eq!(sts.calls().len(), sessions.len());
    });
}

#[test]
fn white_space_makes_no_other_policy() {
    let clock = Clock::default();
    let (sts, source) = (limited(&clock), Source::default());
    clock.block_on(async {
        let roles = roles(&sts, &source).await;
        for policy in [POLICY.to_owned(), POLICY.replace(',', " ,\n  ")] {
            let provider = roles.role_with(arn(1), |role| role.policy(policy)).unwrap();
            provider.session().await.unwrap();
        }
        assert_eq!(sts.calls().len(), 1);
    });
}

#[test]
fn a_denied_role_changes_nothing_for_another() {
    let clock = Clock::default();
    let (sts, source) = (limited(&clock), Source::default());
    sts.answer(&arn(1), 403);
    clock.block_on(async {
        let roles = roles(&sts, &source).await;
        let (denied, fine) = (roles.role(arn(1)).unwrap(), roles.role(arn(2)).unwrap());
        let error: Error = denied.session().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        let session = fine.session().await.unwrap();
        denied.session().await.unwrap_err();
        assert_eq!(key(&session), key(&fine.session().await.unwrap()));
        assert_eq!((sts.calls().len(), source.tokens()), (2, 1));
        // Only the role itself: the same ARN with a policy is asked for by itself.
        roles
            .role_with(arn(1), |role| role.policy(POLICY))
            .unwrap()
            .session()
            .await
            .unwrap_err();
        assert_eq!(sts.calls().len(), 3);
    });
}

#[test]
fn a_panicking_setter_or_call_changes_nothing_for_another() {
    let clock = Clock::default();
    let (sts, source) = (limited(&clock), Source::default());
    sts.answer(&arn(1), 599);
    clock.block_on(async {
        let roles = roles(&sts, &source).await;
        let panics = std::panic::AssertUnwindSafe(|| {
            roles.role_with(arn(3), |_| panic!("as the test wants it"))
        });
        std::panic::catch_unwind(panics).unwrap_err();
        let (first, second) = (roles.role(arn(1)).unwrap(), roles.role(arn(2)).unwrap());
        let (failed, fine) = tokio::join!(first.session(), second.session());
        failed.unwrap_err();
        fine.unwrap();
        roles.role(arn(3)).unwrap().session().await.unwrap();
    });
}

#[test]
fn a_source_that_panics_fails_only_who_needs_a_token_and_only_then() {
    let clock = Clock::default();
    let (sts, source) = (limited(&clock), Source::default());
    clock.block_on(async {
        let roles = roles(&sts, &source).await;
        let (held, new) = (roles.role(arn(1)).unwrap(), roles.role(arn(2)).unwrap());
        let before = key(&held.session().await.unwrap());
        // The token has 1 s left, so that the next role needs another one.
        clock.skip(3599 * SECOND);
        source.panic(true);
        let (fine, failed) = tokio::join!(held.session(), new.session());
        assert_eq!(key(&fine.unwrap()), before);
        assert_eq!(failed.unwrap_err().stage(), Stage::Source);
        source.panic(false);
        persistent(&clock, &new).await;
        persistent(&clock, &roles.role(arn(3)).unwrap()).await;
    });
}

#[test]
fn a_runtime_that_stands_still_stops_no_other_role() {
    let clock = Clock::default();
    let (sts, source) = (limited(&clock), Source::default());
    // It starts exchanges and then never runs again.
    let stalled = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let roles = clock.block_on(roles(&sts, &source));
    let held: Vec<_> = (0..100).map(|it| roles.role(arn(it)).unwrap()).collect();
    clock
        .block_on(roles.role(arn(999)).unwrap().session())
        .unwrap();
    stalled.block_on(async {
        for provider in &held {
            assert!(futures_util::poll!(std::pin::pin!(provider.session())).is_pending());
        }
        // Each takes its place in the queue.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    });
    clock.block_on(async {
        let start = clock.elapsed();
        let provider = roles.role(arn(500)).unwrap();
        tokio::select! {
            _ = super::simulation::persistent(&clock, &provider) => {}
            () = clock.sleep(60 * SECOND) => {}
        }
        let took = clock.elapsed() - start;
        assert!(took <= 30 * SECOND, "{took:?}");
    });
}

/// Each thread asks for all roles in an order of its own, and each session must be that of the role
/// that was asked for.
#[test]
fn threads_that_race_get_their_own_roles_sessions() {
    const THREADS: usize = 8;
    const TENANTS: usize = 40;
    let clock = Clock::default();
    let (sts, source) = (Sts::at_once(&clock), Source::default());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .build()
        .unwrap();
    let roles = runtime.block_on(roles(&sts, &source));
    let check = async |roles: &Roles, tenant: usize| {
        let (number, name) = (tenant / 4, format!("tenant-{}", tenant % 4));
        let policy = if tenant.is_multiple_of(2) {
            POLICY
        } else {
            OTHER_POLICY
        };
        let settings = |role: RoleBuilder| role.session_name(&name).policy(policy);
        let provider: GoogleWebIdentityProvider = roles.role_with(arn(number), settings).unwrap();
        let session = provider.session().await.unwrap();
        let owner = owner(session.credentials().session_token().unwrap());
        assert_eq!(owner, format!("{} {name} {policy}", arn(number)));
    };
    // The clock stands still, so all exchanges must fit into what may go at once: a few at a time.
    let check = Arc::new(check);
    for batch in (0..TENANTS).collect::<Vec<_>>().chunks(10) {
        clock.skip(SECOND);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (runtime, roles, check) = (&runtime, &roles, check.clone());
                scope.spawn(move || {
                    let mut order = batch.to_vec();
                    fastrand::Rng::with_seed(thread as u64).shuffle(&mut order);
                    for tenant in order {
                        runtime.block_on(check(roles, tenant));
                    }
                });
            }
        });
    }
    assert_eq!(sts.calls().len(), TENANTS, "one exchange for each role");
}
