//! Strict decoding: what of an object the apiserver does not know or cannot read.
//!
//! This module is responsible for unknown fields and wrong types, in the apiserver's own words. It
//! must never judge a value (that is validation), nor see fields that stand twice (that is the
//! reader's affair).

use std::fmt;

use serde_json::Value;

use crate::api::schema::template_hash::plain_go_type;
use crate::api::schema::{Field, Schema, Type, go_quantity};
use crate::api::time::Time;

/// One thing that strict decoding refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: `spec.template.spec.containers[0].imag`.
    pub path: String,
    /// What is wrong there.
    pub mistake: Mistake,
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mistake {
    /// There is no field of this name.
    UnknownField {
        /// The known name that is nearest, if one is near.
        nearest: Option<String>,
    },
    /// The field cannot hold this value.
    WrongType {
        /// What the decoder says.
        message: String,
    },
}

/// As the apiserver words it: `unknown field "spec.foo"`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.mistake {
            Mistake::UnknownField { .. } => write!(f, "unknown field \"{}\"", self.path),
            Mistake::WrongType { message } => f.write_str(message),
        }
    }
}

/// All that strict decoding refuses in an object of a kind; an unknown kind has no fields.
pub fn check(kind: &str, object: &Value) -> Vec<Problem> {
    Schema::of(kind).map(|schema| check_against(schema, object)).unwrap_or_default()
}

/// All that strict decoding refuses in an object of a schema.
pub fn check_against(schema: Schema<'_>, object: &Value) -> Vec<Problem> {
    let mut walk = Walk::default();
    walk.object(schema, object);
    walk.problems
}

/// The text of the answer 400 that reports them; none if there is nothing to report.
///
/// The first wrong type ends decoding, so it is told alone; unknown fields are told together.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/runtime/error.go,
/// `strictDecodingError.Error`
pub fn message(problems: &[Problem]) -> Option<String> {
    let wrong = problems.iter().find(|p| matches!(p.mistake, Mistake::WrongType { .. }));
    if let Some(problem) = wrong {
        return Some(problem.to_string());
    }
    let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
    (!all.is_empty()).then(|| format!("strict decoding error: {}", all.join(", ")))
}

#[derive(Default)]
struct Walk {
    path: String,
    /// The names of the fields on the way, without indices, as Go tells them.
    names: Vec<String>,
    problems: Vec<Problem>,
}

impl Walk {
    fn object(&mut self, schema: Schema<'_>, object: &Value) {
        let Some(map) = object.as_object() else { return };
        for (name, value) in map {
            let length = self.path.len();
            if length > 0 {
                self.path.push('.');
            }
            self.path.push_str(name);
            match schema.field(name) {
                Some(field) => self.field(schema, field, value),
                None => self.unknown(schema, name),
            }
            self.path.truncate(length);
        }
    }

    fn field(&mut self, schema: Schema<'_>, field: &Field, value: &Value) {
        self.names.push(field.name.to_owned());
        self.value(schema, &field.holds, value);
        self.names.pop();
    }

    fn value(&mut self, schema: Schema<'_>, holds: &Type, value: &Value) {
        match (holds, value) {
            (Type::Any, _) | (_, Value::Null) => {}
            (Type::Object(row), Value::Object(_)) => self.object(schema.at(*row), value),
            (Type::List(of), Value::Array(list)) => {
                for (i, element) in list.iter().enumerate() {
                    self.inside(&format!("[{i}]"), schema, of, element);
                }
            }
            (Type::Map(of), Value::Object(map)) => {
                for (key, inner) in map {
                    self.inside(&format!(".{key}"), schema, of, inner);
                }
            }
            (holds, value) => {
                if let Some(message) = self.mismatch(schema, holds, value) {
                    let path = self.path.clone();
                    self.problems.push(Problem { path, mistake: Mistake::WrongType { message } });
                }
            }
        }
    }

    fn inside(&mut self, step: &str, schema: Schema<'_>, of: &Type, value: &Value) {
        let length = self.path.len();
        self.path.push_str(step);
        self.value(schema, of, value);
        self.path.truncate(length);
    }

    fn unknown(&mut self, schema: Schema<'_>, name: &str) {
        let near = |f: &&Field| strsim::normalized_damerau_levenshtein(f.name, name);
        let nearest = schema
            .fields()
            .iter()
            .max_by(|a, b| near(a).total_cmp(&near(b)))
            .filter(|f| near(f) >= 0.5)
            .map(|f| f.name.to_owned());
        let path = self.path.clone();
        self.problems.push(Problem { path, mistake: Mistake::UnknownField { nearest } });
    }

