//! Entries that are damaged, moved, of another version or of a foreign writer: exchanged instead.

use super::{Fleet, access_key, built, file_cache};
use aws_google_web_identity::{CacheKey, Sealed, SealingKey};
use std::time::Duration;

/// What may become of an entry, each with its name.
fn damaged(bytes: &[u8], magic: usize) -> Vec<(String, Vec<u8>)> {
    let mut cases = vec![
        ("empty".to_owned(), Vec::new()),
        (
            "of a foreign writer".to_owned(),
            b"{\"AccessKeyId\":\"ASIA\"}".to_vec(),
        ),
        ("huge".to_owned(), vec![0xff; 1 << 20]),
        ("longer".to_owned(), [bytes, b"x"].concat()),
        ("twice".to_owned(), [bytes, bytes].concat()),
    ];
    let mut version = bytes.to_vec();
    version[magic] += 1;
    cases.push(("of another version".to_owned(), version));
    for at in [0, 3, 5, 7, 20, 40, bytes.len() / 2, bytes.len() - 1] {
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 0x80;
        cases.push((format!("flipped at {at}"), flipped));
        cases.push((format!("cut at {at}"), bytes[..at].to_vec()));
    }
    cases
}

#[tokio::test]
async fn a_damaged_entry_is_exchanged_instead() {
    for sealing in [None, Some(SealingKey::local([7; 32]))] {
        let fleet = Fleet::new().await;
        let memory = fleet.memory();
        let with_cache = || match &sealing {
            None => fleet.builder().session_cache(memory.clone()),
            Some(key) => fleet
                .builder()
                .session_cache(Sealed::new(memory.clone(), key.clone())),
        };
        access_key(&built(with_cache()).await).await;
        let (key, good) = memory.entries().remove(0);
        access_key(&built(with_cache()).await).await;
        assert_eq!(fleet.exchanges(), 1);
        for (case, bytes) in damaged(&good, 4) {
            let before = fleet.exchanges();
            memory.put(key, bytes, Duration::from_secs(3000));
            let session = built(with_cache()).await.session().await.expect(&case);
            let issued = fleet.emulator.issued(session.credentials().access_key_id());
            assert!(issued.is_some(), "{case}");
            assert_eq!(fleet.exchanges(), before + 1, "{case}");
            fleet.emulator.look();
        }
        // Moved to the key of another role's session.
        memory.put(key, good.clone(), Duration::from_secs(3000));
        let before = fleet.exchanges();
        access_key(&built(with_cache()).await).await;
        assert_eq!(fleet.exchanges(), before);
        access_key(&built(with_cache().session_name("other")).await).await;
        let other = memory
            .entries()
            .into_iter()
            .find(|(other, _)| *other != key)
            .unwrap()
            .0;
        memory.put(other, good, Duration::from_secs(3000));
        let before = fleet.exchanges();
        let session = built(with_cache().session_name("other"))
            .await
            .session()
            .await
            .unwrap();
        assert!(session.assumed_role_arn().unwrap().ends_with("/other"));
        assert_eq!(fleet.exchanges(), before + 1);
    }
}

#[tokio::test]
async fn a_store_that_promises_more_than_a_session_lives_is_not_believed() {
    let fleet = Fleet::new().await;
    let memory = fleet.memory();
    let builder = fleet.builder().session_cache(memory.clone());
    access_key(&built(builder.clone()).await).await;
    let (key, good) = memory.entries().remove(0);
    for (left, exchanges) in [(3000, 1), (43_201, 2), (u64::MAX / 4, 3), (0, 4)] {
        memory.put(key, good.clone(), Duration::from_secs(left));
        access_key(&built(builder.clone()).await).await;
        assert_eq!(fleet.exchanges(), exchanges, "{left}");
    }
    // Up to there it counts for no longer than the session lived when it was stored.
    memory.put(key, good, Duration::from_secs(40_000));
    let session = built(builder).await.session().await.unwrap();
    let left = session
        .expires_at()
        .duration_since(fleet.clock.now())
        .unwrap();
    assert!(left <= Duration::from_secs(3600), "{left:?}");
}

#[tokio::test]
async fn a_damaged_file_is_exchanged_instead() {
    let fleet = Fleet::new().await;
    let (parent, cache) = file_cache();
    let builder = fleet.builder().session_cache(cache);
    access_key(&built(builder.clone()).await).await;
    let session = |builder: &aws_google_web_identity::Builder| {
        let builder = builder.clone();
        async move { access_key(&built(builder).await).await }
    };
    let files = std::fs::read_dir(parent.path().join("sessions")).unwrap();
    let path = files
        .map(|file| file.unwrap().path())
        .find(|path| path.extension().is_some_and(|it| it == "session"))
        .unwrap();
    let good = std::fs::read(&path).unwrap();
    for (case, bytes) in damaged(&good, 4) {
        let before = fleet.exchanges();
        std::fs::write(&path, bytes).unwrap();
        let key = session(&builder).await;
        assert!(fleet.emulator.issued(&key).is_some(), "{case}");
        assert_eq!(fleet.exchanges(), before + 1, "{case}");
        // It is replaced.
        assert_eq!(session(&builder).await, key, "{case}");
        assert_eq!(fleet.exchanges(), before + 1, "{case}");
    }
    // Under another key.
    let key = CacheKey::from_bytes([9; 32]);
    let moved = path.with_file_name(format!("{key}.session"));
    std::fs::copy(&path, &moved).unwrap();
    let cache = aws_google_web_identity::FileCache::new(parent.path().join("sessions")).unwrap();
    let cx = aws_google_web_identity::Context::new(&fleet.emulator.sdk_config()).unwrap();
    use aws_google_web_identity::SessionCache;
    assert_eq!(cache.load(&cx, &key).await.unwrap(), None);
}
