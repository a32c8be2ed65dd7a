use super::*;

#[test]
fn work_that_hangs_or_panics_is_an_error() {
    let (end, ended) = mpsc::channel::<()>();
    let hanging = within(Duration::ZERO, move || ended.recv());
    assert_eq!(hanging.unwrap_err().kind(), io::ErrorKind::TimedOut);
    drop(end);
    let limit = Duration::from_secs(60);
    let panicking = within(limit, || -> () { panic!("on purpose") });
    assert_eq!(panicking.unwrap_err().to_string(), "it panicked");
    assert_eq!(within(limit, || 1).unwrap(), 1);
}
