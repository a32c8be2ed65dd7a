//! Whether a file was replaced.

use std::fs::Metadata;
use std::path::Path;
use std::time::SystemTime;

/// What changes when a file is replaced or written. Size and time alone don't suffice: tools keep
/// the time, and the next key may be as long as the last. On Unix the inode tells a replaced file,
/// and the time of the last status change can't be set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileState {
    modified: Option<SystemTime>,
    length: u64,
    #[cfg(unix)]
    unix: (u64, u64, i64, i64),
}

impl FileState {
    /// `None` for a file that isn't there, and for a pipe, which can be read only once.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok();
        metadata.filter(Metadata::is_file).map(|it| Self::new(&it))
    }

    fn new(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt;
        Self {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            #[cfg(unix)]
            unix: (
                metadata.dev(),
                metadata.ino(),
                metadata.ctime(),
                metadata.ctime_nsec(),
            ),
        }
    }
}
