variable "google_project" {
  description = "The Google project of the service account."
  type        = string
}

variable "name" {
  description = "The name of the service account and of the role."
  type        = string
  default     = "aws-from-google"
}

variable "audience" {
  description = "The audience of the ID token: a text of your choice, often the URL of your service. Register it nowhere else."
  type        = string
}

variable "policy_arns" {
  description = "The managed policies of the role: what it may do."
  type        = list(string)
  default     = []
}

variable "max_session_duration" {
  description = "The longest session, in seconds."
  type        = number
  default     = 3600

  validation {
    condition     = var.max_session_duration >= 3600 && var.max_session_duration <= 43200
    error_message = "AWS takes 3600 to 43200 seconds."
  }
}

variable "kubernetes_service_account" {
  description = "NAMESPACE/NAME of the Kubernetes service account that GKE links to the Google service account; null without GKE."
  type        = string
  default     = null
}

variable "check_for_explicit_provider" {
  description = "Whether to look for an IAM OIDC provider for accounts.google.com, which would change what STS accepts. Needs iam:ListOpenIDConnectProviders."
  type        = bool
  default     = true
}
