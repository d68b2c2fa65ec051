//! What a `KubeSchedulerConfiguration` says of the process: its client and its election.

use serde_json::Value;

use crate::scenario::decode::Spanned;
use crate::scenario::decode::object;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::source::Session;
use crate::scenario::yaml::Node;

object! {
    /// How much the client asks at once.
    pub struct ClientConnection as "clientConnection" {
        /// Where the cluster is: this one.
        "kubeconfig" => kubeconfig: Option<String> = None;
        /// How bodies are encoded: they are not.
        "acceptContentTypes" => accept: Option<String> = None;
        /// How bodies are encoded: they are not.
        "contentType" => content: Option<String> = None;
        /// Requests a second; below 0 there is no limit.
        "qps" => qps: Option<Value> = None;
        /// Requests at once.
        "burst" => burst: Option<u32> = None;
    }
}

impl ClientConnection {
    /// Requests a second and at once.
    #[expect(clippy::cast_possible_truncation, reason = "a limit of requests, rounded")]
    pub fn limits(&self) -> Option<(u32, u32)> {
        let qps = self.qps.as_ref().and_then(Value::as_f64);
        if self.qps.is_none() && self.burst.is_none() {
            return None;
        }
        let qps = match qps {
            None => 50,
            Some(qps) if qps < 0.0 => 0,
            Some(qps) => u32::try_from(qps.ceil() as i64).unwrap_or(u32::MAX),
        };
        Some((qps, self.burst.unwrap_or(100)))
    }
}

object! {
    /// Whether it acts only while it leads.
    pub struct LeaderElection as "leaderElection" checked by is_default {
        /// Whether it does.
        "leaderElect" => elects: bool = true;
        /// How long a lease lasts: only 15s is modelled.
        "leaseDuration" => duration: Option<Spanned<String>> = None;
        /// How long it is tried to renew: only 10s is modelled.
        "renewDeadline" => deadline: Option<Spanned<String>> = None;
        /// How long between two tries: only 2s is modelled.
        "retryPeriod" => retry: Option<Spanned<String>> = None;
        /// What kind of object it is: only `leases` is modelled.
        "resourceLock" => lock: Option<Spanned<String>> = None;
        /// Its name: only the component's own is modelled.
        "resourceName" => name: Option<Spanned<String>> = None;
        /// Its namespace: only `kube-system` is modelled.
        "resourceNamespace" => namespace: Option<Spanned<String>> = None;
    }
}

fn is_default(election: &LeaderElection, _: &Node, session: &mut Session) {
    for (field, name, only) in [
        (&election.duration, "leaseDuration", "15s"),
        (&election.deadline, "renewDeadline", "10s"),
        (&election.retry, "retryPeriod", "2s"),
        (&election.lock, "resourceLock", "leases"),
        (&election.name, "resourceName", "kube-scheduler"),
        (&election.namespace, "resourceNamespace", "kube-system"),
    ] {
        if let Some(field) = field.as_ref().filter(|field| field.value != only) {
            let mistake = Mistake::not_modelled(&format!("{name} of"), &field.value);
            session.report(field.place, mistake.note(format!("only `{only}` is")));
        }
    }
}
