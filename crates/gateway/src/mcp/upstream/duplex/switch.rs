//! Which message of a server's goes where: answers to who asked, news of a request to its stream,
//! and everything else to who listens.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::mentions::{Mentions, with_words};
use crate::mcp::answer;
use crate::mcp::message::{Id, Kind, Message, Outcome, Request, read_id};
use crate::mcp::upstream::Silent;

/// How many messages wait for a client, before its server has to wait too.
const WAITING_MAX: usize = 8;
/// How long a server waits for a client that takes nothing; then the client's stream ends.
const STALL: Duration = Duration::from_secs(30);
/// How many messages are kept for a client that does not listen yet.
const KEPT_MAX: usize = 64;
/// A server may ask nothing where each request stands for itself.
const METHOD_UNKNOWN: i64 = -32601;

/// By what names requests go to the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Names {
    /// By their client's: there is one client.
    Theirs,
    /// By names of ours: several clients may use the same.
    Ours,
}

/// What a client gets to hear.
#[derive(Debug)]
pub(super) enum Said {
    /// Something, and more to come.
    Aside(String),
    /// The last of it.
    Last(String),
}

/// Why a request does not go to the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum NotBegun {
    /// There would be two of one name.
    #[error("a request of this id is open already")]
    Twice,
    /// There are as many as there may be.
    #[error("more requests are open than `requests_max` allows")]
    TooMany,
    /// The conversation is over.
    #[error("the server ended before it answered")]
    Over,
}

/// A request on its way to the server.
#[derive(Debug)]
pub(super) struct Begun {
    /// As the server gets to see it.
    pub(super) text: String,
    /// What the server knows it by.
    pub(super) id: Id,
    /// What comes of it.
    pub(super) said: mpsc::Receiver<Said>,
}

/// One conversation with a server.
pub(super) struct Switch {
    names: Names,
    requests_max: usize,
    /// How many bytes are kept for a client that does not listen yet.
    kept_bytes_max: usize,
    routes: Mutex<Routes>,
    over: watch::Sender<bool>,
}

struct Routes {
    open: HashMap<Id, Open>,
    standing: Option<mpsc::Sender<Said>>,
    kept: VecDeque<String>,
    /// How many requests there were.
    count: u64,
    /// Whether any was answered with a result.
    is_of_use: bool,
    active: Instant,
}

/// A request that was not answered yet.
struct Open {
    number: u64,
    /// Its client's name for it, where that is another than the server's.
    theirs: Option<Id>,
    /// And for its progress.
    token: Option<Token>,
    takes_events: bool,
    said: mpsc::Sender<Said>,
}

struct Token {
    /// As the server says it.
    on_wire: Id,
    /// As the client wrote it.
    theirs: Box<str>,
}

/// Where a message goes.
enum Way {
    Request(Id, mpsc::Sender<Said>),
    Standing(mpsc::Sender<Said>),
    Nowhere,
}

impl Switch {
    pub(super) fn new(names: Names, requests_max: usize, kept_bytes_max: usize) -> Arc<Self> {
        let routes = Routes {
            open: HashMap::new(),
            standing: None,
            kept: VecDeque::new(),
            count: 0,
            is_of_use: false,
            active: Instant::now(),
        };
        let (routes, over) = (Mutex::new(routes), watch::Sender::new(false));
        Arc::new(Self { names, requests_max, kept_bytes_max, routes, over })
    }

    pub(super) const fn names(&self) -> Names {
        self.names
    }

    /// Lets a request in; what comes of it is heard from then on.
    pub(super) fn begin(
        &self,
        request: &Request<'_>,
        takes_events: bool,
    ) -> Result<Begun, NotBegun> {
        let mut routes = self.routes();
        if self.is_over() {
            return Err(NotBegun::Over);
        }
        if routes.open.len() >= self.requests_max {
            return Err(NotBegun::TooMany);
        }
        routes.count += 1;
        let number = routes.count;
        let kind = Kind::Request(*request);
        let wanted = Mentions::of(&Message { text: request.text, kind }).wanted;
        let (text, id, theirs, on_wire) = match self.names {
            Names::Theirs => {
                (request.text.to_owned(), request.id(), None, wanted.and_then(read_id))
            }
            Names::Ours => {
                let name = number.to_string();
                let mut places = vec![(request.raw_id(), name.as_str())];
                places.extend(wanted.map(|token| (token, name.as_str())));
                let text = with_words(request.text, &mut places).ok_or(NotBegun::Over)?;
                let id = Id::number(number);
                (text, id.clone(), Some(request.id()), wanted.map(|_| id))
            }
        };
        if routes.open.contains_key(&id) {
            return Err(NotBegun::Twice);
        }
        let token = on_wire.zip(wanted);
        let token = token.map(|(on_wire, raw)| Token { on_wire, theirs: raw.get().into() });
        let (said, hears) = mpsc::channel(WAITING_MAX);
        routes.open.insert(id.clone(), Open { number, theirs, token, takes_events, said });
        routes.active = Instant::now();
        Ok(Begun { text, id, said: hears })
    }

