//! The pod-template-hash label, as Kubernetes computes it from the text of the Go struct.
//!
//! This module is responsible for the text, its hash and the comparison of templates. It must never
//! default a template: what is hashed is what the controller read.

use std::fmt::Write as _;

use serde_json::Value;

use crate::api::schema::go_quantity::{self, Amount, GoQuantity};
use crate::api::schema::table::Member;
use crate::api::schema::{Field, Schema, Type};
use crate::api::time::Time;

/// The letters that a hash is told with: no vowels and no look-alikes.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
/// The longest name of an object.
const MAX_NAME: usize = 253;
/// The label that tells the replica sets of a Deployment apart.
const HASH_LABEL: &str = "pod-template-hash";
/// Where FNV of 32 bits starts, and what it multiplies with.
const FNV_START: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;
/// Seconds from the year 1 to 1970, as Go counts.
const UNIX_TO_GO: i64 = 62_135_596_800;

/// The hash of a pod template (a defaulted `PodTemplateSpec` in JSON) and a count of collisions.
///
/// Source: kubernetes v1.36 pkg/controller/controller_utils.go, `ComputeHash`
pub fn template_hash(template: &Value, collision_count: Option<i32>) -> String {
    hash_of_text(&template_text(template), collision_count)
}

/// The hash of a template whose text is known.
pub fn hash_of_text(text: &str, collision_count: Option<i32>) -> String {
    let mut hash = fnv(FNV_START, text.as_bytes());
    if let Some(count) = collision_count {
        hash = fnv(hash, &count.to_le_bytes());
        hash = fnv(hash, &[0; 4]);
    }
    safe_encode(&hash.to_string())
}

/// The data of a `ControllerRevision` of a pod template, in Kubernetes' canonical JSON.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_utils.go, `getPatch`
pub fn revision_data(template: &Value) -> String {
    let mut template = template.clone();
    if let Some(map) = template.as_object_mut() {
        map.insert("$patch".to_owned(), Value::from("replace"));
    }
    let mut out = String::new();
    canonical_json(&mut out, &serde_json::json!({"spec": {"template": template}}));
    out
}

/// The hash that names a `ControllerRevision` with such data: `db-559fffc79c` for the set `db`.
///
/// Source: kubernetes v1.36 pkg/controller/history/controller_history.go,
/// `HashControllerRevision`
pub fn revision_hash(data: &str, collision_count: Option<i32>) -> String {
    let count = collision_count.map(|n| n.to_string()).unwrap_or_default();
    let hash = data.bytes().chain(count.bytes()).fold(FNV_START, |hash, b| {
        // FNV-1, not FNV-1a: the bytes come in after the multiplication.
        hash.wrapping_mul(FNV_PRIME) ^ u32::from(b)
    });
    safe_encode(&hash.to_string())
}

/// The text of a pod template's Go struct, which is what the hash is of.
///
/// Empty lists and maps are told as absent ones: stored objects do not know the difference.
/// Differs: the location of a time is left out, since it depends on the machine; templates have no
/// times.
/// Source: kubernetes v1.36 vendor/k8s.io/utils/dump/dump.go, `ForHash`
pub fn template_text(template: &Value) -> String {
    let mut out = String::with_capacity(4096);
    let schema = template_schema();
    let _ = write!(out, "(v1.{})", schema.name());
    dump_struct(&mut out, schema, template);
    out
}

/// The name of a Deployment's `ReplicaSet`.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/sync.go, `generateReplicaSetName`
pub fn replica_set_name(deployment: &str, hash: &str) -> String {
    let room = MAX_NAME.saturating_sub(hash.len() + 1);
    let base = deployment.get(..room).unwrap_or(deployment);
    format!("{base}-{hash}")
}

/// Whether two pod templates (`PodTemplateSpec` in JSON) are equal but for the hash label.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go, `EqualIgnoreHash`
pub fn templates_equal(a: &Value, b: &Value) -> bool {
    equal_struct(template_schema(), &unlabelled(a), &unlabelled(b))
}

