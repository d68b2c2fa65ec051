//! What a row of `kubectl get` shows, kind by kind.
//!
//! Each kind is one row of `TABLES`: its columns, and the function that fills their cells from
//! the object's JSON, so that kinds with an own type and those without are treated alike. Nothing
//! here lays out text.

mod autoscale;
mod cluster;
mod event;
mod network;
mod pod;
mod storage;
mod workload;

pub(in crate::scenario::print) use cluster::node_roles;
pub use event::interval;
pub(in crate::scenario::print) use event::seconds_of_last;
pub use pod::PodSummary;
pub(in crate::scenario::print) use storage::access_modes;

use serde_json::Value;

use crate::api::object::Kind;
use crate::api::time::Time;
use crate::scenario::print::look::{age, text};

/// One column of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column {
    /// Its name; kubectl shows it in capitals.
    pub name: &'static str,
    /// Whether only `-o wide` shows it.
    pub wide: bool,
}

/// What a row needs beside its object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sight {
    /// When it is looked at.
    pub(super) now: Time,
    /// Whether wide columns are shown.
    pub(super) wide: bool,
}

/// Fills the cells of a row, wide ones included, in the order of the columns.
pub(super) type Cells = fn(&Value, Sight) -> Vec<String>;

/// How a kind is shown as a table.
#[derive(Clone, Copy)]
pub(super) struct TableRow {
    kind: Kind,
    /// Its columns.
    pub(super) columns: &'static [Column],
    /// What fills them.
    pub(super) cells: Cells,
}

/// A column that is always shown.
const fn col(name: &'static str) -> Column {
    Column { name, wide: false }
}

/// A column of `-o wide`.
const fn wide(name: &'static str) -> Column {
    Column { name, wide: true }
}

const fn row(kind: Kind, columns: &'static [Column], cells: Cells) -> TableRow {
    TableRow { kind, columns, cells }
}

/// The kinds that have columns of their own.
///
/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `AddHandlers`
const TABLES: &[TableRow] = &[
    row(Kind::POD, pod::COLUMNS, pod::cells),
    row(Kind::NODE, cluster::NODE, cluster::node),
    row(Kind::NAMESPACE, cluster::NAMESPACE, cluster::namespace),
    row(Kind::SERVICE, network::SERVICE, network::service),
    row(Kind::ENDPOINTS, network::ENDPOINTS, network::endpoints),
    row(Kind::ENDPOINT_SLICE, network::ENDPOINT_SLICE, network::endpoint_slice),
    row(Kind::INGRESS, network::INGRESS, network::ingress),
    row(Kind::NETWORK_POLICY, network::NETWORK_POLICY, network::network_policy),
    row(Kind::EVENT, event::COLUMNS, event::cells),
    row(Kind::DEPLOYMENT, workload::DEPLOYMENT, workload::deployment),
    row(Kind::REPLICA_SET, workload::REPLICA_SET, workload::replica_set),
    row(Kind::REPLICATION_CONTROLLER, workload::REPLICA_SET, workload::replication_controller),
    row(Kind::STATEFUL_SET, workload::STATEFUL_SET, workload::stateful_set),
    row(Kind::DAEMON_SET, workload::DAEMON_SET, workload::daemon_set),
    row(Kind::JOB, workload::JOB, workload::job),
    row(Kind::CRON_JOB, workload::CRON_JOB, workload::cron_job),
    row(Kind::CONTROLLER_REVISION, workload::REVISION, workload::revision),
    row(Kind::POD_TEMPLATE, workload::POD_TEMPLATE, workload::pod_template),
    row(Kind::POD_DISRUPTION_BUDGET, autoscale::BUDGET, autoscale::budget),
    row(Kind::HORIZONTAL_POD_AUTOSCALER, autoscale::AUTOSCALER, autoscale::autoscaler),
    row(Kind::CONFIG_MAP, cluster::CONFIG_MAP, cluster::config_map),
    row(Kind::SECRET, cluster::SECRET, cluster::secret),
    row(Kind::SERVICE_ACCOUNT, cluster::SERVICE_ACCOUNT, cluster::service_account),
    row(Kind::LEASE, cluster::LEASE, cluster::lease),
    row(Kind::PRIORITY_CLASS, cluster::PRIORITY_CLASS, cluster::priority_class),
    row(Kind::RESOURCE_QUOTA, cluster::QUOTA, cluster::quota),
    row(Kind::PERSISTENT_VOLUME, storage::VOLUME, storage::volume),
    row(Kind::PERSISTENT_VOLUME_CLAIM, storage::CLAIM, storage::claim),
    row(Kind::STORAGE_CLASS, storage::CLASS, storage::class),
    row(Kind::VOLUME_ATTACHMENT, storage::ATTACHMENT, storage::attachment),
    row(Kind::CSI_NODE, storage::CSI_NODE, storage::csi_node),
    row(Kind::CSI_DRIVER, storage::CSI_DRIVER, storage::csi_driver),
    row(Kind::LIMIT_RANGE, BUILT_IN, built_in),
];

const BUILT_IN: &[Column] = &[col("Name"), col("Created At")];

const OTHER: TableRow = row(Kind::LIMIT_RANGE, &[col("Name"), col("Age")], other);

/// How a kind is shown; those without own columns have a name and an age.
pub(super) fn table(kind: Kind) -> TableRow {
    TABLES.iter().find(|t| t.kind == kind).copied().unwrap_or(OTHER)
}

/// The columns of a kind's table, those of `-o wide` included.
pub fn columns(kind: Kind) -> &'static [Column] {
    table(kind).columns
}

/// A built-in kind that nobody has given columns.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/registry/rest/table.go,
/// `defaultTableConvertor.ConvertToTable`
fn built_in(object: &Value, _: Sight) -> Vec<String> {
    vec![name(object), text(object, "metadata.creationTimestamp").to_owned()]
}

fn other(object: &Value, sight: Sight) -> Vec<String> {
    vec![name(object), age(object, sight.now)]
}

fn name(object: &Value) -> String {
    text(object, "metadata.name").to_owned()
}
