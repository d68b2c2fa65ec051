//! The container runtime of a node: sandboxes, containers, images that are present, addresses.
//!
//! It outlives the kubelet's process and is lost, but for its images, when the node stops. It
//! never acts by itself: when a container ends is known when it starts or is told to stop, and
//! whoever asks is told how things stand at that instant.

mod figures;

use std::collections::BTreeMap;
use std::sync::Arc;

use smol_str::format_smolstr;

use crate::api::Name;
use crate::api::meta::Uid;
use crate::node::usage::{Figures, Load, Share};
use crate::sim::index::Set;
use crate::sim::time::{SimDuration, SimTime};

/// The container runtime of a node.
#[derive(Clone, Debug, Default)]
pub struct Runtime {
    sandboxes: BTreeMap<Uid, Sandbox>,
    images: Set<Name>,
    pulling: Option<Name>,
    pulls_end: SimTime,
    addresses: u32,
    containers: u64,
    /// The loads that pods may carry parts of.
    loads: Arc<[Load]>,
    /// The load of each pod that somebody stresses.
    stressed: BTreeMap<Uid, usize>,
    /// CPU that containers of which nothing is left have used, in nanoseconds.
    retired: u64,
    /// Counts what may change how much is used.
    changes: u64,
    /// Whether of any container more is known than the usual.
    is_measured: bool,
}

/// The sandbox of a pod, with its containers.
#[derive(Clone, Debug)]
pub struct Sandbox {
    /// The pod's address.
    pub ip: Name,
    /// Whether it is there for containers to run in.
    pub is_ready: bool,
    /// The latest container of each place in the spec, init containers first.
    pub containers: Vec<Option<Run>>,
    /// What it carries of loads.
    pub shares: Vec<Share>,
}

/// One container: it runs from `started` until `ends`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// Its id.
    pub id: Name,
    /// How often a container of this place was started before.
    pub attempt: i32,
    /// When it started.
    pub started: SimTime,
    /// When it ends; never, if nobody stops it.
    pub ends: SimTime,
    /// The code with which it ends.
    pub exit_code: i32,
    /// Why it ends, in one word; empty when the runtime does not tell.
    pub reason: &'static str,
    /// The container before it, if that has ended.
    pub before: Option<Box<Run>>,
    /// What it uses; none for the usual.
    pub figures: Option<Arc<Figures>>,
}

impl Run {
    /// Whether it runs at an instant.
    pub fn runs(&self, now: SimTime) -> bool {
        now < self.ends
    }
}

/// How a container is stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stop {
    /// How long it may take in all.
    pub grace: SimDuration,
    /// How long its hook takes.
    pub hook: SimDuration,
    /// From the signal to its end, if it is given the time.
    pub term: SimDuration,
    /// The code with which it then ends.
    pub code: i32,
}

/// The least time that a container is given after its hook.
///
/// Source: kubernetes v1.36 pkg/kubelet/kuberuntime/kuberuntime_container.go,
/// `minimumGracePeriodInSeconds`
const LEAST_GRACE: SimDuration = SimDuration::secs(2);

impl Runtime {
    /// The sandbox of a pod.
    pub fn sandbox(&self, pod: Uid) -> Option<&Sandbox> {
        self.sandboxes.get(&pod)
    }

    /// The sandbox of a pod, to change.
    pub fn sandbox_mut(&mut self, pod: Uid) -> Option<&mut Sandbox> {
        self.sandboxes.get_mut(&pod)
    }

    /// Makes a sandbox for a pod with an address in the node's range, or readies the one of before.
    ///
    /// `range` is `10.244.3`: the host's part is added.
    pub fn create_sandbox(&mut self, pod: Uid, places: usize, range: &str) {
        self.addresses += 1;
        let host = 2 + (self.addresses - 1) % 253;
        let ip = format_smolstr!("{range}.{host}");
        let fresh = || Sandbox {
            ip: Name::default(),
            is_ready: true,
            containers: Vec::new(),
            shares: Vec::new(),
        };
        let sandbox = self.sandboxes.entry(pod).or_insert_with(fresh);
        sandbox.ip = ip;
        sandbox.is_ready = true;
        sandbox.containers.resize(places, None);
    }

    /// Has a sandbox, with its containers, from before the run; later ones get other addresses and
    /// ids.
    pub fn resume(&mut self, pod: Uid, sandbox: Sandbox) {
        let host = sandbox.ip.rsplit_once('.').and_then(|(_, host)| host.parse::<u32>().ok());
        self.addresses = self.addresses.max(host.map_or(0, |host| host.saturating_sub(1)));
        for run in sandbox.containers.iter().flatten() {
            let number = run.id.rsplit_once('/').map(|(_, id)| u64::from_str_radix(id, 16));
            // An id of another runtime is longer than any of ours.
            if let Some(Ok(number)) = number {
                self.containers = self.containers.max(number);
            }
        }
        self.sandboxes.insert(pod, sandbox);
    }

