//! Files, read no further than anything that we expect in them.

use std::io::{self, Read};
use std::path::Path;
use zeroize::Zeroizing;

/// A credentials file has 2 KiB to 4 KiB, a token at most 20,000 characters.
const MOST: u64 = 64 * 1024;

/// The whole file.
///
/// # Errors
/// `InvalidData` when it is longer than 64 KiB; else what the system says.
pub(crate) fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut file = std::fs::File::open(path)?;
    // As long as it will be, so that no copy stays behind while it grows.
    let length = file.metadata()?.len().min(MOST) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(
        usize::try_from(length).unwrap_or_default(),
    ));
    (&mut file).take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it has more than 64 KiB",
        ));
    }
    Ok(bytes)
}
