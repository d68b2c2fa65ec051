//! Commands that make objects from flags: create, run.

use clap::Args;
use clap::Subcommand;

use crate::scenario::kubectl::Trouble;
use crate::scenario::kubectl::flags::DryRun;
use crate::scenario::kubectl::flags::Files;
use crate::scenario::kubectl::flags::RestartPolicy;
use crate::scenario::kubectl::flags::Validate;
use crate::scenario::kubectl::target;

/// `kubectl create`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Create {
    /// The manifests.
    #[command(flatten)]
    pub files: Files,
    /// What becomes of unknown fields.
    #[arg(long, value_enum, default_value = "strict")]
    pub validate: Validate,
    /// What is created, when not from manifests.
    #[command(subcommand)]
    pub kind: Option<CreateKind>,
}

/// The kinds that can be created from flags.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum CreateKind {
    /// A `ConfigMap`.
    #[command(visible_alias = "cm")]
    Configmap(Literals),
    /// A `CronJob`.
    #[command(name = "cronjob", visible_alias = "cj")]
    CronJob(CreateCronJob),
    /// A Deployment.
    #[command(visible_alias = "deploy")]
    Deployment(CreateDeployment),
    /// A Job.
    Job(CreateJob),
    /// A Namespace.
    #[command(visible_alias = "ns")]
    Namespace(Named),
    /// A `PodDisruptionBudget`.
    #[command(name = "poddisruptionbudget", visible_alias = "pdb")]
    PodDisruptionBudget(CreateBudget),
    /// A `PriorityClass`.
    #[command(name = "priorityclass", visible_alias = "pc")]
    PriorityClass(CreatePriorityClass),
    /// A `ResourceQuota`.
    #[command(name = "quota", visible_alias = "resourcequota")]
    Quota(CreateQuota),
    /// A Secret.
    Secret(CreateSecret),
    /// A `ServiceAccount`.
    #[command(name = "serviceaccount", visible_alias = "sa")]
    ServiceAccount(Named),
}

/// Only a name.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Named {
    /// The name.
    pub name: String,
    /// Whether anything is created.
    #[arg(long, value_enum, default_value = "none")]
    pub dry_run: DryRun,
}

/// A name and `key=value` data.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Literals {
    /// The name.
    pub name: String,
    /// `key=value`, as often as wanted.
    #[arg(long)]
    pub from_literal: Vec<String>,
    /// Whether anything is created.
    #[arg(long, value_enum, default_value = "none")]
    pub dry_run: DryRun,
}

impl Literals {
    /// The data by key.
    ///
    /// # Errors
    /// What cannot be read, with the word that it is about.
    pub fn data(&self) -> Result<Vec<(String, String)>, Trouble> {
        let pair = |word: &String| match word.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
            _ => Err(Trouble::at(word, format!("`{word}` is no `key=value`"))),
        };
        self.from_literal.iter().map(pair).collect()
    }
}

/// `kubectl create secret generic`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct CreateSecret {
    /// The sort of secret.
    #[command(subcommand)]
    pub sort: SecretSort,
}

/// The sorts of secrets.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum SecretSort {
    /// Any data.
    Generic(Literals),
}

/// `kubectl create deployment`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct CreateDeployment {
    /// The name.
    pub name: String,
    /// The images, one container each.
    #[arg(long, required = true)]
    pub image: Vec<String>,
    /// How many pods.
    #[arg(short, long, default_value_t = 1)]
    pub replicas: i32,
    /// The port that the container shows.
    #[arg(long)]
    pub port: Option<u16>,
    /// Whether anything is created.
    #[arg(long, value_enum, default_value = "none")]
    pub dry_run: DryRun,
    /// The command, after `--`.
    #[arg(last = true)]
    pub command: Vec<String>,
}

/// `kubectl create job`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct CreateJob {
    /// The name.
    pub name: String,
    /// The image.
    #[arg(long, required_unless_present = "from")]
    pub image: Option<String>,
    /// The `CronJob` whose template is used: `cronjob/NAME`.
    #[arg(long, conflicts_with = "image")]
    pub from: Option<String>,
    /// Whether anything is created.
    #[arg(long, value_enum, default_value = "none")]
    pub dry_run: DryRun,
    /// The command, after `--`.
    #[arg(last = true)]
    pub command: Vec<String>,
}