    /// What the server says of itself, from now on and what was kept. Whoever listened before
    /// does no more.
    pub(super) fn stand(&self) -> mpsc::Receiver<Said> {
        let (said, hears) = mpsc::channel(WAITING_MAX);
        let mut routes = self.routes();
        if !self.is_over() {
            while said.capacity() > 0
                && let Some(text) = routes.kept.pop_front()
            {
                // There is room.
                let _ = said.try_send(Said::Aside(text));
            }
            routes.standing = Some(said);
            routes.active = Instant::now();
        }
        hears
    }

    /// Takes in a message of the server's, and hands back what it must be answered by us.
    pub(super) async fn take_in(&self, text: &str) -> Option<String> {
        // What a server prints beside its messages is passed on to nobody.
        let message = Message::read(text).ok()?;
        match message.kind {
            Kind::Response { id, outcome } => {
                // An answer that nobody waits for is dropped, and so is a second one.
                let open = id.and_then(read_id).and_then(|id| self.routes().open.remove(&id))?;
                self.routes().is_of_use |= matches!(outcome, Outcome::Result(_));
                let text = match &open.theirs {
                    None => Some(text.to_owned()),
                    Some(theirs) => renamed_answer(&message, id, theirs.as_json()),
                };
                hand_over(&open.said, Said::Last(text?)).await;
                None
            }
            Kind::Request(request) if self.names == Names::Ours => {
                let words = "a server may ask its clients nothing under this revision";
                Some(answer::error(Some(&request.id()), METHOD_UNKNOWN, words, None))
            }
            Kind::Request(_) => {
                let way = self.usual_way();
                self.pass(way, Said::Aside(text.to_owned())).await;
                None
            }
            Kind::Notification { .. } => {
                let (way, said) = self.way_of_news(&message);
                self.pass(way, said?).await;
                None
            }
        }
    }

    /// A request's answer is not awaited any more. Whether it was open.
    pub(super) fn leave(&self, id: &Id) -> bool {
        let mut routes = self.routes();
        routes.active = Instant::now();
        routes.open.remove(id).is_some()
    }

    /// A request did not reach the server.
    pub(super) fn fail(&self, id: &Id, silent: Silent) {
        let Some(open) = self.routes().open.remove(id) else { return };
        let theirs = open.theirs.as_ref().unwrap_or(id);
        let error = answer::error(Some(theirs), answer::INTERNAL, &silent.to_string(), None);
        // Where there is no room, the end of the stream says it.
        let _ = open.said.try_send(Said::Last(error));
    }

    /// Ends the conversation.
    pub(super) fn hang_up(&self) {
        self.over.send_replace(true);
        let mut routes = self.routes();
        // Whoever waits hears that nothing more comes.
        routes.open.clear();
        routes.standing = None;
        routes.kept.clear();
    }

    pub(super) fn is_over(&self) -> bool {
        *self.over.borrow()
    }

    /// Ends once the conversation has.
    pub(super) async fn hung_up(&self) {
        // The sender is ours, so waiting cannot fail.
        let _ = self.over.subscribe().wait_for(|over| *over).await;
    }

