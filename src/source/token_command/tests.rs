use super::*;

#[cfg(unix)]
#[test]
fn a_start_that_may_work_later_is_unavailable() {
    let kind = |code| start_failure(&io::Error::from_raw_os_error(code)).0;
    // EAGAIN, ENOMEM, ENFILE, EMFILE, ETXTBSY
    for code in [11, 12, 23, 24, 26] {
        assert_eq!(kind(code), ErrorKind::Unavailable, "{code}");
    }
    // ENOENT, ENOEXEC, EACCES, ENOTDIR
    for code in [2, 8, 13, 20] {
        assert_eq!(kind(code), ErrorKind::Configuration, "{code}");
    }
}
