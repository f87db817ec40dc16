//! Which request goes where: the callers' paths, under every base path that SDKs put before them.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header, request::Parts};
use http_body::Body as _;
use hyper::body::Incoming;
use roundelay_protocol::{
    chat::Dialect,
    openai::{Operation, Service},
};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    gemini::{self, Asked},
    intake, models, peer, receipt, redeem, refusal, responses, standing, usage, websocket,
};
use crate::{
    auth::{AuthRefusal, Caller, presented},
    common::clock::unix_time,
    exchange::{self, Addressed, Answer, AnswerBody, Compaction, Inbound, Refusal, Worker},
};

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
enum Route {
    Exchange(Operation),
    CountTokens,
    Response(responses::Asked),
    Gemini(Asked),
    Models,
    Model(String),
    Balance,
    Usage,
    Key,
    Credits,
    Receipt(String),
    Redeem,
}

/// Answers one request, one way or the other.
///
/// A refused request gives its body back: a caller who is still sending reads no answer, so what is on its way is to be
/// taken first.
pub(super) async fn answer(
    worker: &Arc<Worker>,
    peer: IpAddr,
    request: Request<Incoming>,
) -> (Answer, Option<Incoming>) {
    let (head, mut body) = request.into_parts();
    let dialect = dialect(head.uri.path());
    match serve(worker, peer, head, &mut body).await {
        Ok(answer) => (answer, None),
        Err(refusal) => {
            worker.gateway.metrics.refused(refusal.label());
            (refusal::respond(&refusal, dialect, None), (!body.is_end_stream()).then_some(body))
        }
    }
}

async fn serve(worker: &Arc<Worker>, peer: IpAddr, head: Parts, body: &mut Incoming) -> Result<Answer, Refusal> {
    let received = Instant::now();
    let path = head.uri.path();
    let route = route(path).ok_or_else(|| not_found(path))?;
    // Hyper bounds what it buffers, which may be a little more than one head.
    let head_bytes: usize = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if head_bytes > worker.gateway.server.header_bytes_max {
        return Err(Refusal::HeadTooLarge);
    }
    let key = if may_name_key(&route) { gemini::parameter(head.uri.query(), "key") } else { None };
    let caller = authenticate(worker, peer, &head.headers, key)?;
    match (route, &head.method) {
        (Route::Exchange(operation), &Method::POST) => {
            let may_be_form = operation.service().is_some();
            let body = intake::receive(&worker.gateway.server, &head.headers, body, may_be_form).await?;
            exchange(worker, received, caller, operation.into(), (head.headers, head.uri.query()), body).await
        }
        (Route::Exchange(Operation::Responses), &Method::GET) if websocket::is_asked(&head.headers) => {
            websocket::agree(worker, &caller, peer, &head.headers)
        }
        (Route::Gemini(Asked::Answer(addressed)), &Method::POST) => {
            let body = intake::receive(&worker.gateway.server, &head.headers, body, false).await?;
            let is_events = gemini::parameter(head.uri.query(), "alt") == Some("sse");
            let addressed = Addressed { is_array: addressed.is_streamed && !is_events, ..addressed };
            let asks = Asks { addressed: Some(addressed), ..Operation::Generate.into() };
            exchange(worker, received, caller, asks, (head.headers, None), body).await
        }
        (Route::Gemini(Asked::Count(model)), &Method::POST) => {
            let body = intake::receive(&worker.gateway.server, &head.headers, body, false).await?;
            gemini::count(worker, &caller, &model, &body).map(page)
        }
        (Route::Gemini(Asked::Nothing), &Method::POST) => Err(Refusal::NotServed(gemini::NOT_SERVED)),
        (Route::Response(responses::Asked::Compact), &Method::POST) => {
            let body = intake::receive(&worker.gateway.server, &head.headers, body, false).await?;
            let asks = Asks { compaction: Some(Box::default()), ..Operation::Responses.into() };
            exchange(worker, received, caller, asks, (head.headers, head.uri.query()), body).await
        }
        (Route::Response(asked), method) => {
            let body = match *method {
                Method::POST => intake::receive(&worker.gateway.server, &head.headers, body, false).await?,
                _ => Bytes::new(),
            };
            responses::answer(worker, &caller, (method, &asked), head.uri.query(), body).map(json)
        }
        (Route::CountTokens, &Method::POST) => {
            let body = intake::receive(&worker.gateway.server, &head.headers, body, false).await?;
            let id = worker.gateway.ids.next(u64::try_from(unix_time().as_millis()).unwrap_or(u64::MAX));
            let (taken, operation, query) = (Instant::now(), Operation::Messages, head.uri.query().map(Into::into));
            let (addressed, headers, errand) = (None, head.headers, None);
            let inbound = Inbound {
                id,
                received,
                taken,
                caller,
                operation,
                addressed,
                headers,
                query,
                body,
                turn: None,
                compaction: None,
                errand,
            };
            exchange::count_tokens(worker, &inbound).await.map(page)
        }
        (Route::Exchange(_) | Route::CountTokens | Route::Gemini(_), _) => Err(Refusal::Method("POST")),
        (Route::Models, &Method::GET) => Ok(json(models::list(worker, &caller, shape(&head, key)))),
        // An operation of Gemini's that nobody knows.
        (Route::Model(name), &Method::POST) if name.contains(':') => Err(not_found(path)),
        (Route::Model(name), &Method::GET) => models::detail(worker, &caller, &name, shape(&head, key)).map(json),
        (Route::Balance, &Method::GET) => standing::balance(worker, &caller).map(page),
        (Route::Usage, &Method::GET) => usage::usage(worker, &caller, &head.uri).await.map(page),
        (Route::Key, &Method::GET) => standing::key(worker, &caller).map(page),
        (Route::Credits, &Method::GET) => standing::credits(worker, &caller).map(page),
        (Route::Receipt(id), &Method::GET) => receipt::receipt(worker, &caller, id).await.map(page),
        (Route::Redeem, &Method::POST) => {
            let body = intake::receive(&worker.gateway.server, &head.headers, body, false).await?;
            redeem::redeem(worker, &caller, body).await.map(page)
        }
        (Route::Redeem, _) => Err(Refusal::Method("POST")),
        (
            Route::Models
            | Route::Model(_)
            | Route::Balance
            | Route::Usage
            | Route::Key
            | Route::Credits
            | Route::Receipt(_),
            _,
        ) => Err(Refusal::Method("GET")),
    }
}

