//! Random stories: small clusters, workloads, what people do to them, and faults that all end.
//!
//! A story is drawn by proptest's strategies, so that it can shrink, or from a seed alone. Its
//! scenario ends with everything made good: nodes uncordoned, rollouts resumed.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, RngSeed, TestRng, TestRunner};
use serde_json::{Value, json};
use wavetank::scenario::load::{Described, load};
use wavetank::scenario::world::World;

use crate::determinism::number_from_environment;

/// Steps and faults happen before this second; what is left broken is then made good.
pub(crate) const CALM: u64 = 75;

/// A cluster, what is to run on it, what people do, and what befalls it.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    nodes: u8,
    servers: u8,
    managers: u8,
    schedulers: u8,
    /// The longest delay of a message, in milliseconds.
    delay: u8,
    apps: Vec<App>,
    steps: Vec<(u16, u8, Deed)>,
    faults: Vec<(u16, u8, Blow)>,
}

/// A Deployment, and perhaps a Service for it.
#[derive(Clone, Debug)]
struct App {
    replicas: u8,
    image: &'static str,
    strategy: Pace,
    cpu: u16,
    probe: bool,
    served: bool,
    grace: u8,
}

/// How pods are replaced: all at once, or by surge and how many may be missing.
#[derive(Clone, Copy, Debug)]
enum Pace {
    Recreate,
    Rolling(&'static str, &'static str),
}

/// What a person does to an application or a node.
#[derive(Clone, Debug)]
enum Deed {
    Scale(u8),
    Image(&'static str),
    Undo,
    Pause,
    Resume,
    Restart,
    Delete,
    Reapply,
    Cordon,
    Uncordon,
    Drain,
}

/// A fault, and how many seconds it lasts.
#[derive(Clone, Debug)]
enum Blow {
    PodKill,
    ContainerKill,
    NodeStop(u8),
    Component(&'static str, u8),
    Partition(u8),
}

/// Images by how they behave; the last two never serve.
const IMAGES: &[&str] = &["good:v1", "good:v2", "slow:v1", "slow:v2", "nosuch:v1", "crash:v1"];

/// Whether containers of an image come to run for good.
pub(crate) fn serves(image: &str) -> bool {
    image.starts_with("good") || image.starts_with("slow")
}

const COMPONENTS: &[&str] =
    &["kube-controller-manager", "kube-scheduler", "kube-apiserver", "etcd"];

fn app() -> impl Strategy<Value = App> {
    let strategy = prop_oneof![
        Just(Pace::Rolling("25%", "25%")),
        Just(Pace::Rolling("1", "0")),
        Just(Pace::Rolling("0", "1")),
        Just(Pace::Rolling("100%", "50%")),
        Just(Pace::Recreate),
    ];
    let image = prop_oneof![8 => select(&IMAGES[..4]), 1 => select(&IMAGES[4..])];
    let cpu = select(&[0_u16, 100, 700, 1500][..]);
    (0_u8..6, image, strategy, cpu, any::<bool>(), any::<bool>(), 0_u8..4).prop_map(
        |(replicas, image, strategy, cpu, probe, served, grace)| App {
            replicas,
            image,
            strategy,
            cpu,
            probe,
            served,
            grace,
        },
    )
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (0_u8..8).prop_map(Deed::Scale),
        4 => select(&IMAGES[..4]).prop_map(Deed::Image),
        1 => select(IMAGES).prop_map(Deed::Image),
        1 => Just(Deed::Undo),
        1 => Just(Deed::Pause),
        1 => Just(Deed::Resume),
        2 => Just(Deed::Restart),
        1 => Just(Deed::Delete),
        1 => Just(Deed::Reapply),
        1 => Just(Deed::Cordon),
        1 => Just(Deed::Uncordon),
        1 => Just(Deed::Drain),
    ]
}

fn blow() -> impl Strategy<Value = Blow> {
    prop_oneof![
        2 => Just(Blow::PodKill),
        2 => Just(Blow::ContainerKill),
        2 => (1_u8..70).prop_map(Blow::NodeStop),
        4 => (select(COMPONENTS), 1_u8..40).prop_map(|(c, n)| Blow::Component(c, n)),
        2 => (1_u8..70).prop_map(Blow::Partition),
    ]
}

/// Any story.
pub(crate) fn story() -> impl Strategy<Value = Story> {
    let several = || prop_oneof![3 => Just(1_u8), 1 => Just(2_u8)];
    let steps = prop::collection::vec((0_u16..20_000, any::<u8>(), deed()), 0..6);
    let faults = prop::collection::vec((1_000_u16..60_000, any::<u8>(), blow()), 0..4);
    let apps = prop::collection::vec(app(), 1..4);
    (1_u8..6, several(), several(), several(), 0_u8..30, apps, steps, faults).prop_map(
        |(nodes, servers, managers, schedulers, delay, apps, steps, faults)| Story {
            nodes,
            servers,
            managers,
            schedulers,
            delay,
            apps,
            steps,
            faults,
        },
    )
}

/// How a property of histories is tested: on the same cases in each run. `PROPTEST_RNG_SEED` draws
/// others, and `WAVETANK_CASES` says how many.
pub(crate) fn histories() -> Config {
    let cases = u32::try_from(number_from_environment("WAVETANK_CASES", 24)).unwrap_or(24);
    let seed = RngSeed::Fixed(number_from_environment("PROPTEST_RNG_SEED", 1));
    Config {
        cases,
        rng_seed: seed,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    }
}

/// The story of a seed.
pub(crate) fn of_seed(seed: u64) -> Story {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    story().new_tree(&mut runner).expect("every story can be drawn").current()
}

impl Story {
    /// The scenario, as the text of its file; it ends so many seconds after everything was made
    /// good.
    pub(crate) fn yaml(&self, after: u64) -> String {
        let images = json!({
            "good:*": {"start": "200ms"},
            "slow:*": {"pull": "2s", "start": "1s", "ready-after": "3s", "term": "2s"},
            "nosuch:*": {"pull-error": "not found"},
            "crash:*": {"exit": {"code": 1, "after": "1s"}},
        });
        let cluster = json!({
            "nodes": [{"name": "node", "count": self.nodes, "cpu": "4"}],
            "apiservers": self.servers,
            "controller-managers": self.managers,
            "schedulers": self.schedulers,
            "latency": {
                "kubelet": format!("1ms..{}ms", 1 + u64::from(self.delay)),
                "controller-manager": format!("1ms..{}ms", 1 + u64::from(self.delay)),
            },
        });
        let scenario = json!({
            "name": "random",
            "cluster": cluster,
            "images": images,
            "steps": self.steps(),
            "faults": self.faults(),
            "until": format!("{}s", CALM + after),
        });
        format!("{scenario:#}\n")
    }

