use super::*;

#[test]
fn white_space_is_removed_except_in_strings() {
    let policy = "{ \"a b\\\" c\" : [ \"d\\\\\" , \" e \" ] }\n";
    assert_eq!(
        compact(policy).unwrap(),
        "{\"a b\\\" c\":[\"d\\\\\",\" e \"]}"
    );
    let (before, after): (serde_json::Value, serde_json::Value) = (
        serde_json::from_str(policy).unwrap(),
        serde_json::from_str(&compact(policy).unwrap()).unwrap(),
    );
    assert_eq!(before, after);
}

#[test]
fn what_is_no_json_object_is_told_apart() {
    for (policy, says) in [
        ("", "is empty; a JSON object is expected"),
        (" \n", "is empty; a JSON object is expected"),
        (
            "{\"Statement\": [",
            "is truncated: its JSON ends early, at line 1, column 15",
        ),
        ("[]", "is not a JSON object (line 1, column "),
        ("policy", "is not a JSON object (line 1, column "),
    ] {
        let error = compact(policy).unwrap_err().to_string();
        assert!(error.contains(says), "{policy:?}: {error}");
    }
}
