//! Answers and faults as they arrive over the socket.

use super::helpers::*;
use crate::*;
use std::io::ErrorKind;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

const EMAIL: &str = "/computeMetadata/v1/instance/service-accounts/default/email";

/// Sends an e-mail request whose connection has this fault.
async fn sent_to(emulator: &Emulator, fault: Fault) -> TcpStream {
    emulator.fail_next(Call::MetadataEmail, 1, fault);
    sent(emulator.metadata_endpoint(), &get_request(EMAIL)).await
}

async fn rest(mut stream: TcpStream) -> String {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    String::from_utf8(rest).unwrap()
}

#[tokio::test]
async fn chosen_answers_come_in_order_then_the_healthy_one() {
    let emulator = Emulator::start().await.unwrap();
    let slow_down = Answer::status(429)
        .header("retry-after", "2")
        .body("slow down");
    emulator.answer_next(Call::MetadataEmail, 2, slow_down);
    emulator.answer_next(Call::MetadataEmail, 1, Answer::status(503));
    emulator.answer_next(Call::MetadataToken, 1, Answer::status(500));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let answer = get(emulator.metadata_endpoint(), EMAIL).await;
        if answer.status == 429 {
            assert_eq!(answer.header("retry-after"), Some("2"));
            assert_eq!(answer.body, "slow down");
        }
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [429, 429, 503, 200]);
    assert_eq!(emulator.requests_of(Call::MetadataEmail).len(), 4);
    emulator.answer_genuinely();
    let token = "/computeMetadata/v1/instance/service-accounts/default/token";
    assert_eq!(get(emulator.metadata_endpoint(), token).await.status, 200);
}

#[tokio::test]
async fn answers_and_faults_share_a_queue() {
    let emulator = Emulator::start().await.unwrap();
    emulator.answer_next(Call::MetadataEmail, 1, Answer::status(503));
    emulator.fail_next(Call::MetadataEmail, 1, Fault::close());
    emulator.answer_next(Call::MetadataEmail, 1, Answer::status(500));
    let ask = async || get(emulator.metadata_endpoint(), EMAIL).await.status;
    assert_eq!(ask().await, 503);
    let closed = sent(emulator.metadata_endpoint(), &get_request(EMAIL)).await;
    assert_eq!(rest(closed).await, "");
    assert_eq!(ask().await, 500);
    emulator.fail_next(Call::MetadataEmail, 1, Fault::close());
    emulator.answer_genuinely();
    assert_eq!(ask().await, 200);
}

#[tokio::test]
async fn the_genuine_answer_can_have_other_headers() {
    let emulator = Emulator::start().await.unwrap();
    let ask = async |answer: Answer| {
        emulator.answer_next(Call::MetadataEmail, 1, answer);
        get(emulator.metadata_endpoint(), EMAIL).await
    };
    let other = ask(Answer::genuine().header("Metadata-Flavor", "Other")).await;
    assert_eq!(other.header("metadata-flavor"), Some("Other"));
    assert_eq!(other.body, ROBOT);
    let without = ask(Answer::genuine()
        .without_header("metadata-flavor")
        .without_header("date"))
    .await;
    assert_eq!(without.header("metadata-flavor"), None);
    assert_eq!(without.header("date"), None);
    let html = ask(Answer::genuine()
        .body("<html>")
        .header("content-type", "text/html"))
    .await;
    assert_eq!((html.status, html.body.as_str()), (200, "<html>"));
    assert_eq!(html.header("metadata-flavor"), Some("Google"));
}

#[tokio::test]
async fn errors_have_the_format_of_each_service() {
    let emulator = Emulator::start().await.unwrap();
    let ask = async |answer: Answer| {
        emulator.answer_next(Call::MetadataEmail, 1, answer);
        get(emulator.metadata_endpoint(), EMAIL).await
    };
    let sts = ask(Answer::sts_error(400, "IDPCommunicationError", "a < b")).await;
    assert_eq!(
        (sts.status, sts.element("Code")),
        (400, "IDPCommunicationError")
    );
    assert_eq!(sts.element("Message"), "a &lt; b");
    assert!(sts.header("x-amzn-requestid").is_some());
    let oauth = ask(Answer::oauth_error(503, "temporarily_unavailable", "later")).await;
    assert_eq!(
        (oauth.status, oauth.json()["error"].as_str()),
        (503, Some("temporarily_unavailable"))
    );
    let api = ask(Answer::api_error(403, "PERMISSION_DENIED", "no")).await;
    assert_eq!(api.json()["error"]["code"], 403);
    assert_eq!(
        api.header("content-type"),
        Some("application/json; charset=UTF-8")
    );
}

