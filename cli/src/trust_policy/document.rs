//! The policy that admits an identity, as text: JSON in the order in which people write it, or
//! Terraform.

use crate::failure::Failure;
use aws_google_web_identity::RoleArn;
use aws_google_web_identity::trust_policy::{ConditionKeys, TrustPolicy};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

/// A trust policy with one value for each condition key. `Display` is indented JSON.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Document {
    version: String,
    statement: Vec<Statement>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    effect: String,
    principal: BTreeMap<String, String>,
    action: String,
    condition: BTreeMap<String, BTreeMap<String, String>>,
}

/// The account in the principal for an issuer other than Google.
const PLACEHOLDER: &str = "::ACCOUNT:oidc-provider/";

impl Document {
    /// The policy that admits these keys and no other identity. The role says in which account the
    /// IAM OIDC provider of an issuer other than Google is.
    pub(crate) fn admitting(keys: &ConditionKeys, role: Option<&RoleArn>) -> Result<Self, Failure> {
        let policy = TrustPolicy::admitting(keys);
        if !policy.judge(keys).is_admitted() {
            return Err(Failure::new(
                "the token lacks sub or aud, without which no policy can admit it alone",
            ));
        }
        let mut json = policy.to_string();
        if let Some(account) = role.map(RoleArn::account_id).filter(|id| !id.is_empty()) {
            json = json.replace(PLACEHOLDER, &format!("::{account}:oidc-provider/"));
        }
        serde_json::from_str(&json)
            .map_err(|error| Failure::new(format!("the policy can't be written: {error}")))
    }

    /// Whether the account's id is still to be filled in.
    pub(super) fn lacks_account(&self) -> bool {
        let mut names = self.statement.iter().flat_map(|it| it.principal.values());
        names.any(|name| name.contains(PLACEHOLDER))
    }

    /// The data source `aws_iam_policy_document`
    /// ([reference](https://registry.terraform.io/providers/hashicorp/aws/latest/docs/data-sources/iam_policy_document)).
    pub(super) fn to_terraform(&self) -> String {
        let mut text = "data \"aws_iam_policy_document\" \"assume_role\" {\n".to_owned();
        for statement in &self.statement {
            statement.write_terraform(&mut text);
        }
        text + "}"
    }
}

impl Statement {
    fn write_terraform(&self, text: &mut String) {
        // Formatting into a String cannot fail.
        let _ = writeln!(text, "  statement {{");
        let _ = writeln!(text, "    effect  = {}", hcl(&self.effect));
        let _ = writeln!(text, "    actions = [{}]", hcl(&self.action));
        for (kind, name) in &self.principal {
            let (kind, name) = (hcl(kind), hcl(name));
            let _ = writeln!(text, "\n    principals {{");
            let _ = writeln!(text, "      type        = {kind}");
            let _ = writeln!(text, "      identifiers = [{name}]\n    }}");
        }
        for (operator, keys) in &self.condition {
            for (key, value) in keys {
                let (operator, key, value) = (hcl(operator), hcl(key), hcl(value));
                let _ = writeln!(text, "\n    condition {{");
                let _ = writeln!(text, "      test     = {operator}");
                let _ = writeln!(text, "      variable = {key}");
                let _ = writeln!(text, "      values   = [{value}]\n    }}");
            }
        }
        let _ = writeln!(text, "  }}");
    }
}

/// A string of HCL, in which `${` and `%{` would begin a template
/// ([strings](https://developer.hashicorp.com/terraform/language/expressions/strings)).
fn hcl(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.replace("${", "$${").replace("%{", "%%{") + "\""
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_string_pretty(self).map_err(|_| fmt::Error)?;
        f.write_str(&json)
    }
}

#[cfg(test)]
mod tests;
