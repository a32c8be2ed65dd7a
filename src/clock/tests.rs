use super::*;

#[test]
fn all_contexts_count_from_the_same_start() {
    let first = Monotonic::default();
    while first.elapsed() < Duration::from_millis(1) {}
    let before = first.elapsed();
    assert!(Monotonic::default().elapsed() >= before);
}
