//! One conversation with a server, from its start to its end.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;

use super::ends::{Ends, Hearing, Line, Saying};
use super::heard::{Heard, Waiting};
use super::switch::{NotBegun, Said, Switch};
use super::{Bounds, Key, Names, Sessions, events, json};
use crate::mcp::answer;
use crate::mcp::message::{Id, Request};
use crate::mcp::upstream::{FromServer, Silent};

/// How many messages wait for a server that reads slowly, before its clients have to wait too.
const LINES_MAX: usize = 64;
/// How long a conversation is kept in which the server refused all that it was asked.
const OF_NO_USE: Duration = Duration::from_secs(5);

/// A conversation, as those see it who speak in it.
pub(super) struct Session {
    switch: Arc<Switch>,
    lines: mpsc::Sender<Line>,
    patience: Duration,
}

impl Session {
    /// Begins a conversation. It goes on by itself until somebody ends it, or nobody uses it.
    pub(super) fn start(
        ends: Ends,
        names: Names,
        bounds: Bounds,
        seat: OwnedSemaphorePermit,
        (sessions, key): (Weak<Sessions>, Key),
    ) -> Arc<Self> {
        let switch = Switch::new(names, bounds.requests_max, bounds.bytes_max);
        let (lines, coming) = mpsc::channel(LINES_MAX);
        let Ends { saying, hearing, running } = ends;
        let saying = tokio::spawn(say(saying, coming, switch.clone()));
        let (heard, answers, idle_max) = (switch.clone(), lines.clone(), bounds.idle_max);
        tokio::spawn(async move {
            let began = Instant::now();
            let ended_itself = hear(hearing, &heard, &answers, idle_max).await;
            heard.hang_up();
            if let Some(sessions) = sessions.upgrade() {
                if ended_itself {
                    sessions.starts().ended(key.owner(), began.elapsed());
                }
                forget(&sessions, &key, &heard);
            }
            // Its input is closed by then, or nobody reads it.
            let _ = saying.await;
            if let Some(running) = running {
                running.stop().await;
            }
            drop(seat);
        });
        Arc::new(Self { switch, lines, patience: bounds.patience })
    }

    /// Asks the server, and waits until it begins to answer.
    pub(super) async fn ask(
        self: &Arc<Self>,
        request: &Request<'_>,
        takes_events: bool,
    ) -> Result<axum::http::Response<FromServer>, Silent> {
        let mut waiting = match self.switch.begin(request, takes_events) {
            Ok(begun) => self.send(begun, request).await?,
            Err(NotBegun::Over) => return Err(Silent::Ended),
            Err(why) => {
                let (id, words) = (request.id(), why.to_string());
                return Ok(json(answer::error(Some(&id), answer::INVALID_REQUEST, &words, None)));
            }
        };
        Ok(match waiting.first(self.patience).await? {
            Said::Last(text) => json(text),
            said @ Said::Aside(_) => events(Heard::after(said, waiting)),
        })
    }

    /// Asks the server the first that it is asked.
    pub(super) async fn begin(
        self: &Arc<Self>,
        request: &Request<'_>,
        takes_events: bool,
    ) -> Result<Waiting, Silent> {
        let begun = self.switch.begin(request, takes_events).map_err(|_| Silent::Ended)?;
        self.send(begun, request).await
    }

    async fn send(
        self: &Arc<Self>,
        begun: super::switch::Begun,
        request: &Request<'_>,
    ) -> Result<Waiting, Silent> {
        let super::switch::Begun { text, id, said } = begun;
        let waiting = Waiting {
            said,
            session: self.clone(),
            on_wire: id.clone(),
            theirs: request.id(),
            is_over: false,
        };
        self.say(Line { text, id: Some(id) }).await?;
        Ok(waiting)
    }

    /// Tells the server something.
    pub(super) async fn tell(&self, text: &str) -> Result<(), Silent> {
        self.switch.touch();
        self.say(Line { text: text.to_owned(), id: None }).await
    }

    async fn say(&self, line: Line) -> Result<(), Silent> {
        match tokio::time::timeout(self.patience, self.lines.send(line)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Silent::Ended),
            Err(_) => Err(Silent::Slow),
        }
    }

    /// What the server says of itself.
    pub(super) fn stand(self: &Arc<Self>) -> Heard {
        Heard::of(self.switch.stand(), self.clone())
    }

    /// Whoever asked this waits no longer, and the server need not go on.
    pub(super) fn give_up(&self, id: &Id) {
        if self.switch.leave(id) {
            self.cancel(id);
        }
    }

    /// Whoever asked this is gone. Where each request stands for itself, that takes it back; where
    /// there is a session, the client would have said so.
    pub(super) fn let_go(&self, id: &Id) {
        if self.switch.leave(id) && self.switch.names() == Names::Ours {
            self.cancel(id);
        }
    }

    fn cancel(&self, id: &Id) {
        let id = id.as_json();
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#
        );
        // A server that takes nothing more is beyond being told.
        let _ = self.lines.try_send(Line { text, id: None });
    }

    /// Ends the conversation.
    pub(super) fn end(&self) {
        self.switch.hang_up();
    }

    pub(super) fn is_over(&self) -> bool {
        self.switch.is_over()
    }

    /// How long nobody has used it; none while somebody does.
    pub(super) fn idle(&self) -> Option<Duration> {
        self.switch.idle_since().map(|since| since.elapsed())
    }
}

/// A name that nobody guesses; none where the system has no randomness.
pub(super) fn drawn_name() -> Option<String> {
    let mut name = [0; 16];
    getrandom::fill(&mut name).ok()?;
    Some(name.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Takes a conversation off those that are known, unless another took its place.
fn forget(sessions: &Sessions, key: &Key, switch: &Arc<Switch>) {
    let mut known = sessions.known();
    if known.get(key).is_some_and(|session| Arc::ptr_eq(&session.switch, switch)) {
        known.remove(key);
    }
}

/// Tells the server what it is told, a message at a time, until the conversation is over.
async fn say(mut saying: Saying, mut coming: mpsc::Receiver<Line>, switch: Arc<Switch>) {
    let told = async {
        while let Some(line) = coming.recv().await {
            let said = saying.say(&line.text).await;
            if let (Err(silent), Some(id)) = (said, &line.id) {
                switch.fail(id, silent);
            }
        }
    };
    tokio::select! {
        () = told => {}
        () = switch.hung_up() => {}
    }
}

/// Hears the server until one of the two has enough; true where that was the server.
async fn hear(
    mut hearing: Hearing,
    switch: &Switch,
    answers: &mpsc::Sender<Line>,
    idle_max: Duration,
) -> bool {
    let heard = async {
        while let Some(text) = hearing.next().await {
            if let Some(text) = switch.take_in(&text).await {
                // Where the server does not read, it need not hear.
                let _ = answers.try_send(Line { text, id: None });
            }
        }
    };
    let unused = async {
        let max = || if switch.is_of_no_use() { idle_max.min(OF_NO_USE) } else { idle_max };
        loop {
            let since = switch.idle_since().unwrap_or_else(Instant::now);
            tokio::time::sleep_until(since + max()).await;
            if switch.idle_since().is_some_and(|since| since.elapsed() >= max()) {
                return;
            }
        }
    };
    tokio::select! {
        () = heard => true,
        () = switch.hung_up() => false,
        () = unused => false,
    }
}
