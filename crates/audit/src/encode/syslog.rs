//! Syslog: RFC 5424, and its predecessor where nothing newer is understood.

use bakerst_model::UnixMillis;

use super::{Severity, View};
use crate::delivery::Shipped;

/// The facility `log audit`.
const FACILITY: u8 = 13;
/// The name of our structured data. The number is the one that IANA keeps for examples, as we have
/// none of our own.
const STRUCTURED: &str = "bakerst@32473";
/// What stands before a message that is UTF-8.
const BOM: &str = "\u{feff}";

/// How messages are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Form {
    /// With structured data, and times with their zone.
    #[default]
    Rfc5424,
    /// What there was before: no year, no zone, no structure. The record itself goes along.
    Rfc3164,
}

/// Writes one message, without framing, of at most `bytes_max` bytes. Where the record does not
/// fit, the message ends early and says in `cut` how long the record is.
#[must_use]
pub fn message(
    record: &Shipped,
    form: Form,
    host: &str,
    bytes_max: usize,
    now: UnixMillis,
) -> String {
    let view = View::of(record, now);
    let header = |cut: bool| match form {
        Form::Rfc5424 => header_5424(record, &view, host, bytes_max, cut),
        Form::Rfc3164 => header_3164(&view, host),
    };
    let whole = header(false);
    if whole.len().saturating_add(record.text().len()) <= bytes_max {
        return whole + record.text();
    }
    let cut = header(true);
    let room = bytes_max.saturating_sub(cut.len());
    let end = record.text().floor_char_boundary(room);
    cut + record.text().get(..end).unwrap_or_default()
}

/// A message with its length before it, as TCP and TLS want it: a line end in it ends nothing.
#[must_use]
pub fn frame(message: &str) -> Vec<u8> {
    let mut frame = message.len().to_string().into_bytes();
    frame.push(b' ');
    frame.extend_from_slice(message.as_bytes());
    frame
}

fn header_5424(
    record: &Shipped,
    view: &View<'_>,
    host: &str,
    bytes_max: usize,
    cut: bool,
) -> String {
    // Even if each is as long as it may be, and escaped throughout, there is room for the record.
    let share = bytes_max / 32;
    let mut data = format!("[{STRUCTURED} event_id=\"{}\"", record.id);
    for (name, value) in view.fields() {
        let value = value.get(..value.floor_char_boundary(share)).unwrap_or_default();
        data.push_str(&format!(" {name}=\"{}\"", escaped(value)));
    }
    if cut {
        data.push_str(&format!(" cut=\"{}\"", record.text().len()));
    }
    data.push(']');
    format!(
        "<{}>1 {} {} bakerst - {} {data} {BOM}",
        priority(view.severity()),
        view.at,
        word(host, 255),
        word(&view.action, 32),
    )
}

fn header_3164(view: &View<'_>, host: &str) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let at = view.at.to_string();
    let part = |from: usize, to: usize| at.get(from..to).unwrap_or_default();
    let month = part(5, 7).parse::<usize>().ok().and_then(|m| MONTHS.get(m.checked_sub(1)?));
    let day = part(8, 10).trim_start_matches('0');
    let (month, time) = (month.copied().unwrap_or("Jan"), part(11, 19));
    let pri = priority(view.severity());
    format!("<{pri}>{month} {day:>2} {time} {} bakerst: ", word(host, 255))
}

fn priority(severity: Severity) -> u8 {
    let severity = match severity {
        Severity::Error => 3,
        Severity::Warning => 4,
        Severity::Notice => 5,
        Severity::Info => 6,
    };
    FACILITY * 8 + severity
}

/// A text as one word of printable ASCII, `-` where nothing is left.
fn word(text: &str, bytes_max: usize) -> String {
    let word: String = text.chars().filter(char::is_ascii_graphic).take(bytes_max).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}

/// A value of structured data: three characters are escaped, and control characters left out.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
