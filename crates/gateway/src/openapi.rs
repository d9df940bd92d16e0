//! The OpenAPI document, made from the table of routes and the wire types.

use std::sync::{Arc, LazyLock};

use axum::body::Bytes;
use bakerst_model::Role;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::gateway::Gateway;
use crate::problem::Problem;
use crate::query::Parameter;
use crate::reply::Reply;
use crate::routes::{Access, Answers, ROUTES, Route};
use crate::wire::ErrorAnswer;

const ABOUT: &str = "Baker Street stands between AI agents and their tools. Ask `before` a tool \
    runs, hand in its result `after`, and report events of your own to `audit`. A call must not \
    be made unless the answer says `allow: true`; every error says `allow: false`. Request bodies \
    may hold fields that are not described here, which are ignored; JSON is read strictly: a \
    duplicate key is refused.";

/// `GET /openapi.json`.
#[expect(clippy::unnecessary_wraps, reason = "every route has this form")]
pub(crate) fn serve(_: &Arc<Gateway>) -> Result<Reply, Problem> {
    static WRITTEN: LazyLock<Bytes> = LazyLock::new(|| document().to_string().into());
    Ok(Reply::document(WRITTEN.clone()))
}

/// The OpenAPI 3.1 document of everything that is served.
#[must_use]
pub fn document() -> Value {
    let mut schemas = Schemas::new();
    let error = schemas.answers.subschema_for::<ErrorAnswer>().to_value();
    let mut paths = Map::new();
    for route in ROUTES {
        let operation = schemas.operation(route, &error);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.method.as_str().to_lowercase(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Baker Street",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas.into_definitions(),
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

/// Requests are described as they are read, answers as they are written.
struct Schemas {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let settings = SchemaSettings::draft2020_12()
            .with(|settings| settings.definitions_path = "/components/schemas".into());
        Self {
            requests: settings.clone().for_deserialize().into_generator(),
            answers: settings.for_serialize().into_generator(),
        }
    }

    fn operation(&mut self, route: &Route, error: &Value) -> Value {
        let mut operation = json!({
            "summary": route.summary,
            "operationId": operation_id(route),
            "responses": self.responses(route, error),
        });
        let Some(fields) = operation.as_object_mut() else { return operation };
        let parameters: Vec<Value> = path_parameters(route.path)
            .map(|name| {
                json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
            })
            .chain(route.query.iter().map(query_parameter))
            .collect();
        if !parameters.is_empty() {
            fields.insert("parameters".into(), parameters.into());
        }
        if let Some(schema) = route.request {
            let schema = schema(&mut self.requests);
            let content = json!({ "application/json": { "schema": schema } });
            fields.insert("requestBody".into(), json!({ "required": true, "content": content }));
        }
        let role = match route.access {
            Access::Anyone(_) => None,
            Access::Role(role, _) => Some(role),
            Access::Account(_) => Some(Role::Admin),
            Access::Relayed(_) => Some(Role::Agent),
        };
        if let Some(role) = role {
            fields.insert("security".into(), json!([{ "token": [] }]));
            fields.insert("x-role".into(), json!(role));
        }
        if matches!(route.access, Access::Account(_)) {
            fields.insert("x-door".into(), json!("control"));
        }
        operation
    }

    fn responses(&mut self, route: &Route, error: &Value) -> Value {
        let content = match &route.answers {
            Answers::Text => json!({ "text/plain": { "schema": { "type": "string" } } }),
            Answers::Lines => {
                json!({ "application/x-ndjson": { "schema": { "type": "string" } } })
            }
            Answers::AnyJson => json!({ "application/json": { "schema": { "type": "object" } } }),
            Answers::Json([one]) => {
                json!({ "application/json": { "schema": one(&mut self.answers) } })
            }
            Answers::Json(several) => {
                let several: Vec<_> = several.iter().map(|one| one(&mut self.answers)).collect();
                json!({ "application/json": { "schema": { "anyOf": several } } })
            }
        };
        let mut responses = Map::new();
        for status in route.statuses {
            let answer = json!({ "description": "The answer.", "content": content });
            responses.insert(status.to_string(), answer);
        }
        let content = json!({ "application/json": { "schema": error } });
        let refused =
            json!({ "description": "An error; the code says which.", "content": content });
        responses.insert("default".into(), refused);
        responses.into()
    }

    fn into_definitions(mut self) -> Map<String, Value> {
        let mut definitions = self.requests.take_definitions(true);
        definitions.extend(self.answers.take_definitions(true));
        definitions
    }
}

fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn query_parameter(Parameter { name, about, example }: &Parameter) -> Value {
    json!({
        "name": name,
        "in": "query",
        "required": false,
        "description": about,
        "example": example,
        "schema": { "type": "string" },
    })
}

/// A name for programs that make clients from the document: the method and the path's words.
fn operation_id(route: &Route) -> String {
    let words = route.path.split(['/', '.', '{', '}']).filter(|word| !word.is_empty());
    let mut id = route.method.as_str().to_lowercase();
    for word in words {
        id.push('_');
        id.push_str(word);
    }
    id
}
