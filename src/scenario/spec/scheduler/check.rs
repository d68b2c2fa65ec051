//! What kube-scheduler refuses in its configuration when it starts.
//!
//! Source: kubernetes v1.36 pkg/scheduler/apis/config/validation/validation.go,
//! `ValidateKubeSchedulerConfiguration`, and validation_pluginargs.go

use std::collections::BTreeSet;

use serde_json::Value;

use super::Args;
use super::FitArgs;
use super::KubeScheduler;
use super::PluginChanges;
use super::Profile;
use super::ResourceWeight;
use super::SpreadArgs;
use crate::scenario::decode::Spanned;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::source::Place;
use crate::scenario::source::Session;

fn wrong(place: Place, message: impl Into<String>, session: &mut Session) {
    session.report(place, Mistake::other(message));
}

impl KubeScheduler {
    pub(super) fn check(&self, session: &mut Session) {
        if let Some(parallelism) = self.parallelism.as_ref().filter(|p| p.value <= 0) {
            wrong(parallelism.place, "`parallelism` is greater than 0", session);
        }
        if let Some(delay) = self.delay.as_ref().filter(|delay| delay.value) {
            session.report(delay.place, Mistake::not_modelled("field", "delayCacheUntilActive"));
        }
        let initial = self.initial_backoff.as_ref();
        if let Some(initial) = initial.filter(|initial| initial.value == 0) {
            wrong(initial.place, "`podInitialBackoffSeconds` is greater than 0", session);
        }
        let least = initial.map_or(1, |initial| initial.value);
        if let Some(max) = self.max_backoff.as_ref().filter(|max| max.value < least) {
            let message = "`podMaxBackoffSeconds` is not less than `podInitialBackoffSeconds`";
            wrong(max.place, message, session);
        }
        let mut names = BTreeSet::new();
        for profile in &self.profiles {
            let name = profile.name.as_ref();
            let text = name.map_or("default-scheduler", |name| name.value.as_str());
            let place = name.map_or(Place::default(), |name| name.place);
            if text.is_empty() {
                wrong(place, "a scheduler's name is not empty", session);
            }
            if !names.insert(text) {
                wrong(place, format!("a second profile `{text}`"), session);
            }
            profile.check(session);
        }
    }
}

impl Profile {
    fn check(&self, session: &mut Session) {
        self.plugins.0.iter().for_each(|(_, changes)| changes.check(session));
        let mut seen = BTreeSet::new();
        for config in &self.args {
            let (id, args) = (&config.0, &config.1);
            if !seen.insert(id.value) {
                let message = format!("arguments of `{}` are given twice", id.value.name());
                wrong(id.place, message, session);
            }
            args.check(session);
        }
    }
}

impl PluginChanges {
    fn check(&self, session: &mut Session) {
        for (all, what) in [(&self.enabled, "enabled"), (&self.disabled, "disabled")] {
            let mut seen = BTreeSet::new();
            for one in all {
                if !seen.insert(one.name.value.as_str()) {
                    wrong(one.name.place, format!("`{}` is {what} twice", one.name.value), session);
                }
                if let Some(weight) = one.weight.as_ref().filter(|weight| weight.value < 0) {
                    wrong(weight.place, "a weight is not less than 0", session);
                }
            }
        }
    }
}

fn weights(all: &[ResourceWeight], session: &mut Session) {
    for weight in all.iter().filter_map(|resource| resource.weight.as_ref()) {
        if !(1..=100).contains(&weight.value) {
            let text = weight.value.to_string();
            let mistake = Mistake::bad_value("weight of a resource", &text, "from 1 to 100");
            session.report(weight.place, mistake);
        }
    }
}

impl Args {
    fn check(&self, session: &mut Session) {
        match self {
            Args::Fit(own) => own.check(session),
            Args::Balanced(own) => weights(&own.resources, session),
            Args::Spread(own) => own.check(session),
            Args::Preemption(own) => {
                let share = own.percentage.as_ref();
                if let (Some(share), Some(0)) = (share.filter(|s| s.value == 0), own.absolute) {
                    let message = "`minCandidateNodesPercentage` and `minCandidateNodesAbsolute` \
                                   are not both 0";
                    wrong(share.place, message, session);
                }
            }
            Args::NodeAffinity(_) | Args::Affinity(_) | Args::Volumes(_) => {}
            Args::Devices(_) | Args::None => {}
        }
    }
}

impl FitArgs {
    fn check(&self, session: &mut Session) {
        let Some(strategy) = &self.strategy else { return };
        weights(&strategy.resources, session);
        let kind = strategy.kind.as_ref().filter(|k| k.value == "RequestedToCapacityRatio");
        match (&strategy.ratio, kind) {
            (None, Some(kind)) => {
                wrong(kind.place, "`requestedToCapacityRatio` with a `shape` is missing", session);
            }
            (Some(ratio), _) => {
                let points = &ratio.value.shape;
                let rises = |pair: &[super::ShapePoint]| pair[0].utilization < pair[1].utilization;
                let within = |p: &super::ShapePoint| {
                    (0..=100).contains(&p.utilization) && (0..=10).contains(&p.score)
                };
                if points.is_empty() {
                    wrong(ratio.place, "a shape has at least one point", session);
                } else if !points.iter().all(within) {
                    let message = "utilization is from 0 to 100, score from 0 to 10";
                    wrong(ratio.place, message, session);
                } else if !points.windows(2).all(rises) {
                    wrong(ratio.place, "the points of a shape rise in utilization", session);
                }
            }
            (None, None) => {}
        }
    }
}

