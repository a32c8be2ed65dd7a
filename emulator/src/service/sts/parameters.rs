//! The parameters of a request, and their constraints.

use super::xml::Refusal;
use crate::request::{RecordedRequest, first};
use crate::state::role::role_of;

/// Valid parameters.
pub(crate) struct Parameters {
    pub(crate) role_arn: String,
    pub(crate) session_name: String,
    pub(crate) token: String,
    pub(crate) duration: Option<i64>,
    policy_length: usize,
}

const VERSION: &str = "2011-06-15";

/// The longest inline policy and policy ARNs together, in characters.
const POLICIES_LENGTH: usize = 2048;

impl Parameters {
    pub(crate) fn of(request: &RecordedRequest) -> Result<Self, Refusal> {
        if request.method() != "POST" || !request.query().is_empty() {
            // AWS reads a query string too. Here it is an error, because logs record URLs.
            return Err(Refusal::validation(
                "The emulator accepts parameters only in the body of a POST: logs record URLs, and an ID token is a secret",
            ));
        }
        let form = request.form();
        check_action(&form)?;
        let field = Field { form: &form };
        let role_arn = field.text("RoleArn", "roleArn", 20..=2048)?;
        let session_name = field.text("RoleSessionName", "roleSessionName", 2..=64)?;
        if !session_name.bytes().all(is_session_character) {
            return Err(constraint(
                session_name,
                "roleSessionName",
                "Member must satisfy regular expression pattern: [\\w+=,.@-]*",
            ));
        }
        let token = field.text("WebIdentityToken", "webIdentityToken", 4..=20_000)?;
        let duration = duration(first(&form, "DurationSeconds"))?;
        let policy_length = policies(&form)?;
        if first(&form, "ProviderId").is_some_and(|provider| !provider.is_empty()) {
            return Err(Refusal::validation(
                "ProviderId must not be given for an OpenID Connect ID token",
            ));
        }
        if role_of(role_arn).is_none() {
            return Err(Refusal::validation("Request ARN is invalid"));
        }
        Ok(Self {
            role_arn: role_arn.to_owned(),
            session_name: session_name.to_owned(),
            token: token.to_owned(),
            duration,
            policy_length,
        })
    }

    /// The percentage of the allowed size of session policies, if there are any. AWS packs them
    /// first, in a way that it does not document.
    pub(crate) fn packed_policy_size(&self) -> Option<usize> {
        (self.policy_length > 0).then(|| (self.policy_length * 100).div_ceil(POLICIES_LENGTH))
    }
}

fn check_action(form: &[(String, String)]) -> Result<(), Refusal> {
    let version = first(form, "Version").unwrap_or_default();
    match first(form, "Action") {
        Some("AssumeRoleWithWebIdentity") if version == VERSION => Ok(()),
        None | Some("") => Err(Refusal::new(
            400,
            "MissingAction",
            "The request is missing an action or a required parameter",
        )),
        Some(action) => Err(Refusal::new(
            400,
            "InvalidAction",
            format!("Could not find operation {action} for version {version}"),
        )),
    }
}

fn is_session_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)
}

fn constraint(value: &str, member: &str, rule: &str) -> Refusal {
    Refusal::validation(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {rule}"
    ))
}

struct Field<'a> {
    form: &'a [(String, String)],
}

impl<'a> Field<'a> {
    fn text(
        &self,
        name: &str,
        member: &str,
        lengths: std::ops::RangeInclusive<usize>,
    ) -> Result<&'a str, Refusal> {
        let Some(value) = first(self.form, name) else {
            return Err(Refusal::validation(format!(
                "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
            )));
        };
        let length = value.chars().count();
        let shown = match name {
            "WebIdentityToken" => "***",
            _ => value,
        };
        if length < *lengths.start() {
            let rule = format!(
                "Member must have length greater than or equal to {}",
                lengths.start()
            );
            return Err(constraint(shown, member, &rule));
        }
        if length > *lengths.end() {
            let rule = format!(
                "Member must have length less than or equal to {}",
                lengths.end()
            );
            return Err(constraint(shown, member, &rule));
        }
        Ok(value)
    }
}

fn duration(text: Option<&str>) -> Result<Option<i64>, Refusal> {
    let Some(text) = text else {
        return Ok(None);
    };
    let seconds: i64 = text
        .parse()
        .map_err(|_| Refusal::new(400, "MalformedInput", "Invalid Argument"))?;
    let rule = match seconds {
        ..900 => "Member must have value greater than or equal to 900",
        43_201.. => "Member must have value less than or equal to 43200",
        _ => return Ok(Some(seconds)),
    };
    Err(constraint(text, "durationSeconds", rule))
}

/// The total length of all session policies, in characters.
fn policies(form: &[(String, String)]) -> Result<usize, Refusal> {
    let policy = first(form, "Policy");
    if let Some(policy) = policy {
        let rule = match policy.chars().count() {
            0 => "Member must have length greater than or equal to 1",
            1..=POLICIES_LENGTH => "",
            _ => "Member must have length less than or equal to 2048",
        };
        if !rule.is_empty() {
            return Err(constraint(policy, "policy", rule));
        }
        let malformed = |problem| Refusal::new(400, "MalformedPolicyDocument", problem);
        let document: serde_json::Value = serde_json::from_str(policy)
            .map_err(|_| malformed("This policy contains invalid Json"))?;
        if document.get("Statement").is_none() {
            return Err(malformed("Syntax errors in policy."));
        }
    }
    let arns: Vec<_> = form
        .iter()
        .filter(|(name, _)| name.starts_with("PolicyArns.member.") && name.ends_with(".arn"))
        .map(|(_, arn)| arn.as_str())
        .collect();
    if arns.len() > 10 {
        return Err(Refusal::validation(
            "The number of managed policies exceeds the limit of 10",
        ));
    }
    if let Some(arn) = arns.iter().find(|arn| !arn.starts_with("arn:")) {
        return Err(Refusal::validation(format!("ARN {arn} is not valid.")));
    }
    let length = policy.map_or(0, |policy| policy.chars().count())
        + arns.iter().map(|arn| arn.chars().count()).sum::<usize>();
    if length > POLICIES_LENGTH {
        return Err(Refusal::new(
            400,
            "PackedPolicyTooLarge",
            "Packed policy consumes more than 100% of allotted space, please use smaller policy.",
        ));
    }
    Ok(length)
}
