//! Commands that change objects: apply, delete, scale, patch, label, annotate, expose, autoscale.

use clap::Args;

use crate::api::selector::Selector;
use crate::scenario::kubectl::Trouble;
use crate::scenario::kubectl::flags;
use crate::scenario::kubectl::flags::Cascade;
use crate::scenario::kubectl::flags::DryRun;
use crate::scenario::kubectl::flags::Files;
use crate::scenario::kubectl::flags::GoDuration;
use crate::scenario::kubectl::flags::Output;
use crate::scenario::kubectl::flags::PatchType;
use crate::scenario::kubectl::flags::Selection;
use crate::scenario::kubectl::flags::Validate;
use crate::scenario::kubectl::target;
use crate::scenario::kubectl::target::Change;
use crate::scenario::kubectl::target::Target;

/// `kubectl apply`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Apply {
    /// The manifests.
    #[command(flatten)]
    pub files: Files,
    /// Whether the apiserver merges.
    #[arg(long)]
    pub server_side: bool,
    /// Takes fields from other managers.
    #[arg(long)]
    pub force_conflicts: bool,
    /// The name under which fields are owned.
    #[arg(long)]
    pub field_manager: Option<String>,
    /// Deletes and creates again what cannot be changed.
    #[arg(long)]
    pub force: bool,
    /// What becomes of unknown fields.
    #[arg(long, value_enum, default_value = "strict")]
    pub validate: Validate,
    /// Whether anything is changed.
    #[arg(long, value_enum, default_value = "none")]
    pub dry_run: DryRun,
    /// How the result is printed.
    #[arg(short, long, value_parser = flags::output)]
    pub output: Option<Output>,
    /// Only objects with these labels.
    #[arg(short = 'l', long, value_parser = flags::label_selector)]
    pub selector: Option<Selector>,
}

/// `kubectl delete`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "kubectl has so many switches")]
pub struct Delete {
    /// Kinds and names.
    pub targets: Vec<String>,
    /// The manifests whose objects go.
    #[command(flatten)]
    pub files: Files,
    /// Which objects.
    #[command(flatten)]
    pub selection: Selection,
    /// All objects of the kinds.
    #[arg(long)]
    pub all: bool,
    /// What becomes of dependents.
    #[arg(
        long,
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "background",
        default_value = "background"
    )]
    pub cascade: Cascade,
    /// Seconds to end in; -1 for the object's own, 1 at once.
    #[arg(long, default_value_t = -1)]
    pub grace_period: i64,
    /// Does not wait for the kubelet's word, with a grace period of 0.
    #[arg(long)]
    pub force: bool,
    /// A grace period of 1.
    #[arg(long)]
    pub now: bool,
    /// Whether to wait until the objects are gone.
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        default_value = "true",
        action = clap::ArgAction::Set
    )]
    pub wait: bool,
    /// How long to wait; 0 as long as it takes.
    #[arg(long, value_parser = flags::go_duration, default_value = "0")]
    pub timeout: GoDuration,
    /// No complaint about what is not there.
    #[arg(long)]
    pub ignore_not_found: bool,
    /// Whether anything is changed.
    #[arg(long, value_enum, default_value = "none")]
    pub dry_run: DryRun,
    /// How the result is printed.
    #[arg(short, long, value_parser = flags::output)]
    pub output: Option<Output>,
}

impl Delete {
    /// The kinds and names.
    ///
    /// # Errors
    /// What cannot be read, with the word that it is about.
    pub fn targets(&self) -> Result<Vec<Target>, Trouble> {
        target::targets(&self.targets)
    }
}

/// `kubectl scale`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Scale {
    /// Kinds and names.
    pub targets: Vec<String>,
    /// The manifests whose objects are scaled.
    #[command(flatten)]
    pub files: Files,
    /// The new number.
    #[arg(long)]
    pub replicas: i32,
    /// The number that must be there before.
    #[arg(long, default_value_t = -1)]
    pub current_replicas: i32,
    /// The version that must be there before.
    #[arg(long)]
    pub resource_version: Option<String>,
    /// How long to wait for the number; 0 for not.
    #[arg(long, value_parser = flags::go_duration, default_value = "0")]
    pub timeout: GoDuration,
    /// Only objects with these labels.
    #[arg(short = 'l', long, value_parser = flags::label_selector)]
    pub selector: Option<Selector>,
    /// All objects of the kinds.
    #[arg(long)]
    pub all: bool,
    /// Whether anything is changed.
    #[arg(long, value_enum, default_value = "none")]
    pub dry_run: DryRun,
}

impl Scale {
    /// The kinds and names.
    ///
    /// # Errors
    /// What cannot be read, with the word that it is about.
    pub fn targets(&self) -> Result<Vec<Target>, Trouble> {
        target::targets(&self.targets)
    }
}

/// `kubectl patch`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Patch {
    /// Kinds and names.
    pub targets: Vec<String>,
    /// The manifests whose objects are patched.
    #[command(flatten)]
    pub files: Files,
    /// The patch, as JSON or YAML.
    #[arg(short, long)]
    pub patch: String,
    /// The kind of patch.
    #[arg(long = "type", value_enum, default_value = "strategic")]
    pub kind: PatchType,
    /// The subresource to patch: `status`, `scale`, `resize`.
    #[arg(long)]
    pub subresource: Option<String>,
    /// Whether anything is changed.
    #[arg(long, value_enum, default_value = "none")]
    pub dry_run: DryRun,
    /// How the result is printed.
    #[arg(short, long, value_parser = flags::output)]
    pub output: Option<Output>,
}

