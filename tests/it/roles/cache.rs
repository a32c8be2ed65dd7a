//! Roles with a cache of sessions.

use super::simulation::{Clock, Source, Sts, arn, owner};
use aws_google_web_identity::FileCache;

#[tokio::test]
async fn roles_of_two_processes_share_sessions_and_keep_them_apart() {
    let clock = Clock::default();
    let (sts, directory) = (Sts::at_once(&clock), tempfile::tempdir().unwrap());
    for _process in 0..2 {
        let cache = FileCache::new(directory.path().join("sessions")).unwrap();
        let builder = sts.roles(&Source::default()).session_cache(cache);
        let roles = builder.build().await.unwrap();
        for (number, name) in [(1, "tenant-1"), (1, "tenant-2"), (2, "tenant-1")] {
            let provider = roles.role_with(arn(number), |role| role.session_name(name));
            let session = provider.unwrap().session().await.unwrap();
            let owner = owner(session.credentials().session_token().unwrap());
            assert_eq!(owner, format!("{} {name} ", arn(number)));
        }
    }
    assert_eq!(
        sts.calls().len(),
        3,
        "one exchange for each role, not for each process"
    );
}
