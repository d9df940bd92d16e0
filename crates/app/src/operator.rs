//! The operator's hand: the same request, to a running server over its control socket, or done in
//! this process where none runs.

use std::io;

use bakerst_gateway::{operate, own_uid};
use bakerst_model::Code;
use hyper::Method;
use serde_json::Value;

use crate::cli::Global;
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::http::{Address, Connection};
use crate::station::{self, Places, Station};

/// Does what a request to the operator's door says, and hands its answer back.
pub(crate) fn call(
    global: &Global,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<Value, Failure> {
    let places = Places::of(global)?;
    let body = body.map(Value::to_string);
    let (status, answer) = station::runtime()?.block_on(async {
        match over_socket(&places, method, path, body.clone()).await {
            Ok(answered) => Ok(answered),
            Err(error) if no_server(&error) => {
                in_process(global, &places, method, path, body).await
            }
            Err(error) => {
                let message = format!("the server on the control socket failed: {error}");
                Err(Failure::environment(Code::NotRunning, message))
            }
        }
    })?;
    let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
    match status {
        200..=299 => Ok(answer),
        _ => Err(refused(&answer)),
    }
}

/// A text as one segment of a path.
pub(crate) fn path_segment(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let encoded = text.bytes().map(|b| match plain(b) {
        true => char::from(b).to_string(),
        false => format!("%{b:02X}"),
    });
    encoded.collect()
}

async fn over_socket(
    places: &Places,
    method: &str,
    path: &str,
    body: Option<String>,
) -> io::Result<(u16, Vec<u8>)> {
    let mut connection = Connection::open(&Address::Unix(places.control_socket())).await?;
    let method = Method::from_bytes(method.as_bytes()).map_err(io::Error::other)?;
    let reply = connection.send(method, path, None, body).await?;
    Ok((reply.status, reply.body.to_vec()))
}

fn no_server(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

async fn in_process(
    global: &Global,
    places: &Places,
    method: &str,
    path: &str,
    body: Option<String>,
) -> Result<(u16, Vec<u8>), Failure> {
    let config = Config::load(global.config.as_deref())?;
    let station = Station::open(places, &config)?;
    let gateway = station.gateway(&config).await?;
    let uid = own_uid().map_err(|e| {
        Failure::environment(Code::AddressUnusable, format!("cannot tell the account: {e}"))
    })?;
    let done = operate(&gateway, uid, method, path, body.map(String::into_bytes)).await;
    Ok((done.status, done.body.to_vec()))
}

/// What the door said against it, as a failure of the command.
fn refused(answer: &Value) -> Failure {
    let text = |name: &str| answer[name].as_str().unwrap_or_default();
    let known = Code::ALL.iter().copied().find(|code| code.as_str() == text("code"));
    let code = known.unwrap_or(Code::StoreFailed);
    Failure::new(Exit::Refused, code, text("reason"))
}
