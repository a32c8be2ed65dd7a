resource "google_service_account" "this" {
  project      = var.google_project
  account_id   = var.name
  display_name = "AWS credentials without AWS keys"
}

# GKE: lets the pods of the Kubernetes service account act as the Google service account.
resource "google_service_account_iam_member" "gke" {
  count              = var.kubernetes_service_account == null ? 0 : 1
  service_account_id = google_service_account.this.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.google_project}.svc.id.goog[${var.kubernetes_service_account}]"
}
