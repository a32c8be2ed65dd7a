use super::*;
use ::redis::Value;

#[test]
fn what_a_server_repeats_of_a_password_is_not_shown() {
    for (answer, shown) in [
        (
            "-ERR unknown command 'AUTH' 'hunter2'\r\n",
            "'AUTH' '[password]'",
        ),
        (
            "-ERR unknown command 'AUTH' 'ya29.of-an-account'\r\n",
            "'AUTH' '<token>'",
        ),
        ("-hunter2 is no code\r\n", "[password]"),
        ("-WRONGPASS hunter2 is wrong\r\n", "[password] is wrong"),
    ] {
        let Ok(Value::ServerError(said)) = ::redis::parse_redis_value(answer.as_bytes()) else {
            panic!("{answer} is no error");
        };
        let error = error(&said.into(), "redis.example.com:6379", ["", "hunter2"]);
        let text = format!("{error} {error:#} {error:?} {:?}", error.code());
        assert!(text.contains(shown), "{text}");
        assert!(
            !text.contains("hunter2") && !text.contains("of-an-account"),
            "{text}"
        );
    }
}
