use super::FileKind::{Boto, Config, Credentials};
use super::*;

#[test]
fn a_file_without_keys_stays() {
    for text in [
        "",
        "[default]\nregion = eu-west-1\n",
        "[profile dev]\nrole_arn = arn\n",
        "[sso-session x]\nsso_region = eu-west-1\n",
    ] {
        assert_eq!(without_credentials(text, Config, None), None, "{text}");
    }
    let other = "[dev]\naws_access_key_id = AKIA\n";
    assert_eq!(without_credentials(other, Credentials, None), None);
}

#[test]
fn the_default_profile_keeps_its_other_settings() {
    let text = "# mine\n[default]\nregion=eu-west-1\nAWS_Access_Key_Id = AKIA\n\
                aws_secret_access_key=x\ns3 =\n  addressing_style = path\nrole_arn : arn\n\
                [profile dev]\naws_access_key_id = KEPT\n";
    let expected = "# mine\n[default]\nregion=eu-west-1\ns3 =\n  addressing_style = path\n\
                    [profile dev]\naws_access_key_id = KEPT\n";
    let without = without_credentials(text, Config, None);
    assert_eq!(without.as_deref(), Some(expected));
    assert_eq!(without_credentials(text, Config, Some("default")), without);
}

#[test]
fn the_selected_profile_becomes_the_default_one() {
    let text = "[default]\nregion = us-east-1\naws_access_key_id = AKIA\n\
                [profile \"my dev\"]\nregion = eu-west-1\ncredential_process = x\noutput = json";
    let expected = "[profile \"my dev\"]\nregion = eu-west-1\ncredential_process = x\noutput = json\n\
                    [default]\nregion = eu-west-1\noutput = json";
    let without = without_credentials(text, Config, Some("my dev"));
    assert_eq!(without.as_deref(), Some(expected));
    let keys = "[default]\naws_access_key_id = AKIA\n[dev]\naws_secret_access_key = x\n";
    let without = without_credentials(keys, Credentials, Some("dev"));
    assert_eq!(
        without.as_deref(),
        Some("[dev]\naws_secret_access_key = x\n[default]\n")
    );
}

#[test]
fn both_spellings_of_the_default_profile() {
    let text = "[profile default]\nsso_session = x\nregion = eu-west-1\n";
    let without = without_credentials(text, Config, None);
    assert_eq!(
        without.as_deref(),
        Some("[profile default]\nregion = eu-west-1\n")
    );
}

#[test]
fn a_dropped_setting_goes_with_its_indented_lines() {
    let text = "[default]\ncredential_process =\n  print-keys\nregion = eu-west-1\n";
    let without = without_credentials(text, Config, None);
    assert_eq!(without.as_deref(), Some("[default]\nregion = eu-west-1\n"));
}

#[test]
fn the_file_of_boto_2() {
    let text = "[Credentials]\naws_access_key_id = AKIA\ngs_access_key_id = GOOG\n[Boto]\nx = 1\n";
    let without = without_credentials(text, Boto, Some("dev"));
    let expected = "[Credentials]\ngs_access_key_id = GOOG\n[Boto]\nx = 1\n";
    assert_eq!(without.as_deref(), Some(expected));
}
