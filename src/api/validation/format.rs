//! Text formats beside those of names: each answers with what is wrong with a text.
//!
//! Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/validation

use std::net::IpAddr;

use crate::api::names;

/// A format: what is wrong with a text; nothing when it is right.
pub(super) type Format = fn(&str) -> Vec<String>;

fn unless(is_right: bool, message: &str) -> Vec<String> {
    if is_right { Vec::new() } else { vec![message.to_owned()] }
}

/// The name of an HTTP header.
pub(super) fn http_header_name(text: &str) -> Vec<String> {
    unless(
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
        "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. \
         'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
    )
}

/// An IP address.
pub(super) fn ip(text: &str) -> Vec<String> {
    unless(
        text.parse::<IpAddr>().is_ok(),
        "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
    )
}

/// A range of IP addresses.
pub(super) fn cidr(text: &str) -> Vec<String> {
    let is_right = text.split_once('/').is_some_and(|(address, bits)| {
        let most = match address.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => 32,
            Ok(IpAddr::V6(_)) => 128,
            Err(_) => return false,
        };
        bits.chars().all(|c| c.is_ascii_digit()) && bits.parse::<u8>().is_ok_and(|b| b <= most)
    });
    unless(is_right, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")
}

/// `example.com/path`: a domain and what follows it.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/validation/validation.go,
/// `IsDomainPrefixedPath`
pub(super) fn domain_prefixed_path(text: &str) -> Vec<String> {
    let parts =
        text.split_once('/').filter(|(domain, path)| !domain.is_empty() && !path.is_empty());
    let Some((domain, path)) = parts else {
        return vec!["must be a domain-prefixed path (such as \"acme.io/foo\")".to_owned()];
    };
    let mut wrong = names::dns1123_subdomain(domain);
    let is_known = |c: char| c.is_ascii_alphanumeric() || "/-_.~!$&'()*+,;=:@%".contains(c);
    wrong.extend(unless(path.chars().all(is_known), "Invalid path"));
    wrong
}

/// A path that stays below where it starts.
pub(super) fn path_without_backsteps(text: &str) -> Vec<String> {
    unless(text.split('/').all(|part| part != ".."), "must not contain '..'")
}

/// What is wrong with a user's or group's number.
pub(super) fn identity_number(id: i64) -> Vec<String> {
    names::in_range(id, 0, i64::from(i32::MAX))
}
