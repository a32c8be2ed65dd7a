# Google is built in: no aws_iam_openid_connect_provider, and no thumbprint.
data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = ["accounts.google.com"]
    }

    # Both conditions are needed. `sub` alone admits a token that was made for somebody else; `oaud`
    # alone admits every Google account, since the caller chooses the audience.
    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:sub"
      values   = [google_service_account.this.unique_id]
    }

    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:oaud"
      values   = [var.audience]
    }
  }
}

resource "aws_iam_role" "this" {
  name                 = var.name
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  max_session_duration = var.max_session_duration
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each   = toset(var.policy_arns)
  role       = aws_iam_role.this.name
  policy_arn = each.value
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

# With an explicit provider for accounts.google.com in the account, STS looks for the token's `azp`
# among the provider's client ids. A lookup that fails is what is wanted here, and no data source
# expects that, so the AWS CLI lists the providers.
data "external" "explicit_provider" {
  count = var.check_for_explicit_provider ? 1 : 0
  program = [
    "aws", "iam", "list-open-id-connect-providers", "--output", "json",
    "--query", "{found: to_string(length(OpenIDConnectProviderList[?ends_with(Arn, ':oidc-provider/accounts.google.com')]))}",
  ]
}

check "no_explicit_provider" {
  assert {
    condition     = !var.check_for_explicit_provider || try(data.external.explicit_provider[0].result.found, "0") == "0"
    error_message = "This account has an IAM OIDC provider for accounts.google.com. Delete it, or add the service account's unique id to it: aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:oidc-provider/accounts.google.com --client-id ${google_service_account.this.unique_id}"
  }
}
