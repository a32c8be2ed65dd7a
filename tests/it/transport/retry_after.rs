//! Servers that ask to be left alone.

use crate::refresh::world::{World, seconds};
use crate::support::chain;
use aws_google_web_identity::{ErrorKind, MetadataServer, Stage};
use aws_google_web_identity_emulator::{Answer, Call, Fault};

#[tokio::test]
async fn a_throttled_call_that_runs_out_of_time_stays_throttled() {
    for (call, stage) in [
        (Call::Sts, Stage::Sts),
        (Call::MetadataIdentity, Stage::Metadata),
    ] {
        for (status, pause, then, kind) in [
            (429, "5", None, ErrorKind::Throttled),
            (503, "5", None, ErrorKind::Unavailable),
            (429, "1", Some(Fault::hang()), ErrorKind::Throttled),
        ] {
            let world = World::new().await;
            let source = MetadataServer::new().endpoint(world.emulator.metadata_endpoint());
            let provider = world.builder().token_source(source).build().await.unwrap();
            let answer = Answer::status(status).header("retry-after", pause);
            match then {
                None => world.emulator.answer_next(call, usize::MAX, answer),
                Some(then) => {
                    world.emulator.answer_next(call, 1, answer);
                    world.emulator.fail_next(call, usize::MAX, then);
                }
            }
            let asking = async move { provider.session().await.unwrap_err() };
            let (error, waited) = crate::where_it_runs::waits(&world.clock, asking).await;
            let text = chain(&error);
            assert_eq!((error.stage(), error.kind()), (stage, kind), "{text}");
            assert!(waited <= seconds(11), "{waited:?}");
            assert!(
                text.contains(&format!("HTTP {status}, then no answer in time")),
                "{text}"
            );
        }
    }
}

#[tokio::test]
async fn a_server_is_left_alone_between_exchanges_for_as_long_as_it_asked() {
    for (status, kind) in [(429, ErrorKind::Throttled), (503, ErrorKind::Unavailable)] {
        let world = World::new().await;
        let provider = world.builder().build().await.unwrap();
        let answer = Answer::status(status).header("retry-after", "120");
        world.emulator.answer_next(Call::Sts, usize::MAX, answer);
        assert_eq!(provider.session().await.unwrap_err().kind(), kind);
        for _ in 0..119 {
            world.clock.advance(seconds(1));
            assert_eq!(provider.session().await.unwrap_err().kind(), kind);
        }
        assert_eq!(world.emulator.requests_of(Call::Sts).len(), 1, "{status}");
        world.emulator.answer_genuinely();
        world.clock.advance(seconds(1));
        provider.session().await.unwrap();
    }
}
