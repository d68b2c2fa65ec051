//! Commands about nodes: cordon, uncordon, drain, taint.

use clap::Args;

use crate::scenario::kubectl::Trouble;
use crate::scenario::kubectl::flags;
use crate::scenario::kubectl::flags::DryRun;
use crate::scenario::kubectl::flags::GoDuration;
use crate::scenario::kubectl::target;
use crate::scenario::kubectl::target::Target;
use crate::scenario::spec::TaintEffect;

/// `kubectl cordon` and `kubectl uncordon`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Cordon {
    /// Names of nodes.
    #[arg(required_unless_present = "selector")]
    pub nodes: Vec<String>,
    /// Nodes with these labels.
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
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
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
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
    #[arg(long)]
    pub pod_selector: Option<String>,
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
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
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

/// What becomes of a taint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TaintChange {
    /// It is set.
    Set(crate::scenario::spec::Taint),
    /// It is removed: by key, of one effect or of all.
    Remove {
        /// The key.
        key: String,
        /// The effect; all when none.
        effect: Option<TaintEffect>,
    },
}

impl Taint {
    /// The nodes, and what becomes of their taints.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/taint/utils.go, parseTaints
    ///
    /// # Errors
    /// What cannot be read, with the word that it is about.
    pub fn parts(&self) -> Result<(Vec<Target>, Vec<TaintChange>), Trouble> {
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
        Ok((targets, taints.iter().map(|word| taint_change(word)).collect::<Result<_, _>>()?))
    }
}

fn taint_change(word: &str) -> Result<TaintChange, Trouble> {
    let wrong =
        || Trouble::at(word, format!("`{word}` is no taint such as `key=value:NoSchedule`"));
    let Some(removed) = word.strip_suffix('-') else {
        return crate::scenario::spec::Taint::parse(word).map(TaintChange::Set).ok_or_else(wrong);
    };
    let (head, effect) = match removed.split_once(':') {
        Some((head, effect)) => (head, Some(TaintEffect::parse(effect).ok_or_else(wrong)?)),
        None => (removed, None),
    };
    let key = head.split_once('=').map_or(head, |(key, _)| key);
    let good = !key.is_empty();
    good.then(|| TaintChange::Remove { key: key.to_owned(), effect }).ok_or_else(wrong)
}
