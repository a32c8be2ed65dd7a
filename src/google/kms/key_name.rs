//! The resource name of a key.

use crate::build_error::BuildError;
use crate::redact::shown;
use std::fmt;

/// `projects/*/locations/*/keyRings/*/cryptoKeys/*`
/// ([resource names](https://cloud.google.com/kms/docs/getting-resource-ids)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyName(String);

const COLLECTIONS: [&str; 4] = ["projects", "locations", "keyRings", "cryptoKeys"];

impl KeyName {
    /// Takes the full resource name too, which starts with `//cloudkms.googleapis.com/`.
    pub(super) fn parse(text: &str) -> Result<Self, BuildError> {
        let name = text.trim();
        let name = name
            .strip_prefix("//cloudkms.googleapis.com/")
            .unwrap_or(name);
        let parts: Vec<&str> = name.split('/').collect();
        let wrong = |what: &str| {
            BuildError::new(
                "google_kms",
                format!(
                    "the key {} {what}; expected projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY, \
                     as `gcloud kms keys list --keyring=RING --location=LOCATION` prints it",
                    shown(text)
                ),
            )
        };
        if parts.len() > 8 && parts[8] == "cryptoKeyVersions" {
            return Err(wrong("names a version, so that it could not be rotated"));
        }
        // Project ids may have a domain: `example.com:project`.
        let is_id = |id: &str| {
            let is_ok = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
            !id.is_empty() && id.len() <= 100 && id != "." && id != ".." && id.bytes().all(is_ok)
        };
        let pairs = parts.chunks(2);
        let is_name = parts.len() == 8
            && pairs
                .zip(COLLECTIONS)
                .all(|(pair, collection)| pair[0] == collection && is_id(pair[1]));
        match is_name {
            true => Ok(Self(name.to_owned())),
            false => Err(wrong("is no resource name of a key")),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The flags of a gcloud command that name the key, after `gcloud kms keys COMMAND`.
    pub(super) fn flags(&self) -> String {
        let parts: Vec<&str> = self.0.split('/').collect();
        match parts[..] {
            [_, project, _, location, _, ring, _, _] => {
                format!("--keyring={ring} --location={location} --project={project}")
            }
            _ => String::new(),
        }
    }

    /// The last part.
    pub(super) fn id(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::KeyName;

    const NAME: &str = "projects/example.com:p-1/locations/europe-west3/keyRings/r_1/cryptoKeys/k";

    #[test]
    fn a_name_gives_the_flags_of_gcloud() {
        let name = KeyName::parse(NAME).unwrap();
        let flags = "--keyring=r_1 --location=europe-west3 --project=example.com:p-1";
        assert_eq!((name.flags().as_str(), name.id()), (flags, "k"));
        let full = KeyName::parse(&format!("//cloudkms.googleapis.com/{NAME}"));
        assert_eq!(full.unwrap(), name);
    }

    #[test]
    fn anything_else_is_refused() {
        let version = format!("{NAME}/cryptoKeyVersions/1");
        let others = ["", "k", "projects/p/locations/l/keyRings/r", &version];
        let others = others.map(str::to_owned).into_iter();
        let changed = [
            NAME.replace("r_1", ""),
            NAME.replace("r_1", ".."),
            NAME.replace("r_1", "a?b"),
            NAME.replace("keyRings", "keyrings"),
            format!("{NAME}/"),
        ];
        for name in others.chain(changed) {
            assert!(KeyName::parse(&name).is_err(), "{name}");
        }
    }
}
