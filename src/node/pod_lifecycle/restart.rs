//! Whether a container that has ended is started again.

use serde_json::Value;

use crate::api::core::container::{Container, ContainerStatus};
use crate::api::core::pod::{PodSpec, RestartPolicy};

/// The reason of containers that end because all containers of their pod are restarted.
pub const RESTARTING_ALL: &str = "RestartingAllContainers";

/// Whether a container that ended with `exit_code` is started again.
///
/// Rules of the container come first and count only beside a policy of its own; then that policy;
/// then the pod's.
///
/// Source: kubernetes v1.36 pkg/api/v1/pod/util.go, `ContainerShouldRestart`
pub fn should_restart(container: &Container, pod: RestartPolicy, exit_code: i32) -> bool {
    if container.restart_policy.is_some() && matching_action(container, exit_code).is_some() {
        return true;
    }
    match container.effective_restart_policy(pod) {
        RestartPolicy::Always => true,
        RestartPolicy::OnFailure => exit_code != 0,
        RestartPolicy::Never => false,
    }
}

/// Whether the end of a container restarts all containers of its pod.
///
/// Source: kubernetes v1.36 pkg/kubelet/container/helpers.go, `ShouldAllContainersRestart`
pub fn restarts_all(container: &Container, exit_code: i32) -> bool {
    matching_action(container, exit_code) == Some("RestartAllContainers")
}

/// Whether any end of any container may restart all.
///
/// Source: kubernetes v1.36 pkg/api/v1/pod/util.go, `AllContainersCouldRestart`
pub fn could_restart_all(spec: &PodSpec) -> bool {
    let action = |rule: &Value| rule["action"].as_str() == Some("RestartAllContainers");
    spec.all_containers().any(|c| c.restart_policy_rules.iter().any(action))
}

/// Whether the state that a status tells says that all containers are being restarted.
///
/// Source: kubernetes v1.36 pkg/kubelet/kubelet_pods.go, `getPhase`
pub fn ended_by_restart_all(status: &ContainerStatus) -> bool {
    let ended = status.state.terminated.as_ref();
    let ended = ended.or(status.last_state.terminated.as_ref());
    ended.is_some_and(|t| t.reason == RESTARTING_ALL)
}

/// The action of the first rule that an exit code matches.
///
/// Source: kubernetes v1.36 pkg/api/v1/pod/util.go, `FindMatchingContainerRestartRule`
fn matching_action(container: &Container, exit_code: i32) -> Option<&str> {
    let rule = container.restart_policy_rules.iter().find(|rule| matches(rule, exit_code))?;
    rule["action"].as_str().filter(|a| matches!(*a, "Restart" | "RestartAllContainers"))
}

fn matches(rule: &Value, exit_code: i32) -> bool {
    let codes = &rule["exitCodes"];
    let listed = codes["values"].as_array();
    let listed = listed.is_some_and(|v| v.iter().any(|c| c.as_i64() == Some(exit_code.into())));
    match codes["operator"].as_str() {
        Some("In") => listed,
        Some("NotIn") => codes["values"].is_array() && !listed,
        Some(_) | None => false,
    }
}
