//! Which texts are names, and how names are generated.
//!
//! Each rule answers with the reasons why a text breaks it, in Kubernetes' words; none when it
//! does not. No rule changes a text.
//!
//! Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/validation/validation.go

use crate::api::Name;

/// The letters of generated names: no vowels, and nothing that reads as one.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/rand/rand.go
pub const ALPHABET: &str = "bcdfghjklmnpqrstvwxz2456789";

/// The length of the random end of a generated name.
pub const SUFFIX_LENGTH: usize = 5;

/// The longest prefix of a generated name; a longer one is cut.
pub const MAX_PREFIX_LENGTH: usize = 58;

/// How many generated names are tried before a create is refused.
pub const MAX_CREATE_ATTEMPTS: usize = 8;

const LABEL_FORMAT: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const QUALIFIED_FORMAT: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

/// Why it is no DNS label (RFC 1123): `my-name`, `123-abc`.
pub fn dns1123_label(text: &str) -> Vec<String> {
    let mut why = too_long(text, 63);
    if !is_label(text) {
        why.push(if is_subdomain(text) {
            "must not contain dots".to_owned()
        } else {
            regex_error(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or \
                 '-', and must start and end with an alphanumeric character",
                LABEL_FORMAT,
                &["my-name", "123-abc"],
            )
        });
    }
    why
}

/// Why it is no DNS subdomain (RFC 1123): `example.com`.
pub fn dns1123_subdomain(text: &str) -> Vec<String> {
    let mut why = too_long(text, 253);
    if !is_subdomain(text) {
        why.push(regex_error(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \
             '-' or '.', and must start and end with an alphanumeric character",
            &format!("{LABEL_FORMAT}(\\.{LABEL_FORMAT})*"),
            &["example.com"],
        ));
    }
    why
}

/// Why it is no wildcard DNS subdomain: `*.example.com`.
pub fn wildcard_dns1123_subdomain(text: &str) -> Vec<String> {
    let mut why = too_long(text, 253);
    if !text.strip_prefix("*.").is_some_and(is_subdomain) {
        why.push(regex_error(
            "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS \
             subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and \
             end with an alphanumeric character",
            &format!("\\*\\.{LABEL_FORMAT}(\\.{LABEL_FORMAT})*"),
            &["*.example.com"],
        ));
    }
    why
}

/// Why it is no DNS label (RFC 1035), which starts with a letter: `abc-123`.
pub fn dns1035_label(text: &str) -> Vec<String> {
    let mut why = too_long(text, 63);
    if !is_label(text) || !text.starts_with(|c: char| c.is_ascii_lowercase()) {
        why.push(regex_error(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start \
             with an alphabetic character, and end with an alphanumeric character",
            "[a-z]([-a-z0-9]*[a-z0-9])?",
            &["my-name", "abc-123"],
        ));
    }
    why
}

/// Why it is no qualified name, which a label's key must be: `MyName`, `example.com/MyName`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/validate/content/kube.go,
/// `IsLabelKey`
pub fn qualified_name(text: &str) -> Vec<String> {
    let mut why = Vec::new();
    let parts: Vec<&str> = text.split('/').collect();
    let name = match parts[..] {
        [name] => name,
        ["", name] => {
            why.push("prefix part must be non-empty".to_owned());
            name
        }
        [prefix, name] => {
            why.extend(dns1123_subdomain(prefix).iter().map(|w| format!("prefix part {w}")));
            name
        }
        _ => {
            let mut all = qualified_error("a qualified name ");
            all.push_str(
                " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
            );
            return vec![all];
        }
    };
    if name.is_empty() {
        why.push("name part must be non-empty".to_owned());
    }
    why.extend(too_long(name, 63).iter().map(|w| format!("name part {w}")));
    if !is_qualified(name) {
        why.push(qualified_error("name part "));
    }
    why
}

/// Why it is no value of a label; the empty text is one.
pub fn label_value(text: &str) -> Vec<String> {
    let mut why = too_long(text, 63);
    if !text.is_empty() && !is_qualified(text) {
        why.push(regex_error(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', \
             '_' or '.', and must start and end with an alphanumeric character",
            &format!("({QUALIFIED_FORMAT})?"),
            &["MyValue", "my_value", "12345"],
        ));
    }
    why
}

/// Why it is no name of a port: `http`.
pub fn port_name(text: &str) -> Vec<String> {
    let mut why = too_long(text, 15);
    let mut unless = |is_met: bool, message: &str| {
        if !is_met {
            why.push(message.to_owned());
        }
    };
    let is_lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    unless(
        !text.is_empty() && text.chars().all(is_lower),
        "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
    );
    unless(
        text.contains(|c: char| c.is_ascii_lowercase()),
        "must contain at least one letter (a-z)",
    );
    unless(!text.contains("--"), "must not contain consecutive hyphens");
    unless(!text.starts_with('-') && !text.ends_with('-'), "must not begin or end with a hyphen");
    why
}

/// Why it is no name of an environment variable by the strict rule: `MY_ENV.NAME`.
pub fn environment_variable(text: &str) -> Vec<String> {
    let mut why = Vec::new();
    let is_digit_first = text.starts_with(|c: char| c.is_ascii_digit());
    if !is_config_text(text) || is_digit_first {
        why.push(regex_error(
            "a valid environment variable name must consist of alphabetic characters, digits, \
             '_', '-', or '.', and must not start with a digit",
            "[-._a-zA-Z][-._a-zA-Z0-9]*",
            &["my.env-name", "MY_ENV.NAME", "MyEnvName1"],
        ));
    }
    why.extend(dots_first(text));
    why
}

