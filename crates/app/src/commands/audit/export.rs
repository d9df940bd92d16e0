//! `bakerst audit export`: records for other tools, with a word on where they came from.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use bakerst_audit::export::{Extract, Table};
use bakerst_audit::ocsf::{self, to_ocsf};
use bakerst_audit::opa::to_opa;
use bakerst_audit::query::{Filter, Query, View};
use bakerst_model::{Clock as _, Code, Seq};
use bakerst_store::query::{Order, SegmentFile, find, threads};
use serde::Deserialize;

use super::args::{Export, Format};
use super::select::{Bar, conclude, log_of, query_of, unreadable};
use crate::clock::SystemClock;
use crate::failure::{Failure, Outcome};
use crate::print;
use crate::station::Places;

pub(super) fn run(args: &Export, places: &Places, json: bool) -> Outcome {
    let subjects = places.subjects()?;
    let (query, segments) = (query_of(&args.which, subjects.as_ref())?, log_of(places)?);
    let mut extract = begin(&segments, args)?;
    let mut out = Out::open(args)?;
    let mut bar = Bar::over(&segments);
    let mut advance = |bytes| bar.advance(bytes);
    let mut failed = Ok(());
    let order = Order::OldestFirst;
    let found = find(&segments, &query, order, None, threads(), &mut advance, |line| {
        failed = out.push(line, &mut extract);
        if failed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let found = found.map_err(|e| unreadable(&e))?;
    drop(bar);
    let written = failed.and_then(|()| out.finish(&extract));
    written.map_err(|e| unwritable(args.output.as_deref(), &e))?;
    tell(args, &extract, json)?;
    Ok(conclude(&found))
}

/// What can be said before the first record is written.
fn begin(segments: &[SegmentFile], args: &Export) -> Result<Extract, Failure> {
    #[derive(Deserialize)]
    struct HeaderDetail {
        log: String,
    }
    let (mut log, mut head) = (None, None);
    one(segments, Order::OldestFirst, |view| {
        let header: Option<HeaderDetail> = serde_json::from_str(view.detail_json()).ok();
        log = header.map(|header| header.log);
    })?;
    one(segments, Order::NewestFirst, |view| {
        head = Some((Seq(view.seq), view.mac().unwrap_or_default().to_owned()));
    })?;
    let (Some(log), Some((head, head_mac))) = (log, head) else {
        let message = "the log has no header to say which one it is";
        return Err(Failure::environment(Code::LogTampered, message));
    };
    Ok(Extract {
        log,
        first: None,
        last: None,
        records: 0,
        head,
        head_mac,
        exported_at: SystemClock.now(),
        filter: args.which.words(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// Shows one end of the log.
fn one(
    segments: &[SegmentFile],
    order: Order,
    mut show: impl FnMut(&View<'_>),
) -> Result<(), Failure> {
    let everything = Query::new(Filter::default());
    let found = find(segments, &everything, order, Some(1), 1, &mut |_| {}, |line| {
        if let Some(view) = View::parse(line) {
            show(&view);
        }
        ControlFlow::Continue(())
    });
    found.map(|_| ()).map_err(|e| unreadable(&e))
}

/// Where records go, in their form.
struct Out {
    to: Box<dyn Write>,
    format: Format,
    table: Table,
}

impl Out {
    fn open(args: &Export) -> Result<Self, Failure> {
        let to: Box<dyn Write> = match &args.output {
            Some(path) => {
                let file = create(path).map_err(|e| unwritable(Some(path), &e))?;
                Box::new(BufWriter::new(file))
            }
            None => Box::new(BufWriter::new(io::stdout().lock())),
        };
        Ok(Self { to, format: args.format, table: Table::default() })
    }

    fn push(&mut self, line: &[u8], extract: &mut Extract) -> io::Result<()> {
        let Some(view) = View::parse(line) else { return Ok(()) };
        let origin = ocsf::Origin { log: &extract.log, version: &extract.version };
        let ended = |mut event: Vec<u8>| {
            event.push(b'\n');
            Cow::Owned(event)
        };
        let text: Option<Cow<'_, [u8]>> = match self.format {
            Format::Jsonl => Some(Cow::Borrowed(line)),
            Format::Parquet => Some(self.table.push(&view).map(Cow::Owned).unwrap_or_default()),
            Format::Ocsf => Some(ended(to_ocsf(line, origin).unwrap_or_default())),
            Format::Opa => to_opa(line, origin).map(ended),
        };
        // What has no place in this form is no part of the export.
        let Some(text) = text else { return Ok(()) };
        extract.first = extract.first.or(Some(Seq(view.seq)));
        extract.last = Some(Seq(view.seq));
        extract.records += 1;
        self.to.write_all(&text)
    }

    fn finish(mut self, extract: &Extract) -> io::Result<()> {
        if self.format == Format::Parquet {
            self.to.write_all(&self.table.finish(extract))?;
        }
        self.to.flush()
    }
}

/// A new file for its owner alone: the log is nobody else's either, and nothing is overwritten.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Says where the export came from: beside the file, or where there is none, on standard error.
fn tell(args: &Export, extract: &Extract, json: bool) -> Result<(), Failure> {
    let text = serde_json::to_string(extract).unwrap_or_default();
    let Some(output) = &args.output else {
        print::note(text);
        return Ok(());
    };
    let path = beside(output);
    let written = create(&path).and_then(|mut file| writeln!(file, "{text}"));
    written.map_err(|e| unwritable(Some(&path), &e))?;
    if json {
        print::line(text);
    } else {
        let (records, file) = (extract.records, output.display());
        print::line(format!("{records} records in `{file}`, origin in `{}`", path.display()));
    }
    Ok(())
}

fn beside(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".origin.json");
    name.into()
}

fn unwritable(path: Option<&Path>, error: &io::Error) -> Failure {
    let place = path.map_or("standard output".to_owned(), |path| format!("`{}`", path.display()));
    let message = format!("cannot write {place}: {error}");
    let mut failure = Failure::environment(Code::StateUnwritable, message);
    failure.hint = Some("name a file that does not exist yet, where there is room".into());
    failure
}