    /// Since when nobody uses it; none while somebody does.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let routes = self.routes();
        let is_heard = routes.standing.as_ref().is_some_and(|said| !said.is_closed());
        (routes.open.is_empty() && !is_heard).then_some(routes.active)
    }

    /// Whether the server has refused all that it was asked. One that does not know the revision
    /// in which requests stand for themselves does that, and is asked in another.
    pub(super) fn is_of_no_use(&self) -> bool {
        self.names == Names::Ours && !self.routes().is_of_use
    }

    /// Somebody uses it.
    pub(super) fn touch(&self) {
        self.routes().active = Instant::now();
    }

    /// Where news go, and how their client reads them.
    fn way_of_news(&self, message: &Message<'_>) -> (Way, Option<Said>) {
        let news = Mentions::of(message);
        let text = || Some(Said::Aside(message.text.to_owned()));
        let Names::Ours = self.names else {
            let told = news.progress.and_then(read_id).and_then(|token| self.of_token(&token));
            return match told {
                Some((id, said, _)) => (Way::Request(id, said), text()),
                None => (self.usual_way(), text()),
            };
        };
        if let Some(progress) = news.progress {
            let told = read_id(progress).and_then(|token| self.of_token(&token));
            return match told {
                Some((id, said, theirs)) => {
                    let text = with_words(message.text, &mut [(progress, &*theirs)]);
                    (Way::Request(id, said), text.map(Said::Aside))
                }
                None => (Way::Nowhere, None),
            };
        }
        let ends = news.cancelled.is_some();
        match news.cancelled.or(news.subscription) {
            None => (self.usual_way(), text()),
            Some(name) => {
                let Some((id, said, theirs)) = self.of_name(name) else {
                    return (Way::Nowhere, None);
                };
                let named = [news.cancelled, news.subscription].into_iter().flatten();
                let mut places: Vec<_> = named.map(|raw| (raw, theirs.as_json())).collect();
                let text = with_words(message.text, &mut places);
                let said = (
                    Way::Request(id.clone(), said),
                    text.map(|text| match ends {
                        true => Said::Last(text),
                        false => Said::Aside(text),
                    }),
                );
                if ends {
                    self.leave(&id);
                }
                said
            }
        }
    }

    /// The request that wants to hear of progress under this token, and its client's token.
    fn of_token(&self, token: &Id) -> Option<(Id, mpsc::Sender<Said>, Box<str>)> {
        let routes = self.routes();
        routes.open.iter().find_map(|(id, open)| {
            let known = open.token.as_ref().filter(|known| known.on_wire == *token)?;
            open.takes_events.then(|| (id.clone(), open.said.clone(), known.theirs.clone()))
        })
    }

    /// The request of this name, and its client's name for it.
    fn of_name(&self, name: &RawValue) -> Option<(Id, mpsc::Sender<Said>, Id)> {
        let id = read_id(name)?;
        let routes = self.routes();
        let open = routes.open.get(&id).filter(|open| open.takes_events)?;
        Some((id, open.said.clone(), open.theirs.clone()?))
    }

    /// Where a message goes that names no request: to the newest one that is open, since it is
    /// mostly why the server speaks; else to whoever listens.
    fn usual_way(&self) -> Way {
        let routes = self.routes();
        let open = routes.open.iter().filter(|(_, open)| open.takes_events);
        match open.max_by_key(|(_, open)| open.number) {
            Some((id, open)) => Way::Request(id.clone(), open.said.clone()),
            None => match &routes.standing {
                Some(said) if !said.is_closed() => Way::Standing(said.clone()),
                _ => Way::Nowhere,
            },
        }
    }

    async fn pass(&self, way: Way, said: Said) {
        match way {
            Way::Request(id, to) => {
                if !hand_over(&to, said).await {
                    self.leave(&id);
                }
            }
            Way::Standing(to) => {
                if !hand_over(&to, said).await {
                    self.routes().standing = None;
                }
            }
            Way::Nowhere => self.keep(said),
        }
    }

    /// Keeps a message for whoever listens next. The oldest make room.
    fn keep(&self, said: Said) {
        let (Names::Theirs, Said::Aside(text) | Said::Last(text)) = (self.names, said) else {
            return;
        };
        let mut routes = self.routes();
        routes.kept.push_back(text);
        let bytes = |kept: &VecDeque<String>| kept.iter().map(String::len).sum::<usize>();
        while routes.kept.len() > KEPT_MAX || bytes(&routes.kept) > self.kept_bytes_max {
            routes.kept.pop_front();
        }
    }

    fn routes(&self) -> std::sync::MutexGuard<'_, Routes> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer by its client's name for the request.
fn renamed_answer(message: &Message<'_>, id: Option<&RawValue>, theirs: &str) -> Option<String> {
    let named = [id, Mentions::of(message).subscription].into_iter().flatten();
    let mut places: Vec<_> = named.map(|raw| (raw, theirs)).collect();
    with_words(message.text, &mut places)
}

/// Hands something over; false where nobody takes it any more.
async fn hand_over(to: &mpsc::Sender<Said>, said: Said) -> bool {
    matches!(tokio::time::timeout(STALL, to.send(said)).await, Ok(Ok(())))
}