/// The text with each byte told by a letter of the alphabet.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/rand/rand.go,
/// `SafeEncodeString`
pub fn safe_encode(text: &str) -> String {
    text.bytes().map(|b| char::from(ALPHABET[usize::from(b) % ALPHABET.len()])).collect()
}

fn template_schema() -> Schema<'static> {
    Schema::of_struct("core", "PodTemplateSpec").expect("pod templates are in the tables")
}

/// FNV-1a of 32 bits.
fn fnv(start: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(start, |hash, b| (hash ^ u32::from(*b)).wrapping_mul(FNV_PRIME))
}

/// Writes JSON as Go does: keys in order, no spaces, `<`, `>` and `&` escaped.
fn canonical_json(out: &mut String, value: &Value) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            out.push('{');
            for (i, key) in keys.into_iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                canonical_json(out, &Value::from(key.as_str()));
                out.push(':');
                canonical_json(out, &map[key]);
            }
            out.push('}');
        }
        Value::Array(list) => {
            out.push('[');
            for (i, element) in list.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                canonical_json(out, element);
            }
            out.push(']');
        }
        Value::String(_) => {
            let text = value.to_string();
            let escaped = text.replace('<', "\\u003c").replace('>', "\\u003e");
            out.push_str(&escaped.replace('&', "\\u0026"));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            let _ = write!(out, "{value}");
        }
    }
}

fn unlabelled(template: &Value) -> Value {
    let mut copy = template.clone();
    if let Some(labels) = copy.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(HASH_LABEL);
    }
    copy
}

fn dump_struct(out: &mut String, schema: Schema<'_>, object: &Value) {
    out.push('{');
    for (i, member) in schema.members().iter().enumerate() {
        let space = if i > 0 { " " } else { "" };
        match member {
            Member::Inline(row) => {
                let inner = schema.at(*row);
                let _ = write!(out, "{space}{0}:(v1.{0})", inner.name());
                dump_struct(out, inner, object);
            }
            Member::Field(field) => {
                let star = if field.pointer { "*" } else { "" };
                let kind = go_type(schema, field);
                let _ = write!(out, "{space}{}:({star}{kind})", field.go_name);
                let value = object.get(field.name).unwrap_or(&Value::Null);
                if field.pointer && value.is_null() {
                    out.push_str("<nil>");
                } else {
                    dump(out, schema, &field.holds, value);
                }
            }
        }
    }
    out.push('}');
}

fn dump(out: &mut String, schema: Schema<'_>, holds: &Type, value: &Value) {
    match holds {
        Type::Object(row) => dump_struct(out, schema.at(*row), value),
        Type::List(of) => dump_list(out, schema, of, value),
        Type::Map(of) => dump_map(out, schema, of, value),
        Type::Quantity => dump_quantity(out, value),
        Type::IntOrString => dump_int_or_string(out, value),
        Type::Time | Type::MicroTime => {
            let at = value.as_str().and_then(Time::parse).map(Time::unix_seconds);
            let ext = at.map_or(0, |s| s + UNIX_TO_GO);
            let _ = write!(
                out,
                "{{Time:(time.Time){{wall:(uint64)0 ext:(int64){ext} loc:(*time.Location)<nil>}}}}"
            );
        }
        Type::Int32 | Type::Int64 => {
            let _ = write!(out, "{}", value.as_i64().unwrap_or(0));
        }
        Type::Bool => {
            let _ = write!(out, "{}", value.as_bool().unwrap_or(false));
        }
        Type::String | Type::Bytes => out.push_str(value.as_str().unwrap_or_default()),
        Type::Any => {
            let _ = write!(out, "{value}");
        }
    }
}

fn dump_list(out: &mut String, schema: Schema<'_>, of: &Type, value: &Value) {
    let Some(list) = value.as_array().filter(|l| !l.is_empty()) else {
        out.push_str("<nil>");
        return;
    };
    out.push('[');
    for (i, element) in list.iter().enumerate() {
        if i > 0 {
            out.push(' ');
        }
        dump(out, schema, of, element);
    }
    out.push(']');
}

