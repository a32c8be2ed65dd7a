//! The calls under test: the source that makes each, and the body of its healthy answer.

use crate::support::{AUDIENCE, ROBOT};
use aws_google_web_identity::{
    IamIdToken, IamSignJwt, JwtBearer, LocalKey, MetadataServer, ProvideIdToken, Stage,
};
use aws_google_web_identity_emulator::{Call, Emulator};
use aws_smithy_types::date_time::{DateTime, Format};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// A call that the faults are made on.
#[derive(Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    pub call: Call,
}

pub const TARGETS: [Target; 6] = [
    Target {
        name: "Metadata server: ID token",
        call: Call::MetadataIdentity,
    },
    Target {
        name: "Metadata server: access token for IAM",
        call: Call::MetadataToken,
    },
    Target {
        name: "Token endpoint: key file's assertion for an ID token",
        call: Call::TokenEndpoint,
    },
    Target {
        name: "IAM: generateIdToken",
        call: Call::GenerateIdToken,
    },
    Target {
        name: "IAM: signJwt",
        call: Call::SignJwt,
    },
    Target {
        name: "AWS STS: AssumeRoleWithWebIdentity",
        call: Call::Sts,
    },
];

impl Target {
    pub fn stage(&self) -> Stage {
        self.call.stage().expect("a call of the library")
    }

    pub fn source(&self, emulator: &Emulator) -> Arc<dyn ProvideIdToken> {
        let metadata = MetadataServer::new().endpoint(emulator.metadata_endpoint());
        match self.call {
            Call::TokenEndpoint => {
                let key = emulator.key_file_json(ROBOT).unwrap();
                Arc::new(JwtBearer::new(LocalKey::from_json(key).unwrap()))
            }
            Call::MetadataToken | Call::GenerateIdToken => {
                Arc::new(IamIdToken::new(ROBOT, metadata).endpoint(emulator.iam_endpoint()))
            }
            Call::SignJwt => {
                let signer = IamSignJwt::new(ROBOT, metadata).endpoint(emulator.iam_endpoint());
                Arc::new(JwtBearer::new(signer).token_uri(emulator.token_uri()))
            }
            _ => Arc::new(metadata),
        }
    }

    /// The body of a healthy answer, with valid tokens.
    pub fn body(&self, emulator: &Emulator) -> String {
        let token = token(emulator);
        match self.call {
            Call::MetadataToken => {
                r#"{"access_token":"ya29.hush","expires_in":3600,"token_type":"Bearer"}"#.to_owned()
            }
            Call::TokenEndpoint => json!({ "id_token": token }).to_string(),
            Call::GenerateIdToken => json!({ "token": token }).to_string(),
            Call::SignJwt => json!({"keyId": "1", "signedJwt": token}).to_string(),
            Call::Sts => sts(emulator),
            _ => token,
        }
    }

    /// The same with the essential fields twice.
    pub fn doubled_body(&self, emulator: &Emulator) -> String {
        let token = token(emulator);
        match self.call {
            Call::MetadataToken => {
                let field = r#""expires_in":3600,"#;
                self.body(emulator).replace(field, &field.repeat(2))
            }
            Call::TokenEndpoint => format!(r#"{{"id_token":"{token}","id_token":"{token}"}}"#),
            Call::GenerateIdToken => format!(r#"{{"token":"{token}","token":"{token}"}}"#),
            Call::SignJwt => format!(r#"{{"signedJwt":"{token}","signedJwt":"{token}"}}"#),
            Call::Sts => sts(emulator).replace(SECRET, &SECRET.repeat(2)),
            // The answer is a bare token, so its fields are the claims.
            _ => {
                let parts: Vec<_> = token.split('.').collect();
                let claims = URL_SAFE_NO_PAD.decode(parts[1]).unwrap();
                let audience = format!(r#""aud":"{AUDIENCE}","#);
                let claims =
                    String::from_utf8(claims)
                        .unwrap()
                        .replacen('{', &format!("{{{audience}"), 1);
                let claims = URL_SAFE_NO_PAD.encode(claims);
                format!("{}.{claims}.{}", parts[0], parts[2])
            }
        }
    }
}

fn token(emulator: &Emulator) -> String {
    let now = emulator.now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({
        "iss": "https://accounts.google.com", "aud": AUDIENCE, "azp": ROBOT,
        "sub": emulator.service_account_id(), "iat": now, "exp": now + 3600,
    });
    emulator.issue_id_token(&claims).unwrap()
}

/// A healthy answer of STS. The key id differs for every second.
fn sts(emulator: &Emulator) -> String {
    let now = DateTime::from(emulator.now()).secs();
    let expiration = DateTime::from_secs(now + 3600).fmt(Format::DateTime);
    format!(
        r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
        <Credentials><AccessKeyId>ASIA{now}</AccessKeyId>{SECRET}<SessionToken>hush-hush</SessionToken>
        <Expiration>{}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"#,
        expiration.unwrap()
    )
}

const SECRET: &str = "<SecretAccessKey>hush</SecretAccessKey>";
