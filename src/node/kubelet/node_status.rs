//! The node object and its lease: registered at the start, kept up from then on.

mod pressure;
mod registration;
mod volumes;

use std::sync::Arc;

use crate::api::Name;
use crate::api::condition::{self, Condition, Truth};
use crate::api::coordination::lease::{Beat, Lease, LeaseSpec};
use crate::api::core::event::ObjectReference;
use crate::api::core::node::{Node, NodeStatus};
use crate::api::edit::Edit;
use crate::api::meta::{Meta, Uid};
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::Reason;
use crate::api::request::{Answer, EventNote, Patch, Subresource, Verb};
use crate::api::time::Time;
use crate::api::why::Why;
use crate::client::component::Moment;
use crate::node::eviction::threshold::Pressure;
use crate::node::kubelet::config::{Config, Heartbeat};
use crate::node::kubelet::host::{Host, Sent};
use crate::sim::time::{SimDuration, SimTime};

pub use registration::{registered, registered_lease};
pub use volumes::csi_node;

use registration::blank;

/// Source: kubernetes v1.36 pkg/kubelet/apis/config/v1beta1/defaults.go,
/// `NodeStatusUpdateFrequency`
const COMPUTED_EVERY: SimDuration = SimDuration::secs(10);

/// Source: kubernetes v1.36 pkg/kubelet/apis/config/v1beta1/defaults.go,
/// `NodeStatusReportFrequency`
const POSTED_EVERY: SimDuration = SimDuration::secs(300);

/// Source: kubernetes v1.36 pkg/kubelet/apis/config/v1beta1/defaults.go,
/// `NodeLeaseDurationSeconds`
const LEASE_SECONDS: i32 = 40;

/// After a refusal the lease is tried again.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/apimachinery/lease/controller.go,
/// `maxUpdateRetries`, `sleep`
const LEASE_RETRY: SimDuration = SimDuration::millis(200);

/// The longest pause before the lease is tried again.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/apimachinery/lease/controller.go,
/// `maxBackoff`
const LEASE_RETRY_MOST: SimDuration = SimDuration::secs(7);

const LEASES: &str = "kube-node-lease";

