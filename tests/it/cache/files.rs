//! `FileCache`: what it writes, what it believes, and what it removes.

use super::{Fleet, access_key, built, file_cache};
use crate::support::{chain, sdk_config, watch};
use aws_google_web_identity::{CacheKey, Context, FileCache, SessionCache, SessionEntry};
use aws_smithy_async::time::{SystemTimeSource, TimeSource};
use futures_util::FutureExt as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

const HOUR: Duration = Duration::from_secs(3600);

fn context() -> Context {
    Context::new(&sdk_config()).unwrap()
}

fn key(byte: u8) -> CacheKey {
    CacheKey::from_bytes([byte; 32])
}

fn entry(text: &str, left: Duration) -> SessionEntry {
    SessionEntry::new(text.as_bytes(), left)
}

fn names(directory: &Path) -> Vec<String> {
    let files = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_is_stored_is_loaded_with_what_is_left() {
    let (parent, cache) = file_cache();
    let cx = context();
    assert_eq!(cache.load(&cx, &key(1)).await.unwrap(), None);
    cache
        .store(&cx, &key(1), &entry("one", HOUR))
        .await
        .unwrap();
    let loaded = cache.load(&cx, &key(1)).await.unwrap().unwrap();
    assert_eq!(loaded.expose(), b"one");
    assert!(loaded.left() <= HOUR && loaded.left() > HOUR - Duration::from_secs(60));
    assert_eq!(cache.load(&cx, &key(2)).await.unwrap(), None);
    // Another handle, as in another process.
    let other = FileCache::new(parent.path().join("sessions")).unwrap();
    assert_eq!(
        other.load(&cx, &key(1)).await.unwrap().unwrap().expose(),
        b"one"
    );
    let shown = format!("{cache:?} {loaded:?}");
    assert!(
        shown.contains("sessions") && !shown.contains("one"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_session_that_lives_longer_is_never_replaced() {
    let (parent, cache) = file_cache();
    let cx = context();
    cache
        .store(&cx, &key(1), &entry("long", HOUR))
        .await
        .unwrap();
    cache
        .store(&cx, &key(1), &entry("short", HOUR / 2))
        .await
        .unwrap();
    assert_eq!(
        cache.load(&cx, &key(1)).await.unwrap().unwrap().expose(),
        b"long"
    );
    cache
        .store(&cx, &key(1), &entry("longer", 2 * HOUR))
        .await
        .unwrap();
    assert_eq!(
        cache.load(&cx, &key(1)).await.unwrap().unwrap().expose(),
        b"longer"
    );
    drop(parent);
}

/// A clock that runs the closure whenever it is read.
struct OnRead<F>(F);

impl<F> std::fmt::Debug for OnRead<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnRead")
    }
}

impl<F: Fn() + Send + Sync> TimeSource for OnRead<F> {
    fn now(&self) -> SystemTime {
        (self.0)();
        SystemTimeSource::new().now()
    }
}

fn context_on_read(on_read: impl Fn() + Send + Sync + 'static) -> Context {
    let config = sdk_config().into_builder();
    Context::new(&config.time_source(OnRead(on_read)).build()).unwrap()
}

/// Otherwise what another process writes in between seems to come from the future: a fresh session
/// would be absent, replaced by a shorter one or removed, and a lease would have ended.
#[tokio::test]
async fn the_clock_is_read_after_what_it_is_compared_with() {
    let (parent, cache) = file_cache();
    let directory = parent.path().join("sessions");
    let cx = context();
    cache
        .store(&cx, &key(1), &entry("one", HOUR))
        .await
        .unwrap();

    let lock = directory.join("writing.lock");
    let is_held = Arc::new(Mutex::new(Vec::new()));
    let reads = is_held.clone();
    let storing = context_on_read(move || {
        let held = fs::File::open(&lock).unwrap().try_lock().is_err();
        reads.lock().unwrap().push(held);
    });
    cache
        .store(&storing, &key(2), &entry("two", HOUR))
        .await
        .unwrap();
    let reads = is_held.lock().unwrap().clone();
    assert!(
        reads.len() > 1 && !reads[0],
        "the moment of the call: {reads:?}"
    );
    assert!(reads[1..].iter().all(|held| *held), "{reads:?}");

    let removing = |extension: &'static str| {
        let directory = directory.clone();
        context_on_read(move || {
            for name in names(&directory) {
                if name.ends_with(extension) {
                    fs::remove_file(directory.join(name)).unwrap();
                }
            }
        })
    };
    let loaded = cache.load(&removing(".session"), &key(1)).await.unwrap();
    assert_eq!(loaded.expect("it was read first").expose(), b"one");
    assert_eq!(
        cache.load(&cx, &key(1)).await.unwrap(),
        None,
        "the file is gone"
    );

    let _held = cache
        .lease(&cx, &key(1))
        .await
        .unwrap()
        .expect("it is free");
    let taken = cache.lease(&removing(".lease"), &key(1)).await.unwrap();
    assert!(taken.is_none());
}

/// A wall clock that is ahead by as much as the test says.
#[derive(Clone, Debug, Default)]
struct Ahead(Arc<Mutex<Duration>>);

impl TimeSource for Ahead {
    fn now(&self) -> SystemTime {
        SystemTimeSource::new().now() + *self.0.lock().unwrap()
    }
}

impl Ahead {
    fn by(&self, ahead: Duration) {
        *self.0.lock().unwrap() = ahead;
    }

    fn context(&self) -> Context {
        let config = sdk_config().into_builder();
        Context::new(&config.time_source(self.clone()).build()).unwrap()
    }
}

/// The file system hung, or the process was stopped, between the call and its execution.
#[tokio::test]
async fn a_session_that_is_stored_late_does_not_live_longer() {
    let (parent, cache) = file_cache();
    let clock = Ahead::default();
    let cx = clock.context();
    let another = entry("another", HOUR);
    cache.store(&cx, &key(2), &another).await.unwrap();
    let lock = fs::File::open(parent.path().join("sessions/writing.lock")).unwrap();
    lock.lock().unwrap();
    let (one, key) = (entry("one", HOUR), key(1));
    let mut store = std::pin::pin!(cache.store(&cx, &key, &one));
    assert!(store.as_mut().now_or_never().is_none());
    clock.by(Duration::from_secs(600));
    lock.unlock().unwrap();
    store.await.unwrap();
    let left = cache.load(&cx, &key).await.unwrap().unwrap().left();
    assert!(left <= HOUR - Duration::from_secs(600), "{left:?}");
    assert!(left > HOUR - Duration::from_secs(700), "{left:?}");
}

#[tokio::test]
async fn a_process_that_is_stopped_while_it_writes_does_not_keep_others_from_reading() {
    let (parent, cache) = file_cache();
    let (cx, key, one) = (context(), key(1), entry("one", HOUR));
    cache.store(&cx, &key, &one).await.unwrap();
    let lock = fs::File::open(parent.path().join("sessions/writing.lock")).unwrap();
    lock.lock().unwrap();
    for _ in 0..50 {
        // Dropped, as after the 240 ms that a call may take.
        assert!(cache.store(&cx, &key, &one).now_or_never().is_none());
    }
    assert!(cache.load(&cx, &key).await.unwrap().is_some());
}

#[tokio::test]
async fn a_hundred_calls_at_once_wait_for_each_other() {
    let (_parent, cache) = file_cache();
    let (cx, key, one) = (context(), key(1), entry("one", HOUR));
    cache.store(&cx, &key, &one).await.unwrap();
    let loads = (0..100).map(|_| cache.load(&cx, &key));
    for loaded in futures_util::future::join_all(loads).await {
        assert!(loaded.unwrap().is_some());
    }
}

/// A lease file stays, and its next holder locks it before it writes when its lease ends.
#[tokio::test]
async fn a_lease_that_was_just_taken_does_not_look_like_the_last_one() {
    let (parent, cache) = file_cache();
    let clock = Ahead::default();
    let (cx, key) = (clock.context(), key(1));
    let lease = cache.lease(&cx, &key).await.unwrap().expect("it is free");
    cache.release(&cx, &key, lease).await.unwrap();
    clock.by(12 * HOUR);
    let path = parent.path().join(format!("sessions/{key}.lease"));
    let holder = fs::File::open(&path).unwrap();
    holder.try_lock().unwrap();
    assert!(cache.lease(&cx, &key).await.unwrap().is_none());
    assert!(path.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_writers_the_longest_life_wins() {
    let (parent, _) = file_cache();
    for round in 0..10u8 {
        let writers = (0..8u64).map(|index| {
            // Each with a handle of its own, as in a process of its own.
            let cache = FileCache::new(parent.path().join("sessions")).unwrap();
            tokio::spawn(async move {
                let left = HOUR + Duration::from_secs(60 * ((index * 5) % 8));
                let entry = entry(&format!("{}", (index * 5) % 8), left);
                cache.store(&context(), &key(round), &entry).await.unwrap();
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        let cache = FileCache::new(parent.path().join("sessions")).unwrap();
        let loaded = cache.load(&context(), &key(round)).await.unwrap().unwrap();
        assert_eq!(loaded.expose(), b"7");
    }
}

#[tokio::test]
async fn one_handle_at_a_time_has_the_lease() {
    let (parent, cache) = file_cache();
    let other = FileCache::new(parent.path().join("sessions")).unwrap();
    let cx = context();
    let lease = cache
        .lease(&cx, &key(1))
        .await
        .unwrap()
        .expect("it is free");
    assert!(other.lease(&cx, &key(1)).await.unwrap().is_none());
    assert!(cache.lease(&cx, &key(1)).await.unwrap().is_none());
    let another = other.lease(&cx, &key(2)).await.unwrap();
    assert!(another.is_some(), "of another key");
    cache.release(&cx, &key(1), lease).await.unwrap();
    let lease = other
        .lease(&cx, &key(1))
        .await
        .unwrap()
        .expect("it was given back");
    drop(lease);
    assert!(
        cache.lease(&cx, &key(1)).await.unwrap().is_some(),
        "it was dropped"
    );
}

#[tokio::test]
async fn a_lease_ends_after_20_s_although_its_process_lives() {
    let fleet = Fleet::new().await;
    let (parent, cache) = file_cache();
    let builder = fleet.builder().session_cache(cache);
    let hold = fleet
        .emulator
        .hold(aws_google_web_identity_emulator::Call::Sts);
    let stopped = built(builder.clone()).await;
    let stopped = tokio::spawn(async move { stopped.session().await });
    fleet
        .emulator
        .reached(aws_google_web_identity_emulator::Call::Sts, 1)
        .await;
    let lease = names(&parent.path().join("sessions"));
    let lease = lease.iter().find(|name| name.ends_with(".lease")).unwrap();
    let key = lease.strip_suffix(".lease").unwrap().as_bytes();
    let digit = |at: usize| u8::from_str_radix(std::str::from_utf8(&key[at..at + 2]).unwrap(), 16);
    let key = CacheKey::from_bytes(std::array::from_fn(|at| digit(2 * at).unwrap()));
    // Another process, whose clocks are the system's: in another boot, so that the wall clocks
    // count.
    let cache = FileCache::new(parent.path().join("sessions")).unwrap();
    for (after, is_free) in [(0, false), (19, false), (21, true)] {
        let clock = aws_google_web_identity_emulator::TestClock::starting_at(
            fleet.clock.now() + Duration::from_secs(after),
        );
        let sdk = sdk_config().into_builder().time_source(clock).build();
        let cx = Context::new(&sdk).unwrap();
        let lease = cache.lease(&cx, &key).await.unwrap();
        assert_eq!(lease.is_some(), is_free, "{after}");
    }
    drop(hold);
    stopped.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_clock_of_the_machine_may_be_set_by_hours() {
    const HOURS: i64 = 6 * 3600;
    for step in [0, HOURS, -HOURS] {
        let fleet = Fleet::new().await;
        let (_parent, cache) = file_cache();
        let builder = fleet.builder().session_cache(cache);
        let first = access_key(&built(builder.clone()).await).await;
        fleet.clock.step(step);
        fleet.clock.advance(Duration::from_secs(1800));
        let session = built(builder.clone()).await.session().await.unwrap();
        assert_eq!(session.credentials().access_key_id(), first, "{step}");
        let left = session
            .expires_at()
            .duration_since(fleet.clock.now())
            .unwrap();
        assert!((1798..=1800).contains(&left.as_secs()), "{step}: {left:?}");
        // Back again, and over.
        fleet.clock.step(-step);
        fleet.clock.advance(Duration::from_secs(1801));
        let next = access_key(&built(builder).await).await;
        assert_ne!(next, first, "{step}");
        assert_eq!(fleet.exchanges(), 2, "{step}");
    }
}

#[tokio::test]
async fn without_an_uptime_a_clock_that_was_set_back_costs_an_exchange() {
    let fleet = Fleet::new().await;
    let (_parent, cache) = file_cache();
    let builder = fleet.builder().machine(None).session_cache(cache);
    access_key(&built(builder.clone()).await).await;
    fleet.clock.advance(Duration::from_secs(600));
    access_key(&built(builder.clone()).await).await;
    assert_eq!(fleet.exchanges(), 1);
    fleet.clock.step(-3600);
    access_key(&built(builder).await).await;
    assert_eq!(fleet.exchanges(), 2);
}

#[tokio::test]
async fn what_is_no_longer_needed_is_removed() {
    let fleet = Fleet::new().await;
    let (parent, cache) = file_cache();
    let directory = parent.path().join("sessions");
    let builder = fleet.builder().session_cache(cache);
    access_key(&built(builder.clone().session_name("one")).await).await;
    fleet.clock.advance(2 * HOUR);
    // As a process leaves it that was killed while it wrote.
    fs::write(directory.join(format!("{}.tmp", key(1))), "half").unwrap();
    fs::write(directory.join("notes.txt"), "not ours").unwrap();
    assert_eq!(
        names(&directory)
            .iter()
            .filter(|it| it.ends_with(".session"))
            .count(),
        1
    );
    access_key(&built(builder.session_name("two")).await).await;
    let names = names(&directory);
    let count = |end: &str| names.iter().filter(|name| name.ends_with(end)).count();
    assert_eq!(
        (count(".session"), count(".tmp"), count("notes.txt")),
        (1, 0, 1),
        "{names:?}"
    );
    assert!(count(".lease") <= 2, "{names:?}");
}

#[test]
fn what_is_no_directory_of_ours_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    for (path, says) in [
        (file.clone(), "is not a directory"),
        (file.join("below"), "can't make the directory"),
        (PathBuf::new(), "the path of a directory is expected"),
        (
            PathBuf::from("{\"type\":\"service_account\"}"),
            "was given JSON (not shown)",
        ),
    ] {
        let error = FileCache::new(&path).unwrap_err();
        assert!(chain(&error).contains(says), "{path:?}: {error}");
        assert_eq!(error.problems()[0].setting(), "FileCache::new");
    }
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[tokio::test]
    async fn directory_and_files_are_for_their_user_alone() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("a").join("b");
        let cache = FileCache::new(&directory).unwrap();
        let cx = context();
        cache
            .store(&cx, &key(1), &entry("one", HOUR))
            .await
            .unwrap();
        let _lease = cache.lease(&cx, &key(1)).await.unwrap();
        assert_eq!(
            (mode(&directory), mode(&parent.path().join("a"))),
            (0o700, 0o700)
        );
        let names = names(&directory);
        assert_eq!(names.len(), 3, "{names:?}");
        for name in names {
            assert_eq!(mode(&directory.join(&name)), 0o600, "{name}");
        }
    }

    #[tokio::test]
    async fn a_directory_of_another_mode_or_kind_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("sessions");
        for bad in [0o755, 0o770, 0o701, 0o777, 0o1777] {
            fs::create_dir_all(&directory).unwrap();
            set_mode(&directory, bad);
            let error = FileCache::new(&directory).unwrap_err();
            let says = format!("has mode {bad:04o}");
            assert!(chain(&error).contains(&says), "{error}");
            assert!(names(&directory).is_empty());
        }
        set_mode(&directory, 0o700);
        let link = parent.path().join("link");
        symlink(&directory, &link).unwrap();
        let error = FileCache::new(&link).unwrap_err();
        assert!(chain(&error).contains("is a symbolic link"), "{error}");
        let dangling = parent.path().join("dangling");
        symlink(parent.path().join("nowhere"), &dangling).unwrap();
        FileCache::new(&dangling).unwrap_err();
        assert!(!parent.path().join("nowhere").exists());
    }

    #[tokio::test]
    async fn a_file_of_another_owner_mode_or_kind_is_not_believed() {
        let fleet = Fleet::new().await;
        let (parent, cache) = file_cache();
        let directory = parent.path().join("sessions");
        let builder = fleet.builder().session_cache(cache.clone());
        access_key(&built(builder.clone()).await).await;
        let session = names(&directory)
            .into_iter()
            .find(|it| it.ends_with(".session"))
            .unwrap();
        let (session, elsewhere) = (directory.join(session), parent.path().join("elsewhere"));
        type Tamper<'a> = (&'a str, Box<dyn Fn() -> bool + 'a>);
        let tampered: Vec<Tamper> = vec![
            (
                "has mode 0644",
                Box::new(|| {
                    set_mode(&session, 0o644);
                    true
                }),
            ),
            (
                "belongs to the user with the id 4242",
                Box::new(|| {
                    set_mode(&session, 0o600);
                    // Only root can give a file away.
                    chown(&session, Some(4242), None).is_ok()
                }),
            ),
            (
                "is a symbolic link",
                Box::new(|| {
                    fs::rename(&session, &elsewhere).unwrap();
                    let _ = chown(&elsewhere, Some(0), None);
                    symlink(&elsewhere, &session).unwrap();
                    true
                }),
            ),
            (
                "is not a regular file",
                Box::new(|| {
                    fs::remove_file(&session).unwrap();
                    fs::create_dir(&session).unwrap();
                    true
                }),
            ),
        ];
        for (says, tamper) in tampered {
            if !tamper() {
                continue;
            }
            let before = fleet.exchanges();
            access_key(&built(builder.clone()).await).await;
            assert_eq!(fleet.exchanges(), before + 1, "{says}");
            assert!(watch::logged().contains(says), "{says}");
        }
        fs::remove_dir(&session).unwrap();
        access_key(&built(builder.clone()).await).await;
        let before = fleet.exchanges();
        access_key(&built(builder).await).await;
        assert_eq!(fleet.exchanges(), before, "it is used again");
    }

    #[tokio::test]
    async fn a_directory_of_another_user_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("sessions");
        let cache = FileCache::new(&directory).unwrap();
        if chown(&directory, Some(4242), None).is_err() {
            // Only root can give it away.
            return;
        }
        let says = "belongs to the user with the id 4242, and this process runs as";
        assert!(chain(&FileCache::new(&directory).unwrap_err()).contains(says));
        let error = cache.load(&context(), &key(1)).await.unwrap_err();
        assert!(chain(&error).contains(says));
    }
}