fn dump_map(out: &mut String, schema: Schema<'_>, of: &Type, value: &Value) {
    let Some(map) = value.as_object().filter(|m| !m.is_empty()) else {
        out.push_str("<nil>");
        return;
    };
    let mut keys: Vec<&String> = map.keys().collect();
    keys.sort();
    out.push_str("map[");
    for (i, key) in keys.into_iter().enumerate() {
        let _ = write!(out, "{}{key}:", if i > 0 { " " } else { "" });
        dump(out, schema, of, &map[key]);
    }
    out.push(']');
}

fn dump_int_or_string(out: &mut String, value: &Value) {
    let (kind, text) = value.as_str().map_or((0, ""), |t| (1, t));
    let number = value.as_i64().unwrap_or(0);
    let _ =
        write!(out, "{{Type:(intstr.Type){kind} IntVal:(int32){number} StrVal:(string){text}}}");
}

fn dump_quantity(out: &mut String, value: &Value) {
    let none = GoQuantity {
        amount: Amount::Small { value: 0, scale: 0 },
        cached: String::new(),
        format: "",
    };
    let q = quantity(value).unwrap_or(none);
    let (value, scale) = match q.amount {
        Amount::Small { value, scale } => (value, scale),
        Amount::Decimal { .. } => (0, 0),
    };
    let _ = write!(
        out,
        "{{i:(resource.int64Amount){{value:(int64){value} scale:(resource.Scale){scale}}} \
         d:(resource.infDecAmount){{Dec:(*inf.Dec)"
    );
    match q.amount {
        Amount::Small { .. } => out.push_str("<nil>"),
        Amount::Decimal { negative, unscaled, scale } => {
            let words = words(unscaled);
            let _ = write!(
                out,
                "{{unscaled:(big.Int){{neg:(bool){negative} abs:(big.nat){words}}} \
                 scale:(inf.Scale){scale}}}"
            );
        }
    }
    let _ = write!(out, "}} s:(string){} Format:(resource.Format){}}}", q.cached, q.format);
}

/// Go's words of a big number, the lowest first.
fn words(n: u128) -> String {
    let (low, high) = (n & u128::from(u64::MAX), n >> 64);
    match (low, high) {
        (0, 0) => "<nil>".to_owned(),
        (low, 0) => format!("[{low}]"),
        (low, high) => format!("[{low} {high}]"),
    }
}

fn quantity(value: &Value) -> Option<GoQuantity> {
    let number = value.as_number().map(ToString::to_string);
    go_quantity::parse(value.as_str().or(number.as_deref())?).ok()
}

fn go_type(schema: Schema<'_>, field: &Field) -> String {
    let alias = match field.go_type {
        "" => None,
        name if name.contains('.') => Some(name.to_owned()),
        name => Some(format!("v1.{name}")),
    };
    match (&field.holds, alias) {
        (Type::List(_), Some(of)) => format!("[]{of}"),
        (_, Some(alias)) => alias,
        (holds, None) => plain_go_type(schema, holds),
    }
}

/// The Go type of a field that has no name of its own there.
pub(super) fn plain_go_type(schema: Schema<'_>, holds: &Type) -> String {
    match holds {
        Type::String => "string".to_owned(),
        Type::Int32 => "int32".to_owned(),
        Type::Int64 => "int64".to_owned(),
        Type::Bool => "bool".to_owned(),
        Type::Bytes => "[]uint8".to_owned(),
        Type::Quantity => "resource.Quantity".to_owned(),
        Type::Time => "v1.Time".to_owned(),
        Type::MicroTime => "v1.MicroTime".to_owned(),
        Type::IntOrString => "intstr.IntOrString".to_owned(),
        Type::Any => "v1.FieldsV1".to_owned(),
        Type::Object(row) => format!("{}.{}", go_package(schema.at(*row)), schema.at(*row).name()),
        Type::List(of) => format!("[]{}", plain_go_type(schema, of)),
        Type::Map(of) => format!("map[string]{}", plain_go_type(schema, of)),
    }
}