/// Conditions of a node: type, status once it is up, reason, sentence.
///
/// Source: kubernetes v1.36 pkg/kubelet/nodestatus/setters.go
const CONDITIONS: [(&str, bool, &str, &str); 4] = [
    (
        "MemoryPressure",
        false,
        "KubeletHasSufficientMemory",
        "kubelet has sufficient memory available",
    ),
    ("DiskPressure", false, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", false, "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", true, "KubeletReady", "kubelet is posting ready status"),
];

/// A condition of a node: type, whether it holds, reason, sentence.
type Row = (&'static str, bool, &'static str, &'static str);

/// What a request about the node was for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NodeRequest {
    /// Its registration.
    Create,
    /// A look at the one that is registered already.
    Look,
    /// Its status.
    Status,
    /// The lease's creation.
    CreateLease,
    /// A look at the lease that is there already.
    LookLease,
    /// A renewal of the lease.
    RenewLease,
}

/// Keeps the node object and its lease.
#[derive(Clone)]
pub(super) struct NodeKeeper {
    own: Node,
    seen: Option<Arc<Node>>,
    lease: Option<Arc<Lease>>,
    is_registered: bool,
    is_ready: bool,
    is_posting: bool,
    /// What the node is short of.
    pressure: Vec<Pressure>,
    /// Volumes that are mounted or are to be.
    in_use: Vec<Name>,
    /// When it is said which volumes are in use, if that has changed.
    report_at: SimTime,
    ready_at: SimTime,
    post_at: SimTime,
    renew_at: SimTime,
    /// The pause before the lease is tried again.
    lease_pause: SimDuration,
    phase: SimDuration,
}

impl NodeKeeper {
    pub(super) fn new(config: &Config) -> NodeKeeper {
        let mut own = blank(config);
        own.refresh();
        NodeKeeper {
            own,
            seen: None,
            lease: None,
            is_registered: false,
            is_ready: false,
            is_posting: false,
            pressure: Vec::new(),
            in_use: Vec::new(),
            report_at: SimTime::NEVER,
            ready_at: SimTime::NEVER,
            post_at: SimTime::NEVER,
            renew_at: SimTime::NEVER,
            lease_pause: LEASE_RETRY,
            phase: SimDuration::ZERO,
        }
    }

    /// The node as the kubelet knows it.
    pub(super) fn node(&self) -> &Node {
        self.seen.as_deref().unwrap_or(&self.own)
    }

    /// Source: kubernetes v1.36 pkg/kubelet/kubelet_node_status.go, `registerWithAPIServer`
    pub(super) fn register(&mut self, host: &mut Host, moment: &mut Moment<'_>) {
        host.read_clock(moment);
        self.phase = SimDuration(moment.rng.below(COMPUTED_EVERY.0));
        if host.config.is_registered {
            return self.resume(host, moment);
        }
        self.ready_at = moment.now + host.config.ready;
        self.tell(false, "Starting", "Starting kubelet.", moment);
        self.own.status = Arc::new(self.status(host, moment.now, None));
        self.create(host, moment);
        self.create_lease(host, moment);
    }

    /// Goes on with a node that has been registered since before the run.
    fn resume(&mut self, host: &Host, moment: &mut Moment<'_>) {
        (self.is_registered, self.is_ready, self.ready_at) = (true, true, SimTime::NEVER);
        self.own.status = registered(&host.config, host.clock(moment.now)).status;
        if host.config.heartbeat == Heartbeat::Eager {
            self.renew_at =
                Beat::from_before(host.config.seed, &self.own.meta.name).after(moment.now);
            let later = SimDuration(moment.rng.below(POSTED_EVERY.0));
            self.post_at = (moment.now + later).next_beat(COMPUTED_EVERY, self.phase);
        }
    }

    fn create(&mut self, host: &mut Host, moment: &mut Moment<'_>) {
        let object = Object::from(self.own.clone());
        let why = Why::new("the kubelet has started");
        host.send(
            Sent::Node(NodeRequest::Create),
            Verb::Create { object, dry_run: false },
            why,
            moment,
        );
    }

    fn create_lease(&mut self, host: &mut Host, moment: &mut Moment<'_>) {
        let mut lease =
            Lease { meta: Meta::named(LEASES, &self.own.meta.name), ..Lease::default() };
        lease.spec = LeaseSpec {
            holder_identity: self.own.meta.name.clone(),
            lease_duration_seconds: Some(LEASE_SECONDS),
            renew_time: Some(host.clock(moment.now).whole_micros()),
            ..LeaseSpec::default()
        };
        lease.beat = self.beat(host, moment.now);
        let verb = Verb::Create { object: lease.into(), dry_run: false };
        let why = Why::new("the kubelet has started");
        host.send(Sent::Node(NodeRequest::CreateLease), verb, why, moment);
    }

    fn tell(&self, warning: bool, reason: &'static str, message: &str, moment: &mut Moment<'_>) {
        let name = &self.own.meta.name;
        let about = ObjectReference {
            kind: Name::new_static("Node"),
            name: name.clone(),
            uid: Uid::parse(name),
            ..ObjectReference::default()
        };
        moment.out.events.push(EventNote {
            about: about.into(),
            warning,
            reason,
            message: message.into(),
        });
    }

    /// The status as it is now; conditions that stay keep the time of their transition.
    fn status(&self, host: &Host, now: SimTime, old: Option<&NodeStatus>) -> NodeStatus {
        let time = host.clock(now).whole_seconds();
        let told = |c: &Row| self.condition(self.now(c), time, old);
        let mut status = NodeStatus::clone(&self.own.status);
        let others = old.map(|s| s.conditions.as_slice()).unwrap_or_default();
        let others = others.iter().filter(|c| !CONDITIONS.iter().any(|own| own.0 == c.kind));
        status.conditions = others.cloned().collect();
        status.conditions.extend(CONDITIONS.iter().map(told));
        status.volumes_in_use.clone_from(&self.in_use);
        status
    }

    fn condition(
        &self,
        (kind, holds, reason, message): (&'static str, bool, &'static str, &'static str),
        time: Time,
        old: Option<&NodeStatus>,
    ) -> Condition {
        let up = kind != "Ready" || self.is_ready;
        let (status, reason, message) = if up {
            (Truth::from(holds), reason, message)
        } else {
            const NOT_YET: &str = "[container runtime status check may not have completed yet]";
            (Truth::False, "KubeletNotReady", NOT_YET)
        };
        let before = old.and_then(|s| condition::find(&s.conditions, kind));
        let since = before.filter(|c| c.status == status).and_then(|c| c.last_transition_time);
        Condition {
            last_heartbeat_time: Some(time),
            last_transition_time: since.or(Some(time)),
            message: Name::new_static(message),
            ..Condition::new(kind, status, reason)
        }
    }

    /// Sees the node object as the apiserver has it.
    pub(super) fn observe(&mut self, node: Option<&Arc<Node>>, moment: &Moment<'_>) {
        self.seen = node.cloned();
        if self.differs() && self.is_registered && self.post_at > moment.now {
            let beat = (moment.now + SimDuration(1)).next_beat(COMPUTED_EVERY, self.phase);
            self.post_at = self.post_at.min(beat);
        }
    }

    /// Whether the apiserver says something else of the node than the kubelet.
    fn differs(&self) -> bool {
        let Some(seen) = &self.seen else { return false };
        CONDITIONS.iter().map(|row| self.now(row)).any(|(kind, holds, ..)| {
            let said = condition::find(&seen.status.conditions, kind).map(|c| c.status);
            let want = holds && (kind != "Ready" || self.is_ready);
            said != Some(Truth::from(want))
        })
    }

    /// When the node gets ready, or something else is to be told of it.
    pub(super) fn ready_at(&self) -> SimTime {
        self.ready_at.min(self.report_at)
    }

    /// When the next sign of life is due.
    pub(super) fn beat_at(&self) -> SimTime {
        self.post_at.min(self.renew_at)
    }

    /// Does what is due.
    pub(super) fn wake(&mut self, host: &mut Host, moment: &mut Moment<'_>) {
        host.read_clock(moment);
        if self.ready_at <= moment.now {
            self.ready_at = SimTime::NEVER;
            self.is_ready = true;
            if self.is_registered {
                self.post(host, moment);
                let name = &self.own.meta.name;
                let text = format!("Node {name} status is now: NodeReady");
                self.tell(false, "NodeReady", &text, moment);
            }
        }
        self.report(host, moment);
        if self.post_at <= moment.now {
            self.post_at = SimTime::NEVER;
            if self.is_registered { self.post(host, moment) } else { self.create(host, moment) }
        }
        if self.renew_at <= moment.now {
            self.renew_at = SimTime::NEVER;
            self.renew(host, moment);
        }
    }

    /// Source: kubernetes v1.36 pkg/kubelet/kubelet_node_status.go, `tryUpdateNodeStatus`
    fn post(&mut self, host: &mut Host, moment: &mut Moment<'_>) {
        if self.is_posting {
            return;
        }
        self.is_posting = true;
        let old = self.seen.as_ref().map_or(&self.own.status, |n| &n.status).clone();
        let status = Arc::new(self.status(host, moment.now, Some(&old)));
        self.own.status = status.clone();
        let key = ObjectKey::new(Kind::NODE, "", &self.own.meta.name);
        let patch = Patch::Edit(Edit::NodeStatus(status));
        let verb = Verb::Patch { key, part: Subresource::Status, patch, dry_run: false };
        let why = Why::new("the state of the node");
        host.send(Sent::Node(NodeRequest::Status), verb, why, moment);
    }

    /// The beat of the renewals that are written.
    fn own_beat(&self, host: &Host) -> Beat {
        let (seed, name) = (host.config.seed, &self.own.meta.name);
        if host.config.is_registered {
            Beat::from_before(seed, name)
        } else {
            Beat::of(seed, name, host.began)
        }
    }

    /// By which the lease's renewals are computed, when they are not written.
    fn beat(&self, host: &Host, now: SimTime) -> Option<Beat> {
        let lazy = host.config.heartbeat == Heartbeat::Lazy;
        lazy.then(|| Beat::of(host.config.seed, &self.own.meta.name, now))
    }

    fn renew(&mut self, host: &mut Host, moment: &mut Moment<'_>) {
        let Some(lease) = &self.lease else {
            self.create_lease(host, moment);
            return;
        };
        let mut lease = Lease::clone(lease);
        lease.spec.renew_time = Some(host.clock(moment.now).whole_micros());
        lease.spec.holder_identity = self.own.meta.name.clone();
        lease.beat = self.beat(host, moment.now);
        let verb = Verb::Update { object: lease.into(), part: Subresource::Main };
        host.send(Sent::Node(NodeRequest::RenewLease), verb, Why::new("a sign of life"), moment);
    }

    /// A request about the node was answered.
    pub(super) fn answered(
        &mut self,
        what: NodeRequest,
        answer: &Answer,
        host: &mut Host,
        moment: &mut Moment<'_>,
    ) {
        match what {
            NodeRequest::Create | NodeRequest::Look => self.registered(answer, host, moment),
            NodeRequest::Status => {
                self.is_posting = false;
                let refused = matches!(answer, Answer::Refused(_));
                let beat = (moment.now + SimDuration(1)).next_beat(COMPUTED_EVERY, self.phase);
                if refused {
                    self.post_at = self.post_at.min(beat);
                } else if host.config.heartbeat == Heartbeat::Eager {
                    let jitter = SimDuration(moment.rng.below(POSTED_EVERY.0 / 2 + 1));
                    let later =
                        (moment.now + POSTED_EVERY + jitter).next_beat(COMPUTED_EVERY, self.phase);
                    self.post_at = self.post_at.min(later);
                }
            }
            NodeRequest::CreateLease | NodeRequest::LookLease | NodeRequest::RenewLease => {
                self.lease_answered(what, answer, host, moment);
            }
        }
    }

    fn registered(&mut self, answer: &Answer, host: &mut Host, moment: &mut Moment<'_>) {
        match answer {
            Answer::Object(Object::Node(node)) => {
                let existed = self.is_registered;
                self.is_registered = true;
                if !existed {
                    volumes::register_driver(node, host, moment);
                }
                self.seen.get_or_insert_with(|| node.clone());
                if self.is_ready || existed || self.differs() {
                    self.is_ready = self.is_ready || existed;
                    self.post(host, moment);
                }
            }
            Answer::Refused(r) if r.reason == Reason::AlreadyExists => {
                // The runtime of a node that was known is up by the time that its kubelet asks.
                self.is_registered = true;
                self.is_ready = true;
                self.ready_at = SimTime::NEVER;
                let key = ObjectKey::new(Kind::NODE, "", &self.own.meta.name);
                let why = Why::new("the node is registered already");
                host.send(Sent::Node(NodeRequest::Look), Verb::Get(key), why, moment);
            }
            Answer::Object(_)
            | Answer::List(_)
            | Answer::Watching
            | Answer::Deleted(_)
            | Answer::Done
            | Answer::Refused(_) => {
                self.post_at = self.post_at.min(moment.now + SimDuration::secs(1));
            }
        }
    }

    fn lease_answered(
        &mut self,
        what: NodeRequest,
        answer: &Answer,
        host: &mut Host,
        moment: &mut Moment<'_>,
    ) {
        match answer {
            Answer::Object(Object::Lease(lease)) => {
                self.lease = Some(lease.clone());
                self.lease_pause = LEASE_RETRY;
                if what == NodeRequest::LookLease {
                    self.renew(host, moment);
                } else if host.config.heartbeat == Heartbeat::Eager {
                    let beat = self.own_beat(host);
                    self.renew_at = beat.after(moment.now);
                }
            }
            Answer::Refused(r) if matches!(r.reason, Reason::AlreadyExists | Reason::Conflict) => {
                let key = ObjectKey::new(Kind::LEASE, LEASES, &self.own.meta.name);
                let why = Why::new("the lease is there already");
                host.send(Sent::Node(NodeRequest::LookLease), Verb::Get(key), why, moment);
            }
            Answer::Refused(r) => {
                if r.reason == Reason::NotFound {
                    self.lease = None;
                }
                self.renew_at = moment.now + self.lease_pause;
                self.lease_pause = self.lease_pause.times(2).min(LEASE_RETRY_MOST);
            }
            Answer::Object(_)
            | Answer::List(_)
            | Answer::Watching
            | Answer::Deleted(_)
            | Answer::Done => {}
        }
    }
}