impl Patch {
    /// The kinds and names.
    ///
    /// # Errors
    /// What cannot be read, with the word that it is about.
    pub fn targets(&self) -> Result<Vec<Target>, Trouble> {
        target::targets(&self.targets)
    }

    /// The patch as JSON.
    ///
    /// # Errors
    /// What cannot be read, with the word that it is about.
    pub fn value(&self) -> Result<serde_json::Value, Trouble> {
        let wrong = |why: String| Trouble::at(&self.patch, format!("the patch is no JSON: {why}"));
        let value = target::yaml_value(&self.patch).map_err(wrong)?;
        let fits = match self.kind {
            PatchType::Strategic | PatchType::Merge => value.is_object(),
            PatchType::Json => value.is_array(),
        };
        let expected = match self.kind {
            PatchType::Strategic | PatchType::Merge => "an object",
            PatchType::Json => "a list of operations",
        };
        if fits { Ok(value) } else { Err(wrong(format!("expected {expected}"))) }
    }
}

/// `kubectl label`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// Kinds and names, then `key=value` to set and `key-` to remove.
    #[arg(required = true)]
    pub words: Vec<String>,
    /// Which objects.
    #[command(flatten)]
    pub selection: Selection,
    /// All objects of the kinds.
    #[arg(long)]
    pub all: bool,
    /// Changes values that are there.
    #[arg(long)]
    pub overwrite: bool,
    /// Whether anything is changed.
    #[arg(long, value_enum, default_value = "none")]
    pub dry_run: DryRun,
}

impl Label {
    /// The kinds and names, and what is changed.
    ///
    /// # Errors
    /// What cannot be read, with the word that it is about.
    pub fn parts(&self) -> Result<(Vec<Target>, Vec<Change>), Trouble> {
        target::targets_and_changes(&self.words, "label")
    }
}

/// `kubectl annotate`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Annotate {
    /// Kinds and names, then `key=value` to set and `key-` to remove.
    #[arg(required = true)]
    pub words: Vec<String>,
    /// Which objects.
    #[command(flatten)]
    pub selection: Selection,
    /// All objects of the kinds.
    #[arg(long)]
    pub all: bool,
    /// Changes values that are there.
    #[arg(long)]
    pub overwrite: bool,
    /// Whether anything is changed.
    #[arg(long, value_enum, default_value = "none")]
    pub dry_run: DryRun,
}

impl Annotate {
    /// The kinds and names, and what is changed.
    ///
    /// # Errors
    /// What cannot be read, with the word that it is about.
    pub fn parts(&self) -> Result<(Vec<Target>, Vec<Change>), Trouble> {
        target::targets_and_changes(&self.words, "annotation")
    }
}

/// `kubectl expose`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Expose {
    /// Kind and name.
    #[arg(required = true)]
    pub targets: Vec<String>,
    /// The Service's port.
    #[arg(long)]
    pub port: Option<u16>,
    /// The pods' port, by number or name.
    #[arg(long)]
    pub target_port: Option<String>,
    /// The Service's name.
    #[arg(long)]
    pub name: Option<String>,
    /// The Service's type.
    #[arg(long = "type", default_value = "ClusterIP")]
    pub kind: String,
    /// The protocol.
    #[arg(long, default_value = "TCP")]
    pub protocol: String,
    /// The Service's selector; the object's own when not given.
    #[arg(long)]
    pub selector: Option<String>,
    /// The Service's labels.
    #[arg(short = 'l', long)]
    pub labels: Option<String>,
    /// The Service's address; `None` for a headless one.
    #[arg(long)]
    pub cluster_ip: Option<String>,
}

impl Expose {
    /// The kind and name.
    ///
    /// # Errors
    /// What cannot be read, with the word that it is about.
    pub fn targets(&self) -> Result<Vec<Target>, Trouble> {
        target::targets(&self.targets)
    }
}

/// `kubectl autoscale`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Autoscale {
    /// Kind and name.
    #[arg(required = true)]
    pub targets: Vec<String>,
    /// At least so many.
    #[arg(long, default_value_t = -1)]
    pub min: i32,
    /// At most so many.
    #[arg(long)]
    pub max: i32,
    /// The wanted use of cpu, in percent of the request.
    #[arg(long)]
    pub cpu_percent: Option<i32>,
    /// The wanted use of cpu: `50%` or `500m`.
    #[arg(long)]
    pub cpu: Option<String>,
    /// The wanted use of memory: `50%` or `200Mi`.
    #[arg(long)]
    pub memory: Option<String>,
    /// The autoscaler's name.
    #[arg(long)]
    pub name: Option<String>,
}

impl Autoscale {
    /// The kind and name.
    ///
    /// # Errors
    /// What cannot be read, with the word that it is about.
    pub fn targets(&self) -> Result<Vec<Target>, Trouble> {
        target::targets(&self.targets)
    }
}