/// What a path asks for.
struct Asks {
    operation: Operation,
    addressed: Option<Addressed>,
    compaction: Option<Box<Compaction>>,
}

impl From<Operation> for Asks {
    fn from(operation: Operation) -> Self {
        Self { operation, addressed: None, compaction: None }
    }
}

/// Serves an exchange. A refusal is an answer with its name from here on.
async fn exchange(
    worker: &Arc<Worker>,
    received: Instant,
    caller: Arc<Caller>,
    Asks { operation, addressed, compaction }: Asks,
    (headers, query): (HeaderMap, Option<&str>),
    body: Bytes,
) -> Result<Answer, Refusal> {
    let id = worker.gateway.ids.next(u64::try_from(unix_time().as_millis()).unwrap_or(u64::MAX));
    let (taken, query, errand) = (Instant::now(), query.map(Into::into), None);
    let inbound = Inbound {
        id,
        received,
        taken,
        caller,
        operation,
        addressed,
        headers,
        query,
        body,
        turn: None,
        compaction,
        errand,
    };
    let served = exchange::serve(worker, inbound).await;
    served.or_else(|refusal| Ok(refusal::respond(&refusal, operation.dialect(), Some(id))))
}

/// Whether a caller may write its key into the URL, as Google's do. Nothing of a query is ever logged.
fn may_name_key(route: &Route) -> bool {
    matches!(route, Route::Gemini(_) | Route::Models | Route::Model(_))
}

/// Google's clients read models in a shape of their own, and are known by how they ask.
fn shape(head: &Parts, key: Option<&str>) -> models::Shape {
    let is_googles = key.is_some() || head.uri.path().contains(BETA) || head.headers.contains_key("x-goog-api-key");
    if is_googles { models::Shape::Google } else { models::Shape::Common }
}

