//! Commands about pod templates and their rollouts: rollout, set.

use clap::Args;
use clap::Subcommand;

use crate::api::selector::Selector;
use crate::scenario::kubectl::Trouble;
use crate::scenario::kubectl::flags;
use crate::scenario::kubectl::flags::DryRun;
use crate::scenario::kubectl::flags::GoDuration;
use crate::scenario::kubectl::flags::Output;
use crate::scenario::kubectl::target;
use crate::scenario::kubectl::target::Change;
use crate::scenario::kubectl::target::Target;

/// `kubectl rollout`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Rollout {
    /// What is done.
    #[command(subcommand)]
    pub verb: RolloutVerb,
}

/// What is done with a rollout.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum RolloutVerb {
    /// Waits until it is complete.
    Status(RolloutStatus),
    /// Goes back to an earlier revision.
    Undo(RolloutUndo),
    /// Makes all pods anew.
    Restart(RolloutTargets),
    /// Holds it.
    Pause(RolloutTargets),
    /// Goes on with it.
    Resume(RolloutTargets),
    /// Lists the revisions.
    History(RolloutHistory),
}

/// Which workloads.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct RolloutTargets {
    /// Kinds and names.
    #[arg(required_unless_present = "selector")]
    pub targets: Vec<String>,
    /// Only workloads with these labels.
    #[arg(short = 'l', long, value_parser = flags::label_selector)]
    pub selector: Option<Selector>,
}

impl RolloutTargets {
    /// The kinds and names.
    ///
    /// # Errors
    /// What cannot be read, with the word that it is about.
    pub fn targets(&self) -> Result<Vec<Target>, Trouble> {
        target::targets(&self.targets)
    }
}

/// `kubectl rollout status`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct RolloutStatus {
    /// Which workloads.
    #[command(flatten)]
    pub which: RolloutTargets,
    /// How long to wait; 0 as long as it takes.
    #[arg(long, value_parser = flags::go_duration, default_value = "0")]
    pub timeout: GoDuration,
    /// Whether to wait at all.
    #[arg(
        short,
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        default_value = "true",
        action = clap::ArgAction::Set
    )]
    pub watch: bool,
    /// Fails when another revision is rolled out meanwhile; 0 for the latest.
    #[arg(long, default_value_t = 0)]
    pub revision: i64,
}

/// `kubectl rollout undo`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct RolloutUndo {
    /// Which workloads.
    #[command(flatten)]
    pub which: RolloutTargets,
    /// The revision; 0 for the one before.
    #[arg(long, default_value_t = 0)]
    pub to_revision: i64,
    /// Whether anything is changed.
    #[arg(long, value_enum, default_value = "none")]
    pub dry_run: DryRun,
}

/// `kubectl rollout history`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct RolloutHistory {
    /// Which workloads.
    #[command(flatten)]
    pub which: RolloutTargets,
    /// The revision to show in full; 0 for a list.
    #[arg(long, default_value_t = 0)]
    pub revision: i64,
    /// How it is printed.
    #[arg(short, long, value_parser = flags::output)]
    pub output: Option<Output>,
}

/// `kubectl set`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Set {
    /// What is set.
    #[command(subcommand)]
    pub what: SetWhat,
}

/// What is set in a pod template.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum SetWhat {
    /// Images of containers.
    Image(SetPairs),
    /// Environment variables.
    Env(SetPairs),
    /// Requests and limits.
    Resources(SetResources),
}

/// `kubectl set image` and `kubectl set env`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct SetPairs {
    /// Kinds and names, then `container=image` or `NAME=value` and `NAME-`.
    #[arg(required = true)]
    pub words: Vec<String>,
    /// Only these containers, by a pattern; for `env`.
    #[arg(short, long, default_value = "*")]
    pub containers: String,
    /// All objects of the kinds.
    #[arg(long)]
    pub all: bool,
    /// Only objects with these labels.
    #[arg(short = 'l', long, value_parser = flags::label_selector)]
    pub selector: Option<Selector>,
    /// Whether anything is changed.
    #[arg(long, value_enum, default_value = "none")]
    pub dry_run: DryRun,
}

impl SetPairs {
    /// The kinds and names, and what is set.
    ///
    /// # Errors
    /// What cannot be read, with the word that it is about.
    pub fn parts(&self) -> Result<(Vec<Target>, Vec<Change>), Trouble> {
        target::targets_and_changes(&self.words, "value")
    }
}

/// `kubectl set resources`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct SetResources {
    /// Kinds and names.
    #[arg(required_unless_present = "selector")]
    pub targets: Vec<String>,
    /// Limits: `cpu=200m,memory=512Mi`.
    #[arg(long, required_unless_present = "requests")]
    pub limits: Option<String>,
    /// Requests: `cpu=200m,memory=512Mi`.
    #[arg(long)]
    pub requests: Option<String>,
    /// Only these containers, by a pattern.
    #[arg(short, long, default_value = "*")]
    pub containers: String,
    /// All objects of the kinds.
    #[arg(long)]
    pub all: bool,
    /// Only objects with these labels.
    #[arg(short = 'l', long, value_parser = flags::label_selector)]
    pub selector: Option<Selector>,
    /// Whether anything is changed.
    #[arg(long, value_enum, default_value = "none")]
    pub dry_run: DryRun,
}

impl SetResources {
    /// The kinds and names.
    ///
    /// # Errors
    /// What cannot be read, with the word that it is about.
    pub fn targets(&self) -> Result<Vec<Target>, Trouble> {
        target::targets(&self.targets)
    }

    /// The limits, then the requests, by resource.
    ///
    /// # Errors
    /// What cannot be read, with the word that it is about.
    pub fn amounts(&self) -> Result<[Vec<(String, String)>; 2], Trouble> {
        Ok([
            target::amounts(self.limits.as_deref().unwrap_or(""))?,
            target::amounts(self.requests.as_deref().unwrap_or(""))?,
        ])
    }
}
