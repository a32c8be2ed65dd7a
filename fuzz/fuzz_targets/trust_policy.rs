#![no_main]

use aws_google_web_identity::trust_policy::{ConditionKeys, TrustPolicy};
use aws_google_web_identity_fuzz::check_text;
use libfuzzer_sys::fuzz_target;

// The first three lines are `azp` (none when empty), `aud` and `sub`. The rest is the policy.
fuzz_target!(|text: &str| {
    let mut lines = text.splitn(4, '\n');
    let mut next = || lines.next().unwrap_or_default();
    let (azp, aud, sub, policy) = (next(), next(), next(), next());
    let keys = ConditionKeys::from_claims(Some(azp).filter(|azp| !azp.is_empty()), aud, sub);
    let policy: TrustPolicy = match policy.parse() {
        Ok(policy) => policy,
        Err(error) => return check_text(&error.to_string()),
    };
    let verdict = policy.judge(&keys);
    let said = verdict.to_string();
    // Each reason names at most all values of the policy, and those of the token.
    assert!(
        said.len() < 4096 + 1200 * text.len(),
        "{} bytes",
        said.len()
    );
    let again: TrustPolicy = policy
        .to_string()
        .parse()
        .expect("it is one when written anew");
    assert_eq!(again.judge(&keys), verdict);
});