/// The version of Gemini's dialect that nobody else has.
const BETA: &str = "/v1beta/";

/// Finds the route of a path. `/v1/…`, `/v1beta/…`, `/api/…`, `/api/v1/…` and `/anthropic/v1/…` are the same place, and a
/// base URL that already ends in `/v1`, or does not, works all the same.
fn route(path: &str) -> Option<Route> {
    let rest = without_base(path);
    match rest.trim_end_matches('/') {
        "/chat/completions" => Some(Route::Exchange(Operation::Chat)),
        "/completions" => Some(Route::Exchange(Operation::Completions)),
        "/messages" => Some(Route::Exchange(Operation::Messages)),
        "/responses" => Some(Route::Exchange(Operation::Responses)),
        other if other.starts_with("/responses/") => {
            responses::asked(&percent_decoded(&other["/responses/".len()..])?).map(Route::Response)
        }
        "/messages/count_tokens" => Some(Route::CountTokens),
        // Cohere's clients write the version of its API.
        "/v2/rerank" => Some(Route::Exchange(Operation::Service(Service::Rerank))),
        "/models" => Some(Route::Models),
        "/balance" => Some(Route::Balance),
        "/usage" => Some(Route::Usage),
        // The second is OpenRouter's older name for the first.
        "/key" | "/auth/key" => Some(Route::Key),
        "/credits" => Some(Route::Credits),
        "/redeem" => Some(Route::Redeem),
        other if other.starts_with("/receipts/") => {
            Some(Route::Receipt(percent_decoded(&other["/receipts/".len()..])?))
        }
        other => {
            if let Some(service) = Service::ALL.into_iter().find(|service| service.path() == other) {
                return Some(Route::Exchange(Operation::Service(service)));
            }
            let name = percent_decoded(other.strip_prefix("/models/")?)?;
            Some(gemini::asked(&name).map_or_else(|| Route::Model(name), Route::Gemini))
        }
    }
}

fn without_base(path: &str) -> &str {
    let mut rest = path;
    while let Some(shorter) = ["/v1/", "/api/", "/anthropic/", BETA]
        .iter()
        .find_map(|base| rest.starts_with(base).then(|| &rest[base.len() - 1..]))
    {
        rest = shorter;
    }
    rest
}

/// Whose words a refusal is in where the path is all there is to go by. What is below Anthropic's path is Anthropic's,
/// served or not.
fn dialect(path: &str) -> Dialect {
    let rest = without_base(path);
    match route(path) {
        Some(Route::Exchange(operation)) => operation.dialect(),
        Some(Route::Gemini(_)) => Dialect::Gemini,
        _ if rest == "/messages" || rest.starts_with("/messages/") => Dialect::Anthropic,
        _ if path.starts_with("/anthropic/") => Dialect::Anthropic,
        _ if path.contains(BETA) => Dialect::Gemini,
        _ => Dialect::OpenaiChat,
    }
}

/// SDKs write the slash of `provider/model` as `%2F`.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

fn not_found(path: &str) -> Refusal {
    Refusal::NotFound(path.chars().filter(|c| !c.is_control()).take(200).collect())
}

/// `key` is one that stands in the URL; any header comes before it.
pub(super) fn authenticate(
    worker: &Worker,
    peer: IpAddr,
    headers: &HeaderMap,
    key: Option<&str>,
) -> Result<Arc<Caller>, Refusal> {
    let presented = match (presented(headers), key) {
        (Err(AuthRefusal::Missing), Some(key)) => key,
        (presented, _) => presented.map_err(Refusal::Unauthorized)?,
    };
    let now = unix_time().as_secs().cast_signed();
    let caller = worker.gateway.keys.authenticate(presented, now).map_err(Refusal::Unauthorized)?;
    if caller.networks.is_some() {
        let seen = peer::addresses(peer, headers, &worker.gateway.server.trusted_proxies);
        if let Some(&address) = seen.iter().find(|&&address| !caller.may_ask_from(address)) {
            return Err(Refusal::AddressNotAllowed(address));
        }
    }
    Ok(caller)
}

fn page(page: Value) -> Answer {
    json(page.to_string().into_bytes())
}

