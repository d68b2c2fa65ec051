//! Names.

use serde_json::json;
use wavetank::api::names;

use crate::conformance::{Case, same};

type Rule = fn(&str) -> Vec<String>;

fn check(case: &Case<'_>, rules: &[(&str, Rule)]) -> Result<(), String> {
    let text = case.input["text"].as_str().ok_or("no text")?;
    let mut got = json!({});
    for (name, rule) in rules {
        got[*name] = rule(text).is_empty().into();
    }
    same(&got, case.want)
}

pub(crate) fn name_validation(case: &Case<'_>) -> Result<(), String> {
    check(
        case,
        &[
            ("config_map_key", names::config_map_key),
            ("dns1035_label", names::dns1035_label),
            ("dns1123_label", names::dns1123_label),
            ("dns1123_subdomain", names::dns1123_subdomain),
            ("label_value", names::label_value),
            ("qualified_name", names::qualified_name),
        ],
    )
}

pub(crate) fn names(case: &Case<'_>) -> Result<(), String> {
    check(
        case,
        &[
            ("dns1035Label", names::dns1035_label),
            ("dns1123Label", names::dns1123_label),
            ("dns1123Subdomain", names::dns1123_subdomain),
            ("environmentVariable", names::environment_variable),
            ("labelValue", names::label_value),
            ("portName", names::port_name),
            ("qualifiedName", names::qualified_name),
        ],
    )
}

pub(crate) fn generate_name(case: &Case<'_>) -> Result<(), String> {
    let length = case.input["prefixLength"].as_u64().ok_or("no prefixLength")?;
    let prefix = "x".repeat(usize::try_from(length).map_err(|e| e.to_string())?);
    let (mut alphabet, mut turn) = (String::new(), 0);
    while alphabet.len() < names::ALPHABET.len() {
        let name = names::generate_name(&prefix, |_| turn);
        alphabet.push_str(&name[name.len() - 1..]);
        turn += 1;
    }
    let name = names::generate_name(&prefix, |_| 0);
    let kept = name.len() - name.trim_start_matches('x').len();
    let got = json!({
        "alphabet": alphabet,
        "length": name.len(),
        "prefixKept": kept,
        "suffixLength": name.len() - kept,
    });
    same(&got, case.want)
}

pub(crate) fn safe_encode(case: &Case<'_>) -> Result<(), String> {
    let text = case.input["text"].as_str().ok_or("no text")?;
    same(&json!({ "encoded": names::safe_encode(text) }), case.want)
}
