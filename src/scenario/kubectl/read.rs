//! Commands that look: get, describe, events, wait.

use clap::Args;

use crate::api::selector::Selector;
use crate::scenario::kubectl::Trouble;
use crate::scenario::kubectl::flags;
use crate::scenario::kubectl::flags::Files;
use crate::scenario::kubectl::flags::GoDuration;
use crate::scenario::kubectl::flags::Output;
use crate::scenario::kubectl::flags::Selection;
use crate::scenario::kubectl::flags::WaitFor;
use crate::scenario::kubectl::target;
use crate::scenario::kubectl::target::Target;

/// `kubectl get`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "kubectl has so many switches")]
pub struct Get {
    /// Kinds and names.
    #[arg(required_unless_present = "filename")]
    pub targets: Vec<String>,
    /// The manifests whose objects are shown.
    #[command(flatten)]
    pub files: Files,
    /// Which objects.
    #[command(flatten)]
    pub selection: Selection,
    /// How they are printed.
    #[arg(short, long, value_parser = flags::output)]
    pub output: Option<Output>,
    /// Goes on showing what changes.
    #[arg(short, long)]
    pub watch: bool,
    /// Shows only what changes.
    #[arg(long)]
    pub watch_only: bool,
    /// With a column of all labels.
    #[arg(long)]
    pub show_labels: bool,
    /// With a column a label.
    #[arg(short = 'L', long, value_delimiter = ',')]
    pub label_columns: Vec<String>,
    /// The field to sort by, as a path.
    #[arg(long)]
    pub sort_by: Option<String>,
    /// Without the line of headings.
    #[arg(long)]
    pub no_headers: bool,
    /// With the kind before each name.
    #[arg(long)]
    pub show_kind: bool,
    /// With managedFields.
    #[arg(long)]
    pub show_managed_fields: bool,
    /// No complaint about what is not there.
    #[arg(long)]
    pub ignore_not_found: bool,
    /// The subresource to show.
    #[arg(long)]
    pub subresource: Option<String>,
}

impl Get {
    /// The kinds and names.
    ///
    /// # Errors
    /// What cannot be read, with the word that it is about.
    pub fn targets(&self) -> Result<Vec<Target>, Trouble> {
        target::targets(&self.targets)
    }
}

/// `kubectl describe`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Describe {
    /// Kinds and names.
    #[arg(required_unless_present = "filename")]
    pub targets: Vec<String>,
    /// The manifests whose objects are told.
    #[command(flatten)]
    pub files: Files,
    /// Objects with these labels.
    #[arg(short = 'l', long, value_parser = flags::label_selector)]
    pub selector: Option<Selector>,
    /// Those of all namespaces.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// With the events about them.
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        default_value = "true",
        action = clap::ArgAction::Set
    )]
    pub show_events: bool,
}

impl Describe {
    /// The kinds and names.
    ///
    /// # Errors
    /// What cannot be read, with the word that it is about.
    pub fn targets(&self) -> Result<Vec<Target>, Trouble> {
        target::targets(&self.targets)
    }
}

/// `kubectl events`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Events {
    /// Only events about this object: `KIND/NAME`.
    #[arg(long = "for")]
    pub about: Option<String>,
    /// Only events of these types.
    #[arg(long, value_delimiter = ',')]
    pub types: Vec<String>,
    /// Those of all namespaces.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Goes on showing what comes.
    #[arg(short, long)]
    pub watch: bool,
    /// Without the line of headings.
    #[arg(long)]
    pub no_headers: bool,
    /// How they are printed.
    #[arg(short, long, value_parser = flags::output)]
    pub output: Option<Output>,
}

impl Events {
    /// The object that the events are about.
    ///
    /// # Errors
    /// What cannot be read, with the word that it is about.
    pub fn about(&self) -> Result<Option<Target>, Trouble> {
        let Some(word) = &self.about else { return Ok(None) };
        let targets = target::targets(std::slice::from_ref(word))?;
        match targets.into_iter().next() {
            Some(target) if target.name.is_some() => Ok(Some(target)),
            _ => Err(Trouble::at(word, "`--for` takes KIND/NAME".to_owned())),
        }
    }
}

/// `kubectl wait`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Wait {
    /// Kinds and names.
    #[arg(required_unless_present = "filename")]
    pub targets: Vec<String>,
    /// The manifests whose objects are waited for.
    #[command(flatten)]
    pub files: Files,
    /// Which objects.
    #[command(flatten)]
    pub selection: Selection,
    /// All objects of the kinds.
    #[arg(long)]
    pub all: bool,
    /// What is waited for.
    #[arg(long = "for", value_parser = flags::wait_for)]
    pub goal: WaitFor,
    /// How long; negative for a week.
    #[arg(long, value_parser = flags::go_duration, default_value = "30s")]
    pub timeout: GoDuration,
}

impl Wait {
    /// The kinds and names.
    ///
    /// # Errors
    /// What cannot be read, with the word that it is about.
    pub fn targets(&self) -> Result<Vec<Target>, Trouble> {
        target::targets(&self.targets)
    }
}
