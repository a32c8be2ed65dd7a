//! What is sealed opens under its own key and with a key that sealed it, and not otherwise.

use super::{Fleet, Memory, access_key, built, file_cache};
use crate::support::sdk_config;
use crate::support::watch;
use aws_google_web_identity::{CacheKey, Context, Sealed, SealingKey, SessionCache, SessionEntry};
use aws_google_web_identity_emulator::TestClock;
use futures_util::FutureExt;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

const LEFT: Duration = Duration::from_secs(3000);

fn now<T>(future: impl Future<Output = Result<T, aws_google_web_identity::Error>>) -> T {
    future.now_or_never().expect("at once").unwrap()
}

/// What a reader with these keys gets of the entry.
fn opened(memory: &Arc<Memory>, sealing: &SealingKey, key: CacheKey) -> Option<SessionEntry> {
    let cx = Context::new(&sdk_config()).unwrap();
    now(Sealed::new(memory.clone(), sealing.clone()).load(&cx, &key))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_sealed_opens_for_its_key_alone(
        plain in proptest::collection::vec(any::<u8>(), 0..4000),
        secret: [u8; 32], other: [u8; 32], name: [u8; 32], moved: [u8; 32],
        flip: proptest::sample::Index, bit in 0..8u8, cut: proptest::sample::Index,
    ) {
        prop_assume!(secret != other && name != moved);
        let memory = Arc::new(Memory::new(TestClock::new()));
        let cx = Context::new(&sdk_config()).unwrap();
        let (key, moved) = (CacheKey::from_bytes(name), CacheKey::from_bytes(moved));
        let cache = |key: SealingKey| Sealed::new(memory.clone(), key);
        let entry = SessionEntry::new(plain.clone(), LEFT);
        now(cache(SealingKey::local(secret)).store(&cx, &key, &entry));
        let stored = memory.entries().remove(0).1;
        prop_assert!(SessionEntry::new(stored.clone(), LEFT).is_sealed());

        let open = |sealing: SealingKey, key| now(cache(sealing).load(&cx, &key));
        let same = open(SealingKey::local(secret), key).expect("it opens");
        prop_assert_eq!(same.expose(), &plain[..]);
        prop_assert_eq!(same.left(), LEFT);
        let rotated = SealingKey::local(other).and_local(secret);
        prop_assert_eq!(open(rotated, key), Some(same));
        prop_assert_eq!(open(SealingKey::local(other), key), None);

        memory.put(moved, stored.clone(), LEFT);
        prop_assert_eq!(open(SealingKey::local(secret), moved), None);

        let mut flipped = stored.clone();
        flipped[flip.index(stored.len())] ^= 1 << bit;
        memory.put(key, flipped, LEFT);
        prop_assert_eq!(open(SealingKey::local(secret), key), None);

        memory.put(key, stored[..cut.index(stored.len())].to_vec(), LEFT);
        prop_assert_eq!(open(SealingKey::local(secret), key), None);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 0..3u8) {
        let memory = Arc::new(Memory::new(TestClock::new()));
        let cx = Context::new(&sdk_config()).unwrap();
        let key = CacheKey::from_bytes([1; 32]);
        memory.put(key, [b"AGWS\x01", &[kind][..], &bytes[..]].concat(), LEFT);
        let cache = Sealed::new(memory, SealingKey::local([1; 32]));
        prop_assert_eq!(now(cache.load(&cx, &key)), None);
    }
}

#[test]
fn the_same_is_never_sealed_twice_alike() {
    let memory = Arc::new(Memory::new(TestClock::new()));
    let cx = Context::new(&sdk_config()).unwrap();
    let cache = Sealed::new(memory.clone(), SealingKey::local([1; 32]));
    let key = CacheKey::from_bytes([2; 32]);
    let mut seen = std::collections::BTreeSet::new();
    for index in 0..100 {
        // Each lives longer than the one before, and so replaces it.
        let entry = SessionEntry::new(*b"the same", LEFT + Duration::from_secs(index));
        now(cache.store(&cx, &key, &entry));
        seen.insert(memory.entries().remove(0).1);
    }
    assert_eq!(seen.len(), 100);
}

