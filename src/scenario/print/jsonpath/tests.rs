use serde_json::json;

use super::*;

fn check(template: &str, want: &str) {
    let pods = json!({"kind": "List", "items": [
        {"metadata": {"name": "a", "labels": {"app.io/x": "1"}}, "n": 1,
         "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "X", "status": "False"}]}},
        {"metadata": {"name": "b"}, "n": 12, "status": {"conditions": [{"type": "Ready", "status": "False"}]}},
        {"metadata": {"name": "c"}, "n": 3},
    ]});
    let got = Template::parse(template).and_then(|t| t.render(&pods)).unwrap_or_else(|e| e);
    assert_eq!(got, want, "{template}");
}

#[test]
fn paths_select_as_kubectl_does() {
    check("{.items[*].metadata.name}", "a b c");
    check("{.items[0].metadata.name}", "a");
    check("{.items[-1].metadata.name}", "c");
    check("{.items[0:2].metadata.name}", "a b");
    check("{.items[::2].metadata.name}", "a c");
    check("{..name}", "a b c");
    check("{$.kind}", "List");
    check("{.items[*]['metadata.name','n']}", "a b c 1 12 3");
    check("{.items[0].metadata.labels.app\\.io/x}", "1");
    check("{.items[0].metadata.labels['app\\.io/x']}", "1");
    check("{.items[0].metadata}", r#"{"labels":{"app.io/x":"1"},"name":"a"}"#);
    check("{.items[*].nosuch}", "");
    check("{.items[0,2].metadata.name}", "a c");
}

#[test]
fn filters_and_ranges_nest() {
    check("{.items[?(@.n>2)].metadata.name}", "b c");
    check("{.items[?(@.metadata.name=='b')].n}", "12");
    check("{.items[?(@.status)].metadata.name}", "a b");
    check("{.items[0].status.conditions[?(@.type==\"Ready\")].status}", "True");
    check("{range .items[*]}{.metadata.name}{\"\\t\"}{.n}{\"\\n\"}{end}", "a\t1\nb\t12\nc\t3\n");
    check("{range .items[?(@.n!=3)]}[{.metadata.name}] {end}", "[a] [b] ");
    check("count: {.items[1].n}!", "count: 12!");
}

#[test]
fn what_is_wrong_is_told() {
    check("{.items", "error parsing jsonpath {.items, unclosed action");
    check("{range .items[*]}", "error parsing jsonpath {range .items[*]}, unterminated range");
    check("{end}", "error parsing jsonpath {end}, not in range, nothing to end");
    check("{.items[7]}", "error executing jsonpath: array index out of bounds: index 7, length 3");
}
