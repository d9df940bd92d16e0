use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    name: String,
    #[serde(default)]
    size: u8,
    #[serde(default)]
    mode: Option<Mode>,
    #[serde(default)]
    inner: BTreeMap<String, Vec<f64>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Enforce,
    Monitor,
}

#[track_caller]
fn check(text: &str, want: &str) {
    let read = Node::parse_yaml(text, 1 << 10).and_then(|node| node.read::<Shape>());
    let got = read.map_or_else(
        |fault| fault.to_string(),
        |Shape { name, size, mode, inner }| format!("{name} {size} {mode:?} {inner:?}"),
    );
    assert_eq!(got, want);
}

#[test]
fn what_fits_is_read() {
    check(
        "name: a\nsize: 3\nmode: monitor\ninner: {x: [1, 2.5]}",
        r#"a 3 Some(Monitor) {"x": [1.0, 2.5]}"#,
    );
    check("{name: b, mode: enforce}", "b 0 Some(Enforce) {}");
    check("name: c\nmode:\n", "c 0 None {}");
}

#[test]
fn what_does_not_fit_is_reported_where_it_stands() {
    check(
        "name: a\nsise: 3\n",
        "line 2, column 1: CFG-003 unknown field `sise` (did you mean `size`?)",
    );
    check(
        "name: a\nentirely: 3\n",
        "line 2, column 1: CFG-003 unknown field `entirely` (expected one of: name, size, mode, inner)",
    );
    check(
        "name: a\nmode: monitr\n",
        "line 2, column 7: CFG-004 unknown value `monitr` (did you mean `monitor`?)",
    );
    check(
        "name: a\nsize: 300\n",
        "line 2, column 7: CFG-004 invalid value: integer `300`, expected u8",
    );
    check("name: a\nsize: [1]\n", "line 2, column 7: CFG-004 expected u8, found sequence");
    check("size: 1\n", "line 1, column 1: CFG-004 the field `name` is missing");
    check(
        "name: a\ninner:\n  x: [1, oops]\n",
        "line 3, column 10: CFG-004 expected f64, found string \"oops\"",
    );
    check("", "line 1, column 1: CFG-004 the field `name` is missing");
}

#[test]
fn what_is_no_yaml_is_reported_where_it_breaks() {
    let fault = |text| Node::parse_yaml(text, 1 << 10).unwrap_err();
    for (text, line) in
        [("a:\n\tb: 1\n", 2), ("a: [1, 2\nb: 3\n", 2), ("a: 1\na: 2\n", 2), ("a: .nan\n", 1)]
    {
        let found = fault(text);
        assert_eq!(found.code, Code::ConfigSyntax, "{found}");
        assert_eq!(found.at.map(|at| at.line), Some(line), "{text:?}: {found}");
    }
    assert_eq!(fault(&" ".repeat(2000)).code, Code::ConfigValue);
}

#[test]
fn a_bomb_of_aliases_is_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..10 {
        let last = format!("*a{}, ", i - 1).repeat(10);
        text.push_str(&format!("a{i}: &a{i} [{last}]\n"));
    }
    assert!(Node::parse_yaml(&text, 1 << 20).is_err());
}

#[test]
fn slips_of_the_pen_find_their_name() {
    let known = ["sensitivity", "patterns", "mode"];
    assert_eq!(nearest("sensitivty", &known), Some("sensitivity"));
    assert_eq!(nearest("pattern", &known), Some("patterns"));
    assert_eq!(nearest("colour", &known), None);
    assert_eq!(nearest("", &["x"]), Some("x"));
    assert_eq!(nearest("x", &[]), None);
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,80}") {
        let _ = Node::parse_yaml(&text, 1 << 10).map(|node| node.read::<Shape>().is_ok());
    }
}