#[tokio::test]
async fn the_store_and_the_logs_hold_no_secret() {
    let fleet = Fleet::new().await;
    let memory = fleet.memory();
    let (parent, files) = file_cache();
    let key = [0x5a; 32];
    access_key(
        &built(
            fleet
                .builder()
                .session_cache(Sealed::new(memory.clone(), SealingKey::local(key))),
        )
        .await,
    )
    .await;
    access_key(
        &built(
            fleet
                .builder()
                .session_cache(Sealed::new(files, SealingKey::local(key))),
        )
        .await,
    )
    .await;
    let mut stored = memory.entries().remove(0).1;
    for file in std::fs::read_dir(parent.path().join("sessions")).unwrap() {
        stored.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    assert!(stored.len() > 1000);
    let secrets = fleet.emulator.secrets();
    let in_clear = |text: &[u8]| stored.windows(text.len()).any(|window| window == text);
    for secret in &secrets {
        assert!(!in_clear(secret.as_bytes()), "a secret is in the store");
    }
    assert!(!in_clear(&key[..8]));
    // And a store in clear would fail this test.
    access_key(&built(fleet.builder().session_cache(memory.clone())).await).await;
    let in_clear = |text: &str| {
        memory
            .entries()
            .iter()
            .any(|(_, it)| it.windows(text.len()).any(|it| it == text.as_bytes()))
    };
    assert!(
        !fleet
            .emulator
            .secrets()
            .iter()
            .any(|secret| in_clear(secret)),
        "the sealed one lives as long"
    );
    let other = fleet.memory();
    access_key(&built(fleet.builder().session_cache(other.clone())).await).await;
    let clear = &other.entries()[0].1;
    let secrets = fleet.emulator.secrets();
    assert!(secrets.iter().any(|secret| {
        clear
            .windows(secret.len())
            .any(|it| it == secret.as_bytes())
    }));
    let shown = format!(
        "{:?} {:?}",
        SealingKey::local(key),
        SessionEntry::new(clear.clone(), LEFT)
    );
    watch::shown(&shown);
    assert!(
        !shown.contains("90, 90") && !shown.contains("5a5a"),
        "{shown}"
    );
}

#[tokio::test]
async fn keys_rotate_without_an_exchange() {
    let (old, new) = ([1; 32], [2; 32]);
    let fleet = Fleet::new().await;
    let memory = fleet.memory();
    for (key, exchanges) in [
        (SealingKey::local(old), 1),
        (SealingKey::local(old).and_local(new), 1),
        (SealingKey::local(new).and_local(old), 1),
        (SealingKey::local(new), 2),
        (SealingKey::local(new).and_local(old), 2),
    ] {
        let cache = Sealed::new(memory.clone(), key);
        access_key(&built(fleet.builder().session_cache(cache)).await).await;
        assert_eq!(fleet.exchanges(), exchanges);
        fleet.clock.advance(Duration::from_secs(1));
    }
}

#[test]
fn entries_of_two_keys_live_side_by_side() {
    let memory = Memory::new(TestClock::new());
    let (one, two) = (SealingKey::local([1; 32]), SealingKey::local([2; 32]));
    let (first, second) = (CacheKey::from_bytes([1; 32]), CacheKey::from_bytes([2; 32]));
    let cx = Context::new(&sdk_config()).unwrap();
    let memory = Arc::new(memory);
    now(Sealed::new(memory.clone(), one.clone()).store(
        &cx,
        &first,
        &SessionEntry::new(*b"1", LEFT),
    ));
    now(Sealed::new(memory.clone(), two.clone()).store(
        &cx,
        &second,
        &SessionEntry::new(*b"2", LEFT),
    ));
    assert_eq!(opened(&memory, &one, first).unwrap().expose(), b"1");
    assert_eq!(opened(&memory, &one, second), None);
    assert_eq!(opened(&memory, &two, second).unwrap().expose(), b"2");
}
