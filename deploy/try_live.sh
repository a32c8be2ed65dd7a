#!/usr/bin/env bash
# Tries the command on your own Google and AWS accounts. It makes a service account, a role and a
# bucket, runs `doctor`, lists the bucket with an AWS CLI that has no key, prints what to report, and
# removes everything, also when a step fails or you press Ctrl-C.
#
#   deploy/try_live.sh [--dry-run] [--yes] [PROGRAM]
#
# PROGRAM is aws-google-web-identity; by default the one in PATH. Needs gcloud and aws, signed in with
# accounts that may make service accounts and roles, and a project with the IAM Service Account
# Credentials API (gcloud services enable iamcredentials.googleapis.com). It asks before it makes
# anything, unless --yes says so. --dry-run prints the commands and runs none of gcloud and aws.
set -euo pipefail

dry_run='' yes='' program=aws-google-web-identity
for argument in "$@"; do
  case $argument in
    --dry-run) dry_run=1 ;;
    --yes) yes=1 ;;
    -h | --help)
      sed -n '2,11s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    -*)
      echo "unknown option: $argument; see --help" >&2
      exit 2
      ;;
    *) program=$argument ;;
  esac
done

# Runs a command, or prints it. Printed commands can be pasted.
run() {
  if [ -n "$dry_run" ]; then
    printf '%q ' "$@"
    printf '\n'
  else
    "$@"
  fi
}

# The same, for its output; the second argument stands for it in a dry run.
ask() {
  local stand_in=$1
  shift
  if [ -n "$dry_run" ]; then
    printf '%q ' "$@" >&2
    printf '\n' >&2
    echo "$stand_in"
  else
    "$@"
  fi
}

# Tries again for up to a minute: new accounts, roles and policies take some seconds to spread.
persist() {
  local attempt
  for attempt in 1 2 3 4 5 6; do
    if run "$@"; then return 0; fi
    [ "$attempt" = 6 ] || { echo "not yet; trying again in 10 s" >&2; sleep 10; }
  done
  return 1
}

if [ -z "$dry_run" ]; then
  for tool in gcloud aws "$program"; do
    command -v "$tool" >/dev/null || { echo "$tool is not in PATH" >&2; exit 1; }
  done
fi

suffix=$(od -An -N4 -tx1 /dev/urandom | tr -d ' \n')
name=gwi-try-$suffix
audience=https://$name.example.com
project=$(ask my-project gcloud config get project)
case $project in
  '' | '(unset)')
    echo "gcloud has no project; set one: gcloud config set project PROJECT" >&2
    exit 1
    ;;
esac
member=$(ask user:me@example.com gcloud config get account)
case $member in
  user:*) ;;
  *.gserviceaccount.com) member=serviceAccount:$member ;;
  *) member=user:$member ;;
esac
account=$(ask 123456789012 aws sts get-caller-identity --query Account --output text)
region=${AWS_REGION:-us-east-1}
email=$name@$project.iam.gserviceaccount.com
bucket=$name-$account

echo "This makes, and removes at the end:"
echo "  in the Google project $project: the service account $email"
echo "  in the AWS account $account: the role $name and the bucket $bucket ($region)"
if [ -z "$dry_run$yes" ]; then
  read -r -p "Go on? [y/N] " answer
  [ "$answer" = y ] || exit 1
fi
work=$(mktemp -d)

made_account='' made_role='' made_policy='' made_bucket=''
left=()
# Removes one thing. One that cannot be removed does not keep the others.
# shellcheck disable=SC2329 # the trap calls it
remove() {
  run "$@" || left+=("$*")
}
# shellcheck disable=SC2329 # the trap calls it
clean_up() {
  local status=$?
  trap - EXIT
  # A second Ctrl-C must not leave half of it behind.
  trap '' HUP INT TERM
  set +e
  echo "Removing everything:"
  [ -z "$made_policy" ] || remove aws iam delete-role-policy --role-name "$name" --policy-name list
  [ -z "$made_role" ] || remove aws iam delete-role --role-name "$name"
  [ -z "$made_bucket" ] || remove aws s3api delete-bucket --bucket "$bucket" --region "$region"
  [ -z "$made_account" ] || remove gcloud iam service-accounts delete "$email" --project "$project" --quiet
  rm -rf "$work"
  if [ ${#left[@]} -gt 0 ]; then
    echo "These failed. Unless the answer above says that it does not exist, run them again:" >&2
    printf '  %s\n' "${left[@]}" >&2
    [ "$status" != 0 ] || status=1
  fi
  exit "$status"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Set before each step, so that one that fails half-way is undone as well.
made_account=1
run gcloud iam service-accounts create "$name" --project "$project" --display-name "trial of $name"
unique_id=$(ask 100000000000000000001 gcloud iam service-accounts describe "$email" --project "$project" --format 'value(uniqueId)')
persist gcloud iam service-accounts add-iam-policy-binding "$email" --project "$project" \
  --role roles/iam.serviceAccountTokenCreator --member "$member" --quiet

"$program" trust-policy --sub "$unique_id" --audience "$audience" >"$work/trust.json" 2>/dev/null || {
  [ -n "$dry_run" ] || exit 1
}
cat "$work/trust.json"
made_role=1
run aws iam create-role --role-name "$name" --assume-role-policy-document "file://$work/trust.json"
printf '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::%s"}]}' \
  "$bucket" >"$work/list.json"
made_policy=1
run aws iam put-role-policy --role-name "$name" --policy-name list --policy-document "file://$work/list.json"
made_bucket=1
if [ "$region" = us-east-1 ]; then
  run aws s3api create-bucket --bucket "$bucket" --region "$region"
else
  run aws s3api create-bucket --bucket "$bucket" --region "$region" \
    --create-bucket-configuration "LocationConstraint=$region"
fi

# The settings are options, not variables: they are not for the aws that removes everything.
settings=(
  --role-arn "arn:aws:iam::$account:role/$name" --audience "$audience" --region "$region"
  --gcloud --impersonate "$email" --no-cache
)
persist "$program" doctor "${settings[@]}" --trust-policy "$work/trust.json"
persist "$program" exec "${settings[@]}" -- aws s3api list-objects-v2 --bucket "$bucket" --region "$region"
explicit=$(ask None aws iam list-open-id-connect-providers --output text \
  --query "OpenIDConnectProviderList[?ends_with(Arn, ':oidc-provider/accounts.google.com')].Arn")

echo
[ -z "$dry_run" ] || echo "A run that is not dry ends with:"
echo "It works. Please report, with the output of doctor above:"
echo "  - the accounts.google.com:aud of the token: this one is of generateIdToken. Run doctor on Cloud"
echo "    Run, App Engine and GKE as well (deploy/README.md): is it numeric or an e-mail there?"
echo "  - on GKE: whether a pod without a linked account gets a token"
echo "  - the explicit IAM OIDC provider for accounts.google.com in this account: ${explicit:-None}"
echo "  - whether AWS reads organization_number, where a token of yours has it, and in which form"
