output "role_arn" {
  description = "AWS_ROLE_ARN of the program."
  value       = aws_iam_role.this.arn
}

output "audience" {
  description = "TARGET_AUDIENCE of the program."
  value       = var.audience
}

output "service_account" {
  description = "The account to attach to the machine, pod or service."
  value       = google_service_account.this.email
}
