//! Where sessions are cached outside the process, as the options say.
//!
//! No SDK caches across processes what `credential_process` prints, so the command does.

use crate::arguments::Options;
use crate::failure::Failure;
use crate::identity;
use crate::input;
use crate::shown::{is_key, shown_path};
use aws_google_web_identity::{Builder, FileCache, RedisCache, Sealed, SealingKey, SessionCache};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

const NAME: &str = "aws-google-web-identity";
const REDIS: [&str; 2] = ["redis://", "rediss://"];
/// 32 bytes in base64 take 44 characters.
const MAX_KEY_FILE: u64 = 1024;

/// The builder with the cache that the options name, or the default one.
///
/// # Errors
/// When a cache that an option names cannot be used. The default one is only a help: when the home
/// directory is read-only, a line on standard error says so.
pub(crate) async fn cached(builder: Builder, options: &Options) -> Result<Builder, Failure> {
    if options.no_cache {
        return Ok(builder);
    }
    let key = sealing_key(options)?;
    let Some(place) = &options.cache else {
        let Some(directory) = default_directory() else {
            return Ok(builder);
        };
        return Ok(match open(&directory) {
            Ok(cache) => with(builder, cache, key),
            Err(failure) => {
                // Nobody can be told that standard error is closed.
                let why = failure.line();
                let why = why.strip_prefix("--cache: ").unwrap_or(why);
                let _ = writeln!(
                    io::stderr(),
                    "warning: sessions are not cached: {why}; --cache names another directory, --no-cache \
                     needs none"
                );
                builder
            }
        });
    };
    let Some(url) = redis_url(place) else {
        if !is_directory(&place.to_string_lossy()) {
            let line =
                "--cache: expected a directory, or a URL that starts with redis:// or rediss://";
            return Err(Failure::usage(line));
        }
        return Ok(with(builder, open(Path::new(place))?, key));
    };
    if key.is_none() {
        let line =
            "--cache: a Redis stores only encrypted sessions; give --cache-key or --cache-kms-key";
        return Err(Failure::usage(line));
    }
    Ok(with(builder, RedisCache::connect(url).await?, key))
}

fn with(builder: Builder, cache: impl SessionCache + 'static, key: Option<SealingKey>) -> Builder {
    match key {
        Some(key) => builder.session_cache(Sealed::new(cache, key)),
        None => builder.session_cache(cache),
    }
}

/// `$XDG_CACHE_HOME/aws-google-web-identity`, or that below `~/.cache`. As its specification says,
/// a relative path counts as not set.
fn default_directory() -> Option<PathBuf> {
    let named = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || env::home_dir().map(|home| home.join(".cache"));
    let directory = named.filter(|path| path.is_absolute()).or_else(home)?;
    directory.is_absolute().then(|| directory.join(NAME))
}

fn open(directory: &Path) -> Result<FileCache, Failure> {
    if let Some(parent) = directory.parent() {
        // Whether there is a directory now, the cache finds out.
        let _ = fs::create_dir_all(parent);
    }
    Ok(FileCache::new(directory)?)
}

/// Whether the text can be meant as one: no URL, and no URL that lacks only its scheme, since that
/// may hold a password.
fn is_directory(text: &str) -> bool {
    let server = text.split('/').next().unwrap_or_default();
    let login = server.contains('@') && server.contains(':');
    !text.is_empty() && !text.contains("://") && !login
}

fn redis_url(place: &OsStr) -> Option<&str> {
    let text = place.to_str()?;
    REDIS
        .iter()
        .any(|scheme| text.starts_with(scheme))
        .then_some(text)
}

fn sealing_key(options: &Options) -> Result<Option<SealingKey>, Failure> {
    if let Some(name) = &options.cache_kms_key {
        let access = identity::access(options);
        return Ok(Some(SealingKey::google_kms(name, access)));
    }
    let Some(path) = &options.cache_key else {
        return Ok(None);
    };
    let opened = input::open(path);
    // Only then: a path can be made of the same characters.
    if opened.is_err() && is_key(&path.to_string_lossy()) {
        let line =
            "--cache-key: is a key (not shown); the path of a file that holds it is expected";
        return Err(Failure::usage(line));
    }
    let setting = format!("--cache-key {}", shown_path(path));
    let mut text = String::new();
    opened
        .and_then(|file| file.take(MAX_KEY_FILE).read_to_string(&mut text))
        .map_err(|error| Failure::io(&setting, &error))?;
    let bytes = STANDARD.decode(text.trim()).unwrap_or_default();
    let key = <[u8; 32]>::try_from(bytes).map_err(|_| {
        let line = format!("{setting}: does not hold 32 bytes in base64");
        Failure::new(line).with_explanation("make one with `openssl rand -base64 32`")
    })?;
    Ok(Some(SealingKey::local(key)))
}