fn go_package(schema: Schema<'_>) -> &'static str {
    if schema.group() == "autoscaling" { "v2" } else { "v1" }
}

/// Equal as Kubernetes sees it: quantities by number, empty lists and maps like absent ones.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/equality/semantic.go,
/// `Semantic`
fn equal_struct(schema: Schema<'_>, a: &Value, b: &Value) -> bool {
    schema.fields().iter().all(|field| {
        let (a, b) = (&a[field.name], &b[field.name]);
        let told_apart = field.pointer && a.is_null() != b.is_null();
        !told_apart && equal(schema, &field.holds, a, b)
    })
}

fn equal(schema: Schema<'_>, holds: &Type, a: &Value, b: &Value) -> bool {
    match holds {
        Type::Object(row) => equal_struct(schema.at(*row), a, b),
        Type::List(of) => {
            let (a, b) = (items(a), items(b));
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(schema, of, a, b))
        }
        Type::Map(of) => {
            let none = serde_json::Map::new();
            let (a, b) = (a.as_object().unwrap_or(&none), b.as_object().unwrap_or(&none));
            let same = |(k, a): (&String, _)| b.get(k).is_some_and(|b| equal(schema, of, a, b));
            a.len() == b.len() && a.iter().all(same)
        }
        Type::Quantity => match (quantity(a), quantity(b)) {
            (Some(a), Some(b)) => a.equals(&b),
            (a, b) => a.is_none() && b.is_none(),
        },
        Type::String | Type::Bytes => {
            a.as_str().unwrap_or_default() == b.as_str().unwrap_or_default()
        }
        Type::Int32 | Type::Int64 => a.as_i64().unwrap_or(0) == b.as_i64().unwrap_or(0),
        Type::Bool => a.as_bool().unwrap_or(false) == b.as_bool().unwrap_or(false),
        Type::Time | Type::MicroTime => {
            a.as_str().and_then(Time::parse) == b.as_str().and_then(Time::parse)
        }
        Type::IntOrString | Type::Any => a == b,
    }
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn defaulted(app: &str, image: &str, pool: &str) -> Value {
        json!({"metadata": {"labels": {"app": app}}, "spec": {
            "nodeSelector": {"pool": pool},
            "containers": [{"name": "app", "image": image, "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File", "imagePullPolicy": "IfNotPresent"}],
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst", "securityContext": {},
            "schedulerName": "default-scheduler"}})
    }

    #[test]
    fn hashes_are_those_of_a_real_cluster() {
        let web = |image, pool| template_hash(&defaulted("web", image, pool), None);
        assert_eq!(web("registry.local/app:v1", "main"), "7c7f6bbfb6");
        assert_eq!(web("registry.local/app:v2", "main"), "64456f7f87");
        assert_eq!(web("registry.local/app:v1", "fail"), "84cbbc554f");
        let agent = defaulted("agent", "registry.local/agent:v1", "fail");
        assert_eq!(template_hash(&agent, None), "58dd7cdbd8");
        let mut probed = defaulted("web", "registry.local/app:v1", "main");
        probed["spec"]["containers"][0]["readinessProbe"] = json!({
            "exec": {"command": ["ready-after", "2"]}, "timeoutSeconds": 1, "periodSeconds": 1,
            "successThreshold": 1, "failureThreshold": 3});
        assert_eq!(template_hash(&probed, None), "778b6d596");
    }

    #[test]
    fn a_revision_is_named_as_on_a_real_cluster() {
        let mut template = defaulted("db", "registry.local/db:v1", "main");
        template["spec"]["containers"][0]["readinessProbe"] = json!({
            "exec": {"command": ["ready-after", "2"]}, "timeoutSeconds": 1, "periodSeconds": 1,
            "successThreshold": 1, "failureThreshold": 3});
        assert_eq!(revision_hash(&revision_data(&template), Some(0)), "559fffc79c");
    }
}
