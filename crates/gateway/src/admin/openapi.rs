//! The OpenAPI 3.1 document: the operator's routes from their table, and the pages that callers have.

mod callers;

use axum::Json;
use serde_json::{Map, Value, json};

use super::{
    operator::Permission,
    route::Route,
    schemas,
    shape::{Field, Shape},
    table::ROUTES,
};

/// The document. It is the same for every gateway of this version.
pub fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.method().as_str().to_lowercase()] = operation(route);
    }
    callers::add(&mut paths);
    let schemas: Map<String, Value> =
        schemas::NAMED.iter().map(|(name, shape)| ((*name).to_owned(), shape.schema())).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Roundelay",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "http://127.0.0.1:8601", "description": "the operator's side" }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "operator": { "type": "http", "scheme": "bearer", "description": "an operator's token, `rladmin-…`" },
                "caller": { "type": "http", "scheme": "bearer", "description": "an API key, `rl-…`" },
            },
        },
    })
}

fn operation(route: &Route) -> Value {
    let needs = match route.permission.role() {
        None => "Open to everybody.".to_owned(),
        Some(least) => {
            let limited = if route.permission.is_unlimited() { ", not limited to an account" } else { "" };
            format!("Needs the role `{}`{limited}.", least.label())
        }
    };
    let mut operation = json!({
        "operationId": route.name,
        "summary": route.summary,
        "description": needs,
        "security": if route.permission == Permission::Open { json!([]) } else { json!([{ "operator": [] }]) },
        "parameters": parameters(route.path, route.query),
        "responses": responses(route.answers),
    });
    if let Some(role) = route.permission.role() {
        operation["x-role"] = json!(role.label());
    }
    if let Some(body) = route.body {
        operation["requestBody"] = json!({ "content": body.content() });
    }
    operation
}

/// Those in the path, and those in the query.
fn parameters(path: &str, query: &[Field]) -> Vec<Value> {
    let names = path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let in_path =
        names.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let in_query = query.iter().map(|(name, shape)| json!({ "name": name, "in": "query", "schema": shape.schema() }));
    in_path.chain(in_query).collect()
}

fn responses(answers: &[(u16, Shape)]) -> Value {
    let mut responses = Map::new();
    for (status, shape) in answers {
        let description = if *status < 300 { "it was done" } else { "it is not so" };
        responses.insert(status.to_string(), json!({ "description": description, "content": shape.content() }));
    }
    responses
        .insert("default".to_owned(), json!({ "description": "why not", "content": Shape::Named("Error").content() }));
    Value::Object(responses)
}

pub(super) async fn get() -> Json<Value> {
    Json(document())
}
