//! What roles cost that nobody uses.

use super::simulation::{Clock, Source, Sts, arn};
use super::{SECOND, roles};
use crate::allocations::held_by_this_thread;
use aws_google_web_identity::{RefreshPolicy, Roles};
use aws_smithy_async::rt::sleep::AsyncSleep;

const ROLES: usize = 1000;

fn live(roles: &Roles) -> usize {
    let text = format!("{roles:?}");
    let count = text.split("roles: ").nth(1).unwrap();
    count.split([',', ' ']).next().unwrap().parse().unwrap()
}

fn unlimited(clock: &Clock) -> Sts {
    let sts = Sts::new(clock, 1e6, 1e6);
    sts.keep_no_calls();
    sts
}

#[test]
fn a_role_takes_at_most_16_kib_and_none_when_nobody_uses_it() {
    // The subscriber of the other tests keeps what this thread logs.
    let _quiet = tracing::subscriber::set_default(tracing::subscriber::NoSubscriber::default());
    let clock = Clock::default();
    let (sts, source) = (unlimited(&clock), Source::default());
    clock.block_on(async {
        let roles = roles(&sts, &source).await;
        // What is made once for all.
        roles.role(arn(ROLES)).unwrap().session().await.unwrap();
        let before = held_by_this_thread();
        for number in 0..ROLES {
            roles.role(arn(number)).unwrap().session().await.unwrap();
        }
        let each = (held_by_this_thread() - before) / ROLES as isize;
        println!("{each} bytes for each role");
        assert!(each <= 16 * 1024, "{each}");
        assert_eq!(live(&roles), ROLES + 1);
        // Seen without a holder, and an hour later gone.
        clock.skip(61 * SECOND);
        roles.role(arn(ROLES)).unwrap();
        clock.skip(3600 * SECOND);
        roles.role(arn(ROLES)).unwrap();
        assert_eq!(live(&roles), 1);
        let left = held_by_this_thread() - before;
        assert!(left < 64 * 1024, "{left} bytes");
    });
}

#[test]
fn a_role_that_is_held_or_asked_for_stays() {
    let clock = Clock::default();
    let (sts, source) = (unlimited(&clock), Source::default());
    clock.block_on(async {
        let roles = roles(&sts, &source).await;
        let held = roles.role(arn(1)).unwrap();
        let key = |session: aws_google_web_identity::Session| session.credentials().clone();
        let first = key(roles.role(arn(2)).unwrap().session().await.unwrap());
        for _ in 0..30 {
            clock.skip(61 * SECOND);
            let again = key(roles.role(arn(2)).unwrap().session().await.unwrap());
            assert_eq!(first, again);
        }
        for _ in 0..120 {
            clock.skip(61 * SECOND);
            roles.role(arn(3)).unwrap();
        }
        assert_eq!(live(&roles), 2, "the held one, and the last one asked for");
        drop(held);
        for _ in 0..3 {
            clock.skip(61 * SECOND);
            roles.role(arn(3)).unwrap();
        }
        assert_eq!(live(&roles), 1);
    });
}

#[test]
fn keep_warm_does_not_keep_a_role_that_nobody_uses() {
    let clock = Clock::default();
    let (sts, source) = (unlimited(&clock), Source::default());
    clock.block_on(async {
        let policy = RefreshPolicy::new().keep_warm(true);
        let roles = sts
            .roles(&source)
            .refresh_policy(policy)
            .build()
            .await
            .unwrap();
        roles.role(arn(1)).unwrap().session().await.unwrap();
        let until = clock.elapsed() + 7500 * SECOND;
        while clock.elapsed() < until {
            clock.sleep(61 * SECOND).await;
            roles.role(arn(2)).unwrap();
        }
        assert_eq!(live(&roles), 1);
    });
}

#[test]
fn no_task_outlives_the_roles() {
    let clock = Clock::default();
    let (sts, source) = (unlimited(&clock), Source::default());
    clock.block_on(async {
        let tasks = || {
            tokio::runtime::Handle::current()
                .metrics()
                .num_alive_tasks()
        };
        let before = tasks();
        let policy = RefreshPolicy::new().keep_warm(true);
        let roles = sts
            .roles(&source)
            .refresh_policy(policy)
            .build()
            .await
            .unwrap();
        roles.role(arn(1)).unwrap().session().await.unwrap();
        assert_eq!(tasks(), before + 1, "the one that keeps the role warm");
        drop(roles);
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert_eq!(tasks(), before);
    });
}
