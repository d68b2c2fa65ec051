//! Faults that are drawn: one pod, container, node, component or client, for a while.

use crate::api::Name;
use crate::api::object::Kind;
use crate::cluster::Cluster;
use crate::fault::Fault;
use crate::fault::component::Target as ComponentTarget;
use crate::fault::etcd::{Nothing, Restore};
use crate::fault::image::Pull;
use crate::fault::metrics::{Gap, Wrong};
use crate::fault::network::{Direction, Latency, Loss, Partition};
use crate::fault::node::Flap;
use crate::fault::object::{Edit, Target};
use crate::fault::past::Travel;
use crate::fault::pause::Pause;
use crate::fault::plan::Inject;
use crate::fault::process::Skew;
use crate::fault::request::{Delay, Failing, FailurePolicy, Mutation, Requests};
use crate::fault::shuffle::Shuffle;
use crate::fault::storage::Stuck;
use crate::fault::stress::Stress;
use crate::fault::target::{Component, Containers, Endpoints, Mode, Nodes, Pods};
use crate::fault::watch::Watched;
use crate::sim::rng::Rng;
use crate::sim::time::SimDuration;

/// Faults that come by chance.
#[derive(Clone, PartialEq, Debug)]
pub struct Random {
    /// Their names.
    pub kinds: Vec<String>,
    /// From one to the next, on average.
    pub interval: SimDuration,
    /// From when on.
    pub from: SimDuration,
    /// Until when.
    pub to: Option<SimDuration>,
}

/// What may be hit.
struct Draw<'a> {
    node: String,
    pods: Pods,
    rng: &'a mut Rng,
}

/// A fault of a name, drawn: its target from what a cluster has, its duration up to two minutes.
pub fn draw(name: &str, cluster: &Cluster, namespace: &Name, rng: &mut Rng) -> Option<Inject> {
    let names: Vec<String> = cluster.topology.nodes.keys().map(ToString::to_string).collect();
    let node = pick(&names, rng)?.clone();
    let duration = Some(SimDuration(rng.between(1_000_000_000, 120_000_000_000)));
    let pods = Pods { namespaces: vec![namespace.to_string()], mode: Mode::One, ..Pods::default() };
    let mut from = Draw { node, pods, rng };
    let fault = from
        .of_machines(name)
        .or_else(|| from.of_figures(name))
        .or_else(|| from.of_requests(name))
        .or_else(|| from.of_watches(name))
        .or_else(|| from.of_objects(name))?;
    Some(Inject { fault, duration })
}

fn pick<'a, T>(all: &'a [T], rng: &mut Rng) -> Option<&'a T> {
    let n = rng.below(all.len().max(1) as u64);
    all.get(usize::try_from(n).unwrap_or(0))
}

