//! From the table of routes to something that answers requests.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{Method, Request, Response};
use bakerst_model::{Code, Escaped};
use http_body_util::BodyExt as _;

use crate::body;
use crate::exchange;
use crate::gateway::Gateway;
use crate::origin;
use crate::problem::Problem;
use crate::reply::{Audience, Reply};
use crate::routes::{ROUTES, Route};
use crate::source::Source;

/// The longest head of a request that is answered.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// The doors of one kind, ready to answer.
#[derive(Clone)]
pub(crate) struct Doors {
    gateway: Arc<Gateway>,
    routes: Arc<[&'static Route]>,
    /// The account that runs this process; root aside, the control socket is for it alone.
    own_uid: u32,
}

impl Doors {
    /// Everything that is served over TCP and the hook socket.
    pub(crate) fn public(gateway: &Arc<Gateway>) -> Self {
        Self::of(gateway, |_| true, 0)
    }

    /// What is served over the control socket.
    pub(crate) fn control(gateway: &Arc<Gateway>, own_uid: u32) -> Self {
        Self::of(gateway, Route::is_for_operators, own_uid)
    }

    fn of(gateway: &Arc<Gateway>, wanted: fn(&Route) -> bool, own_uid: u32) -> Self {
        let routes = ROUTES.iter().filter(|route| wanted(route)).collect();
        Self { gateway: gateway.clone(), routes, own_uid }
    }

    /// Answers one request.
    pub(crate) async fn answer(&self, source: Source, request: Request<Body>) -> Response<Body> {
        if let Err(problem) = self.check(source, &request) {
            if matches!(problem.code(), Code::HostNotOurs | Code::AccountWrong) {
                let path = request.uri().path();
                Box::pin(self.gateway.reject(None, None, path, source, &problem)).await;
            }
            return Box::pin(turn_away(problem, None, request, &self.gateway)).await;
        }
        match self.find(request.method(), request.uri().path()) {
            Found::Route(route) => {
                exchange::run(route, source, self.gateway.clone(), request).await
            }
            Found::Methods(methods) => {
                let message = format!("this path answers {methods} only");
                let problem = Problem::new(Code::BadMethod, message);
                Box::pin(turn_away(problem, Some(methods), request, &self.gateway)).await
            }
            Found::Nothing => {
                let path = Escaped(request.uri().path()).to_string();
                let message = format!("there is nothing at `{}`", path.get(..100).unwrap_or(&path));
                let problem = Problem::new(Code::NoSuchPath, message);
                Box::pin(turn_away(problem, None, request, &self.gateway)).await
            }
        }
    }

    fn find(&self, method: &Method, path: &str) -> Found {
        // Whoever only wants a head gets that of the whole answer.
        let wanted = if method == Method::HEAD { &Method::GET } else { method };
        let mut methods = Vec::new();
        for route in self.routes.iter().filter(|route| route.variable(path).is_some()) {
            if route.method == wanted {
                return Found::Route(route);
            }
            methods.push(route.method.as_str());
        }
        match methods.is_empty() {
            true => Found::Nothing,
            false => Found::Methods(methods.join(", ")),
        }
    }

    fn check(&self, source: Source, request: &Request<Body>) -> Result<(), Problem> {
        let headers = request.headers();
        let lengths = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
        let path = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
        let head = lengths.sum::<usize>() + path;
        if head > HEAD_BYTES_MAX {
            let message =
                format!("the head is {head} bytes long, at most {HEAD_BYTES_MAX} are allowed");
            return Err(Problem::new(Code::HeadTooLong, message));
        }
        match source {
            Source::Tcp { local, .. } => origin::check(request, local),
            Source::Control { uid } if uid != self.own_uid && uid != 0 => {
                let message = format!("the control socket is not for uid {uid}");
                Err(Problem::new(Code::AccountWrong, message))
            }
            Source::Socket | Source::Link { .. } | Source::Control { .. } => Ok(()),
        }
    }
}

/// What there is at a path.
enum Found {
    /// What was asked for.
    Route(&'static Route),
    /// Something that answers these methods only.
    Methods(String),
    /// Nothing.
    Nothing,
}

/// Answers what no route takes.
async fn turn_away(
    problem: Problem,
    methods: Option<String>,
    request: Request<Body>,
    gateway: &Gateway,
) -> Response<Body> {
    let (parts, mut body) = request.into_parts();
    body::drain(&mut body, &parts.headers, &gateway.limits).await;
    let reply = Reply::problem(&problem, Audience::Person);
    let reply = match methods {
        Some(methods) => reply.with_methods(methods),
        None => reply,
    };
    reply.with_alarm(gateway.enforcement.alarm()).into_response()
}

/// What an operation came to.
#[derive(Clone, Debug)]
pub struct Operated {
    /// The HTTP status that the control socket would have answered.
    pub status: u16,
    /// The body that it would have answered.
    pub body: Bytes,
}

/// Does what a request to the control socket would do, within this process: for command lines
/// that find no server running. `uid` is the account that runs this process.
pub async fn operate(
    gateway: &Arc<Gateway>,
    uid: u32,
    method: &str,
    path: &str,
    body: Option<Vec<u8>>,
) -> Operated {
    // No server runs that would have noticed.
    gateway.expire_overdue().await;
    let request = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).unwrap_or_default())
        .uri(path)
        .header("content-type", "application/json")
        .body(Body::from(body.unwrap_or_default()));
    let response = match request {
        Ok(request) => Doors::control(gateway, uid).answer(Source::Control { uid }, request).await,
        Err(error) => {
            let problem = Problem::new(Code::NoSuchPath, error.to_string());
            Reply::problem(&problem, Audience::Person).into_response()
        }
    };
    let status = response.status().as_u16();
    // Our own answers are whole already, so reading one cannot fail.
    let body = response.into_body().collect().await.unwrap_or_default().to_bytes();
    Operated { status, body }
}