impl SpreadArgs {
    fn check(&self, session: &mut Session) {
        let is_list = self.defaulting.as_ref().is_some_and(|kind| kind.value == "List");
        if let (false, Some(first)) = (is_list, self.constraints.first()) {
            let message = "`defaultConstraints` go with `defaultingType: List` alone";
            wrong(first.place, message, session);
        }
        self.constraints.iter().for_each(|constraint| check_constraint(constraint, session));
    }
}

fn check_constraint(constraint: &Spanned<Value>, session: &mut Session) {
    const KNOWN: [&str; 4] = ["maxSkew", "topologyKey", "whenUnsatisfiable", "labelSelector"];
    let (value, place) = (&constraint.value, constraint.place);
    for key in value.as_object().into_iter().flat_map(serde_json::Map::keys) {
        if key == "labelSelector" {
            let message = "a default constraint has no `labelSelector`: it is that of each pod";
            wrong(place, message, session);
        } else if !KNOWN.contains(&key.as_str()) {
            let mistake = Mistake::unknown_field("a default constraint", key, &KNOWN[..3]);
            session.report(place, mistake);
        }
    }
    if value["maxSkew"].as_i64().is_none_or(|skew| skew <= 0) {
        wrong(place, "`maxSkew` is greater than 0", session);
    }
    if value["topologyKey"].as_str().is_none_or(str::is_empty) {
        wrong(place, "`topologyKey` is missing", session);
    }
    if !matches!(value["whenUnsatisfiable"].as_str(), Some("DoNotSchedule" | "ScheduleAnyway")) {
        wrong(place, "`whenUnsatisfiable` is `DoNotSchedule` or `ScheduleAnyway`", session);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::decode::Decode;
    use crate::scenario::yaml;

    fn problems(text: &str) -> Vec<String> {
        let mut session = Session::default();
        let source = session.add("s.yaml", text);
        let documents = yaml::parse(&mut session, source);
        if let Some(config) = KubeScheduler::decode(&documents[0], &mut session) {
            config.config(&mut session);
        }
        session.take_problems().iter().map(|problem| problem.message.clone()).collect()
    }

    #[test]
    fn what_kube_scheduler_refuses_is_refused() {
        for (text, problem) in [
            ("parallelism: 0", "`parallelism` is greater than 0"),
            ("podInitialBackoffSeconds: 0", "`podInitialBackoffSeconds` is greater than 0"),
            (
                "{podInitialBackoffSeconds: 5, podMaxBackoffSeconds: 4}",
                "`podMaxBackoffSeconds` is not less than `podInitialBackoffSeconds`",
            ),
            ("profiles: [{schedulerName: a}, {schedulerName: a}]", "a second profile `a`"),
            (
                "profiles: [{plugins: {score: {enabled: [{name: NodeAffinity}, {name: NodeAffinity}]}}}]",
                "`NodeAffinity` is enabled twice",
            ),
            (
                "profiles: [{pluginConfig: [{name: VolumeBinding}, {name: VolumeBinding}]}]",
                "arguments of `VolumeBinding` are given twice",
            ),
            (
                "profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: \
                 {type: RequestedToCapacityRatio}}}]}]",
                "`requestedToCapacityRatio` with a `shape` is missing",
            ),
            (
                "profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: \
                 {resources: [{name: cpu, weight: 101}]}}}]}]",
                "`101` is no weight of a resource; from 1 to 100",
            ),
            (
                "profiles: [{pluginConfig: [{name: PodTopologySpread, args: {defaultConstraints: \
                 [{maxSkew: 1, topologyKey: a, whenUnsatisfiable: DoNotSchedule}]}}]}]",
                "`defaultConstraints` go with `defaultingType: List` alone",
            ),
            (
                "profiles: [{pluginConfig: [{name: DynamicResources, args: {filterTimeout: 1s}}]}]",
                "the field `filterTimeout` is not modelled yet",
            ),
            (
                "delayCacheUntilActive: true",
                "the field `delayCacheUntilActive` is not modelled yet",
            ),
            ("extenders: [{urlPrefix: x}]", "the field `extenders` is not modelled yet"),
            (
                "leaderElection: {leaseDuration: 30s}",
                "the leaseDuration of `30s` is not modelled yet",
            ),
            ("leaderElection: {leaderElct: true}", "unknown field `leaderElct` in leaderElection"),
        ] {
            assert_eq!(problems(text), [problem], "{text}");
        }
    }

    #[test]
    fn what_is_taken_is_acted_upon() {
        let mut session = Session::default();
        let text = "{leaderElection: {leaderElect: false}, clientConnection: {qps: 7.5, burst: 9}, \
                    profiles: [{pluginConfig: [{name: VolumeBinding, args: {bindTimeoutSeconds: 30}}]}]}";
        let source = session.add("s.yaml", text);
        let documents = yaml::parse(&mut session, source);
        let config = KubeScheduler::decode(&documents[0], &mut session).expect("it is one");
        let config = config.config(&mut session);
        assert_eq!((config.elects, config.client), (false, Some((8, 9))));
        let args = &config.profiles[0].args;
        assert_eq!(args.bind_timeout, Some(crate::sim::time::SimDuration::secs(30)));
    }
}