#[tokio::test]
async fn framing_headers_are_ignored() {
    let emulator = Emulator::start().await.unwrap();
    let lying = Answer::status(100)
        .header("content-length", "3")
        .header("a b", "c")
        .body("body");
    emulator.answer_next(Call::MetadataEmail, 1, lying);
    let answer = get(emulator.metadata_endpoint(), EMAIL).await;
    assert_eq!((answer.status, answer.body.as_str()), (500, "body"));
}

#[tokio::test]
async fn a_blank_body_has_its_length() {
    let emulator = Emulator::start().await.unwrap();
    let blank = Answer::status(200).blank_body(3_000_000);
    emulator.answer_next(Call::MetadataEmail, 1, blank);
    let stream = sent(emulator.metadata_endpoint(), &get_request(EMAIL)).await;
    let answer = rest(stream).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-length: 3000000"), "{head}");
    assert_eq!(body.len(), 3_000_000);
}

#[tokio::test]
async fn a_reset_resets_the_connection() {
    let emulator = Emulator::start().await.unwrap();
    let mut stream = sent_to(&emulator, Fault::reset()).await;
    let error = stream.read(&mut [0; 16]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(emulator.requests_of(Call::MetadataEmail).len(), 1);
}

#[tokio::test]
async fn a_close_sends_nothing() {
    let emulator = Emulator::start().await.unwrap();
    assert_eq!(rest(sent_to(&emulator, Fault::close()).await).await, "");
}

#[tokio::test]
async fn a_truncated_head_ends_in_the_status_line() {
    let emulator = Emulator::start().await.unwrap();
    let stream = sent_to(&emulator, Fault::truncated_head()).await;
    assert_eq!(rest(stream).await, "HTTP/1.1 2");
}

#[tokio::test]
async fn a_truncated_body_is_shorter_than_its_content_length() {
    let emulator = Emulator::start().await.unwrap();
    let answer = rest(sent_to(&emulator, Fault::truncated_body()).await).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        head.contains(&format!("content-length: {}", ROBOT.len())),
        "{head}"
    );
    assert_eq!(body, &ROBOT[..1]);
}

#[tokio::test]
async fn bytes_that_are_not_http_replace_the_answer() {
    let emulator = Emulator::start().await.unwrap();
    let stream = sent_to(&emulator, Fault::not_http()).await;
    assert_eq!(rest(stream).await, "SSH-2.0-emulator\r\n");
}

