//! Keeps web pages out: a browser that was led to our address by a name of somebody else's must
//! not reach a door (DNS rebinding), nor must a page of another origin.

use std::net::IpAddr;

use axum::http::header::{HOST, HeaderName, ORIGIN};
use axum::http::{HeaderMap, Request, Uri, Version, uri::Authority};
use bakerst_model::{Code, Escaped};

use crate::problem::Problem;

/// Checks whom a request that came over TCP to `local` was meant for.
pub(crate) fn check<B>(request: &Request<B>, local: IpAddr) -> Result<(), Problem> {
    let (uri, headers) = (request.uri(), request.headers());
    let host = match (only(headers, &HOST)?, uri.authority()) {
        // HTTP/2 has a field of its own for it.
        (None, Some(authority)) if request.version() == Version::HTTP_2 => authority.as_str(),
        (None, _) => return Err(refused("there is no `Host`")),
        (Some(host), Some(authority)) if !authority.as_str().eq_ignore_ascii_case(host) => {
            return Err(refused("`Host` is another than the one that the request is for"));
        }
        (Some(host), _) => host,
    };
    let named = host.parse::<Authority>().ok().filter(|named| !named.as_str().contains('@'));
    let named = named.ok_or_else(|| refused("`Host` is no host"))?;
    if !is_ours(named.host(), local) {
        return Err(refused(format!("`Host` is `{}`, which is not us", Escaped(host))));
    }
    let Some(origin) = only(headers, &ORIGIN)? else { return Ok(()) };
    let parsed = origin.parse::<Uri>().ok();
    let from = parsed.as_ref().filter(|uri| uri.scheme().is_some()).and_then(Uri::host);
    match from.is_some_and(|host| is_ours(host, local)) {
        true => Ok(()),
        false => Err(refused(format!("`Origin` is `{}`, which is not us", Escaped(origin)))),
    }
}

fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(|value| value.to_str());
    match (first, values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(text)), None) => Ok(Some(text)),
        _ => Err(refused(format!("`{name}` is sent twice, or is no text"))),
    }
}

fn is_ours(host: &str, local: IpAddr) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback() || ip == local,
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

fn refused(why: impl Into<String>) -> Problem {
    Problem::new(Code::HostNotOurs, why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_one(headers: &[(&str, &str)], fine: bool) {
        check_at("/", Version::HTTP_11, headers, fine);
    }

    #[track_caller]
    fn check_at(uri: &'static str, version: Version, headers: &[(&str, &str)], fine: bool) {
        let mut request = Request::builder().uri(uri).version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let local = IpAddr::from([192, 0, 2, 7]);
        let checked = check(&request.body(()).unwrap(), local);
        assert_eq!(checked.is_ok(), fine, "{uri} {version:?} {headers:?}");
    }

    #[test]
    fn the_address_of_a_request_is_held_against_its_host() {
        let (one, two) = (Version::HTTP_11, Version::HTTP_2);
        check_at("http://localhost:8731/", two, &[], true);
        check_at("http://localhost:8731/", two, &[("host", "LOCALHOST:8731")], true);
        check_at("http://localhost:8731/", one, &[("host", "localhost:8731")], true);
        check_at("http://localhost:8731/", one, &[], false);
        check_at("http://evil.example/", two, &[], false);
        check_at("http://evil@localhost/", two, &[], false);
        check_at("http://evil.example/", one, &[("host", "localhost")], false);
        check_at("http://localhost/", two, &[("host", "evil.example")], false);
        check_at("http://evil.example/", two, &[("host", "localhost")], false);
        check_at("http://localhost:1/", two, &[("host", "localhost:2")], false);
        check_at("/", two, &[], false);
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        for host in ["localhost", "LOCALHOST:8731", "127.0.0.1:8731", "127.8.8.8", "[::1]:8731"] {
            check_one(&[("host", host)], true);
        }
        check_one(&[("host", "192.0.2.7:8731")], true);
        for host in [
            "evil.example",
            "192.0.2.8",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
            "evil@localhost",
            "localhost@evil",
            "0.0.0.0",
            "localhost:8731/x",
        ] {
            check_one(&[("host", host)], false);
        }
        check_one(&[], false);
        check_one(&[("host", "localhost"), ("host", "localhost")], false);
    }

    #[test]
    fn a_page_of_another_origin_is_refused() {
        let check = |origin, fine| check_one(&[("host", "localhost"), ("origin", origin)], fine);
        check("http://localhost:8731", true);
        check("http://127.0.0.1:3000", true);
        check("http://[::1]", true);
        for origin in ["null", "http://evil.example", "https://localhost.evil.example", "localhost"]
        {
            check(origin, false);
        }
    }
}