/// `kubectl create cronjob`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct CreateCronJob {
    /// The name.
    pub name: String,
    /// The image.
    #[arg(long)]
    pub image: String,
    /// When it runs, in cron's form.
    #[arg(long)]
    pub schedule: String,
    /// When its containers are started again.
    #[arg(long, value_enum, default_value = "OnFailure")]
    pub restart: RestartPolicy,
    /// Whether anything is created.
    #[arg(long, value_enum, default_value = "none")]
    pub dry_run: DryRun,
    /// The command, after `--`.
    #[arg(last = true)]
    pub command: Vec<String>,
}

/// `kubectl create poddisruptionbudget`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct CreateBudget {
    /// The name.
    pub name: String,
    /// The pods that it guards.
    #[arg(long)]
    pub selector: String,
    /// How many must be left: a number or a percentage.
    #[arg(long, required_unless_present = "max_unavailable")]
    pub min_available: Option<String>,
    /// How many may be missing: a number or a percentage.
    #[arg(long, conflicts_with = "min_available")]
    pub max_unavailable: Option<String>,
    /// Whether anything is created.
    #[arg(long, value_enum, default_value = "none")]
    pub dry_run: DryRun,
}

/// `kubectl create priorityclass`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct CreatePriorityClass {
    /// The name.
    pub name: String,
    /// The priority.
    #[arg(long)]
    pub value: i32,
    /// Whether pods without a class have this one.
    #[arg(long)]
    pub global_default: bool,
    /// What it is for.
    #[arg(long)]
    pub description: Option<String>,
    /// Whether its pods drive others out.
    #[arg(long, default_value = "PreemptLowerPriority")]
    pub preemption_policy: String,
    /// Whether anything is created.
    #[arg(long, value_enum, default_value = "none")]
    pub dry_run: DryRun,
}

/// `kubectl create quota`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct CreateQuota {
    /// The name.
    pub name: String,
    /// The limits: `pods=5,requests.cpu=2`.
    #[arg(long)]
    pub hard: Option<String>,
    /// What it counts: `BestEffort,…`.
    #[arg(long)]
    pub scopes: Option<String>,
    /// Whether anything is created.
    #[arg(long, value_enum, default_value = "none")]
    pub dry_run: DryRun,
}

/// `kubectl run`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// The pod's name.
    pub name: String,
    /// The image.
    #[arg(long)]
    pub image: String,
    /// When the container is started again.
    #[arg(long, value_enum, default_value = "Always")]
    pub restart: RestartPolicy,
    /// Labels: `a=b,c=d`.
    #[arg(short = 'l', long)]
    pub labels: Option<String>,
    /// Annotations: `a=b`, as often as wanted.
    #[arg(long)]
    pub annotations: Vec<String>,
    /// Environment: `A=b`, as often as wanted.
    #[arg(long)]
    pub env: Vec<String>,
    /// The port that the container shows.
    #[arg(long)]
    pub port: Option<u16>,
    /// Fields merged into the pod, as JSON.
    #[arg(long)]
    pub overrides: Option<String>,
    /// How they are merged: `merge`, `strategic` or `json`.
    #[arg(long, default_value = "merge")]
    pub override_type: String,
    /// Whether what follows `--` is the command, not its arguments.
    #[arg(long)]
    pub command: bool,
    /// Whether anything is created.
    #[arg(long, value_enum, default_value = "none")]
    pub dry_run: DryRun,
    /// Arguments, after `--`.
    #[arg(last = true)]
    pub args: Vec<String>,
}

impl Run {
    /// The overrides as JSON.
    ///
    /// # Errors
    /// What cannot be read, with the word that it is about.
    pub fn override_value(&self) -> Result<Option<serde_json::Value>, Trouble> {
        let Some(text) = &self.overrides else { return Ok(None) };
        let wrong = |why| Trouble::at(text, format!("`--overrides` is no JSON: {why}"));
        target::yaml_value(text).map(Some).map_err(wrong)
    }
}
