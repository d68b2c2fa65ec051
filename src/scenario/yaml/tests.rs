use super::*;
use crate::scenario::diagnostic::Look;
use crate::scenario::diagnostic::render;
use serde_json::json;

fn read(text: &str) -> (Vec<Node>, String) {
    let mut session = Session::default();
    let source = session.add("x.yaml", text);
    let nodes = parse(&mut session, source);
    let problems = session.take_problems();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let _ = render(&problems, Look::default());
    (nodes, told.join("\n"))
}

fn json_of(text: &str) -> Vec<Value> {
    let (nodes, problems) = read(text);
    assert_eq!(problems, "", "{text}");
    nodes.iter().map(Node::to_json).collect()
}

#[test]
fn documents_become_json() {
    let text = "---\na: 1\nb: [x, {c: null}]\n---\n# nothing\n---\nd: |\n  one\n  two\n";
    assert_eq!(
        json_of(text),
        [json!({"a": 1, "b": ["x", {"c": null}]}), json!({"d": "one\ntwo\n"})]
    );
}

#[test]
fn aliases_and_merges_are_unfolded() {
    let text = "base: &b {x: 1, z: 2}\nmore:\n  <<: *b\n  z: 3\nsame: *b\n";
    let expected =
        json!({"base": {"x": 1, "z": 2}, "more": {"z": 3, "x": 1}, "same": {"x": 1, "z": 2}});
    assert_eq!(json_of(text), [expected]);
}

#[test]
fn keys_are_text_as_kubectl_makes_them() {
    assert_eq!(json_of("1: a\non: b\n'2': c\n"), [json!({"1": "a", "true": "b", "2": "c"})]);
}

#[test]
fn a_path_is_found_at_its_place() {
    let text = "spec:\n  tempalte:\n    containers:\n    - image: x\n      name: y\n";
    let (nodes, _) = read(text);
    let at = |path| {
        let place = nodes[0].locate(path);
        (place.line, place.column, place.length)
    };
    assert_eq!(at("spec.tempalte"), (2, 3, 8));
    assert_eq!(at("spec.tempalte.containers[0].name"), (5, 7, 4));
    assert_eq!(at(".spec.tempalte.containers[0].none"), (4, 7, 0));
    assert_eq!(at("spec"), (1, 1, 4));
}

#[test]
fn a_text_inside_a_text_is_told_by_the_outer_lines() {
    let text = "steps:\n- apply: |\n    kind: Pod\n    spec:\n      a: {b: 1}\n";
    let mut session = Session::default();
    let source = session.add("x.yaml", text);
    let nodes = parse(&mut session, source);
    let inner = nodes[0].find(&parse_path("steps[0].apply").unwrap()).unwrap();
    let scalar = inner.scalar().unwrap();
    let documents = parse_text(&scalar.text, scalar.base(inner.place), &mut session);
    let place = documents[0].locate("spec.a.b");
    assert_eq!((place.line, place.column), (5, 11));
}

#[test]
fn broken_texts_are_told_with_their_place() {
    let table = [
        ("a: 1\na: 2\n", "x.yaml:2:1: error: `a` is given twice, first in line 1"),
        ("a: [1, 2\n", "x.yaml:2:1: error: this is no YAML: "),
        ("a:\n\tb: 1\n", "x.yaml:2:2: error: this is no YAML: "),
        ("a: *nobody\n", "x.yaml:1:4: error: this is no YAML: "),
        ("a: b\0c\n", "x.yaml:1:5: error: control characters are not allowed: U+0000"),
        ("a: &x [*x]\n", "x.yaml:1:8: error: this alias is inside what it names"),
        ("? [a]\n: 1\n", "x.yaml:1:3: error: expected text as a key, found a list"),
    ];
    for (text, expected) in table {
        let (_, told) = read(text);
        assert!(told.starts_with(expected), "{text:?}: {told}");
    }
}

#[test]
fn what_costs_too_much_is_refused_quickly() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (above, below) in "abcdefghi".chars().zip("bcdefghij".chars()) {
        let row = vec![format!("*{above}"); 9].join(", ");
        bomb = format!("{bomb}{below}: &{below} [{row}]\n");
    }
    assert!(read(&bomb).1.contains("unfolds to more than"), "alias bomb");
    assert!(read(&"[".repeat(100_000)).1.contains("nested deeper"), "flow");
    let deep: String = (0..2_000).map(|n| " ".repeat(n) + "a:\n").collect();
    assert!(read(&deep).1.contains("nested deeper"), "block");
    assert!(read(&"- ".repeat(100_000)).1.contains("nested deeper"), "list");
    assert!(read(&"garbage }{ ".repeat(1_000_000)).1.contains("the limit is 8.0 MiB"), "large");
}

#[test]
fn garbage_within_the_size_limit_is_refused_quickly() {
    for piece in ["garbage }{ ", "a: b: ", "\"", "{", "a\n", "- x\n", "x: y\n", "&a ", "? ", "| "] {
        let text = piece.repeat(2_000_000 / piece.len());
        let _ = read(&text);
    }
}

#[test]
fn bytes_that_are_no_text_are_told_with_their_place() {
    let mut session = Session::default();
    assert_eq!(text_of("x", b"a: 1\nb: \xff\n".to_vec(), &mut session), None);
    let told: Vec<String> = session.take_problems().iter().map(ToString::to_string).collect();
    assert_eq!(told, ["x:2:4: error: this is no UTF-8 text: byte 0xff"]);
}

#[test]
fn a_value_is_put_where_a_path_leads() {
    let set = |path: &str| {
        let (mut nodes, _) = read("a: {b: [1, {c: 2}]}\n");
        let value = read("9").0.remove(0);
        let done = nodes[0].put(&parse_path(path).unwrap(), value);
        done.map(|()| nodes[0].to_json())
    };
    assert_eq!(set("a.b[1].c"), Ok(json!({"a": {"b": [1, {"c": 9}]}})));
    assert_eq!(set("a.b.0"), Ok(json!({"a": {"b": [9, {"c": 2}]}})));
    assert_eq!(set("x[\"y.z\"].w"), Ok(json!({"a": {"b": [1, {"c": 2}]}, "x": {"y.z": {"w": 9}}})));
    assert_eq!(set("a.b[5]"), Err("the list has 2 items, none 5".to_owned()));
    assert_eq!(set("a.b[0].x"), Err("there is no list or mapping to hold `x`".to_owned()));
}
