//! From the table of routes to something that answers requests.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Method, Request, Response};
use axum::routing::{MethodFilter, MethodRouter};
use bakerst_model::{Code, Escaped};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

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
    router: Router,
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
        let mut router = Router::new();
        let routes: Vec<&'static Route> = ROUTES.iter().filter(|route| wanted(route)).collect();
        let mut paths: Vec<&'static str> = routes.iter().map(|route| route.path).collect();
        paths.dedup();
        for path in paths {
            let here = routes.iter().filter(|route| route.path == path);
            router = router.route(path, at_path(&here.copied().collect::<Vec<_>>(), gateway));
        }
        let limits = gateway.clone();
        let router = router.fallback(async move |request: Request<Body>| {
            let path = Escaped(request.uri().path()).to_string();
            let message = format!("there is nothing at `{}`", path.get(..100).unwrap_or(&path));
            turn_away(Problem::new(Code::NoSuchPath, message), None, request, &limits).await
        });
        Self { gateway: gateway.clone(), router, own_uid }
    }

    /// Answers one request.
    pub(crate) async fn answer(
        &self,
        source: Source,
        mut request: Request<Body>,
    ) -> Response<Body> {
        if let Err(problem) = self.check(source, &request) {
            if matches!(problem.code(), Code::HostNotOurs | Code::AccountWrong) {
                let path = request.uri().path();
                self.gateway.reject(None, None, path, source, &problem).await;
            }
            return turn_away(problem, None, request, &self.gateway).await;
        }
        request.extensions_mut().insert(source);
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
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

fn at_path(routes: &[&'static Route], gateway: &Arc<Gateway>) -> MethodRouter {
    let mut at_path = MethodRouter::new();
    for &route in routes {
        let Ok(filter) = MethodFilter::try_from(route.method.clone()) else { continue };
        let gateway = gateway.clone();
        at_path = at_path.on(filter, async move |request: Request<Body>| {
            exchange::run(route, gateway, request).await
        });
    }
    let methods: Vec<&str> = routes.iter().map(|route| route.method.as_str()).collect();
    let (methods, limits) = (methods.join(", "), gateway.clone());
    at_path.fallback(async move |request: Request<Body>| {
        let message = format!("this path answers {methods} only");
        let problem = Problem::new(Code::BadMethod, message);
        turn_away(problem, Some(methods), request, &limits).await
    })
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
