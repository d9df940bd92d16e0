//! One request, from its head to its answer: the same steps for every route.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{Request, Response};
use bakerst_model::{Code, Role};
use percent_encoding::percent_decode_str;

use crate::body;
use crate::gateway::Gateway;
use crate::identity::{Asked, Caller};
use crate::mcp::Visit;
use crate::problem::Problem;
use crate::query::Query;
use crate::reply::Reply;
use crate::routes::{Access, Route};
use crate::source::Source;

/// A request whose asker is known and whose body is read.
pub(crate) struct Exchange {
    /// What every door shares.
    pub(crate) gateway: Arc<Gateway>,
    /// Who asks.
    pub(crate) caller: Caller,
    /// The route's path, for the log.
    pub(crate) path: &'static str,
    /// The query.
    pub(crate) query: Query,
    /// What stands in the path's variable place.
    pub(crate) parameter: String,
    /// The body; empty where the route takes none.
    pub(crate) body: Bytes,
}

/// Answers one request.
pub(crate) async fn run(
    route: &'static Route,
    source: Source,
    gateway: Arc<Gateway>,
    request: Request<Body>,
) -> Response<Body> {
    let (mut parts, mut body) = request.into_parts();
    let alarm = gateway.enforcement.alarm();
    let reply = match answer(route, source, &gateway, &mut parts, &mut body).await {
        Ok(Answer::Ours(reply)) => reply,
        Ok(Answer::Theirs(response)) => return response,
        Err(problem) => {
            let reply = Reply::problem(&problem, route.audience());
            match problem.code() {
                // Who is slow, or one too many, is not listened to any longer.
                Code::BodyTooSlow | Code::TooBusy => reply.hanging_up(),
                _ => {
                    Box::pin(body::drain(&mut body, &parts.headers, &gateway.limits)).await;
                    reply
                }
            }
        }
    };
    reply.with_alarm(alarm).with_metadata(gateway.metadata_address()).into_response()
}

/// Whose answer it is.
enum Answer {
    /// One of ours.
    Ours(Reply),
    /// One that we pass on.
    Theirs(Response<Body>),
}

async fn answer(
    route: &'static Route,
    source: Source,
    gateway: &Arc<Gateway>,
    parts: &mut Parts,
    body: &mut Body,
) -> Result<Answer, Problem> {
    let role = match route.access {
        // Small and the same for everybody: answered however busy the house is.
        Access::Anyone(handler) => {
            Query::read(parts.uri.query(), route.query)?;
            return handler(gateway).map(Answer::Ours);
        }
        Access::Role(role, _) => role,
        Access::Account(_) => Role::Admin,
        Access::Relayed(_) => Role::Agent,
    };
    let _in_flight = match source {
        // People must get through when agents have filled the house.
        Source::Control { .. } => None,
        _ => Some(gateway.enter().ok_or_else(|| too_busy(gateway))?),
    };
    let asked = Asked { headers: &parts.headers, path: parts.uri.path(), source };
    let caller = gateway.identify(asked, role).await?;
    if matches!(route.access, Access::Account(_)) && !matches!(source, Source::Control { .. }) {
        return Err(Box::pin(gateway.not_by_token(&caller, route.path)).await);
    }
    let query = Query::read(parts.uri.query(), route.query)?;
    let body = match route.request {
        None => Bytes::new(),
        Some(_) => {
            body::check_kind(&parts.headers)?;
            body::read(body, &gateway.limits).await?
        }
    };
    let parameter = parameter(route, parts.uri.path())?;
    let gateway = gateway.clone();
    let path = route.path;
    match route.access {
        Access::Anyone(handler) => handler(&gateway).map(Answer::Ours),
        Access::Role(_, handler) | Access::Account(handler) => {
            let exchange = Exchange { gateway, caller, path, query, parameter, body };
            handler(exchange).await.map(Answer::Ours)
        }
        Access::Relayed(handler) => {
            let (method, headers) = (parts.method.clone(), std::mem::take(&mut parts.headers));
            let server = parameter;
            let visit = Visit { gateway, caller, path, method, headers, server, body };
            handler(visit).await.map(Answer::Theirs)
        }
    }
}

fn too_busy(gateway: &Gateway) -> Problem {
    let max = gateway.limits.requests_max;
    Problem::new(Code::TooBusy, format!("`requests_max` ({max}) requests are being worked on"))
}

/// What stands in the path's variable place, as it was meant.
fn parameter(route: &Route, path: &str) -> Result<String, Problem> {
    let written = percent_decode_str(route.variable(path).unwrap_or_default());
    let read = written.decode_utf8().map_err(|_| Problem::from(Code::NoSuchPath))?;
    Ok(read.into_owned())
}