fn json(body: Vec<u8>) -> Answer {
    let mut response = Response::new(AnswerBody::Whole(Bytes::from(body)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(paths: &[&str], expected: Option<Route>) {
        for path in paths {
            assert_eq!(route(path), expected, "{path}");
        }
    }

    #[test]
    fn every_base_path_leads_to_the_same_place() {
        check(
            &[
                "/v1/chat/completions",
                "/api/chat/completions",
                "/api/v1/chat/completions",
                "/v1/v1/chat/completions",
                "/anthropic/v1/chat/completions",
                "/chat/completions",
                "/v1/chat/completions/",
            ],
            Some(Route::Exchange(Operation::Chat)),
        );
        check(&["/v1/completions", "/api/completions"], Some(Route::Exchange(Operation::Completions)));
        check(
            &["/v1/messages", "/anthropic/v1/messages", "/v1/v1/messages", "/messages"],
            Some(Route::Exchange(Operation::Messages)),
        );
        for (path, expected) in [
            ("/v1/messages", Dialect::Anthropic),
            ("/v1/messages/batches", Dialect::Anthropic),
            ("/api/messages/batches/x", Dialect::Anthropic),
            ("/anthropic/v1/files", Dialect::Anthropic),
            ("/v1/messagesx", Dialect::OpenaiChat),
            ("/v1/models", Dialect::OpenaiChat),
        ] {
            assert_eq!(dialect(path), expected, "{path}");
        }
        check(&["/v1/messages/count_tokens", "/anthropic/v1/messages/count_tokens"], Some(Route::CountTokens));
        check(
            &["/v1/embeddings", "/embeddings/", "/api/v1/embeddings", "/v1/v1/embeddings"],
            Some(Route::Exchange(Operation::Service(Service::Embeddings))),
        );
        check(
            &["/v1/rerank", "/v2/rerank", "/rerank", "/v1/v2/rerank"],
            Some(Route::Exchange(Operation::Service(Service::Rerank))),
        );
        check(&["/v1/images/edits", "/images/edits"], Some(Route::Exchange(Operation::Service(Service::ImageEdits))));
        check(&["/v1/models", "/models", "/api/models/"], Some(Route::Models));
        check(&["/v1/balance", "/balance", "/api/v1/balance"], Some(Route::Balance));
        check(&["/api/v1/key", "/v1/key", "/key/", "/api/v1/auth/key"], Some(Route::Key));
        check(&["/api/v1/credits", "/v1/credits"], Some(Route::Credits));
        check(&["/v1/usage", "/api/usage"], Some(Route::Usage));
        check(&["/v1/redeem", "/redeem/"], Some(Route::Redeem));
        check(&["/v1/receipts/x_1", "/api/receipts/x_1"], Some(Route::Receipt("x_1".to_owned())));
        check(
            &["/v1/models/openai%2Fgpt-4o", "/api/v1/models/openai/gpt-4o"],
            Some(Route::Model("openai/gpt-4o".to_owned())),
        );
        let addressed =
            |model: &str, is_streamed| Addressed { model: model.to_owned(), is_streamed, is_array: is_streamed };
        let answer = |model: &str, is_streamed| Some(Route::Gemini(Asked::Answer(addressed(model, is_streamed))));
        check(
            &[
                "/v1/models/a%2Fb:generateContent",
                "/v1beta/models/a/b:generateContent",
                "/models/a/b%3AgenerateContent",
            ],
            answer("a/b", false),
        );
        check(&["/v1beta/models/llama3:8b:streamGenerateContent"], answer("llama3:8b", true));
        check(&["/v1beta/models/a:countTokens"], Some(Route::Gemini(Asked::Count("a".to_owned()))));
        check(&["/v1beta/models/a:embedContent"], Some(Route::Gemini(Asked::Nothing)));
        check(&["/v1beta/models", "/v1beta/models/"], Some(Route::Models));
        check(&["/v1/models/llama3:8b"], Some(Route::Model("llama3:8b".to_owned())));
        check(&["/", "/v1", "/v1/images", "/v2/embeddings", "/v1/models/%zz", "/admin/keys"], None);
    }
}
