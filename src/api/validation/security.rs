//! Security contexts of pods and containers.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::api::validation::errors::Errors;
use crate::api::validation::format;
use crate::api::validation::path::Path;
use crate::api::validation::read::{at, flag, get, int, list, text, texts};
use crate::api::validation::rule::{one_of, one_of_if_given};
use crate::api::validation::volume::descending_path;

const PROFILES: [&str; 3] = ["Localhost", "RuntimeDefault", "Unconfined"];

/// The security context of a pod.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go,
/// `validatePodSpecSecurityContext`
pub(super) fn of_pod(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    let context = at(spec, "securityContext");
    for field in ["fsGroup", "runAsUser", "runAsGroup"] {
        identity(&path.child(field), int(context, field), errors);
    }
    let groups = path.child("supplementalGroups");
    for (i, group) in list(context, "supplementalGroups").iter().enumerate() {
        identity(&groups.index(i), group.as_i64(), errors);
    }
    if flag(spec, "shareProcessNamespace") && flag(spec, "hostPID") {
        let detail = "ShareProcessNamespace and HostPID cannot both be enabled";
        errors.invalid(&path.child("shareProcessNamespace"), true, detail);
    }
    sysctls(&path.child("sysctls"), list(context, "sysctls"), errors);
    one_of_if_given(path, context, "fsGroupChangePolicy", &["Always", "OnRootMismatch"], errors);
    profiles(path, context, errors);
    one_of_if_given(path, context, "supplementalGroupsPolicy", &["Merge", "Strict"], errors);
    one_of_if_given(path, context, "seLinuxChangePolicy", &["MountOption", "Recursive"], errors);
}

/// The security context of a container.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidateSecurityContext`
pub(super) fn of_container(path: &Path<'_>, context: &Value, errors: &mut Errors) {
    if context.is_null() {
        return;
    }
    for field in ["runAsUser", "runAsGroup"] {
        identity(&path.child(field), int(context, field), errors);
    }
    one_of_if_given(path, context, "procMount", &["Default", "Unmasked"], errors);
    profiles(path, context, errors);
    if get(context, "allowPrivilegeEscalation").and_then(Value::as_bool) != Some(false) {
        return;
    }
    if flag(context, "privileged") {
        let detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
        errors.invalid(path, context.clone(), detail);
    }
    if texts(at(context, "capabilities"), "add").any(|c| c == "CAP_SYS_ADMIN") {
        let detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` \
                      CAP_SYS_ADMIN";
        errors.invalid(path, context.clone(), detail);
    }
}

fn identity(path: &Path<'_>, id: Option<i64>, errors: &mut Errors) {
    for message in id.map(format::identity_number).unwrap_or_default() {
        errors.invalid(path, id, message);
    }
}

fn profiles(path: &Path<'_>, context: &Value, errors: &mut Errors) {
    for field in ["seccompProfile", "appArmorProfile"] {
        if let Some(profile) = get(context, field) {
            profile_of(&path.child(field), field, profile, errors);
        }
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateSeccompProfileField`,
/// `ValidateAppArmorProfileField`
fn profile_of(path: &Path<'_>, field: &str, profile: &Value, errors: &mut Errors) {
    one_of(path, profile, "type", &PROFILES, errors);
    let local = path.child("localhostProfile");
    let name = get(profile, "localhostProfile").and_then(Value::as_str);
    match (text(profile, "type"), name) {
        ("Localhost", None) => errors.required(&local, "must be set when type is Localhost"),
        ("Localhost", Some(name)) if field == "seccompProfile" => {
            descending_path(&local, name, errors);
        }
        ("Localhost", Some(name)) if name.trim() != name => {
            errors.invalid(&local, name, "must not be padded with whitespace");
        }
        ("Localhost", Some("")) => {
            errors.required(&local, "must be set when AppArmor type is Localhost");
        }
        ("Localhost", Some(_)) | (_, None) => {}
        (_, Some(name)) => errors.invalid(&local, name, "can only be set when type is Localhost"),
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateSysctls`
fn sysctls(path: &Path<'_>, sysctls: &[Value], errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for (i, sysctl) in sysctls.iter().enumerate() {
        let item = path.index(i);
        let path = item.child("name");
        let name = text(sysctl, "name");
        if name.is_empty() {
            errors.required(&path, "");
        } else if !is_sysctl(name) {
            let detail = "must have at most 253 characters and match regex \
                 ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
            errors.invalid(&path, name, detail);
        } else if !seen.insert(name) {
            errors.duplicate(&path, name);
        }
    }
}

fn is_sysctl(name: &str) -> bool {
    let is_end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= 253
        && name.split(['.', '/']).all(|part| {
            part.starts_with(is_end)
                && part.ends_with(is_end)
                && part.chars().all(|c| is_end(c) || c == '-' || c == '_')
        })
}
