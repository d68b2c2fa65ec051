//! Commands about nodes: cordon, uncordon, drain, taint.

use clap::Args;

use crate::api::selector::Selector;
use crate::api::taint::TaintChange;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::kubectl::Trouble;
use crate::scenario::kubectl::flags;
use crate::scenario::kubectl::flags::DryRun;
use crate::scenario::kubectl::flags::GoDuration;
use crate::scenario::kubectl::target;
use crate::scenario::kubectl::target::Target;

/// `kubectl cordon` and `kubectl uncordon`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Cordon {
    /// Names of nodes.
    #[arg(required_unless_present = "selector")]
    pub nodes: Vec<String>,
    /// Nodes with these labels.
    #[arg(short = 'l', long, value_parser = flags::label_selector)]
    pub selector: Option<Selector>,
    /// Whether anything is changed.
    #[arg(long, value_enum, default_value = "none")]
    pub dry_run: DryRun,
}

impl Cordon {
    /// The names of the nodes.
    ///
    /// # Errors
    /// What cannot be read, with the word that it is about.
    pub fn node_names(&self) -> Result<Vec<String>, Trouble> {
        target::node_names(&self.nodes)
    }
}

/// `kubectl drain`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "kubectl has so many switches")]
pub struct Drain {
    /// Names of nodes.
    #[arg(required_unless_present = "selector")]
    pub nodes: Vec<String>,
    /// Nodes with these labels.
    #[arg(short = 'l', long, value_parser = flags::label_selector)]
    pub selector: Option<Selector>,
    /// Also pods that no controller would make again.
    #[arg(long)]
    pub force: bool,
    /// Leaves the pods of `DaemonSets` where they are.
    #[arg(long)]
    pub ignore_daemonsets: bool,
    /// Also pods with emptyDir volumes.
    #[arg(long, alias = "delete-local-data")]
    pub delete_emptydir_data: bool,
    /// Deletes instead of evicting, past all budgets.
    #[arg(long)]
    pub disable_eviction: bool,
    /// Seconds to end in; -1 for the pod's own.
    #[arg(long, default_value_t = -1)]
    pub grace_period: i64,
    /// How long to go on trying; 0 as long as it takes.
    #[arg(long, value_parser = flags::go_duration, default_value = "0")]
    pub timeout: GoDuration,
    /// Only pods with these labels.
    #[arg(long, value_parser = flags::label_selector)]
    pub pod_selector: Option<Selector>,
    /// Does not wait for pods deleted longer ago than so many seconds; 0 for none.
    #[arg(long, default_value_t = 0)]
    pub skip_wait_for_delete_timeout: i64,
    /// How many pods a list asks for at once.
    #[arg(long, default_value_t = 500)]
    pub chunk_size: i64,
    /// Whether anything is changed.
    #[arg(long, value_enum, default_value = "none")]
    pub dry_run: DryRun,
}

impl Drain {
    /// The names of the nodes.
    ///
    /// # Errors
    /// What cannot be read, with the word that it is about.
    pub fn node_names(&self) -> Result<Vec<String>, Trouble> {
        target::node_names(&self.nodes)
    }
}

/// `kubectl taint`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Taint {
    /// `nodes`, names, then taints to set, and with a `-` behind to remove.
    #[arg(required = true)]
    pub words: Vec<String>,
    /// Nodes with these labels.
    #[arg(short = 'l', long, value_parser = flags::label_selector)]
    pub selector: Option<Selector>,
    /// All nodes.
    #[arg(long)]
    pub all: bool,
    /// Changes values that are there.
    #[arg(long)]
    pub overwrite: bool,
    /// Whether anything is changed.
    #[arg(long, value_enum, default_value = "none")]
    pub dry_run: DryRun,
}

impl Taint {
    /// The nodes, and what becomes of their taints.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/taint/utils.go, parseTaints
    ///
    /// # Errors
    /// What cannot be read, with the word that it is about.
    pub fn parts(&self) -> Result<(Vec<Target>, TaintChange), Trouble> {
        let is_taint = |word: &String| word.contains([':', '=']) || word.ends_with('-');
        let split = self.words.iter().position(is_taint).unwrap_or(self.words.len());
        let (objects, taints) = self.words.split_at(split);
        if taints.is_empty() {
            return Err(Trouble::whole("no taint is given".to_owned()));
        }
        let targets = target::targets(objects)?;
        if let Some(other) = targets.iter().find(|t| t.resource.kind() != Some("Node")) {
            let kind = other.resource.name();
            return Err(Trouble::whole(format!("only nodes have taints, not {kind}")));
        }
        let change = TaintChange::parse(taints).map_err(|why| {
            let bad = |word: &&String| TaintChange::parse(&[word]).is_err();
            Trouble::new(Mistake::other(why), taints.iter().find(bad).cloned())
        })?;
        Ok((targets, change))
    }
}