    /// Starts a container at its place.
    pub fn start(
        &mut self,
        pod: Uid,
        place: usize,
        attempt: i32,
        now: SimTime,
        end: Option<(SimDuration, i32)>,
    ) {
        self.containers += 1;
        self.changes += 1;
        // Differs: ids are short, so that they take no memory of their own.
        let id = format_smolstr!("containerd://{:010x}", self.containers);
        let Some(sandbox) = self.sandboxes.get_mut(&pod) else { return };
        let Some(slot) = sandbox.containers.get_mut(place) else { return };
        let mut before = slot.take().map(Box::new);
        if let Some(run) = &before {
            let sight = run.sight(&sandbox.shares, &self.loads);
            self.retired += sight.cpu(run.ends.min(now));
        }
        if let Some(run) = &mut before {
            run.before = None;
        }
        let (ends, exit_code) = match end {
            Some((after, code)) => (now + after, code),
            None => (SimTime::NEVER, 0),
        };
        let reason = if exit_code == 0 { "Completed" } else { "Error" };
        let figures = None;
        *slot = Some(Run { id, attempt, started: now, ends, exit_code, reason, before, figures });
    }

    /// Stops a container that runs; answers when it will have ended.
    ///
    /// With 30 s of grace, a hook of 5 s and 40 s from signal to end it is killed after 30 s, with
    /// code 137; with a hook of 29 s after 31 s.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/kuberuntime/kuberuntime_container.go, `killContainer`
    pub fn stop(&mut self, pod: Uid, place: usize, now: SimTime, stop: Stop) -> SimTime {
        let run = self.sandboxes.get_mut(&pod).and_then(|s| s.containers.get_mut(place)?.as_mut());
        let Some(run) = run else { return now };
        if !run.runs(now) {
            return now;
        }
        let hook = stop.hook.min(stop.grace);
        let left = (stop.grace - hook).max(LEAST_GRACE.min(stop.grace));
        let signal = now + hook;
        let (ends, code) =
            if stop.term <= left { (signal + stop.term, stop.code) } else { (signal + left, 137) };
        self.changes += 1;
        if ends < run.ends {
            run.ends = ends;
            run.exit_code = code;
            run.reason = if code == 0 { "" } else { "Error" };
        }
        run.ends
    }

    /// A container that runs is killed from outside: it ends now, with code 137.
    pub fn kill(&mut self, pod: Uid, place: usize, now: SimTime) {
        let run = self.sandboxes.get_mut(&pod).and_then(|s| s.containers.get_mut(place)?.as_mut());
        if let Some(run) = run.filter(|run| run.runs(now)) {
            (run.ends, run.exit_code, run.reason) = (now, 137, "Error");
        }
    }

    /// The containers of a sandbox have ended and its network is gone.
    pub fn stop_sandbox(&mut self, pod: Uid) {
        if let Some(sandbox) = self.sandboxes.get_mut(&pod) {
            sandbox.is_ready = false;
        }
    }

    /// Nothing is left of a pod.
    pub fn remove(&mut self, pod: Uid) {
        let Some(sandbox) = self.sandboxes.remove(&pod) else { return };
        self.changes += 1;
        for run in sandbox.containers.iter().flatten().filter(|r| r.ends != SimTime::NEVER) {
            self.retired += run.sight(&sandbox.shares, &self.loads).cpu(run.ends);
        }
    }

    /// Whether an image is present.
    pub fn has_image(&self, image: &str) -> bool {
        self.images.contains(image)
    }

    /// An image is present from now on.
    pub fn add_image(&mut self, image: &Name) {
        if !self.images.contains(image) {
            self.images.insert(image.clone());
        }
    }

    /// Queues a pull that takes `length` behind those under way; answers when it ends. A pull of
    /// the image that is being pulled last ends with that one.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/images/puller.go, `serialImagePuller`
    pub fn pull(&mut self, image: &Name, now: SimTime, length: SimDuration) -> SimTime {
        if now < self.pulls_end && self.pulling.as_ref() == Some(image) {
            return self.pulls_end;
        }
        self.pulls_end = self.pulls_end.max(now) + length;
        self.pulling = Some(image.clone());
        self.pulls_end
    }

    /// The node has stopped: containers and sandboxes are gone, images stay.
    pub fn lose_containers(&mut self) {
        self.sandboxes.clear();
        self.retired = 0;
        self.pulls_end = SimTime::ZERO;
    }

    /// The disk is another one: nothing is present.
    pub fn lose_images(&mut self) {
        self.images.clear();
    }

    /// The pods that it has something of, by uid.
    pub fn pods(&self) -> impl Iterator<Item = Uid> {
        self.sandboxes.keys().copied()
    }
}
