//! The API methods that the servers tell apart.

use aws_google_web_identity::Stage;

/// A call of one API method of one server.
///
/// Answers, faults and holds are set per `Call`, and every
/// [`RecordedRequest`](crate::RecordedRequest) has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// Metadata server: an ID token of the attached account.
    MetadataIdentity,
    /// Metadata server: an access token of the attached account.
    MetadataToken,
    /// Metadata server: the e-mail address of the attached account.
    MetadataEmail,
    /// Token endpoint: an assertion, a refresh token or a subject token is exchanged.
    TokenEndpoint,
    /// IAM Credentials: `signJwt`.
    SignJwt,
    /// IAM Credentials: `generateIdToken`.
    GenerateIdToken,
    /// IAM Credentials: `generateAccessToken`.
    GenerateAccessToken,
    /// Cloud KMS: `encrypt`.
    KmsEncrypt,
    /// Cloud KMS: `decrypt`.
    KmsDecrypt,
    /// Google's public keys, or the discovery document that names them.
    Jwks,
    /// AWS STS: `AssumeRoleWithWebIdentity`.
    Sts,
    /// Anything else: a ping of the metadata server, its project id, an unknown path.
    Other,
}

impl Call {
    /// The [`Stage`] that the library's errors name when this call fails. `None` for calls that the
    /// library does not make.
    pub fn stage(self) -> Option<Stage> {
        match self {
            Self::MetadataIdentity | Self::MetadataToken | Self::MetadataEmail => {
                Some(Stage::Metadata)
            }
            Self::TokenEndpoint => Some(Stage::TokenEndpoint),
            Self::SignJwt | Self::GenerateIdToken | Self::GenerateAccessToken => Some(Stage::Iam),
            Self::KmsEncrypt | Self::KmsDecrypt => Some(Stage::Cache),
            Self::Sts => Some(Stage::Sts),
            Self::Jwks | Self::Other => None,
        }
    }
}