impl Draw<'_> {
    fn one_node(&self) -> Nodes {
        Nodes { nodes: vec![self.node.clone()], ..Nodes::default() }
    }

    fn component(&mut self) -> Component {
        let all = ["kube-controller-manager", "kube-scheduler", "kube-apiserver"];
        Component((*pick(&all, self.rng).unwrap_or(&all[0])).to_owned())
    }

    fn client(&mut self) -> Component {
        let all = ["kube-controller-manager", "kube-scheduler"];
        Component((*pick(&all, self.rng).unwrap_or(&all[0])).to_owned())
    }

    fn ends(&self) -> (Endpoints, Endpoints) {
        (Endpoints(vec![self.node.clone()]), Endpoints(vec!["apiserver".to_owned()]))
    }

    fn of_machines(&mut self, name: &str) -> Option<Fault> {
        let (from, to) = self.ends();
        let direction = Direction::Both;
        Some(match name {
            "node-stop" => Fault::NodeStop(self.one_node()),
            "node-start" => Fault::NodeStart(self.one_node()),
            "node-flap" => {
                Fault::NodeFlap(Flap { nodes: self.one_node(), period: SimDuration::secs(60) })
            }
            "node-maintenance" => Fault::NodeMaintenance(self.one_node()),
            "kubelet-restart" => Fault::KubeletRestart(self.one_node()),
            "pod-kill" => Fault::PodKill(self.pods.clone()),
            "pod-failure" => Fault::PodFailure(self.pods.clone()),
            "container-kill" => {
                Fault::ContainerKill(Containers { of: self.one_pod(), ..Containers::default() })
            }
            "component-stop" => {
                Fault::ComponentStop(ComponentTarget { component: self.component() })
            }
            "component-start" => {
                Fault::ComponentStart(ComponentTarget { component: Component("*".to_owned()) })
            }
            "pause" => Fault::Pause(Pause { component: self.client() }),
            "network-partition" => Fault::NetworkPartition(Partition { from, to, direction }),
            "network-delay" => {
                let latency = SimDuration::millis(self.rng.between(10, 2000));
                Fault::NetworkDelay(Latency { from, to, latency, direction })
            }
            "network-loss" => Fault::NetworkLoss(Loss { from, to, loss: 30, direction }),
            "clock-skew" => {
                let span = i64::try_from(self.rng.between(0, 600_000_000_000)).unwrap_or(0);
                let (component, offset) = (self.client(), span - 300_000_000_000);
                Fault::ClockSkew(Skew { component, offset })
            }
            "resync" => Fault::Resync(ComponentTarget {
                component: Component("kube-controller-manager".to_owned()),
            }),
            "attachment-stuck" => Fault::AttachmentStuck(Stuck { about: Vec::new() }),
            "provisioning-stuck" => Fault::ProvisioningStuck(Stuck { about: Vec::new() }),
            "etcd-no-leader" => Fault::EtcdNoLeader(Nothing {}),
            "etcd-compact" => Fault::EtcdCompact(Nothing {}),
            "etcd-restore" => {
                let revisions = u32::try_from(self.rng.between(1, 20)).unwrap_or(1);
                Fault::EtcdRestore(Restore { revisions })
            }
            _ => return None,
        })
    }

    /// One pod of those that are meant.
    fn one_pod(&self) -> Pods {
        let namespaces = self.pods.namespaces.clone();
        Pods { namespaces, mode: Mode::One, ..Pods::default() }
    }

    fn of_figures(&mut self, name: &str) -> Option<Fault> {
        Some(match name {
            "stress" => Fault::Stress(Stress {
                of: self.one_pod(),
                millicores: self.rng.between(100, 2_000),
                bytes: self.rng.between(1, 64) << 20,
            }),
            "image-pull" => {
                let latency = SimDuration::secs(self.rng.between(5, 60));
                let latency = self.rng.chance(1, 2).then_some(latency);
                Fault::ImagePull(Pull { nodes: Vec::new(), image: None, error: None, latency })
            }
            "metrics-gap" => {
                let how = [Wrong::Missing, Wrong::Late, Wrong::Scaled];
                let how = *pick(&how, self.rng)?;
                let percent = (how == Wrong::Scaled).then_some(50);
                Fault::MetricsGap(Gap { nodes: vec![self.node.clone()], how, percent })
            }
            _ => return None,
        })
    }

    fn of_requests(&mut self, name: &str) -> Option<Fault> {
        let actors = ["replicaset-controller", "deployment-controller", "kube-scheduler"];
        let actor = pick(&actors, self.rng).map(|a| (*a).to_owned());
        let requests = Requests { actor, count: Some(1), ..Requests::default() };
        Some(match name {
            "api-error" => {
                let codes = [500, 503, 504, 429];
                let code = *pick(&codes, self.rng)?;
                Fault::ApiError(Failing { requests, code, message: None })
            }
            "api-lost" => Fault::ApiLost(requests),
            "api-conflict" => Fault::ApiConflict(requests),
            "api-delay" => {
                let latency = SimDuration::millis(self.rng.between(10, 5000));
                Fault::ApiDelay(Delay { requests, latency, timeout: None })
            }
            "webhook" => {
                let requests = Requests { kind: Some("Pod".to_owned()), ..Requests::default() };
                let patch = serde_json::json!({"metadata": {"annotations": {"injected": "yes"}}});
                let answers = self.rng.chance(1, 2);
                Fault::Webhook(Mutation {
                    requests,
                    patch: answers.then_some(patch),
                    down: !answers,
                    latency: None,
                    timeout: None,
                    failure_policy: FailurePolicy::Fail,
                })
            }
            _ => return None,
        })
    }

    fn of_watches(&mut self, name: &str) -> Option<Fault> {
        let kinds = [Kind::POD, Kind::NODE, Kind::REPLICA_SET];
        let client = self.client();
        let kind = if client.0 == "kube-scheduler" {
            Some("Pod".to_owned())
        } else {
            pick(&kinds, self.rng).map(|k| k.name().to_owned())
        };
        let watched = Watched { actor: client.0.clone(), kind };
        Some(match name {
            "watch-lag" => Fault::WatchLag(watched),
            "watch-skip" => Fault::WatchSkip(watched),
            "watch-cut" => Fault::WatchCut(watched),
            "watch-gone" => Fault::WatchGone(watched),
            "time-travel" => Fault::TimeTravel(Travel {
                component: client,
                revisions: u32::try_from(self.rng.between(1, 30)).ok(),
                revision: None,
                down: SimDuration::millis(10),
            }),
            "shuffle" => {
                let most = SimDuration::millis(self.rng.between(1, 50));
                Fault::Shuffle(Shuffle {
                    seed: self.rng.bits(),
                    most,
                    ranks: self.rng.chance(1, 2),
                })
            }
            _ => return None,
        })
    }

    fn of_objects(&mut self, name: &str) -> Option<Fault> {
        let kinds = ["Pod", "ReplicaSet"];
        let kind = (*pick(&kinds, self.rng)?).to_owned();
        let object = Target { kind, name: None, namespace: None };
        Some(match name {
            "edit" => Fault::Edit(Edit {
                object,
                patch: serde_json::json!({"metadata": {"annotations": {"touched": "yes"}}}),
                subresource: None,
            }),
            "delete" => Fault::Delete(object),
            "recreate" => Fault::Recreate(Target { kind: "ConfigMap".to_owned(), ..object }),
            _ => return None,
        })
    }
}
