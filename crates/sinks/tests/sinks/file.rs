use std::os::unix::fs::PermissionsExt as _;

use bakerst_sinks::{Sink as _, file};
use serde_json::json;

use crate::support::{NOW, brief, records, settings};

#[tokio::test]
async fn lines_are_the_logs_own_and_survive_a_torn_end_and_a_move() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy.jsonl");
    let mut sink = file::File::open(&settings(json!({"path": path})));
    let records = records(4);
    let lines = |range: std::ops::Range<usize>| -> String {
        records[range].iter().map(|record| format!("{}\n", record.line)).collect()
    };
    assert_eq!(brief(&sink.send(&records[..2], NOW).await), "accepted");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), lines(0..2));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    std::fs::write(&path, "{\"torn").unwrap();
    sink.send(&records[2..3], NOW).await;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{{\"torn\n{}", lines(2..3)));

    std::fs::rename(&path, folder.path().join("copy.jsonl.1")).unwrap();
    sink.send(&records[3..], NOW).await;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), lines(3..4));
}

#[tokio::test]
async fn a_file_that_cannot_be_written_has_failed() {
    let mut sink = file::File::open(&settings(json!({"path": "/nowhere/copy.jsonl"})));
    assert!(brief(&sink.send(&records(1), NOW).await).starts_with("failed: No such file"));
    if std::path::Path::new("/dev/full").exists() {
        let mut full = file::File::open(&settings(json!({"path": "/dev/full"})));
        assert!(brief(&full.send(&records(1), NOW).await).starts_with("failed: No space left"));
    }
}
