//! The command line of kubectl, as far as a scenario's person types it.
//!
//! Responsible for reading a line (quotes, `|| true`, `&`, `$(kubectl get …)`) and the commands
//! with their flags into typed values, before anything runs. It never runs a command.

mod change;
mod create;
mod flags;
mod line;
mod node;
mod parse;
mod read;
mod rollout;
mod target;
mod top;
mod word;

use clap::Args;
use clap::Parser;
use clap::Subcommand;

pub use change::Annotate;
pub use change::Apply;
pub use change::Autoscale;
pub use change::Delete;
pub use change::Expose;
pub use change::Label;
pub use change::Patch;
pub use change::Scale;
pub use create::Create;
pub use create::CreateBudget;
pub use create::CreateCronJob;
pub use create::CreateDeployment;
pub use create::CreateJob;
pub use create::CreateKind;
pub use create::CreatePriorityClass;
pub use create::CreateQuota;
pub use create::CreateSecret;
pub use create::Literals;
pub use create::Named;
pub use create::Run;
pub use create::SecretSort;
pub use flags::Cascade;
pub use flags::DryRun;
pub use flags::Files;
pub use flags::GoDuration;
pub use flags::Output;
pub use flags::PatchType;
pub use flags::RestartPolicy;
pub use flags::Selection;
pub use flags::Validate;
pub use flags::WaitFor;
pub use line::Cut;
pub use line::Line;
pub use line::Misread;
pub use line::Substitution;
pub use node::Cordon;
pub use node::Drain;
pub use node::Taint;
pub use parse::Trouble;
pub use parse::parse;
pub use read::Describe;
pub use read::Events;
pub use read::Get;
pub use read::Wait;
pub use rollout::Rollout;
pub use rollout::RolloutHistory;
pub use rollout::RolloutStatus;
pub use rollout::RolloutTargets;
pub use rollout::RolloutUndo;
pub use rollout::RolloutVerb;
pub use rollout::Set;
pub use rollout::SetPairs;
pub use rollout::SetResources;
pub use rollout::SetWhat;
pub use target::Change;
pub use target::Resource;
pub use target::Target;
pub use top::SortBy as TopSortBy;
pub use top::Top;
pub use top::TopNodes;
pub use top::TopPods;
pub use top::TopWhat;

/// A whole command line after the word kubectl.
#[derive(Parser, Clone, PartialEq, Debug)]
#[command(name = "kubectl", no_binary_name = true)]
pub struct Kubectl {
    /// What each command takes.
    #[command(flatten)]
    pub scope: Scope,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What each command takes.
#[derive(Args, Clone, PartialEq, Debug, Default)]
pub struct Scope {
    /// The namespace of the request; the scenario's when not given.
    #[arg(short, long, global = true)]
    pub namespace: Option<String>,
}

/// The commands, and how to find the grammar of one of them without making those of all.
macro_rules! commands {
    ($($(#[$about:meta])* $name:literal => $variant:ident($of:ident),)*) => {
        /// The commands.
        #[derive(Subcommand, Clone, PartialEq, Debug)]
        pub enum Command {
            $($(#[$about])* #[command(name = $name)] $variant($of),)*
        }

        impl Command {
            /// The names of the commands.
            pub const NAMES: &[&'static str] = &[$($name),*];

            /// The grammar of one command.
            fn grammar_of(name: &str) -> Option<clap::Command> {
                match name {
                    $($name => Some($of::augment_args(clap::Command::new($name))),)*
                    _ => None,
                }
            }
        }
    };
}

commands! {
    /// Makes the cluster's objects as the manifests say.
    "apply" => Apply(Apply),
    /// Creates an object.
    "create" => Create(Create),
    /// Creates a pod.
    "run" => Run(Run),
    /// Creates a Service for pods.
    "expose" => Expose(Expose),
    /// Creates a `HorizontalPodAutoscaler`.
    "autoscale" => Autoscale(Autoscale),
    /// Deletes objects.
    "delete" => Delete(Delete),
    /// Sets the number of replicas.
    "scale" => Scale(Scale),
    /// Sets one aspect of a pod template.
    "set" => Set(Set),
    /// Looks at rollouts and steers them.
    "rollout" => Rollout(Rollout),
    /// Changes fields.
    "patch" => Patch(Patch),
    /// Changes labels.
    "label" => Label(Label),
    /// Changes annotations.
    "annotate" => Annotate(Annotate),
    /// Changes a node's taints.
    "taint" => Taint(Taint),
    /// Keeps new pods from nodes.
    "cordon" => Cordon(Cordon),
    /// Lets new pods onto nodes again.
    "uncordon" => Uncordon(Cordon),
    /// Evicts the pods of nodes.
    "drain" => Drain(Drain),
    /// Waits until something is so.
    "wait" => Wait(Wait),
    /// Lists objects.
    "get" => Get(Get),
    /// Tells all about objects.
    "describe" => Describe(Describe),
    /// Lists events.
    "events" => Events(Events),
    /// Shows what nodes and pods use.
    "top" => Top(Top),
}

impl Command {
    /// The field manager of what it writes, where it names none itself: each command its own, or
    /// the program's name.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd, the default of
    /// `--field-manager` of each command
    pub fn field_manager(&self) -> &'static str {
        match self {
            Command::Apply(_) => "kubectl-client-side-apply",
            Command::Create(_) => "kubectl-create",
            Command::Run(_) => "kubectl-run",
            Command::Expose(_) => "kubectl-expose",
            Command::Autoscale(_) => "kubectl-autoscale",
            Command::Set(_) => "kubectl-set",
            Command::Rollout(_) => "kubectl-rollout",
            Command::Patch(_) => "kubectl-patch",
            Command::Label(_) => "kubectl-label",
            Command::Annotate(_) => "kubectl-annotate",
            Command::Taint(_) => "kubectl-taint",
            Command::Delete(_)
            | Command::Scale(_)
            | Command::Cordon(_)
            | Command::Uncordon(_)
            | Command::Drain(_)
            | Command::Wait(_)
            | Command::Get(_)
            | Command::Describe(_)
            | Command::Events(_)
            | Command::Top(_) => "kubectl",
        }
    }
}

/// Commands of the real kubectl that a simulation has nothing to answer with, and why.
pub const NOT_SUPPORTED: &[(&str, &str)] = &[
    ("attach", "containers have no terminal"),
    ("auth", "every user may do everything"),
    ("certificate", "there are no certificates"),
    ("cluster-info", "there is no network to show"),
    ("config", "there is one cluster and one user"),
    ("cp", "containers have no files"),
    ("debug", "containers have no processes"),
    ("diff", "it is not modelled yet"),
    ("edit", "there is no editor; use `patch`"),
    ("exec", "containers have no processes"),
    ("explain", "it is not modelled yet"),
    ("kustomize", "it is not modelled yet"),
    ("logs", "containers write nothing"),
    ("plugin", "there are no plugins"),
    ("port-forward", "there is no network to reach"),
    ("proxy", "there is no network to reach"),
    ("replace", "it is not modelled yet; use `apply`"),
];
