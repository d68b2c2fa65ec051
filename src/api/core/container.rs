//! Containers of a pod: what they are to be, and how they fare.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::Name;
use crate::api::core::pod::RestartPolicy;
use crate::api::int_or_percent::IntOrPercent;
use crate::api::meta::Rest;
use crate::api::resource::ResourceList;
use crate::api::time::Time;

/// A container as it is to be: the fields that the simulator acts upon.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// Unique in its pod.
    pub name: Name,
    /// The image.
    pub image: Name,
    /// `Always`, `IfNotPresent` or `Never`.
    pub image_pull_policy: Name,
    /// What is run instead of the image's entry point.
    pub command: Vec<Name>,
    /// Its arguments.
    pub args: Vec<Name>,
    /// Ports that it opens.
    pub ports: Vec<ContainerPort>,
    /// What it asks for.
    pub resources: ResourceRequirements,
    /// An init container with `Always` is a sidecar.
    pub restart_policy: Option<Name>,
    /// Restart rules by exit code.
    pub restart_policy_rules: Vec<Value>,
    /// Restarted when it fails.
    pub liveness_probe: Option<Probe>,
    /// Ready while it succeeds.
    pub readiness_probe: Option<Probe>,
    /// The other probes wait for it.
    pub startup_probe: Option<Probe>,
    /// Hooks after start and before stop.
    pub lifecycle: Option<Lifecycle>,
    /// Where its last words are read.
    pub termination_message_policy: Name,
}

/// Requests and limits.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ResourceRequirements {
    /// What is set aside.
    pub requests: ResourceList,
    /// What it may not exceed.
    pub limits: ResourceList,
}

/// A port that a container opens.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerPort {
    /// Its name, if it has one.
    pub name: Name,
    /// The port.
    pub container_port: i32,
    /// The port of the node; 0 for none.
    pub host_port: i32,
    /// The address of the node; empty for all.
    #[serde(rename = "hostIP")]
    pub host_ip: Name,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: Name,
}

/// A probe of a container.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Probe {
    /// A command; success is exit code 0.
    pub exec: Option<Exec>,
    /// A request by HTTP.
    pub http_get: Option<Value>,
    /// A connection.
    pub tcp_socket: Option<Value>,
    /// A call by gRPC.
    pub grpc: Option<Value>,
    /// Seconds before the first probe.
    pub initial_delay_seconds: i32,
    /// Seconds that a probe may take.
    pub timeout_seconds: i32,
    /// Seconds from probe to probe.
    pub period_seconds: i32,
    /// How many in a row make a success.
    pub success_threshold: i32,
    /// How many in a row make a failure.
    pub failure_threshold: i32,
    /// The grace when this probe kills the container.
    pub termination_grace_period_seconds: Option<i64>,
}

impl Default for Probe {
    fn default() -> Self {
        Probe {
            exec: None,
            http_get: None,
            tcp_socket: None,
            grpc: None,
            initial_delay_seconds: 0,
            timeout_seconds: 1,
            period_seconds: 10,
            success_threshold: 1,
            failure_threshold: 3,
            termination_grace_period_seconds: None,
        }
    }
}

/// A command that is run in the container.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Exec {
    /// The words.
    pub command: Vec<Name>,
}

/// Hooks of a container.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Lifecycle {
    /// After it was started.
    pub post_start: Option<Hook>,
    /// Before it is stopped.
    pub pre_stop: Option<Hook>,
    /// The signal that stops it.
    pub stop_signal: Name,
}

/// What a hook does.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Hook {
    /// A command.
    pub exec: Option<Exec>,
    /// A request by HTTP.
    pub http_get: Option<Value>,
    /// A pause.
    pub sleep: Option<Sleep>,
}

/// A pause of whole seconds.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Sleep {
    /// How long.
    pub seconds: i64,
}

/// A port as a number, or the name of one.
pub type PortReference = IntOrPercent;

impl Container {
    /// Whether an init container goes on beside the others.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/types/pod_update.go, `IsRestartableInitContainer`
    pub fn is_sidecar(&self) -> bool {
        self.restart_policy.as_deref() == Some("Always")
    }

    /// The restart policy that holds for it in a pod of `policy`.
    pub fn effective_restart_policy(&self, policy: RestartPolicy) -> RestartPolicy {
        match self.restart_policy.as_deref() {
            Some("Always") => RestartPolicy::Always,
            Some("OnFailure") => RestartPolicy::OnFailure,
            Some("Never") => RestartPolicy::Never,
            Some(_) | None => policy,
        }
    }
}

/// How a container fares.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStatus {
    /// The container's name.
    pub name: Name,
    /// What it does now.
    pub state: ContainerState,
    /// How it last ended.
    pub last_state: ContainerState,
    /// Whether it counts for readiness.
    pub ready: bool,
    /// How often it was started again.
    pub restart_count: i32,
    /// The image.
    pub image: Name,
    /// The image's digest.
    #[serde(rename = "imageID")]
    pub image_id: Name,
    /// `containerd://` and a number.
    #[serde(rename = "containerID", skip_serializing_if = "Name::is_empty")]
    pub container_id: Name,
    /// Whether it has passed its startup probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<bool>,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

/// What a container does; on the wire one of three members, or none.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ContainerState {
    /// It has not been started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// It runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<Running>,
    /// It has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminated: Option<Box<Terminated>>,
}

/// A container that has not been started.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Waiting {
    /// One word: `ContainerCreating`, `CrashLoopBackOff`, …
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub reason: Name,
    /// A sentence.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub message: Name,
}

/// A container that runs.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Running {
    /// Since when.
    pub started_at: Option<Time>,
}

/// A container that has ended.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Terminated {
    /// 0 for success.
    pub exit_code: i32,
    /// The signal that ended it; 0 for none.
    #[serde(skip_serializing_if = "is_zero")]
    pub signal: i32,
    /// One word: `Completed`, `Error`, `OOMKilled`, …
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub reason: Name,
    /// A sentence.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub message: Name,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// Which container it was.
    #[serde(rename = "containerID", skip_serializing_if = "Name::is_empty")]
    pub container_id: Name,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(n: &i32) -> bool {
    *n == 0
}
