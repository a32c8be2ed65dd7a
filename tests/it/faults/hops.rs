//! The hops under test: which source leads over each, and what a healthy answer of it looks like.

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

/// A hop and the way that leads over it.
#[derive(Clone, Copy)]
pub struct Way {
    pub name: &'static str,
    pub hop: Call,
    pub stage: Stage,
}

pub const WAYS: [Way; 6] = [
    Way {
        name: "Metadata server: ID token",
        hop: Call::MetadataIdentity,
        stage: Stage::Metadata,
    },
    Way {
        name: "Metadata server: access token for IAM",
        hop: Call::MetadataToken,
        stage: Stage::Metadata,
    },
    Way {
        name: "Token endpoint: key file's assertion for an ID token",
        hop: Call::TokenEndpoint,
        stage: Stage::TokenEndpoint,
    },
    Way {
        name: "IAM: generateIdToken",
        hop: Call::GenerateIdToken,
        stage: Stage::Iam,
    },
    Way {
        name: "IAM: signJwt",
        hop: Call::SignJwt,
        stage: Stage::Iam,
    },
    Way {
        name: "AWS STS: AssumeRoleWithWebIdentity",
        hop: Call::Sts,
        stage: Stage::Sts,
    },
];

impl Way {
    pub fn source(&self, emulator: &Emulator) -> Arc<dyn ProvideIdToken> {
        let metadata = MetadataServer::new().endpoint(emulator.metadata_endpoint());
        match self.hop {
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

    /// The body of a healthy answer, to be spoilt: the tokens in it are good ones.
    pub fn body(&self, emulator: &Emulator) -> String {
        let token = token(emulator);
        match self.hop {
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

    /// The same with what matters in it twice.
    pub fn doubled_body(&self, emulator: &Emulator) -> String {
        let token = token(emulator);
        match self.hop {
            Call::MetadataToken => {
                let field = r#""expires_in":3600,"#;
                self.body(emulator).replace(field, &field.repeat(2))
            }
            Call::TokenEndpoint => format!(r#"{{"id_token":"{token}","id_token":"{token}"}}"#),
            Call::GenerateIdToken => format!(r#"{{"token":"{token}","token":"{token}"}}"#),
            Call::SignJwt => format!(r#"{{"signedJwt":"{token}","signedJwt":"{token}"}}"#),
            Call::Sts => sts(emulator).replace(SECRET, &SECRET.repeat(2)),
            // The answer is a bare token: its claims are the fields.
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

/// Another key at each moment, as STS gives them.
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