/// Reads `expected` bytes and asserts that the open connection has no more.
async fn assert_silent_after(stream: &mut TcpStream, expected: usize) {
    let mut bytes = vec![0; expected];
    stream.read_exact(&mut bytes).await.unwrap();
    // Callers have seen another answer or these bytes: the server has had its turn.
    let error = stream.try_read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_hang_stays_connected() {
    let emulator = Emulator::start().await.unwrap();
    let mut stream = sent_to(&emulator, Fault::hang()).await;
    emulator.reached(Call::MetadataEmail, 1).await;
    assert_eq!(get(emulator.metadata_endpoint(), EMAIL).await.status, 200);
    assert_silent_after(&mut stream, 0).await;
    drop(emulator);
    // Dropping the emulator closes the connection.
    assert!(matches!(stream.read(&mut [0; 1]).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_stalled_body_stops_after_its_first_byte() {
    let emulator = Emulator::start().await.unwrap();
    let mut stream = sent_to(&emulator, Fault::stalled_body()).await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert_silent_after(&mut stream, 1).await;
}

#[tokio::test]
async fn a_trickle_sends_only_what_was_released() {
    let emulator = Emulator::start().await.unwrap();
    let trickle = Trickle::new();
    trickle.release(3);
    let mut stream = sent_to(&emulator, Fault::trickle(&trickle)).await;
    assert_silent_after(&mut stream, 3).await;
    trickle.release(4);
    assert_silent_after(&mut stream, 4).await;
    trickle.release_all();
    let answer = rest(stream).await;
    assert!(
        answer.starts_with("1 ") || answer.contains("200 OK"),
        "{answer}"
    );
    assert!(answer.ends_with(ROBOT), "{answer}");
}

#[tokio::test]
async fn held_requests_are_recorded_then_answered_on_release() {
    let emulator = Emulator::start().await.unwrap();
    let hold = emulator.hold(Call::MetadataEmail);
    let first = sent(emulator.metadata_endpoint(), &get_request(EMAIL)).await;
    hold.reached(1).await;
    let mut second = sent(emulator.metadata_endpoint(), &get_request(EMAIL)).await;
    hold.reached(2).await;
    assert_eq!(emulator.requests_of(Call::MetadataEmail).len(), 2);
    hold.release_next(1);
    assert!(rest(first).await.ends_with(ROBOT));
    assert_silent_after(&mut second, 0).await;
    hold.release();
    assert!(rest(second).await.ends_with(ROBOT));
    assert_eq!(get(emulator.metadata_endpoint(), EMAIL).await.status, 200);
}

#[tokio::test]
async fn a_dropped_hold_releases() {
    let emulator = Emulator::start().await.unwrap();
    let hold = emulator.hold(Call::MetadataEmail);
    let stream = sent(emulator.metadata_endpoint(), &get_request(EMAIL)).await;
    hold.reached(1).await;
    drop(hold);
    assert!(rest(stream).await.ends_with(ROBOT));
}

#[tokio::test]
async fn a_closed_port_opens_again_under_its_number() {
    let emulator = Emulator::start().await.unwrap();
    assert_eq!(get(emulator.metadata_endpoint(), EMAIL).await.status, 200);
    emulator
        .refuse_connections(Call::MetadataToken)
        .await
        .unwrap();
    emulator
        .refuse_connections(Call::MetadataToken)
        .await
        .unwrap();
    let error = TcpStream::connect(emulator.metadata_host())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let uri = emulator.token_uri();
    assert_eq!(get(&uri, "/token").await.status, 405);
    emulator
        .accept_connections(Call::MetadataToken)
        .await
        .unwrap();
    assert_eq!(get(emulator.metadata_endpoint(), EMAIL).await.status, 200);
}

#[tokio::test]
async fn a_dropped_emulator_frees_its_ports() {
    let emulator = Emulator::start().await.unwrap();
    let host = emulator.metadata_host().to_owned();
    let mut idle = TcpStream::connect(&host).await.unwrap();
    drop(emulator);
    assert!(matches!(idle.read(&mut [0; 1]).await, Ok(0) | Err(_)));
    let error = TcpStream::connect(&host).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_large_request_is_refused_unread() {
    let emulator = Emulator::start().await.unwrap();
    let body = "x".repeat((1 << 20) + 1);
    let answer = post(&emulator.token_uri(), "/token", "", &body).await;
    assert_eq!(answer.status, 413);
    assert!(emulator.requests()[0].body().is_empty());
}

#[tokio::test]
async fn debug_hides_secrets() {
    let emulator = Emulator::start().await.unwrap();
    let token = emulator
        .issue_id_token(&id_token_claims(&emulator))
        .unwrap();
    assume_role(&emulator, &assume_role_form(&token)).await;
    let answer = Answer::status(200)
        .body(token.clone())
        .header("x-token", &token);
    emulator.answer_next(Call::Sts, 1, answer.clone());
    let (_, signature) = token.rsplit_once('.').unwrap();
    for debug in [
        format!("{emulator:?}"),
        format!("{:?}", emulator.requests()),
        format!("{answer:?}"),
    ] {
        assert!(!debug.contains(signature), "{debug}");
    }
}
