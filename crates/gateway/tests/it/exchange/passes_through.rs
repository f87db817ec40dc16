//! What the gateway does not need to understand passes it untouched, in both directions.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread;

use serde_json::{Value, json};

use super::{ask, config, data, question};
use crate::support::{Request, TestGateway, Upstream};

/// Answers every connection's first request with these bytes, and closes upon its second; tells what it was sent.
fn scripted(answer: &'static str) -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let (mut socket, tell) = (socket.unwrap(), tell.clone());
            thread::spawn(move || {
                let Some(request) = request(&mut socket) else { return };
                let _ = tell.send(request);
                socket.write_all(answer.as_bytes()).unwrap();
                let _ = request_begins(&mut socket);
            });
        }
    });
    (address, told)
}

/// A whole request, by its length.
fn request(socket: &mut impl std::io::Read) -> Option<String> {
    let (mut read, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let count = socket.read(&mut piece).ok().filter(|count| *count > 0)?;
        read.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&read);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
        if body.len() >= length.parse().ok()? {
            return Some(text.into_owned());
        }
    }
}

fn request_begins(socket: &mut std::net::TcpStream) -> std::io::Result<usize> {
    socket.read(&mut [0])
}

fn one_provider(address: SocketAddr) -> String {
    format!(
        "[providers.local]
base_url = 'http://{address}/v1'
api_keys = ['sk-ours']
[models.it]
deployments = ['local/their-name']
attempts = 2
"
    )
}

/// What a provider is sent of this body, and what it asked of our own accord.
#[track_caller]
fn check(body: &str, expected: &str) {
    let (bad, good) = (Upstream::start(), Upstream::start());
    let gateway = TestGateway::start(&config(&bad, &good, "500", ""));
    let request = Request::new("POST", "/v1/chat/completions", None).bearer(&gateway.key);
    let answer = request.body(body).send(gateway.callers);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let sent = good.control.last_request().unwrap().body;
    assert_eq!(std::str::from_utf8(&sent).unwrap(), expected);
}

#[test]
fn a_request_is_sent_on_byte_for_byte_but_for_its_model() {
    check(
        "{ \"x-new\" : [1.0e2, \"\\u00e9\\/\"],\n\"model\" :\t\"good\" , \"messages\":[{\"role\":\"user\",\"content\":\"Hi\",\"y\":null}],\"z\":{} }",
        "{ \"x-new\" : [1.0e2, \"\\u00e9\\/\"],\n\"model\" :\t\"rehearsal-words-5\" , \"messages\":[{\"role\":\"user\",\"content\":\"Hi\",\"y\":null}],\"z\":{} }",
    );
    check(
        r#"{"model":"good","messages":[{"role":"user","content":"good"}],"stream":true,"stream_options":{"include_usage":true,"new":1}}"#,
        r#"{"model":"rehearsal-words-5","messages":[{"role":"user","content":"good"}],"stream":true,"stream_options":{"include_usage":true,"new":1}}"#,
    );
}

const ANSWER: &str = "{ \"choices\":[{\"message\":{\"content\":\"\\u00e9\",\"new\":1.50},\"finish_reason\":\"stop\"}],\n \"new\" :[ ] }\n";

#[test]
fn an_answer_comes_back_byte_for_byte() {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json; new=1\r\nset-cookie: a=b\r\ncontent-length: {}\r\n\r\n",
        ANSWER.len()
    );
    let (address, _requests) = scripted(format!("{head}{ANSWER}").leak());
    let gateway = TestGateway::start(&one_provider(address));
    let answer = gateway.chat("it");
    assert_eq!((answer.status, &*answer.body), (200, ANSWER));
    assert_eq!(answer.header("content-type"), Some("application/json; new=1"));
    assert_eq!(answer.header("set-cookie"), None, "what is between the provider and us stays there");
}

#[test]
fn a_stream_comes_back_byte_for_byte() {
    let stream = ": before\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}], \"new\":1 }\n\n: between\n\nid: 7\nevent: x\n\
                  data:{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{stream}",
        stream.len()
    );
    let (address, _requests) = scripted(answer.leak());
    let gateway = TestGateway::start(&one_provider(address));
    let answer = ask(&gateway, &question("it", true)).send(gateway.callers);
    assert_eq!(answer.body, stream.trim_start_matches(": before\n\n"));
}

#[test]
fn what_is_between_the_caller_and_the_gateway_stays_there() {
    let (bad, good) = (Upstream::start(), Upstream::start());
    let gateway = TestGateway::start(&config(&bad, &good, "500", ""));
    let request = ask(&gateway, &question("good", false))
        .header("openai-beta", "new=1")
        .header("openai-organization", "org-callers")
        .header("cookie", "a=b")
        .header("x-api-key", &gateway.key)
        .header("te", "trailers")
        .header("x-forwarded-for", "10.0.0.1")
        .header("x-roundelay-session", "s");
    assert_eq!(request.send(gateway.callers).status, 200);
    let sent = good.control.last_request().unwrap();
    let mut names: Vec<&str> = sent.headers.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    let expected =
        ["accept-encoding", "authorization", "content-length", "content-type", "host", "openai-beta", "user-agent"];
    assert_eq!(names, expected);
    assert!(sent.headers.contains(&("authorization".to_owned(), "Bearer sk-good".to_owned())), "{:?}", sent.headers);
}

#[test]
fn usage_is_counted_for_all_and_shown_to_who_asked() {
    let (bad, good) = (Upstream::start(), Upstream::start());
    let gateway = TestGateway::start(&config(&bad, &good, "500", ""));
    for options in [json!(null), json!({ "include_usage": false }), json!({ "include_usage": true })] {
        let mut body = question("good", true);
        if !options.is_null() {
            body["stream_options"] = options.clone();
        }
        let answer = ask(&gateway, &body).send(gateway.callers);
        let chunks: Vec<Value> = data(&answer.body).iter().filter_map(|data| serde_json::from_str(data).ok()).collect();
        let shown: Vec<&Value> = chunks.iter().map(|chunk| &chunk["usage"]).filter(|usage| usage.is_object()).collect();
        assert_eq!(shown.len(), usize::from(options["include_usage"] == true), "{options}: {}", answer.body);
        if let Some(usage) = shown.first() {
            assert_eq!(usage["completion_tokens"], 5);
        }
        assert_eq!(data(&answer.body).last(), Some(&"[DONE]"));
        let usage = &super::record(&gateway)["usage"];
        assert_eq!((&usage["output"], &usage["estimated"]), (&json!(5), &json!(false)), "{options}");
    }
}

#[test]
fn a_connection_that_the_provider_closed_meanwhile_costs_the_caller_nothing() {
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{ANSWER}",
        ANSWER.len()
    );
    let (address, requests) = scripted(answer.leak());
    let gateway = TestGateway::start(&format!("server.workers = 1\n{}", one_provider(address)));
    for _ in 0..3 {
        let answer = gateway.chat("it");
        assert_eq!(answer.status, 200, "{}", answer.body);
        requests.recv().unwrap();
    }
}
