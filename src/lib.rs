//! wavetank: a deterministic discrete-event simulator of Kubernetes.
//!
//! *A ship-model basin: the ship is to scale, the waves are made to order.*
//!
//! A world is a whole cluster of Kubernetes 1.36 (etcd, kube-apiserver, the controllers,
//! kube-scheduler, a kubelet on every node), the person at its terminal, and the weather. It runs
//! on one virtual clock from one seed: the same scenario and seed give the same run on every
//! machine. This page is the manual of the crate; the command line is described in the README, the
//! scenario file in `docs/scenario.md`, the inside in `ARCHITECTURE.md`.
//!
//! # A run
//!
//! ```
//! use std::sync::Arc;
//! use wavetank::scenario::{self, world::World};
//!
//! let text = r#"
//! name: three pods
//! about: A Deployment comes up.
//! cluster:
//!   nodes: [{name: node, count: 2, cpu: "4", memory: 8Gi}]
//! steps:
//!   - kubectl: create deployment web --image=registry.local/app:v1 --replicas=3
//!   - kubectl: rollout status deploy/web --timeout=60s
//! expect:
//!   - eventually: {available: {deployment: web, at-least: 3}}
//!     within: 1m
//! "#;
//! let mut no_files = |path: &str| Err(format!("there is no file {path}"));
//! let described = scenario::load("three-pods.yaml", text.into(), &[], &mut no_files)
//!     .expect("nothing is wrong with the scenario");
//! let mut world = World::new(Arc::new(described), 42, None).expect("it can be carried out");
//! let report = world.run();
//!
//! assert!(report.verdict.held);
//! assert!(report.steps[1].output.ends_with("successfully rolled out\n"));
//! ```
//!
//! # A world is a value
//!
//! [`World`](scenario::world::World) and [`Cluster`](cluster::Cluster) are `Clone` and `Send`. A
//! clone is another world with the same past. To see what would happen if, clone a world in the
//! middle of its run, change one thing, and run both; to look at an instant again, keep a clone of
//! it; to run many worlds, hand them to threads. [`World::go_on`](scenario::world::World::go_on)
//! goes on by one turn.
//!
//! # What happened, and why
//!
//! [`Cluster::engine`](cluster::Cluster::engine) has the [log](sim::log::Log) of the run. Each
//! [`Record`](sim::log::Record) names its turn and the turn that led to it; its
//! [`Note`](api::note::Note) is a write with the versions before and after and its reason, a
//! refusal, a step, a fault or a mark. [`trace`] holds the views of it.
//!
//! # A controller of one's own
//!
//! A controller is a [`Reconciler`](client::reconciler::Reconciler): a function from what it sees
//! ([`View`](client::view::View)) to the writes that it wants
//! ([`Plan`](client::plan::Plan)). It is a process of its own in the cluster
//! ([`ClusterConfig::operators`](cluster::ClusterConfig::operators)), with the informers, work
//! queue, retries and crashes that all controllers have.
//!
//! ```
//! use wavetank::api::core::pod::{Pod, PodPhase};
//! use wavetank::api::object::{Kind, ObjectKey, Resource};
//! use wavetank::api::why::Why;
//! use wavetank::client::plan::{Plan, Write};
//! use wavetank::client::reconciler::{Reconciler, Watch};
//! use wavetank::client::view::View;
//!
//! /// Deletes pods that have failed.
//! #[derive(Clone)]
//! struct Broom;
//!
//! impl Reconciler for Broom {
//!     fn name(&self) -> &'static str {
//!         "broom"
//!     }
//!
//!     fn watches(&self) -> &'static [Watch] {
//!         &[Watch { kind: Kind::POD, keys: |change, _, keys| keys.add(change.latest().key()) }]
//!     }
//!
//!     fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
//!         let mut plan = Plan::nothing();
//!         let pod = view.get::<Pod>(&key.namespace, &key.name);
//!         if let Some(pod) = pod.filter(|pod| pod.status.phase == PodPhase::Failed) {
//!             let why = Why::one("pod {} has failed", &key.name);
//!             plan.push(Write::delete(&pod.clone().into_object(), why));
//!         }
//!         plan
//!     }
//!
//!     fn boxed_clone(&self) -> Box<dyn Reconciler> {
//!         Box::new(self.clone())
//!     }
//! }
//! ```
//!
//! # What is where
//!
//! | module | holds |
//! |---|---|
//! | [`sim`] | the engine: time, agenda, lives, links, chance, log, digest |
//! | [`api`] | kinds, defaults, validation, patches, requests and refusals |
//! | [`etcd`], [`apiserver`] | the store, and the only one who speaks to it |
//! | [`client`] | what all clients share: caches, queues, plans, expectations, elections |
//! | [`controllers`], [`scheduler`], [`node`] | what acts |
//! | [`autoscaler`], [`descheduler`] | who adds and removes nodes, who evicts what stands badly |
//! | [`metrics`] | who tells what pods use, and who carries a load |
//! | [`cluster`] | what a cluster is made of, and its start |
//! | [`check`] | what must hold in every run |
//! | [`fault`] | what befalls a cluster, as a value |
//! | [`scenario`] | scenarios: read, carried out, judged |
//! | [`explore`] | the search for faults that break what must hold |
//! | [`testing`] | tests of one's own controllers |
//! | [`trace`] | views of the log: timeline, why, page, exports |
//! | [`course`] | what the course compares: architectures of schedulers |
//!
//! # Features
//!
//! - `cli` (default): the command line.
//! - `testing`: strategies for testing one's own controllers with `proptest`.

pub mod api;
pub mod apiserver;
pub mod autoscaler;
pub mod bugs;
pub mod check;
#[cfg(feature = "cli")]
pub mod cli;
pub mod client;
pub mod cluster;
pub mod controllers;
pub mod course;
pub mod descheduler;
pub mod etcd;
pub mod explore;
pub mod fault;
pub mod metrics;
pub mod node;
pub mod scenario;
pub mod scheduler;
pub mod scheduler_perf;
pub mod sim;
pub mod testing;
pub mod trace;
