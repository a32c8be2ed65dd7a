//! Which server STS is, and the owner of credentials
//! ([GetCallerIdentity](https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html)).

use crate::aws::region::sts_endpoint;
use crate::aws::sts::Sts;
use crate::aws::sts::call::WatchedCall;
use crate::aws::sts::refusal::kind;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::redact::{said, without};
use crate::server::Server;
use crate::transport::{LastAnswer, transport_error};
use aws_credential_types::Credentials;
use aws_sdk_sts::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sdk_sts::error::ProvideErrorMetadata;
use aws_sdk_sts::operation::RequestId;
use aws_types::region::Region;

const CALL: &str = "GetCallerIdentity";

impl Sts {
    /// The server that the SDK's endpoint rules lead to.
    pub(crate) async fn server(&self, cx: &Context) -> Result<Server, Error> {
        let wrong = |error| Error::new(Stage::Sts, ErrorKind::Configuration, error);
        let uri = match sts_endpoint(cx.sdk()) {
            Some(uri) => uri,
            None => {
                let params = Params::builder()
                    .region(&*self.region)
                    .set_use_fips(cx.sdk().use_fips())
                    .set_use_dual_stack(cx.sdk().use_dual_stack())
                    .build()
                    .map_err(|error| wrong(error.into()))?;
                let resolver = DefaultResolver::new();
                let endpoint = resolver.resolve_endpoint(&params).await.map_err(wrong)?;
                endpoint.url().to_owned()
            }
        };
        Server::new(Stage::Sts, uri).map_err(|error| wrong(error.into()))
    }

    /// The ARN of the owner of these credentials.
    pub(crate) async fn caller_identity(
        &self,
        cx: &Context,
        credentials: &Credentials,
    ) -> Result<String, Error> {
        let mut signed = aws_sdk_sts::Config::builder().credentials_provider(credentials.clone());
        // An explicit endpoint needs no Region, but the signature does. STS's first one serves as
        // the default there, as in the AWS CLI.
        if self.client().config().region().is_none() {
            signed = signed.region(Region::from_static("us-east-1"));
        }
        let token = credentials.session_token().unwrap_or_default();
        let last_answer = LastAnswer::default();
        let answered = self
            .client()
            .get_caller_identity()
            .customize()
            .config_override(signed)
            .interceptor(WatchedCall::new(cx, token))
            .interceptor(last_answer.clone())
            .send()
            .await;
        let output = answered.map_err(|error| {
            let parsed = error.as_service_error();
            let Some((parsed, response)) = parsed.zip(error.raw_response()) else {
                let unanswered = transport_error(Stage::Sts, CALL, &error, &last_answer);
                return match cx.transport().proxy_hint(&error) {
                    Some(hint) => unanswered.and_hint(&hint),
                    None => unanswered,
                };
            };
            let status = response.status().as_u16();
            // The body was scrubbed on arrival. The parser may have rejoined pieces of the token, and
            // headers were not scrubbed.
            let clean = |text: &str| without(text, token);
            let (code, message) = (parsed.code().map(clean), parsed.message().map(clean));
            let (code, message) = (code.as_deref(), message.as_deref());
            let request_id = parsed.request_id().map(clean);
            let what = format!(
                "{CALL}: HTTP {status} {}: {}",
                said(code.unwrap_or("without a code")),
                said(message.unwrap_or("no message"))
            );
            Error::from_message(Stage::Sts, kind(code, status), what)
                .with_code(code, request_id.as_deref())
        })?;
        output.arn.filter(|arn| !arn.is_empty()).ok_or_else(|| {
            let what = format!("the answer to {CALL} has no Arn");
            Error::from_message(Stage::Sts, ErrorKind::MalformedResponse, what)
        })
    }
}