    /// What the decoder says of a scalar that does not fit, or of a shape that does not.
    fn mismatch(&self, schema: Schema<'_>, holds: &Type, value: &Value) -> Option<String> {
        let text = value.as_str();
        let wrong = || Some(self.cannot_unmarshal(schema, holds, value));
        match holds {
            Type::String => {
                if text.is_none() {
                    wrong()
                } else {
                    None
                }
            }
            Type::Bool => {
                if value.is_boolean() {
                    None
                } else {
                    wrong()
                }
            }
            Type::Int32 => {
                let fits = value.as_i64().is_some_and(|n| i32::try_from(n).is_ok());
                if fits { None } else { wrong() }
            }
            Type::Int64 => {
                if value.is_i64() {
                    None
                } else {
                    wrong()
                }
            }
            Type::IntOrString => {
                let fits = value.as_i64().is_some_and(|n| i32::try_from(n).is_ok());
                if fits || text.is_some() { None } else { wrong() }
            }
            Type::Quantity => {
                let number = value.as_number().map(ToString::to_string);
                let text = text.or(number.as_deref()).unwrap_or_default();
                go_quantity::parse(text.trim()).err().map(|e| e.message().to_owned())
            }
            Type::Time | Type::MicroTime => match text {
                Some(text) => Time::parse(text).is_none().then(|| no_time(text)),
                None => wrong(),
            },
            Type::Bytes => {
                if text.is_some() {
                    None
                } else {
                    wrong()
                }
            }
            Type::Object(_) | Type::List(_) | Type::Map(_) => wrong(),
            Type::Any => None,
        }
    }

    fn cannot_unmarshal(&self, schema: Schema<'_>, holds: &Type, value: &Value) -> String {
        let what = match value {
            Value::Null => "null".to_owned(),
            Value::Bool(_) => "bool".to_owned(),
            Value::Number(n) if n.is_i64() && !matches!(holds, Type::Int32 | Type::Int64) => {
                "number".to_owned()
            }
            Value::Number(n) if matches!(holds, Type::Int32 | Type::Int64) => format!("number {n}"),
            Value::Number(_) => "number".to_owned(),
            Value::String(_) => "string".to_owned(),
            Value::Array(_) => "array".to_owned(),
            Value::Object(_) => "object".to_owned(),
        };
        format!(
            "json: cannot unmarshal {what} into Go struct field {}.{} of type {}",
            schema.name(),
            self.names.join("."),
            plain_go_type(schema, holds)
        )
    }
}

fn no_time(text: &str) -> String {
    let layout = "2006-01-02T15:04:05Z07:00";
    format!("parsing time \"{text}\" as \"{layout}\": cannot parse \"{text}\" as \"2006\"")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(kind: &str, object: &Value) -> Vec<String> {
        check(kind, object).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn unknown_fields_are_told_with_their_path_and_the_nearest_name() {
        let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {
            "replica": 3,
            "template": {"spec": {"containers": [{"name": "c", "imag": "i"}]}}}});
        let problems = check("Deployment", &object);
        assert_eq!(
            message(&problems).as_deref(),
            Some(
                "strict decoding error: unknown field \"spec.replica\", \
                 unknown field \"spec.template.spec.containers[0].imag\""
            )
        );
        let near: Vec<_> = problems.iter().map(|p| &p.mistake).collect();
        let expect = |n: &str| Mistake::UnknownField { nearest: Some(n.to_owned()) };
        assert_eq!(near, [&expect("replicas"), &expect("image")]);
    }

    #[test]
    fn wrong_types_are_told_as_go_tells_them() {
        assert_eq!(
            told("Deployment", &json!({"spec": {"replicas": "3"}})),
            ["json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas \
                 of type int32"]
        );
        assert_eq!(
            told("Pod", &json!({"spec": {"containers": {}}})),
            ["json: cannot unmarshal object into Go struct field PodSpec.spec.containers \
                 of type []v1.Container"]
        );
        let good = json!({"metadata": {"creationTimestamp": null}, "spec": {"containers": [
            {"name": "c", "resources": {"limits": {"cpu": 1, "memory": "1Gi"}},
             "livenessProbe": {"httpGet": {"port": "http"}}}]}});
        assert_eq!(told("Pod", &good), Vec::<String>::new());
    }
}