    fn steps(&self) -> Vec<Value> {
        let apps = self.apps.iter().zip(0..);
        let mut steps: Vec<Value> =
            apps.map(|(app, n)| json!({"apply": app.manifests(n)})).collect();
        for (wait, whom, deed) in &self.steps {
            steps.push(json!({"wait": format!("{}ms", wait / 2)}));
            let app = usize::from(*whom) % self.apps.len();
            let node = format!("node-{}", 1 + whom % self.nodes);
            steps.push(match deed {
                Deed::Reapply => json!({"apply": self.apps[app].manifests(app)}),
                _ => json!({"kubectl": format!("{} || true", deed.command(app, &node))}),
            });
        }
        let calm = format!("{CALM}s");
        steps.push(json!({"wait": "0s", "at": calm}));
        for node in 1..=self.nodes {
            steps.push(json!({"kubectl": format!("uncordon node-{node} || true")}));
        }
        for app in 0..self.apps.len() {
            steps.push(json!({"kubectl": format!("rollout resume deploy/app-{app} || true")}));
        }
        steps
    }

    fn faults(&self) -> Vec<Value> {
        let mut faults = Vec::new();
        for (at, whom, blow) in &self.faults {
            let app = usize::from(*whom) % self.apps.len();
            let labels = json!({"app": format!("app-{app}")});
            let node = format!("node-{}", 1 + whom % self.nodes);
            // Everything is healed a while before the calm.
            let longest = (CALM * 1000 - 10_000).saturating_sub(u64::from(*at));
            let span = |secs: u8| format!("{}ms", (u64::from(secs) * 1000).min(longest));
            let inject = match blow {
                Blow::PodKill => json!({"pod-kill": {"labelSelectors": labels, "mode": "one"}}),
                Blow::ContainerKill => {
                    json!({"container-kill": {"labelSelectors": labels, "mode": "one"}})
                }
                Blow::NodeStop(secs) => {
                    json!({"node-stop": {"nodes": [node]}, "duration": span(*secs)})
                }
                Blow::Component(component, secs) => {
                    json!({"component-stop": {"component": component}, "duration": span(*secs)})
                }
                Blow::Partition(secs) => {
                    let ends = json!({"from": node, "to": "apiserver"});
                    json!({"network-partition": ends, "duration": span(*secs)})
                }
            };
            faults.push(json!({"at": format!("{at}ms"), "inject": inject}));
        }
        faults
    }

