//! The page that a description is written on, and the blocks that many kinds share.

use serde_json::Value;

use crate::api::time::Time;
use crate::scenario::print::look::{at, list, members, shown, since, text, text_or, time};

/// The longest annotation that has one line.
const ANNOTATION_WIDTH: usize = 140;

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Tabbed text that grows line by line.
pub(super) struct Page {
    out: String,
    /// When the object is looked at.
    pub(super) now: Time,
}

impl Page {
    pub(super) fn new(now: Time) -> Page {
        Page { out: String::new(), now }
    }

    pub(super) fn into_text(self) -> String {
        self.out
    }

    /// A line as it is.
    pub(super) fn line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    /// `Label:` and a value; the label bears its indent.
    pub(super) fn field(&mut self, label: &str, value: impl AsRef<str>) {
        self.line(&format!("{label}:\t{}", value.as_ref()));
    }

    /// A field that is left out when its text is empty.
    pub(super) fn field_if(&mut self, label: &str, value: &str) {
        if !value.is_empty() {
            self.field(label, value);
        }
    }

    /// A label, and values one below the other.
    pub(super) fn field_of(&mut self, label: &str, values: &[String]) {
        if values.is_empty() {
            self.field(label, "<none>");
        }
        for (n, value) in values.iter().enumerate() {
            let label = if n == 0 { format!("{label}:") } else { String::new() };
            self.line(&format!("{label}\t{value}"));
        }
    }

    /// Labels, one below the other.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
    /// `printLabelsMultiline`
    pub(super) fn labels(&mut self, label: &str, value: &Value, path: &str) {
        let all = members(value, path);
        let lines: Vec<String> = all.iter().map(|(k, v)| format!("{k}={}", shown(v))).collect();
        self.field_of(label, &lines);
    }

    /// Annotations, one below the other, without what `kubectl apply` keeps for itself.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
    /// `printAnnotationsMultiline`
    pub(super) fn annotations(&mut self, label: &str, value: &Value, path: &str) {
        let mut lines = Vec::new();
        for (key, value) in members(value, path) {
            if key == LAST_APPLIED {
                continue;
            }
            let value = shown(value);
            let value = value.trim_end_matches('\n');
            if key.len() + value.len() + 2 <= ANNOTATION_WIDTH && !value.contains('\n') {
                lines.push(format!("{key}: {value}"));
                continue;
            }
            lines.push(format!("{key}:"));
            for line in value.split('\n') {
                lines.push(format!("  {}", shorten(line)));
            }
        }
        self.field_of(label, &lines);
    }

    /// Name, and namespace where there is one.
    pub(super) fn name(&mut self, object: &Value) {
        self.field("Name", text(object, "metadata.name"));
        self.field_if("Namespace", text(object, "metadata.namespace"));
    }

    /// Labels and annotations of the object.
    pub(super) fn labels_and_annotations(&mut self, object: &Value) {
        self.labels("Labels", object, "metadata.labels");
        self.annotations("Annotations", object, "metadata.annotations");
    }

    /// `Controlled By`, where somebody does.
    pub(super) fn controlled_by(&mut self, object: &Value) {
        let owners = list(object, "metadata.ownerReferences");
        if let Some(owner) = owners.iter().find(|o| o["controller"] == true) {
            let name = format!("{}/{}", text(owner, "kind"), text(owner, "name"));
            self.field("Controlled By", name);
        }
    }

    /// Tolerations, sorted by key.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
    /// `printTolerationsMultilineWithIndent`
    pub(super) fn tolerations(&mut self, label: &str, spec: &Value) {
        let mut all: Vec<&Value> = list(spec, "tolerations").iter().collect();
        all.sort_by_key(|t| text(t, "key"));
        let lines: Vec<String> = all.into_iter().map(toleration).collect();
        self.field_of(label, &lines);
    }

    /// How long ago an instant of the object was.
    pub(super) fn ago(&self, object: &Value, path: &str) -> String {
        since(time(object, path), self.now)
    }
}

fn toleration(t: &Value) -> String {
    let mut line = text(t, "key").to_owned();
    let (value, effect) = (text(t, "value"), text(t, "effect"));
    if !value.is_empty() {
        line = format!("{line}={value}");
    }
    if !effect.is_empty() {
        line = format!("{line}:{effect}");
    }
    if text(t, "operator") == "Exists" && value.is_empty() {
        let space = if line.is_empty() { "" } else { " " };
        line = format!("{line}{space}op=Exists");
    }
    match at(t, "tolerationSeconds").as_i64() {
        Some(seconds) => format!("{line} for {seconds}s"),
        None => line,
    }
}

fn shorten(line: &str) -> String {
    let most = ANNOTATION_WIDTH - 2;
    if line.chars().count() <= most {
        return line.to_owned();
    }
    line.chars().take(most).chain("...".chars()).collect()
}

/// An instant as in mail: `Thu, 01 Jan 2026 00:00:00 +0000`.
pub(super) fn date(value: &Value, path: &str) -> String {
    let Some(time) = time(value, path) else {
        return "Mon, 01 Jan 0001 00:00:00 +0000".to_owned();
    };
    let stamp = jiff::Timestamp::from_second(time.unix_seconds());
    let stamp = stamp.unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    stamp.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// `True` or `False`.
pub(super) fn truth_word(value: &Value, path: &str) -> &'static str {
    if at(value, path) == &Value::Bool(true) { "True" } else { "False" }
}

/// A text, or `<none>`.
pub(super) fn or_none(value: &Value, path: &str) -> String {
    text_or(value, path, "<none>")
}