/// Why it is no name of an environment variable by the relaxed rule, the default.
pub fn relaxed_environment_variable(text: &str) -> Vec<String> {
    if text.is_empty() {
        return vec!["environment variable name must be non-empty".to_owned()];
    }
    if text.chars().all(|c| (c.is_ascii_graphic() || c == ' ') && c != '=') {
        return Vec::new();
    }
    let why = "a valid environment variable name must consist only of printable ASCII characters \
               other than '='";
    vec![why.to_owned()]
}

/// Why it is no key of a `ConfigMap`: `key.name`.
pub fn config_map_key(text: &str) -> Vec<String> {
    let mut why = too_long(text, 253);
    if !is_config_text(text) {
        why.push(regex_error(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
            "[-._a-zA-Z0-9]+",
            &["key.name", "KEY_NAME", "key-name"],
        ));
    }
    why.extend(dots_first(text));
    why
}

/// Why it is no percentage: `93%`.
pub fn percent(text: &str) -> Vec<String> {
    let digits = text.strip_suffix('%').unwrap_or_default();
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Vec::new();
    }
    vec![regex_error(
        "a valid percent string must be a numeric string followed by an ending '%'",
        "[0-9]+%",
        &["1%", "93%"],
    )]
}

/// Why it is no number of a port.
pub fn port_number(port: i64) -> Vec<String> {
    in_range(port, 1, 65535)
}

/// Why it is not between two bounds, both included.
pub fn in_range(value: i64, low: i64, high: i64) -> Vec<String> {
    if (low..=high).contains(&value) {
        return Vec::new();
    }
    vec![format!("must be between {low} and {high}, inclusive")]
}

/// Why it cannot be a part of a path: some kinds allow any name but these.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/validation/path/name.go,
/// `IsValidPathSegmentName`
pub fn path_segment(text: &str) -> Vec<String> {
    if text == "." || text == ".." {
        return vec![format!("may not be '{text}'")];
    }
    let bad = ["/", "%"].iter().filter(|c| text.contains(**c));
    bad.map(|c| format!("may not contain '{c}'")).collect()
}

/// The message for a text that does not match a regular expression.
pub fn regex_error(message: &str, format: &str, examples: &[&str]) -> String {
    if examples.is_empty() {
        return format!("{message} (regex used for validation is '{format}')");
    }
    let quoted: Vec<String> = examples.iter().map(|e| format!("'{e}', ")).collect();
    format!("{message} (e.g. {}regex used for validation is '{format}')", quoted.join(" or "))
}

/// A generated name: the prefix, cut at 58 bytes, and five letters. `draw(n)` gives a number
/// below `n`, each with the same chance.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/names/generate.go,
/// `simpleNameGenerator.GenerateName`
pub fn generate_name(prefix: &str, mut draw: impl FnMut(usize) -> usize) -> Name {
    let mut end = prefix.len().min(MAX_PREFIX_LENGTH);
    while !prefix.is_char_boundary(end) {
        end -= 1;
    }
    let letters = ALPHABET.as_bytes();
    let mut name = prefix[..end].to_owned();
    for _ in 0..SUFFIX_LENGTH {
        name.push(char::from(letters[draw(letters.len()) % letters.len()]));
    }
    name.into()
}

/// The first of eight candidates that is free.
///
/// # Errors
///
/// The last candidate, when none is free.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go,
/// `Store.Create`
pub fn first_free(
    mut candidate: impl FnMut() -> Name,
    is_taken: impl Fn(&str) -> bool,
) -> Result<Name, Name> {
    let mut name = Name::default();
    for _ in 0..MAX_CREATE_ATTEMPTS {
        name = candidate();
        if !is_taken(&name) {
            return Ok(name);
        }
    }
    Err(name)
}

/// A text of the alphabet's letters only, letter by letter, so that a hash can end a name.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/rand/rand.go,
/// `SafeEncodeString`
pub fn safe_encode(text: &str) -> String {
    let letters = ALPHABET.as_bytes();
    text.bytes().map(|b| char::from(letters[usize::from(b) % letters.len()])).collect()
}

fn too_long(text: &str, most: usize) -> Vec<String> {
    if text.len() <= most {
        return Vec::new();
    }
    vec![format!("must be no more than {most} bytes")]
}

fn qualified_error(start: &str) -> String {
    let message = "must consist of alphanumeric characters, '-', '_' or '.', and must start and \
                   end with an alphanumeric character";
    let examples = ["MyName", "my.name", "123-abc"];
    regex_error(&format!("{start}{message}"), QUALIFIED_FORMAT, &examples)
}

fn dots_first(text: &str) -> Option<String> {
    match text {
        "." | ".." => Some(format!("must not be '{text}'")),
        _ => text.starts_with("..").then(|| "must not start with '..'".to_owned()),
    }
}

fn is_label(text: &str) -> bool {
    let is_inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty() && !text.starts_with('-') && !text.ends_with('-') && text.bytes().all(is_inner)
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}

fn is_qualified(text: &str) -> bool {
    let is_end = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    is_end(bytes.first()) && is_end(bytes.last()) && is_config_text(text)
}

fn is_config_text(text: &str) -> bool {
    let is_inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !text.is_empty() && text.bytes().all(is_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_refused_in_kubernetes_words() {
        assert_eq!(
            dns1123_label("A"),
            ["a lowercase RFC 1123 label must consist of lower case alphanumeric characters or \
                 '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or \
                 '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"]
        );
        assert_eq!(dns1123_label("a.b"), ["must not contain dots"]);
    }

    #[test]
    fn a_generated_name_ends_in_five_letters() {
        assert_eq!(generate_name("web-", |_| 0), "web-bbbbb");
        assert_eq!(generate_name(&"x".repeat(70), |n| n - 1).len(), 63);
    }
}
