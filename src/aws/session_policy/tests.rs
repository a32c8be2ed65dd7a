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
