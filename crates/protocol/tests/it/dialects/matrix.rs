//! Every ordered pair of dialects: what both can say arrives, and the rest is a loss.

use roundelay_protocol::{
    chat::{
        Answer, Arguments, Body, Choice, Dialect, Effort, Format, Issuer, Json, Keep, Losses, Part, Reasoning, Request,
        Role, Signature, Source, Stop, Text, Tool, ToolBody, ToolCall, ToolCallKind, ToolChoice, ToolResult, Turn, Why,
    },
    translate,
    usage::Usage,
};

use super::{decode, encode, fold, read, written};

/// Responses knows no stop sequences.
fn with_stops() -> Vec<Dialect> {
    Dialect::ALL.into_iter().filter(|dialect| *dialect != Dialect::OpenaiResponses).collect()
}

/// Writes `build`'s request in one dialect, reads it there, writes that in another and reads it there: what
/// `pick` sees is the same at both ends, and nothing but labels was lost.
#[track_caller]
fn check<T: PartialEq + std::fmt::Debug>(
    build: impl Fn(&mut Request<'static>),
    pick: impl for<'r> Fn(&'r Request<'r>) -> T,
) {
    check_among(&Dialect::ALL, build, pick);
}

/// The same among those that can say it.
#[track_caller]
fn check_among<T: PartialEq + std::fmt::Debug>(
    dialects: &[Dialect],
    build: impl Fn(&mut Request<'static>),
    pick: impl for<'r> Fn(&'r Request<'r>) -> T,
) {
    for &from in dialects {
        for &to in dialects {
            let mut request = plain(from);
            build(&mut request);
            let expected = pick(&request);
            let (body, lost) = written(&request, from);
            assert_no_loss(&lost, from, from);
            let first = read(from, &body);
            assert_eq!(pick(&first), expected, "{} by itself: {}", from.name(), String::from_utf8_lossy(&body));
            let (body, lost) = written(&first, to);
            assert_no_loss(&lost, from, to);
            let second = read(to, &body);
            let text = String::from_utf8_lossy(&body);
            assert_eq!(pick(&second), expected, "{} to {}: {text}", from.name(), to.name());
        }
    }
}

#[track_caller]
fn assert_no_loss(losses: &Losses, from: Dialect, to: Dialect) {
    let lost: Vec<_> = losses.iter().filter(|loss| loss.why != Why::Label).collect();
    assert!(lost.is_empty(), "{} to {}: {lost:?}", from.name(), to.name());
}

fn plain(dialect: Dialect) -> Request<'static> {
    let mut request = Request::new(dialect);
    request.model = "m".into();
    request.output_max = Some(4000);
    request.turns = vec![said(Role::User, "Hello \"you\"\n\u{1F980}")];
    request
}

fn said(role: Role, text: &'static str) -> Turn<'static> {
    turn(role, vec![Part::text(text.into())])
}

fn turn(role: Role, parts: Vec<Part<'static>>) -> Turn<'static> {
    Turn { role, parts, extra: roundelay_protocol::chat::Extra::default() }
}

fn call(id: &'static str, name: &'static str, arguments: &'static str) -> Part<'static> {
    Part::new(Body::ToolCall(ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: Arguments::Value(Json::read(arguments).unwrap()),
        kind: ToolCallKind::Function,
        signature: None,
    }))
}

fn result(id: &'static str, name: &'static str, text: &'static str) -> Part<'static> {
    Part::new(Body::ToolResult(ToolResult {
        id: id.into(),
        name: Some(name.into()),
        content: vec![Part::text(text.into())],
        is_error: false,
        kind: ToolCallKind::Function,
    }))
}

fn weather() -> Tool<'static> {
    let schema = r#"{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}"#;
    Tool {
        body: ToolBody::Function {
            name: "weather".into(),
            description: Some("Tells the weather".into()),
            schema: Some(Json::read(schema).unwrap()),
            strict: None,
        },
        keep: None,
        extra: roundelay_protocol::chat::Extra::default(),
    }
}

/// The turns, without what only some dialects repeat.
fn turns<'r>(request: &'r Request<'r>) -> Vec<Turn<'static>> {
    let mut turns: Vec<Turn<'static>> = Vec::new();
    for turn in &request.turns {
        let parts = turn.parts.iter().cloned().map(|part| {
            let mut part = part.into_owned();
            if let Body::ToolResult(result) = &mut part.body {
                result.name = None;
            }
            part
        });
        turns.push(Turn { role: turn.role, parts: parts.collect(), extra: turn.extra.clone().into_owned() });
    }
    turns
}

#[test]
fn a_conversation_with_a_system_prompt() {
    check(
        |request| {
            request.system = vec![Part::text("Be brief.".into()), Part::text("Be kind.".into())];
            request.turns.push(said(Role::Assistant, "Hi."));
            request.turns.push(said(Role::User, "How are you?"));
        },
        |request| {
            let system: Vec<_> = request.system.iter().map(|part| part.clone().into_owned()).collect();
            (system, turns(request), request.output_max)
        },
    );
}

#[test]
fn parallel_tool_calls_with_their_results() {
    check(
        |request| {
            request.tools = vec![weather()];
            request.turns.push(turn(
                Role::Assistant,
                vec![
                    Part::text("I look.".into()),
                    call("call_1", "weather", r#"{"city": "Z\u00fcrich",  "n":1.0}"#),
                    call("call_2", "weather", r#"{"city":"Köln \"x\" \\"}"#),
                ],
            ));
            request.turns.push(turn(
                Role::User,
                vec![
                    result("call_1", "weather", "rain"),
                    result("call_2", "weather", "sun"),
                    Part::text("Which is nicer?".into()),
                ],
            ));
        },
        |request| {
            let tools = request.tools.iter().map(|tool| match &tool.body {
                // Whether it is enforced is not said everywhere.
                ToolBody::Function { name, description, schema, .. } => format!("{name:?} {description:?} {schema:?}"),
                other => panic!("{other:?}"),
            });
            (turns(request), tools.collect::<Vec<_>>())
        },
    );
}

#[test]
fn the_choice_among_tools() {
    for choice in [ToolChoice::Auto, ToolChoice::None, ToolChoice::Required, ToolChoice::Named("weather".into())] {
        // Converse cannot forbid tools that are there.
        let able: Vec<_> = Dialect::ALL
            .into_iter()
            .filter(|dialect| *dialect != Dialect::Bedrock || choice != ToolChoice::None)
            .collect();
        check_among(
            &able,
            |request| {
                request.tools = vec![weather()];
                request.tool_choice = Some(choice.clone());
            },
            |request| format!("{:?}", request.tool_choice),
        );
    }
}

#[test]
fn images_in_the_body() {
    check(
        |request| {
            request.turns[0].parts.push(Part::new(Body::Image {
                source: Source::Inline { media_type: "image/png".into(), data: "iVBORw0KGgo/+A==".into() },
                detail: None,
            }));
        },
        turns,
    );
}

#[test]
fn an_answer_by_a_schema() {
    const SCHEMA: &str =
        r#"{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false}"#;
    check(
        |request| {
            let schema = Json::read(SCHEMA).unwrap();
            request.format = Some(Format::JsonSchema { name: None, description: None, schema, strict: None });
        },
        |request| match &request.format {
            Some(Format::JsonSchema { schema, .. }) => schema.as_str().to_owned(),
            other => panic!("{other:?}"),
        },
    );
}

#[test]
fn effort_temperature_and_stops() {
    check(
        |request| request.reasoning = Some(Reasoning { effort: Some(Effort::High), ..Reasoning::default() }),
        |request| request.reasoning.as_ref().and_then(|reasoning| reasoning.effort),
    );
    check_among(
        &with_stops(),
        |request| request.stop = vec!["END".into(), "\n\n".into()],
        |request| request.stop.iter().map(|stop| stop.decode().into_owned()).collect::<Vec<_>>(),
    );
    check(
        |request| {
            request.sampling.temperature = Some(Json::read("0.70").unwrap());
            request.sampling.top_p = Some(Json::read("0.9").unwrap());
            request.is_streaming = true;
        },
        |request| format!("{:?} {:?}", request.sampling.temperature, request.sampling.top_p),
    );
}

#[test]
fn marks_for_the_prompt_cache() {
    // Gemini's cache keeps what it likes.
    let is_openai = |dialect| matches!(dialect, Dialect::OpenaiChat | Dialect::OpenaiResponses);
    let marked: Vec<_> = Dialect::ALL.into_iter().filter(|dialect| *dialect != Dialect::Gemini).collect();
    for (from, to) in marked.iter().flat_map(|from| marked.iter().map(|to| (*from, *to))) {
        let times = |dialect| {
            if is_openai(dialect) { (Keep::HalfHour, Keep::HalfDay) } else { (Keep::FiveMinutes, Keep::Hour) }
        };
        let mut request = plain(from);
        request.turns[0].parts[0].keep = Some(times(from).0);
        request.system = vec![Part { keep: Some(times(from).1), ..Part::text("Long".into()) }];
        request.turns.push(turn(Role::Assistant, vec![call("c", "f", "{}")]));
        let answered = Part { keep: Some(Keep::Default), ..result("c", "f", "r") };
        request.turns.push(turn(Role::User, vec![answered]));
        let (body, losses) = written(&request, from);
        assert!(losses.is_empty(), "{losses:?}");
        let first = read(from, &body);
        let (body, losses) = written(&first, to);
        let there = read(to, &body);
        let found = (there.turns[0].parts[0].keep, there.system[0].keep);
        assert_eq!(found, (Some(times(to).0), Some(times(to).1)), "{} to {}", from.name(), to.name());
        let Body::ToolResult(answered) = &there.turns[2].parts[0].body else { panic!("a result") };
        let keep = there.turns[2].parts[0].keep.or_else(|| answered.content.last()?.keep);
        assert_eq!(keep, Some(Keep::Default), "{} to {}", from.name(), to.name());
        let changed: Vec<_> = losses.iter().map(|loss| (loss.path.as_str(), loss.why)).collect();
        if is_openai(from) == is_openai(to) {
            assert_eq!(changed, []);
        } else {
            assert_eq!(changed.len(), 2, "{losses:?}");
            assert!(changed.iter().all(|(path, why)| path.ends_with(".keep") && *why == Why::Changed), "{losses:?}");
        }
    }
}

#[test]
fn a_mark_of_the_whole_prompt_stands_at_its_last_part() {
    for to in [Dialect::OpenaiChat, Dialect::OpenaiResponses, Dialect::Bedrock] {
        let mut request = plain(Dialect::Anthropic);
        request.keep = Some(Keep::Default);
        request.turns.push(said(Role::Assistant, "b"));
        request.turns.push(said(Role::User, "c"));
        let (body, losses) = written(&request, to);
        assert!(losses.is_empty(), "{losses:?}");
        let there = read(to, &body);
        let marks = there.turns.iter().map(|turn| turn.parts[0].keep).collect::<Vec<_>>();
        assert_eq!(marks, [None, None, Some(Keep::Default)], "{}", to.name());
    }
}

/// An answer with all that every dialect can say.
fn answer(dialect: Dialect, stop: Stop<'static>) -> Answer<'static> {
    let mut answer = Answer::new(dialect);
    answer.id = Some("id-1".into());
    answer.model = Some("m".into());
    let parts = vec![
        Part::text("It is \"sunny\".\n".into()),
        call("call_1", "weather", r#"{"city":"Zürich"}"#),
        call("call_2", "weather", r#"{"city":"Köln"}"#),
    ];
    answer.choices = vec![Choice { parts, stop: Some(stop), ..Choice::default() }];
    answer.usage =
        Some(Usage { input: 7, cache_read: 40, cache_write: 20, output: 50, reasoning: 30, ..Usage::default() });
    answer
}

fn through<'a>(answer: &'a Answer<'a>, dialect: Dialect) -> (Vec<u8>, Losses) {
    let mut losses = Losses::default();
    (translate::encode_answer(answer, dialect, "", &mut losses), losses)
}

#[test]
fn an_answer_whole_and_streamed_says_the_same_everywhere() {
    for from in Dialect::ALL {
        for to in Dialect::ALL {
            let mut made = answer(from, Stop::ToolCalls);
            let usage = made.usage.as_mut().unwrap();
            if from == Dialect::Gemini || to == Dialect::Gemini {
                usage.cache_write = 0;
            }
            if from == Dialect::Bedrock || to == Dialect::Bedrock {
                (usage.reasoning, made.id, made.model) = (0, None, None);
            }
            let (body, losses) = through(&made, from);
            assert_no_loss(&losses, from, from);
            let first = translate::decode_answer(from, &body).unwrap().unwrap();
            assert_eq!((&first.choices, first.usage), (&made.choices, made.usage), "{}", from.name());
            let (body, losses) = through(&first, to);
            assert_no_loss(&losses, from, to);
            let second = translate::decode_answer(to, &body).unwrap().unwrap();
            assert_eq!(
                (&second.choices, second.usage),
                (&made.choices, made.usage),
                "{} to {}",
                from.name(),
                to.name()
            );

            let mut events = Vec::new();
            made.events(&mut |event| events.push(event.into_owned()));
            let stream = encode(from, &events);
            let (events, end) = decode(from, [&stream[..]]);
            assert_eq!(end, Ok(()), "{}", from.name());
            let stream = encode(to, &events);
            let (events, end) = decode(to, [&stream[..]]);
            assert_eq!(end, Ok(()), "{} to {}", from.name(), to.name());
            let streamed = fold(to, &events).unwrap().unwrap();
            assert_eq!(streamed.choices, made.choices, "{} to {} streamed", from.name(), to.name());
            assert_eq!(streamed.usage, made.usage, "{} to {} streamed", from.name(), to.name());
            assert!(made.id.is_none() || streamed.id == made.id, "{} to {} streamed", from.name(), to.name());
        }
    }
}

#[test]
fn a_class_of_tokens_that_a_dialect_does_not_count_is_a_loss() {
    let made = answer(Dialect::Anthropic, Stop::ToolCalls);
    let (body, losses) = through(&made, Dialect::Gemini);
    assert!(losses.names("answer.usage.cache_write"), "{losses:?}");
    let usage = translate::decode_answer(Dialect::Gemini, &body).unwrap().unwrap().usage.unwrap();
    assert_eq!((usage.input, usage.prompt()), (27, made.usage.unwrap().prompt()));
    let (_, losses) = through(&made, Dialect::Bedrock);
    assert!(losses.names("answer.usage.reasoning"), "{losses:?}");
}

#[test]
fn reasons_to_stop() {
    for stop in [Stop::Finished, Stop::Length, Stop::ToolCalls] {
        for from in Dialect::ALL {
            for to in Dialect::ALL {
                let made = answer(from, stop.clone());
                let mut made = made;
                if stop != Stop::ToolCalls {
                    made.choices[0].parts.truncate(1);
                }
                let (body, _) = through(&made, from);
                let first = translate::decode_answer(from, &body).unwrap().unwrap();
                let (body, _) = through(&first, to);
                let second = translate::decode_answer(to, &body).unwrap().unwrap();
                assert_eq!(second.choices[0].stop, Some(stop.clone()), "{} to {}", from.name(), to.name());
            }
        }
    }
}

#[test]
fn thoughts_and_their_signatures_come_back() {
    let signature = Signature { text: "EqQB/+==".into(), issuer: Some(Issuer(7)) };
    for caller in Dialect::ALL {
        let mut made = answer(caller, Stop::ToolCalls);
        made.usage.as_mut().unwrap().cache_write = 0;
        made.choices[0]
            .parts
            .insert(0, Part::new(Body::Thinking { text: "Let me see.".into(), signature: Some(signature.clone()) }));
        let (body, losses) = through(&made, caller);
        assert_no_loss(&losses, caller, caller);
        let whole = translate::decode_answer(caller, &body).unwrap().unwrap();
        assert_eq!(whole.choices, made.choices, "{} whole", caller.name());
        let mut events = Vec::new();
        made.events(&mut |event| events.push(event.into_owned()));
        let stream = encode(caller, &events);
        let (events, _) = decode(caller, [&stream[..]]);
        let streamed = fold(caller, &events).unwrap().unwrap();
        assert_eq!(streamed.choices, made.choices, "{} streamed", caller.name());
    }
}

#[test]
fn what_one_dialect_cannot_say_is_a_loss() {
    #[track_caller]
    fn lost(to: Dialect, why: Why, path: &str, build: impl Fn(&mut Request<'static>)) {
        let from = if to == Dialect::OpenaiChat { Dialect::Anthropic } else { Dialect::OpenaiChat };
        let mut request = plain(from);
        build(&mut request);
        let (_, losses) = written(&request, to);
        let found = losses.iter().any(|loss| loss.path == path && loss.why == why);
        assert!(found, "to {}: {losses:?}", to.name());
    }
    let number = |text: &'static str| Some(Json::read(text).unwrap());
    lost(Dialect::Anthropic, Why::NoPeer, "seed", |request| request.sampling.seed = number("7"));
    lost(Dialect::Anthropic, Why::NoPeer, "logit_bias", |request| request.sampling.logit_bias = number(r#"{"1":2}"#));
    lost(Dialect::Anthropic, Why::NoPeer, "choices", |request| request.choices = Some(2));
    lost(Dialect::Anthropic, Why::Changed, "temperature", |request| request.sampling.temperature = number("1.5"));
    lost(Dialect::Anthropic, Why::NoPeer, "format", |request| request.format = Some(Format::JsonObject));
    lost(Dialect::Anthropic, Why::NoPeer, "web_search_options", |request| {
        request.extra.push("web_search_options", Json::read("{}").unwrap());
    });
    lost(Dialect::Anthropic, Why::NoPeer, "turns.0.parts.1", |request| {
        let source = Source::Inline { media_type: "audio/wav".into(), data: "UklGRg==".into() };
        request.turns[0].parts.push(Part::new(Body::Audio { source }));
    });
    lost(Dialect::Anthropic, Why::Issuer, "turns.1.parts.0", |request| {
        request.turns.push(turn(
            Role::Assistant,
            vec![
                Part::new(Body::Thinking {
                    text: "Hm".into(),
                    signature: Some(Signature { text: "x".into(), issuer: Some(Issuer(9)) }),
                }),
                Part::text("A".into()),
            ],
        ));
    });
    lost(Dialect::OpenaiResponses, Why::NoPeer, "stop", |request| request.stop = vec!["x".into()]);
    lost(Dialect::OpenaiResponses, Why::NoPeer, "seed", |request| request.sampling.seed = number("7"));
    lost(Dialect::Anthropic, Why::NoPeer, "previous", |request| request.previous = Some("resp_1".into()));
    lost(Dialect::OpenaiResponses, Why::NoPeer, "turns.0.parts.1", |request| {
        let source = Source::Inline { media_type: "audio/wav".into(), data: "UklGRg==".into() };
        request.turns[0].parts.push(Part::new(Body::Audio { source }));
    });
    lost(Dialect::Bedrock, Why::NoPeer, "seed", |request| request.sampling.seed = number("7"));
    lost(Dialect::Bedrock, Why::NoPeer, "tool_choice", |request| {
        request.tools = vec![weather()];
        request.tool_choice = Some(ToolChoice::None);
        request.turns.push(turn(Role::Assistant, vec![call("c", "weather", "{}")]));
        request.turns.push(turn(Role::User, vec![result("c", "weather", "sun")]));
    });
    lost(Dialect::Bedrock, Why::NoPeer, "turns.0.parts.1", |request| {
        let source = Source::Url("https://example.com/a.png".into());
        request.turns[0].parts.push(Part::new(Body::Image { source, detail: None }));
    });
    lost(Dialect::Gemini, Why::NoPeer, "logit_bias", |request| request.sampling.logit_bias = number(r#"{"1":2}"#));
    lost(Dialect::Gemini, Why::NoPeer, "parallel_tools", |request| {
        request.tools = vec![weather()];
        request.parallel_tools = Some(false);
    });
    lost(Dialect::Gemini, Why::Label, "turns.0.parts.0.keep", |request| {
        request.turns[0].parts[0].keep = Some(Keep::Default);
    });
    lost(Dialect::Gemini, Why::Issuer, "turns.1.parts.0.signature", |request| {
        let mut signed = call("c", "weather", "{}");
        if let Body::ToolCall(call) = &mut signed.body {
            call.signature = Some(Signature { text: "x".into(), issuer: Some(Issuer(9)) });
        }
        request.turns.push(turn(Role::Assistant, vec![signed]));
    });
    lost(Dialect::OpenaiChat, Why::Unsupported, "top_k", |request| request.sampling.top_k = number("40"));
    lost(Dialect::OpenaiChat, Why::Changed, "reasoning.budget", |request| {
        request.reasoning = Some(Reasoning { budget: Some(2000), ..Reasoning::default() });
    });
    lost(Dialect::OpenaiChat, Why::NoPeer, "turns.1.parts.0.is_error", |request| {
        request.turns.insert(0, turn(Role::Assistant, vec![call("c", "weather", "{}")]));
        let mut failed = result("c", "weather", "no");
        if let Body::ToolResult(result) = &mut failed.body {
            result.is_error = true;
        }
        request.turns[1] = turn(Role::User, vec![failed]);
    });
    lost(Dialect::OpenaiChat, Why::NoPeer, "tools.0", |request| {
        let json = Json::read(r#"{"type":"web_search_20260101","name":"web_search"}"#).unwrap();
        let body = ToolBody::Opaque { dialect: Dialect::Anthropic, json };
        request.tools = vec![Tool { body, keep: None, extra: roundelay_protocol::chat::Extra::default() }];
    });
    lost(Dialect::OpenaiChat, Why::NoPeer, "context_management", |request| {
        request.extra.push("context_management", Json::read("{}").unwrap());
    });
}

#[test]
fn errors_keep_their_kind() {
    use roundelay_protocol::chat::{Problem, ProblemKind};
    for dialect in Dialect::ALL {
        for kind in ProblemKind::ALL {
            let problem = Problem { kind, message: Text::plain("no \"way\"\n"), code: None, param: None };
            let body = translate::encode_error(&problem, dialect);
            let read = translate::decode_error(dialect, &body).unwrap();
            assert_eq!((read.kind, read.message), (kind, problem.message), "{}", dialect.name());
            assert!((400..600).contains(&translate::status(kind, dialect)));
        }
        assert!(translate::decode_error(dialect, b"{}").is_none());
        assert!(translate::decode_error(dialect, b"<html>").is_none());
    }
}

#[test]
fn a_signature_goes_back_to_its_issuer_and_to_nobody_else() {
    let thought = |issuer| {
        let mark = Signature { text: "s".into(), issuer };
        Part::new(Body::Thinking { text: "Hm".into(), signature: Some(mark) })
    };
    let has_thought = |from: Dialect, to: Dialect, mark: Option<Issuer>, target: Option<Issuer>| {
        let mut request = plain(from);
        request.turns.push(turn(Role::Assistant, vec![thought(mark), Part::text("A".into())]));
        request.turns.push(said(Role::User, "B"));
        let mut losses = Losses::default();
        let able = roundelay_protocol::chat::Target { issuer: target, ..super::able() };
        let body = translate::encode_request(&request, &able, &translate::Manner::of(to), &mut losses);
        let there = read(to, &body);
        let kept =
            there.turns[1].parts.iter().any(|part| matches!(part.body, Body::Thinking { signature: Some(_), .. }));
        assert_eq!(kept, losses.is_empty(), "{} to {}: {losses:?}", from.name(), to.name());
        kept
    };
    let (one, other) = (Some(Issuer(1)), Some(Issuer(2)));
    // OpenAI's chat takes no thoughts back.
    let replaying: Vec<_> = Dialect::ALL.into_iter().filter(|dialect| *dialect != Dialect::OpenaiChat).collect();
    for &to in &replaying {
        for &from in &replaying {
            assert!(has_thought(from, to, one, one), "{} to {}", from.name(), to.name());
            if to != Dialect::Gemini || from != to {
                assert!(!has_thought(from, to, one, other), "{} to {}", from.name(), to.name());
                assert!(!has_thought(from, to, one, None), "{} to {}", from.name(), to.name());
            }
            let is_claude = |dialect| matches!(dialect, Dialect::Anthropic | Dialect::Bedrock);
            let signs_alike = from == to || is_claude(from) && is_claude(to);
            assert_eq!(has_thought(from, to, None, one), signs_alike, "{} to {}", from.name(), to.name());
        }
    }
}

#[test]
fn an_answer_is_stamped_with_where_it_came_from() {
    let mut made = answer(Dialect::Gemini, Stop::ToolCalls);
    let bare = |text: &'static str| Signature { text: text.into(), issuer: None };
    if let Body::ToolCall(call) = &mut made.choices[0].parts[1].body {
        call.signature = Some(bare("g"));
    }
    made.choices[0].parts.insert(0, Part::new(Body::SealedThinking { data: bare("x") }));
    let mut events = Vec::new();
    made.events(&mut |event| events.push(event.into_owned().stamped(Issuer(5))));
    made.stamp(Issuer(5));
    assert_eq!(fold(Dialect::Gemini, &events).unwrap().unwrap().choices, made.choices);
    // Dialects that sign only thoughts carry the signature of a call behind it.
    for caller in [Dialect::OpenaiChat, Dialect::OpenaiResponses, Dialect::Anthropic, Dialect::Gemini] {
        let (body, _) = through(&made, caller);
        let whole = translate::decode_answer(caller, &body).unwrap().unwrap();
        let (streamed, _) = decode(caller, [&encode(caller, &events)[..]]);
        let streamed = fold(caller, &streamed).unwrap().unwrap();
        for parts in [&whole.choices[0].parts, &streamed.choices[0].parts] {
            let found = parts.iter().find_map(|part| match &part.body {
                Body::ToolCall(call) => call.signature.as_ref(),
                _ => None,
            });
            assert_eq!(
                found.map(|mark| (mark.text.decode().into_owned(), mark.issuer)),
                Some(("g".to_owned(), Some(Issuer(5)))),
                "{}",
                caller.name()
            );
        }
    }
}

#[test]
fn a_tool_with_free_input_is_called_as_such_through_every_dialect() {
    use roundelay_protocol::{
        chat::FreeTools,
        translate::{StreamEncoder, Translation},
    };
    const PATCH: &str = "*** Begin Patch\n+ say \"hi\" \\o/ é 🦀\n";
    for (caller, upstream) in [Dialect::OpenaiResponses, Dialect::OpenaiChat]
        .into_iter()
        .flat_map(|caller| Dialect::ALL.map(|up| (caller, up)))
    {
        let manner = translate::Manner::of(upstream);
        let mut request = plain(caller);
        let body = ToolBody::Custom { name: "apply_patch".into(), description: None, format: None };
        request.tools = vec![Tool { body, keep: None, extra: roundelay_protocol::chat::Extra::default() }];
        // What the upstream answers: free input where it knows it, else the one argument.
        let mut made = answer(upstream, Stop::ToolCalls);
        let arguments = if manner.takes_free_input() {
            Arguments::Text(Text::plain(PATCH))
        } else {
            Arguments::Value(Json::read(serde_json::json!({ "input": PATCH }).to_string()).unwrap())
        };
        let kind = if manner.takes_free_input() { ToolCallKind::Custom } else { ToolCallKind::Function };
        made.choices[0].parts[1].body =
            Body::ToolCall(ToolCall { id: "c".into(), name: "apply_patch".into(), arguments, kind, signature: None });
        let called = |answer: &Answer<'_>| match &answer.choices[0].parts[1].body {
            Body::ToolCall(call) => (call.kind, call.arguments.as_text().decode().into_owned()),
            other => panic!("{other:?}"),
        };
        let (body, _) = through(&made, upstream);
        let mut whole = translate::decode_answer(upstream, &body).unwrap().unwrap();
        FreeTools::of(&request, manner.takes_free_input()).answer(&mut whole);
        let (body, _) = through(&whole, caller);
        let whole = translate::decode_answer(caller, &body).unwrap().unwrap();
        assert_eq!(
            called(&whole),
            (ToolCallKind::Custom, PATCH.to_owned()),
            "{} from {}",
            caller.name(),
            upstream.name()
        );

        let mut events = Vec::new();
        made.events(&mut |event| events.push(event.into_owned()));
        let mut translation = Translation::new(upstream, StreamEncoder::new(caller, "", true));
        translation.tools = FreeTools::of(&request, manner.takes_free_input());
        let mut out = Vec::new();
        for piece in encode(upstream, &events).chunks(50) {
            translation.push(piece.to_vec().into(), &mut out, &mut |_| {}).unwrap();
        }
        translation.finish(&mut out, &mut |_| {}).unwrap();
        assert!(translation.is_whole() && !translation.encoder.has_ended());
        translation.end(Some(Json::read("0.00125").unwrap()), &mut out).unwrap();
        assert!(String::from_utf8_lossy(&out).contains("\"cost\":0.00125"));
        let (events, end) = decode(caller, [&out[..]]);
        assert_eq!(end, Ok(()));
        let streamed = fold(caller, &events).unwrap().unwrap();
        assert_eq!(
            called(&streamed),
            (ToolCallKind::Custom, PATCH.to_owned()),
            "{} from {} streamed",
            caller.name(),
            upstream.name()
        );
    }
}

#[test]
fn the_price_of_an_answer_stands_beside_its_usage() {
    for dialect in Dialect::ALL.into_iter().filter(|dialect| *dialect != Dialect::Bedrock) {
        let mut made = answer(dialect, Stop::Finished);
        made.cost = Some(Json::read("0.00125").unwrap());
        let body: serde_json::Value = serde_json::from_slice(&through(&made, dialect).0).unwrap();
        let usage = if dialect == Dialect::Gemini { &body["usageMetadata"] } else { &body["usage"] };
        assert_eq!(usage["cost"], 0.00125, "{}", dialect.name());
    }
}
