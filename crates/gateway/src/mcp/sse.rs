//! Server-sent events, read from pieces and written anew.

/// One event of a stream.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Event {
    /// What it is called; `message` where it is not said.
    pub name: Option<String>,
    /// Its place in the stream.
    pub id: Option<String>,
    /// How long to wait before connecting again, in milliseconds.
    pub retry: Option<u64>,
    /// What it says; none for an event without a line of data.
    pub data: Option<String>,
}

impl Event {
    /// An event that says this.
    pub(crate) fn of(data: impl Into<String>) -> Self {
        Self { data: Some(data.into()), ..Self::default() }
    }

    /// As it goes over the wire.
    pub(crate) fn write(&self) -> String {
        let mut out = String::new();
        for (field, value) in [("id", &self.id), ("event", &self.name)] {
            if let Some(value) = value {
                push_field(&mut out, field, value);
            }
        }
        if let Some(retry) = self.retry {
            push_field(&mut out, "retry", &retry.to_string());
        }
        for line in self.data.iter().flat_map(|data| data.split('\n')) {
            push_field(&mut out, "data", line);
        }
        out.push('\n');
        out
    }
}

/// A comment, which every reader passes over: it keeps a quiet stream open.
pub(crate) const KEEP_ALIVE: &str = ":\n\n";

fn push_field(out: &mut String, field: &str, value: &str) {
    out.push_str(field);
    out.push_str(": ");
    out.push_str(value);
    out.push('\n');
}

/// An event that grows beyond what a message may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an event of the stream is longer than {max} bytes")]
pub struct TooLong {
    max: usize,
}

/// Puts events together from the pieces in which they arrive.
#[derive(Debug)]
pub struct Events {
    /// What has come of a line that has not ended.
    line: Vec<u8>,
    /// Whether the last line ended in a carriage return, whose line feed may follow.
    after_return: bool,
    event: Event,
    /// How long the event is by now.
    bytes: usize,
    max: usize,
}

impl Events {
    /// A reader of events of at most this many bytes each.
    #[must_use]
    pub fn new(max: usize) -> Self {
        let (line, event) = (Vec::new(), Event::default());
        Self { line, after_return: false, event, bytes: 0, max }
    }

    /// Takes the next piece, and hands over the events that end in it.
    ///
    /// # Errors
    /// When an event is longer than it may be.
    pub fn push(&mut self, piece: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        for byte in piece {
            match byte {
                b'\n' if self.after_return => self.after_return = false,
                b'\n' | b'\r' => {
                    self.after_return = *byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    events.extend(self.end_line(&line));
                }
                byte => {
                    self.after_return = false;
                    self.bytes += 1;
                    if self.bytes > self.max {
                        return Err(TooLong { max: self.max });
                    }
                    self.line.push(*byte);
                }
            }
        }
        Ok(events)
    }

    fn end_line(&mut self, line: &[u8]) -> Option<Event> {
        if line.is_empty() {
            self.bytes = 0;
            let event = std::mem::take(&mut self.event);
            return (event != Event::default()).then_some(event);
        }
        let line = String::from_utf8_lossy(line);
        let line = line.strip_prefix('\u{feff}').unwrap_or(&line);
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => match &mut self.event.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                none => *none = Some(value.to_owned()),
            },
            "event" => self.event.name = Some(value.to_owned()),
            "id" if !value.contains('\0') => self.event.id = Some(value.to_owned()),
            "retry" => self.event.retry = value.parse().ok(),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(pieces: &[&[u8]]) -> Vec<Event> {
        let mut events = Events::new(1 << 20);
        pieces.iter().flat_map(|piece| events.push(piece).unwrap()).collect()
    }

    #[test]
    fn events_are_read_as_the_standard_says() {
        let text = "\u{feff}: comment\r\nid: 7\r\ndata\r\n\r\nevent: message\rdata: {\rdata:  1}\r\rretry: 10\n\n\n";
        let read = all(&[text.as_bytes()]);
        let primer = Event { id: Some("7".into()), data: Some(String::new()), ..Event::default() };
        let message =
            Event { name: Some("message".into()), data: Some("{\n 1}".into()), ..Event::default() };
        let retry = Event { retry: Some(10), ..Event::default() };
        assert_eq!(read, [primer, message, retry]);
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut events = Events::new(100);
        assert!(events.push(&[b'x'; 60]).is_ok());
        assert_eq!(events.push(&[b'x'; 60]), Err(TooLong { max: 100 }));
        let mut events = Events::new(100);
        assert!((0..40).map(|_| events.push(b"data: abc\n")).any(|read| read.is_err()));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again_however_it_is_cut(
            said in proptest::collection::vec(("[a-z{}\"\n:é ]{0,20}", "[a-z0-9]{0,5}"), 0..5),
            cut in 1usize..7,
        ) {
            let events: Vec<Event> = said.into_iter().map(|(data, id)| {
                Event { id: (!id.is_empty()).then_some(id), ..Event::of(data) }
            }).collect();
            let text: String = events.iter().map(Event::write).collect();
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(cut).collect();
            prop_assert_eq!(all(&pieces), events);
        }
    }
}
