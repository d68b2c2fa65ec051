//! Values and groups of flags that several commands share.

use clap::Args;
use clap::ValueEnum;

use crate::api::selector::FieldSelector;
use crate::api::selector::Selector;
use crate::api::selector::SelectorError;
use crate::scenario::duration;

/// A Go duration of a flag, in nanoseconds; may be negative where kubectl gives that a meaning.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct GoDuration(pub i64);

/// Reads the value of a duration's flag.
pub(super) fn go_duration(text: &str) -> Result<GoDuration, String> {
    let hint = "expected a duration such as `30s` or `2m`";
    duration::parse_signed(text).map(GoDuration).ok_or_else(|| hint.to_owned())
}

/// Reads the value of `-l`.
pub(super) fn label_selector(text: &str) -> Result<Selector, String> {
    text.parse().map_err(|why: SelectorError| why.to_string())
}

/// Reads the value of `--field-selector`.
pub(super) fn field_selector(text: &str) -> Result<FieldSelector, String> {
    text.parse().map_err(|why: SelectorError| why.to_string())
}

/// Where objects come from.
#[derive(Args, Clone, PartialEq, Eq, Debug, Default)]
pub struct Files {
    /// Paths of manifests.
    #[arg(short = 'f', long = "filename", value_delimiter = ',')]
    pub filename: Vec<String>,
    /// Also the folders below a folder.
    #[arg(short = 'R', long)]
    pub recursive: bool,
}

/// Which objects of a kind.
#[derive(Args, Clone, PartialEq, Eq, Debug, Default)]
pub struct Selection {
    /// Those with these labels.
    #[arg(short = 'l', long, value_parser = label_selector)]
    pub selector: Option<Selector>,
    /// Those with these fields.
    #[arg(long, value_parser = field_selector)]
    pub field_selector: Option<FieldSelector>,
    /// Those of all namespaces.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
}

/// What becomes of an object's dependents.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cascade {
    /// They go afterwards.
    #[value(alias = "true")]
    Background,
    /// They go first.
    Foreground,
    /// They stay.
    #[value(alias = "false")]
    Orphan,
}

/// Whether anything is changed at all.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum DryRun {
    /// Everything is done.
    None,
    /// Nothing is sent.
    Client,
    /// It is sent, and not stored.
    Server,
}

/// What becomes of fields that are not known.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Validate {
    /// The apiserver refuses them.
    #[value(alias = "true")]
    Strict,
    /// The apiserver warns.
    Warn,
    /// They are dropped silently.
    #[value(alias = "false")]
    Ignore,
}

/// The kinds of patches.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum PatchType {
    /// Lists are merged by their keys.
    Strategic,
    /// RFC 7386: lists are replaced.
    Merge,
    /// RFC 6902: a list of operations.
    Json,
}

/// When a container is started again.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum RestartPolicy {
    /// Always.
    #[value(name = "Always")]
    Always,
    /// When it failed.
    #[value(name = "OnFailure")]
    OnFailure,
    /// Never.
    #[value(name = "Never")]
    Never,
}

/// How objects are printed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// A table with more columns.
    Wide,
    /// YAML.
    Yaml,
    /// JSON.
    Json,
    /// `kind/name`.
    Name,
    /// A table with these columns: `NAME:.metadata.name,…`.
    CustomColumns(String),
    /// What a path selects.
    Jsonpath(String),
}

/// Reads the value of `-o`.
pub(super) fn output(text: &str) -> Result<Output, String> {
    let (name, rest) = text.split_once('=').unwrap_or((text, ""));
    match (name, rest.is_empty()) {
        ("wide", true) => Ok(Output::Wide),
        ("yaml", true) => Ok(Output::Yaml),
        ("json", true) => Ok(Output::Json),
        ("name", true) => Ok(Output::Name),
        ("custom-columns", false) => Ok(Output::CustomColumns(rest.to_owned())),
        ("jsonpath", false) => Ok(Output::Jsonpath(rest.to_owned())),
        ("custom-columns" | "jsonpath", true) => Err("it needs a template behind `=`".to_owned()),
        _ => Err("expected one of wide, yaml, json, name, custom-columns=…, jsonpath=…".to_owned()),
    }
}

/// What `kubectl wait` waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WaitFor {
    /// The object is there.
    Create,
    /// The object is gone.
    Delete,
    /// A condition has a status, by default `True`.
    Condition {
        /// The condition's type, in any case.
        name: String,
        /// Its status, in any case.
        status: String,
    },
    /// A path gives this value, or with none any value.
    Jsonpath {
        /// The path, with its braces.
        path: String,
        /// The value.
        value: Option<String>,
    },
}

/// Reads the value of `--for`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/wait/wait.go, conditionFuncFor
pub(super) fn wait_for(text: &str) -> Result<WaitFor, String> {
    match text.to_ascii_lowercase().as_str() {
        "create" => return Ok(WaitFor::Create),
        "delete" => return Ok(WaitFor::Delete),
        _ => {}
    }
    if let Some(rest) = text.strip_prefix("condition=") {
        let (name, status) = rest.split_once('=').unwrap_or((rest, "true"));
        if !name.is_empty() {
            return Ok(WaitFor::Condition { name: name.to_owned(), status: status.to_owned() });
        }
    }
    if let Some(rest) = text.strip_prefix("jsonpath=") {
        let end = rest.find('}').map_or(rest.len(), |at| at + 1);
        let (path, value) = rest.split_at(end);
        let value = value.strip_prefix('=').map(str::to_owned);
        if !path.is_empty() {
            return Ok(WaitFor::Jsonpath { path: path.to_owned(), value });
        }
    }
    Err("expected create, delete, condition=NAME[=STATUS] or jsonpath={PATH}[=VALUE]".to_owned())
}
