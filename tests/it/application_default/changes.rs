//! Files that change, files that are none, and files that don't answer.

use super::{emulator, finding, is_robot, write};
use crate::support::watch;
use crate::support::{AUDIENCE, ROBOT, chain, from_emulator};
use aws_google_web_identity::{
    Audience, BuildError, Context, ErrorKind, IdToken, LocalKey, ProvideIdToken, TokenFile, future,
};
use serde_json::json;
use std::fs::File;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime};

/// A key of always the same length, with a time of its own.
fn put(path: &Path, key: &str, time: SystemTime) {
    std::fs::write(path, format!("{key:<4000}")).unwrap();
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(time).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_changed_file_is_noticed_when_size_and_time_are_the_same() {
    let emulator = watch::start().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key.json");
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    put(&path, &emulator.key_file_json(ROBOT).unwrap(), time);
    let provider = finding(&emulator, &path).build().await.unwrap();
    is_robot(&emulator, &provider.id_token().await.unwrap());
    for in_place in [true, false] {
        emulator.rotate_key_file(ROBOT).unwrap();
        let key = emulator.key_file_json(ROBOT).unwrap();
        if in_place {
            put(&path, &key, time);
        } else {
            let new = directory.path().join("new.json");
            put(&new, &key, time);
            std::fs::rename(new, &path).unwrap();
        }
        provider.id_token().await.expect("the new key is in use");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_no_regular_file_is_refused_and_not_waited_for() {
    let emulator = emulator().await;
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    for path in [pipe.as_path(), Path::new("/dev/zero"), directory.path()] {
        let says = "it is a directory, a device or a named pipe";
        let error = LocalKey::from_file(path).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");

        let error = finding(&emulator, path).build().await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");

        let token = crate::support::with(&emulator, TokenFile::new(path)).await;
        let error = token.id_token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(chain(&error).contains(says), "{error}");

        let account = write(&json!({
            "type": "external_account", "audience": "//iam.googleapis.com/pool",
            "subject_token_type": "jwt", "credential_source": {"file": path},
            "service_account_impersonation_url": super::impersonation_url(&emulator, ROBOT),
        }));
        let provider = finding(&emulator, account.path()).build().await.unwrap();
        let error = provider.id_token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(chain(&error).contains(says), "{error}");
    }
}

/// A source whose check waits, as for a slow file system.
#[derive(Debug)]
struct Waiting(Mutex<Receiver<()>>);

impl ProvideIdToken for Waiting {
    fn provide_id_token<'a>(
        &'a self,
        _: &'a Context,
        _: &'a Audience,
    ) -> future::ProvideIdToken<'a> {
        future::ProvideIdToken::ready(IdToken::parse(AUDIENCE))
    }

    fn check(&self, _: &Context) -> Result<(), BuildError> {
        let released = self.0.lock().unwrap().recv();
        released.map_err(|_| BuildError::new("test", "the runtime stood still"))
    }
}

#[tokio::test]
async fn build_reads_files_off_the_runtimes_thread() {
    let (release, released) = channel();
    let source = Waiting(Mutex::new(released));
    let emulator = watch::start().await;
    let built = from_emulator(&emulator).token_source(source).build();
    // On this runtime's only thread, which a check there would block.
    let (built, ()) = tokio::join!(built, async { release.send(()).unwrap() });
    built.unwrap();
}
