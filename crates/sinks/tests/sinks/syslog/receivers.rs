//! Programs that many people collect their logs with. What one of them takes, the others must too.

use std::path::Path;

use bakerst_audit::delivery::Shipped;
use bakerst_sinks::Sink as _;
use serde_json::json;

use super::{Certificates, sink};
use crate::support::programs::{Running, await_lines, await_port, free_port};
use crate::support::{NOW, brief, records};

/// What messages travel over.
#[derive(Clone, Copy, Debug)]
enum Way {
    Tls,
    Tcp,
    Udp,
}

impl Way {
    /// As our settings and both programs call it.
    fn name(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// What a receiver is to do: take messages here, and write each to a line of the file `out`.
struct Wanted<'a> {
    way: Way,
    port: u16,
    /// A TCP port that says when it is ready, which one for datagrams cannot.
    ready: u16,
    folder: &'a Path,
    certificates: &'a Certificates,
}

impl Wanted<'_> {
    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn certificate(&self, name: &str) -> String {
        self.certificates.path(name).display().to_string()
    }

    /// Writes a configuration down.
    fn configure(&self, text: &str) -> String {
        let path = self.path("conf");
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// Starts it; nothing, and a loud word, where it is not to be had.
type Receiver = fn(&Wanted<'_>) -> Option<Running>;

const RECEIVERS: [Receiver; 2] = [rsyslog, syslog_ng];

fn rsyslog(wanted: &Wanted<'_>) -> Option<Running> {
    let input = |kind: &str, port| {
        format!("input(type=\"{kind}\" address=\"127.0.0.1\" port=\"{port}\")\n")
    };
    let (driver, module, kind) = match wanted.way {
        Way::Tls if !rsyslog_knows_tls() => {
            eprintln!("SKIPPED: `rsyslog-gnutls` is not installed; `cargo xtask test` installs it");
            return None;
        }
        Way::Tls => (
            format!(
                " defaultNetstreamDriverCAFile=\"{}\" defaultNetstreamDriverCertFile=\"{}\" defaultNetstreamDriverKeyFile=\"{}\"",
                wanted.certificate("ca.pem"),
                wanted.certificate("server.pem"),
                wanted.certificate("server.key"),
            ),
            " streamDriver.name=\"gtls\" streamDriver.mode=\"1\" streamDriver.authMode=\"anon\"",
            "imtcp",
        ),
        Way::Tcp => (String::new(), "", "imtcp"),
        Way::Udp => (String::new(), "", "imudp"),
    };
    let text = format!(
        "global(workDirectory=\"{}\" maxMessageSize=\"64k\"{driver})\n\
         module(load=\"imudp\")\nmodule(load=\"imtcp\"{module})\n{}{}\
         template(name=\"t\" type=\"string\" string=\"%hostname% %app-name% %msgid% %structured-data% %msg%\\n\")\n\
         action(type=\"omfile\" file=\"{}\" template=\"t\")\n",
        wanted.folder.display(),
        input(kind, wanted.port),
        input("imtcp", wanted.ready),
        wanted.path("out"),
    );
    let config = wanted.configure(&text);
    Running::start("rsyslogd", &["-n", "-f", &config, "-i", &wanted.path("pid")])
}

fn rsyslog_knows_tls() -> bool {
    ["x86_64", "aarch64"].iter().any(|machine| {
        let module = format!("/usr/lib/{machine}-linux-gnu/rsyslog/lmnsd_gtls.so");
        Path::new(&module).exists()
    })
}

fn syslog_ng(wanted: &Wanted<'_>) -> Option<Running> {
    let tls = match wanted.way {
        Way::Tls => format!(
            " tls(cert-file(\"{}\") key-file(\"{}\") peer-verify(optional-untrusted))",
            wanted.certificate("server.pem"),
            wanted.certificate("server.key"),
        ),
        Way::Tcp | Way::Udp => String::new(),
    };
    let text = format!(
        "@version: current\n\
         options {{ log-msg-size(65536); keep-hostname(yes); }};\n\
         source s {{\n\
         syslog(transport(\"{}\") ip(\"127.0.0.1\") port({}){tls});\n\
         syslog(transport(\"tcp\") ip(\"127.0.0.1\") port({}));\n\
         }};\n\
         destination d {{ file(\"{}\" template(\"$HOST $PROGRAM $MSGID $SDATA $MSG\\n\")); }};\n\
         log {{ source(s); destination(d); }};\n",
        wanted.way.name(),
        wanted.port,
        wanted.ready,
        wanted.path("out"),
    );
    let config = wanted.configure(&text);
    let (pid, control, persist) =
        (wanted.path("pid"), wanted.path("control"), wanted.path("persist"));
    let arguments = ["-F", "-f", &config, "-p", &pid, "-c", &control, "-R", &persist, "--no-caps"];
    Running::start("syslog-ng", &arguments)
}

/// Every receiver gets so many records in either form, over one way, a hundred at a time.
async fn all_take(way: Way, count: u64) {
    for receiver in RECEIVERS {
        for form in ["rfc5424", "rfc3164"] {
            let (folder, certificates) = (tempfile::tempdir().unwrap(), Certificates::new());
            let (port, ready, folder) = (free_port(), free_port(), folder.path());
            let wanted = Wanted { way, port, ready, folder, certificates: &certificates };
            let Some(_running) = receiver(&wanted) else { continue };
            // Which of its ports it opens first is its own affair, and it may take a moment between them.
            await_port(ready);
            if !matches!(way, Way::Udp) {
                await_port(port);
            }
            let mut more = json!({"protocol": way.name(), "format": form});
            if let Way::Tls = way {
                more["transport"] = json!({"ca_file": certificates.path("ca.pem")});
            }
            let sent = records(count);
            let mut sink = sink(&format!("127.0.0.1:{port}"), more);
            for batch in sent.chunks(100) {
                assert_eq!(brief(&sink.send(batch, NOW).await), "accepted");
            }
            let lines = await_lines(&folder.join("out"), sent.len());
            check_received(&lines, &sent, form == "rfc5424");
        }
    }
}

fn check_received(lines: &[String], sent: &[Shipped], structured: bool) {
    assert_eq!(lines.len(), sent.len());
    for (line, record) in lines.iter().zip(sent) {
        assert!(line.starts_with("guard-1.example bakerst "), "{line}");
        assert!(line.ends_with(record.line.as_ref()), "{line}");
        let head = format!("[bakerst@32473 event_id=\"{}\"", record.id);
        assert_eq!(line.contains(&head), structured, "{line}");
    }
}

#[tokio::test]
async fn rsyslog_and_syslog_ng_take_what_we_send_over_tls() {
    all_take(Way::Tls, 300).await;
}

#[tokio::test]
async fn rsyslog_and_syslog_ng_take_what_we_send_over_tcp() {
    all_take(Way::Tcp, 500).await;
}

#[tokio::test]
async fn rsyslog_and_syslog_ng_take_what_we_send_over_udp() {
    all_take(Way::Udp, 20).await;
}
