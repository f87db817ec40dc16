//! The callers' door on raw sockets: whatever comes in, an answer in OpenAI's shape goes out, and in time.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its own lines do")]

mod pages;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{TestGateway, Upstream};

/// Limits short enough for a test.
fn config(upstream: &Upstream) -> String {
    format!(
        "server.header_timeout = '200ms'
server.header_bytes_max = '8KiB'
server.body_max = '64KiB'
server.body_grace = '200ms'
server.body_rate_min = '1MiB'
server.idle_timeout = '200ms'
[providers.local]
base_url = '{}'
[models.good]
deployments = ['local/rehearsal-words-3']
",
        upstream.base_url()
    )
}

struct House {
    gateway: TestGateway,
    upstream: Upstream,
}

impl House {
    fn start() -> Self {
        let upstream = Upstream::start();
        Self { gateway: TestGateway::start(&config(&upstream)), upstream }
    }

    fn connect(&self) -> Caller {
        let socket = TcpStream::connect(self.gateway.callers).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Caller { reader: BufReader::new(socket) }
    }

    /// The head of a question with these fields, up to but without the empty line.
    fn head(&self, fields: &str) -> String {
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {}\r\n{fields}",
            self.gateway.key
        )
    }

    /// A good question.
    fn question(&self) -> String {
        format!("{}content-length: {}\r\n\r\n{}", self.head(""), QUESTION.len(), *QUESTION)
    }
}

static QUESTION: LazyLock<String> =
    LazyLock::new(|| json!({ "model": "good", "messages": [{ "role": "user", "content": "Hello" }] }).to_string());

/// One connection.
struct Caller {
    reader: BufReader<TcpStream>,
}

#[derive(Debug)]
struct Answer {
    head: String,
    body: String,
}

impl Answer {
    fn status(&self) -> &str {
        &self.head[9..12]
    }

    fn closes(&self) -> bool {
        self.head.contains("\r\nconnection: close\r\n")
    }
}

impl Caller {
    /// Sends; a server that has answered and closed may not take it all.
    fn send(&mut self, bytes: &str) -> &mut Self {
        let _ = self.reader.get_mut().write_all(bytes.as_bytes());
        self
    }

    /// Says that nothing more will be sent.
    fn hang_up(&mut self) -> &mut Self {
        self.reader.get_mut().shutdown(Shutdown::Write).unwrap();
        self
    }

    /// The next answer; `None` when the connection ended instead.
    fn answer(&mut self) -> Option<Answer> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match self.reader.read_line(&mut head) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(fault) if fault.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(fault) => panic!("no answer in time: {fault}: {head:?}"),
            }
        }
        let length = head.split("content-length: ").nth(1).map(|rest| rest.lines().next().unwrap().parse().unwrap());
        let mut body = vec![0; length.unwrap_or_default()];
        self.reader.read_exact(&mut body).unwrap();
        Some(Answer { head, body: String::from_utf8(body).unwrap() })
    }
}

/// Sends this and nothing more: it is refused within the limits, with this status and code.
#[track_caller]
fn check(house: &House, sent: &str, hangs_up: bool, (status, code): (&str, Option<&str>)) {
    let shown: String = sent.chars().take(300).collect();
    let began = Instant::now();
    let mut caller = house.connect();
    caller.send(sent);
    if hangs_up {
        caller.hang_up();
    }
    let answer = caller.answer().unwrap_or_else(|| panic!("closed without an answer: {shown}"));
    assert_eq!(answer.status(), status, "{shown}\n{answer:?}");
    assert!(began.elapsed() < Duration::from_secs(5), "{shown}: {:?}", began.elapsed());
    let error = &serde_json::from_str::<Value>(&answer.body).unwrap()["error"];
    assert_eq!(error["code"].as_str(), code, "{shown}\n{}", answer.body);
    assert!(error["message"].is_string() && error["type"].is_string(), "{}", answer.body);
    assert!(answer.head.contains("\r\ncontent-type: application/json\r\n"), "{}", answer.head);
    assert!(answer.head.contains("\r\nx-should-retry: false\r\n"), "{}", answer.head);
    assert!(!answer.body.contains(&house.gateway.key), "{}", answer.body);
    // Whatever it was, the next one is served.
    let next = house.connect().send(&house.question()).answer().unwrap();
    assert_eq!(next.status(), "200", "after {shown}: {next:?}");
}