    /// The scenario, read.
    pub(crate) fn described(&self, after: u64) -> Arc<Described> {
        described("random.yaml", self.yaml(after))
    }

    /// The world of the scenario.
    pub(crate) fn world(&self, seed: u64, after: u64) -> World {
        World::new(self.described(after), seed, None).expect("a story can be carried out")
    }
}

/// Reads the text of a scenario that names no files.
pub(crate) fn described(name: &str, text: String) -> Arc<Described> {
    let mut no_files = |path: &str| Err(format!("there is no file {path}"));
    match load(name, text.into_bytes(), &[], &mut no_files) {
        Ok(described) => Arc::new(described),
        Err(problems) => panic!("{problems:#?}"),
    }
}

impl Deed {
    fn command(&self, app: usize, node: &str) -> String {
        match self {
            Deed::Scale(n) => format!("scale deploy/app-{app} --replicas={n}"),
            Deed::Image(image) => format!("set image deploy/app-{app} main={image}"),
            Deed::Undo => format!("rollout undo deploy/app-{app}"),
            Deed::Pause => format!("rollout pause deploy/app-{app}"),
            Deed::Resume => format!("rollout resume deploy/app-{app}"),
            Deed::Restart => format!("rollout restart deploy/app-{app}"),
            Deed::Delete => format!("delete deploy/app-{app} --wait=false"),
            Deed::Reapply => unreachable!("manifests are applied by an own step"),
            Deed::Cordon => format!("cordon {node}"),
            Deed::Uncordon => format!("uncordon {node}"),
            Deed::Drain => format!("drain {node} --ignore-daemonsets --timeout=15s"),
        }
    }
}

impl App {
    fn manifests(&self, n: usize) -> Value {
        let name = format!("app-{n}");
        let strategy = match self.strategy {
            Pace::Recreate => json!({"type": "Recreate"}),
            Pace::Rolling(surge, unavailable) => {
                let rolling =
                    json!({"maxSurge": amount(surge), "maxUnavailable": amount(unavailable)});
                json!({"type": "RollingUpdate", "rollingUpdate": rolling})
            }
        };
        let mut container = json!({
            "name": "main",
            "image": self.image,
            "ports": [{"containerPort": 80}],
            "resources": {"requests": {"cpu": format!("{}m", self.cpu)}},
        });
        if self.probe {
            container["readinessProbe"] = json!({"httpGet": {"port": 80}, "periodSeconds": 1});
        }
        let spec = json!({
            "terminationGracePeriodSeconds": 5 * i64::from(self.grace),
            "containers": [container],
        });
        let labels = json!({"app": name});
        let deployment = json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {
                "replicas": self.replicas,
                "progressDeadlineSeconds": 60,
                "selector": {"matchLabels": labels},
                "strategy": strategy,
                "template": {"metadata": {"labels": labels}, "spec": spec},
            },
        });
        let service = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"selector": labels, "ports": [{"port": 80}]},
        });
        if self.served { json!([deployment, service]) } else { json!([deployment]) }
    }
}

/// A number as a number, a percentage as text.
fn amount(text: &str) -> Value {
    text.parse::<i32>().map_or_else(|_| json!(text), |n| json!(n))
}
