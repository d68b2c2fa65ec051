//! `kubectl top`: what nodes and pods use.

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;

use crate::api::selector::Selector;
use crate::scenario::kubectl::flags;

/// `kubectl top`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Top {
    /// What of.
    #[command(subcommand)]
    pub what: TopWhat,
}

/// What usage is shown of.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum TopWhat {
    /// Nodes.
    #[command(alias = "nodes", alias = "no")]
    Node(TopNodes),
    /// Pods.
    #[command(alias = "pods", alias = "po")]
    Pod(TopPods),
}

/// By which resource rows are sorted, the highest first.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum SortBy {
    /// CPU.
    Cpu,
    /// Memory.
    Memory,
}

/// `kubectl top node`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct TopNodes {
    /// The node; all of them without.
    pub name: Option<String>,
    /// Nodes with these labels.
    #[arg(short = 'l', long, value_parser = flags::label_selector)]
    pub selector: Option<Selector>,
    /// By which resource they are sorted.
    #[arg(long, value_enum)]
    pub sort_by: Option<SortBy>,
    /// Without the line of headings.
    #[arg(long)]
    pub no_headers: bool,
}

/// `kubectl top pod`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct TopPods {
    /// The pod; all of the namespace without.
    pub name: Option<String>,
    /// Pods with these labels.
    #[arg(short = 'l', long, value_parser = flags::label_selector)]
    pub selector: Option<Selector>,
    /// Those of all namespaces.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// A row a container.
    #[arg(long)]
    pub containers: bool,
    /// By which resource they are sorted.
    #[arg(long, value_enum)]
    pub sort_by: Option<SortBy>,
    /// Without the line of headings.
    #[arg(long)]
    pub no_headers: bool,
}