#[test]
fn a_body_that_is_no_question_is_refused_with_its_fault() {
    let house = House::start();
    let body = |body: &str| format!("{}content-length: {}\r\n\r\n{body}", house.head(""), body.len());
    for (sent, code) in [
        ("", "invalid_json"),
        ("{", "invalid_json"),
        ("{\"model\":\"good\",}", "invalid_json"),
        ("\u{0}\u{1}", "invalid_json"),
        ("[]", "invalid_type"),
        ("{}", "missing_required_parameter"),
        ("{\"model\":7,\"messages\":[]}", "invalid_type"),
        ("{\"model\":\"good\"}", "missing_required_parameter"),
    ] {
        check(&house, &body(sent), false, ("400", Some(code)));
    }
    check(
        &house,
        &body("{\"model\":\"nobody\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}"),
        false,
        ("404", Some("model_not_found")),
    );
    let deep = format!("{{\"model\":\"good\",\"x\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
    check(&house, &body(&deep), false, ("400", Some("invalid_json")));
}

#[test]
fn a_body_has_a_limit_whether_its_length_is_told_or_counted() {
    let house = House::start();
    let large = " ".repeat((64 << 10) + 1);
    let too_large = ("413", Some("request_too_large"));
    let told = house.head(&format!("content-length: {}\r\n", large.len()));
    check(&house, &format!("{told}\r\n{large}"), false, too_large);
    check(&house, &format!("{told}\r\n"), false, too_large);
    check(&house, &format!("{}content-length: 99999999999\r\n\r\n", house.head("")), false, too_large);
    let counted = house.head("transfer-encoding: chunked\r\n");
    check(&house, &format!("{counted}\r\n{:x}\r\n{large}\r\n0\r\n\r\n", large.len()), false, too_large);
    let many = format!("400\r\n{}\r\n", " ".repeat(1024)).repeat(65);
    check(&house, &format!("{counted}\r\n{many}"), false, too_large);
    // As large as may be is read: it is no JSON, but it is not too large.
    let most = " ".repeat(64 << 10);
    check(
        &house,
        &format!("{}content-length: {}\r\n\r\n{most}", house.head(""), most.len()),
        false,
        ("400", Some("invalid_json")),
    );
}

#[test]
fn a_caller_who_is_refused_while_it_sends_can_send_it_all_and_read_why() {
    let house = House::start();
    let body = " ".repeat(16 << 20);
    let told = format!("content-length: {}\r\n", body.len());
    for (head, status) in [
        (house.head(&told), "413"),
        (house.head(&told).replace("Bearer rl-", "Bearer xx-"), "401"),
        (house.head(&told).replace("/chat/", "/what/"), "404"),
        (house.head(&format!("{told}content-encoding: gzip\r\n")), "415"),
    ] {
        let mut caller = house.connect();
        let sent = caller.reader.get_mut().write_all(format!("{head}\r\n{body}").as_bytes());
        assert!(sent.is_ok(), "{status}: {sent:?}");
        assert_eq!(caller.answer().unwrap().status(), status);
    }
}

#[test]
fn a_head_has_limits() {
    let house = House::start();
    let end = "content-length: 0\r\n\r\n";
    let too_large = ("431", None);
    check(&house, &(house.head(&"x: y\r\n".repeat(10_000)) + end), false, too_large);
    check(&house, &(house.head(&"x: y\r\n".repeat(65)) + end), false, too_large);
    check(&house, &(house.head(&"x: y\r\n".repeat(60)) + end), false, ("400", Some("invalid_json")));
    check(&house, &(house.head(&format!("x: {}\r\n", "y".repeat(9 << 10))) + end), false, too_large);
    check(&house, &(house.head(&format!("x: {}\r\n", "y".repeat(1 << 20))) + end), false, too_large);
    check(
        &house,
        &(house.head(&format!("x: {}\r\n", "y".repeat(7 << 10))) + end),
        false,
        ("400", Some("invalid_json")),
    );
    let long = format!("GET /{} HTTP/1.1\r\nhost: test\r\n\r\n", "x".repeat(70_000));
    check(&house, &long, false, too_large);
    let House { gateway, upstream } = house;
    drop(gateway);
    let roomy = config(&upstream).replace("'8KiB'", "'128KiB'");
    check(&House { gateway: TestGateway::start(&roomy), upstream }, &long, false, ("414", None));
}

#[test]
fn what_dawdles_is_told_so() {
    let house = House::start();
    check(&house, "POST /v1/chat/completions HT", false, ("408", None));
    check(&house, &house.head(""), false, ("408", None));
    check(&house, &house.head("content-length: 10\r\nx"), false, ("408", None));
    let slow = ("408", Some("body_too_slow"));
    check(&house, &format!("{}content-length: 10\r\n\r\n", house.head("")), false, slow);
    check(&house, &format!("{}content-length: 10\r\n\r\n{{\"a\"", house.head("")), false, slow);
    check(&house, &format!("{}transfer-encoding: chunked\r\n\r\n5\r\n{{\"a", house.head("")), false, slow);
}

#[test]
fn a_trickle_is_no_answer_to_a_limit_of_time() {
    let house = House::start();
    for begin in [house.head("x: "), format!("{}content-length: 60000\r\n\r\n", house.head(""))] {
        let mut caller = house.connect();
        caller.send(&begin);
        let mut drip = caller.reader.get_ref().try_clone().unwrap();
        // A byte each 5 ms: the sender's own pace, waited for by nobody.
        let dripping = thread::spawn(move || {
            while drip.write_all(b" ").is_ok() {
                thread::park_timeout(Duration::from_millis(5));
            }
        });
        let answer = caller.answer().unwrap();
        assert_eq!(answer.status(), "408", "{answer:?}");
        // The gateway may have closed it already.
        let _ = caller.reader.get_ref().shutdown(Shutdown::Both);
        dripping.join().unwrap();
    }
}

#[test]
fn a_body_that_ends_early_is_told_so() {
    let house = House::start();
    let cut = ("400", Some("body_incomplete"));
    check(&house, &format!("{}content-length: 10\r\n\r\n{{\"a\"", house.head("")), true, cut);
    check(&house, &format!("{}transfer-encoding: chunked\r\n\r\n5\r\n{{\"a", house.head("")), true, cut);
    check(&house, &format!("{}transfer-encoding: chunked\r\n\r\nzz\r\n{{\"a", house.head("")), false, cut);
}

#[test]
fn what_is_no_request_of_http_is_told_so() {
    let house = House::start();
    let bad = ("400", None);
    check(&house, "\u{16}\u{3}\u{1}\u{2} client hello\r\n\r\n", false, bad);
    check(&house, "hello\r\n\r\n", false, bad);
    check(&house, "GET / HTTP/3.0\r\n\r\n", false, bad);
    check(&house, &format!("{}no colon here\r\n\r\n", house.head("")), false, bad);
    check(&house, &format!("{}content-length: ten\r\n\r\n", house.head("")), false, bad);
    check(&house, &format!("{}content-length: 1\r\ncontent-length: 2\r\n\r\nab", house.head("")), false, bad);
    check(&house, &format!("{}transfer-encoding: gzip\r\n\r\nab", house.head("")), false, bad);
    assert_eq!(house.upstream.control.requests_for("rehearsal-words-3"), 7, "but for the good ones in between");
}

#[test]
fn what_lies_behind_a_body_whose_end_is_told_in_two_ways_is_never_served() {
    let house = House::start();
    let both =
        ["content-length: 5\r\ntransfer-encoding: chunked\r\n", "transfer-encoding: chunked\r\ncontent-length: 5\r\n"];
    for fields in both {
        let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", QUESTION.len(), *QUESTION);
        let mut caller = house.connect();
        let answer = caller.send(&format!("{}\r\n{chunk}{}", house.head(fields), house.question())).answer().unwrap();
        assert!(answer.closes(), "{answer:?}");
        assert!(caller.answer().is_none(), "{fields}");
    }
}

#[test]
fn paths_methods_keys_and_codings_are_looked_at_before_the_body() {
    let house = House::start();
    let with =
        |line: &str, fields: &str| format!("{line} HTTP/1.1\r\nhost: test\r\n{fields}content-length: 99\r\n\r\n");
    let key = format!("x-api-key: {}\r\n", house.gateway.key);
    check(&house, &with("POST /v1/nothing", &key), false, ("404", None));
    check(&house, &with("GET /v1/chat/completions", &key), false, ("405", None));
    check(&house, &with("DELETE /v1/models", &key), false, ("405", None));
    check(&house, &with("POST /v1/chat/completions", ""), false, ("401", Some("invalid_api_key")));
    check(
        &house,
        &with("POST /v1/chat/completions", "authorization: Bearer x\r\n"),
        false,
        ("401", Some("invalid_api_key")),
    );
    check(
        &house,
        &with("POST /v1/chat/completions", &format!("{key}content-encoding: gzip\r\n")),
        false,
        ("415", None),
    );
}

/// Sends all of it at once: each answer in turn with its status, and then the connection is open or closed.
#[track_caller]
fn check_connection(house: &House, sent: &str, statuses: &[&str], stays: bool) {
    let mut caller = house.connect();
    caller.send(sent);
    for (index, status) in statuses.iter().enumerate() {
        let answer = caller.answer().unwrap();
        assert_eq!(answer.status(), *status, "answer {index} to {sent}: {answer:?}");
        let is_last = index + 1 == statuses.len();
        assert_eq!(answer.closes(), is_last && !stays && answer.head.starts_with("HTTP/1.1"), "{answer:?}");
    }
    if stays {
        assert_eq!(caller.send(&house.question()).answer().unwrap().status(), "200", "{sent}");
    }
    // Closed at once, or when it has been idle for long enough.
    assert!(caller.answer().is_none(), "{sent}");
}

#[test]
fn a_connection_serves_one_request_after_another() {
    let house = House::start();
    let good = house.question();
    check_connection(&house, &good, &["200"], true);
    check_connection(&house, &good.repeat(3), &["200", "200", "200"], true);
    check_connection(&house, &good.replace("host: test", "host: test\r\nconnection: close"), &["200"], false);
    let unknown = good.replace("\"good\"", "\"gone\"");
    check_connection(&house, &format!("{unknown}{good}"), &["404", "200"], true);
    check_connection(&house, &good.replace("HTTP/1.1", "HTTP/1.0"), &["200"], false);
    let asked = good.replace("host: test", "host: test\r\nconnection: keep-alive").replace("HTTP/1.1", "HTTP/1.0");
    check_connection(&house, &asked, &["200"], true);
    check_connection(&house, &format!("{good}garbage\r\n\r\n"), &["200", "400"], false);
}

#[test]
fn a_caller_who_waits_to_be_told_is_told_to_go_on() {
    let house = House::start();
    let mut caller = house.connect();
    let head = house.head(&format!("expect: 100-continue\r\ncontent-length: {}\r\n", QUESTION.len()));
    let interim = caller.send(&format!("{head}\r\n")).answer().unwrap();
    assert_eq!(interim.status(), "100", "{interim:?}");
    assert_eq!(caller.send(&QUESTION).answer().unwrap().status(), "200");
}

#[test]
fn a_connection_that_says_nothing_is_closed() {
    let house = House::start();
    assert_eq!(house.connect().answer().unwrap().status(), "408");
    assert!(house.connect().hang_up().answer().is_none());
}

#[test]
fn one_connection_too_many_is_closed_and_counted() {
    let upstream = Upstream::start();
    let house = House {
        gateway: TestGateway::start(&format!(
            "server.connections_max = 1\nserver.workers = 1\n{}",
            config(&upstream).replace("idle_timeout = '200ms'", "idle_timeout = '60s'")
        )),
        upstream,
    };
    let mut first = house.connect();
    assert_eq!(first.send(&house.question()).answer().unwrap().status(), "200");
    assert!(house.connect().send(&house.question()).answer().is_none());
    assert_eq!(first.send(&house.question()).answer().unwrap().status(), "200");
    let metrics = house.gateway.operator("GET", "/metrics", None).body;
    assert!(metrics.contains("\nroundelay_connections_refused_total 1\n"), "{metrics}");
}
