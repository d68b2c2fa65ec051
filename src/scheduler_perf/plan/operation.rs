//! Each operation as steps.

use std::sync::Arc;

use serde_json::Value;

use super::{
    Barrier, Churn, Collect, Deed, Delete, Maker, New, Pods, Then, Update, made, selector,
};
use crate::api::Name;
use crate::api::object::Kind;
use crate::api::request::Subresource;
use crate::scenario::decode::Spanned;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::duration;
use crate::scenario::source::Place;
use crate::scheduler_perf::given;
use crate::scheduler_perf::spec::{self, Operation};
use crate::scheduler_perf::template::Values;
use crate::sim::time::SimDuration;

impl Maker<'_, '_, '_> {
    /// Makes steps of one operation; what is wrong with it is reported.
    pub(super) fn operation(&mut self, operation: &Spanned<Operation>) {
        let place = operation.place;
        let _reported = match &operation.value {
            Operation::CreateNodes(op) => self.nodes(op, place),
            Operation::CreateNamespaces(op) => self.namespaces(op, place),
            Operation::CreatePods(op) => self.pods(op, place, None),
            Operation::CreatePodSets(op) => return self.pod_sets(op, place),
            Operation::DeletePods(op) => {
                self.delete(op);
                None
            }
            Operation::Churn(op) => self.churn(op, place),
            Operation::Barrier(op) => self.barrier(op),
            Operation::Sleep(op) => self.sleep(op, place),
            Operation::StartCollecting(op) => {
                self.start(op, place);
                None
            }
            Operation::StopCollecting(_) => {
                self.stop(place);
                None
            }
            Operation::CreateAny(op) => self.create_any(op, place),
            Operation::UpdateAny(op) => self.update_any(op, place),
            Operation::NotModelled(_) => None,
        };
        self.number += 1;
    }

    fn nodes(&mut self, op: &spec::CreateNodes, place: Place) -> Option<()> {
        let count = self.count(op.count, op.count_param.as_ref(), None, place)?;
        let strategies = [op.allocatable.is_some(), op.label.is_some(), op.unique.is_some()];
        if strategies.iter().filter(|is| **is).count() > 1 {
            self.wrong(place, "more than one strategy is given: one an operation");
        }
        let templates = match &op.template {
            Some(path) => {
                let values = self.values(&op.params)?;
                self.of_kind(Kind::NODE, path, count, &values)?
            }
            None => alike(made::base_node(self.number), count),
        };
        let (mut nodes, mut csi) = (Vec::new(), Vec::new());
        for template in &templates {
            let (extra, node) = made::node(template, self.nodes, op);
            self.nodes += 1;
            nodes.push(node);
            csi.extend(extra);
        }
        self.push("createNodes", Deed::Create(nodes));
        if !csi.is_empty() {
            self.push("createNodes", Deed::Create(csi));
        }
        Some(())
    }

    /// So many objects of a template that must be of a kind.
    fn of_kind(
        &mut self,
        kind: Kind,
        path: &Spanned<String>,
        count: usize,
        values: &Values,
    ) -> Option<Vec<Arc<Value>>> {
        let all = self.given.objects(path, count, values, self.session)?;
        if let Some(other) = all.iter().find(|object| object.kind != kind) {
            let message = format!(
                "expected a {} in `{}`, found a {}",
                kind.name(),
                path.value,
                other.kind.name()
            );
            self.wrong(path.place, message);
            return None;
        }
        Some(all.into_iter().map(|object| object.value).collect())
    }

    fn namespaces(&mut self, op: &spec::CreateNamespaces, place: Place) -> Option<()> {
        let count = self.count(op.count, op.count_param.as_ref(), None, place)?;
        let template = match &op.template {
            Some(path) => Some(self.given.nameless(path, self.session)?),
            None => None,
        };
        let mut all = Vec::new();
        for n in 0..count {
            let name = Name::new(format!("{}-{n}", op.prefix));
            if self.namespaces.insert(name.clone()) {
                all.push(made::namespace(&name, template.as_ref()));
            }
        }
        self.push("createNamespaces", Deed::Create(all));
        Some(())
    }

    fn pod_sets(&mut self, op: &spec::CreatePodSets, place: Place) {
        let count = self.count(op.count, op.count_param.as_ref(), None, place);
        for n in 0..count.unwrap_or(0) {
            let namespace = format!("{}-{n}", op.prefix);
            let _ = self.pods(&op.pods.value, op.pods.place, Some(namespace));
            self.number += 1;
        }
    }

    fn pods(
        &mut self,
        op: &spec::CreatePods,
        place: Place,
        namespace: Option<String>,
    ) -> Option<()> {
        let mut count = self.count(op.count, op.count_param.as_ref(), None, place)?;
        if let Some(param) = &op.multiplier_param {
            count *= self.count(None, Some(param), None, place)?;
        }
        let then = self.then(op, place)?;
        if op.collects && then == Then::Nothing {
            let message = "`collectMetrics` and `skipWaitToCompletion` cannot go together";
            self.wrong(place, message);
        }
        if op.collects && self.is_collecting {
            self.wrong(place, "it is measured already");
        }
        let pods = self.templates(op, count, place)?;
        let own = format!("namespace-{}", self.number);
        let name = namespace.or_else(|| op.namespace.clone()).unwrap_or(own);
        let namespace = self.need_namespace("createPods", &name);
        let (before, values) = self.with_volumes(op, &namespace, pods, place)?;
        let collects = op.collects;
        self.push("createPods", Deed::Pods(Pods { namespace, before, values, then, collects }));
        Some(())
    }

    fn then(&mut self, op: &spec::CreatePods, place: Place) -> Option<Then> {
        let steady = match &op.steady_param {
            Some(param) => self.typed(param, "true or false", Value::as_bool)?,
            None => op.steady.unwrap_or(false),
        };
        let duration = self.duration(op.duration, op.duration_param.as_ref())?;
        match (steady, op.skips_wait, duration) {
            (true, true, _) => {
                let message = "`skipWaitToCompletion` and `steadyState` cannot go together";
                self.wrong(place, message);
                None
            }
            (true, false, duration) if duration > SimDuration::ZERO => Some(Then::Steady(duration)),
            (true, false, _) => {
                self.wrong(place, "a steady state has a `duration` above 0");
                None
            }
            (false, true, _) => Some(Then::Nothing),
            (false, false, _) => Some(Then::Scheduled),
        }
    }

    /// A duration, written or given by a parameter; 0 where there is none.
    fn duration(
        &mut self,
        written: Option<SimDuration>,
        param: Option<&Spanned<String>>,
    ) -> Option<SimDuration> {
        let read = |value: &Value| duration::parse(value.as_str()?);
        match param {
            Some(param) => self.typed(param, "a duration such as `30s`", read),
            None => Some(written.unwrap_or(SimDuration::ZERO)),
        }
    }

    /// The pods; those of a plain template are one and the same.
    ///
    /// Differs: upstream always labels pods with `signature`, each with another value unless a
    /// batch size is written, to keep its opportunistic batching from what it measures. Here a pod
    /// has the label only where a batch size is written.
    fn templates(
        &mut self,
        op: &spec::CreatePods,
        count: usize,
        place: Place,
    ) -> Option<Vec<Arc<Value>>> {
        let path = op.template.as_ref().or(self.test_case.pod_template.as_ref());
        let Some(path) = path else { return Some(alike(made::base_pod(), count)) };
        let values = self.values(&op.params)?;
        let mut pods = self.of_kind(Kind::POD, path, count, &values)?;
        if op.batch.is_some() || op.batch_param.is_some() {
            let batch = self.count(op.batch, op.batch_param.as_ref(), None, place)?.max(1);
            for (n, pod) in pods.iter_mut().enumerate() {
                let label = format!("signature-label-{}", n / batch);
                Arc::make_mut(pod)["metadata"]["labels"]["signature"] = label.into();
            }
        }
        Some(pods)
    }

    fn with_volumes(
        &mut self,
        op: &spec::CreatePods,
        namespace: &Name,
        pods: Vec<Arc<Value>>,
        place: Place,
    ) -> Option<(Vec<New>, Vec<Arc<Value>>)> {
        let Some(claim) = &op.claim else { return Some((Vec::new(), pods)) };
        let Some(volume) = &op.volume else {
            let mistake = Mistake::missing_field("createPods", "persistentVolumeTemplatePath");
            self.session.report(place, mistake);
            return None;
        };
        let claim = self.given.nameless(claim, self.session)?;
        let volume = self.given.nameless(volume, self.session)?;
        let (mut before, mut mounting) = (Vec::new(), Vec::new());
        for (n, pod) in pods.iter().enumerate() {
            let names =
                made::Bound { volume: format!("vol-{}", self.volumes), claim: format!("pvc-{n}") };
            self.volumes += 1;
            let both = (volume.clone(), claim.clone());
            before.extend(made::volume_and_claim(both, &names, namespace));
            mounting.push(Arc::new(made::with_claim(pod, &names.claim)));
        }
        Some((before, mounting))
    }

    fn delete(&mut self, op: &spec::DeletePods) {
        self.push(
            "deletePods",
            Deed::Delete(Delete {
                namespace: Name::new(&op.namespace),
                labels: selector(&op.labels),
                per_second: op.per_second,
                waits: !op.skips_wait,
            }),
        );
    }

    fn churn(&mut self, op: &spec::Churn, place: Place) -> Option<()> {
        let recreates = match op.mode.value.as_str() {
            "create" => false,
            "recreate" => true,
            other => {
                let mistake = Mistake::not_one_of("mode of churn", other, &["create", "recreate"]);
                self.session.report(op.mode.place, mistake);
                return None;
            }
        };
        if recreates && op.number == 0 {
            self.wrong(place, "`number` is above 0 in the mode `recreate`");
        }
        if op.templates.is_empty() {
            self.wrong(place, "churn names at least one file in `templatePaths`");
        }
        let own = format!("namespace-{}", self.number);
        let namespace = self.need_namespace("churn", op.namespace.as_deref().unwrap_or(&own));
        let mut objects = Vec::new();
        for path in &op.templates {
            let all = self.given.objects(path, 1, &Values::new(), self.session)?;
            objects.extend(all.into_iter().map(|one| placed(one, &namespace)));
        }
        let interval = SimDuration::millis(if op.interval == 0 { 500 } else { op.interval });
        let number = self.count(Some(op.number), None, None, place)?;
        let churn = Churn { objects, recreates, number, interval };
        self.push("churn", Deed::Churn(Arc::new(churn)));
        Some(())
    }

    fn barrier(&mut self, op: &spec::Barrier) -> Option<()> {
        let attempted = match op.stage.as_ref().map(|stage| (stage.value.as_str(), stage.place)) {
            None | Some(("" | "Scheduled", _)) => false,
            Some(("Attempted", _)) => true,
            Some((other, place)) => {
                let known = ["Scheduled", "Attempted"];
                self.session.report(place, Mistake::not_one_of("stage", other, &known));
                return None;
            }
        };
        let namespaces = op.namespaces.iter().map(Name::new).collect();
        let labels = selector(&op.labels);
        self.push("barrier", Deed::Barrier(Barrier { namespaces, labels, attempted }));
        Some(())
    }

    fn sleep(&mut self, op: &spec::Sleep, place: Place) -> Option<()> {
        let duration = self.duration(op.duration, op.duration_param.as_ref())?;
        if op.duration.is_none() && op.duration_param.is_none() {
            self.wrong(place, "`duration` or `durationParam` is missing");
        }
        self.push("sleep", Deed::Sleep(duration));
        Some(())
    }

    fn start(&mut self, op: &spec::StartCollecting, place: Place) {
        if op.namespaces.value.is_empty() {
            self.wrong(op.namespaces.place, "at least one namespace is named");
        }
        if std::mem::replace(&mut self.is_collecting, true) {
            self.wrong(place, "it is measured already");
        }
        let namespaces = op.namespaces.value.iter().map(Name::new).collect();
        let labels = selector(&op.labels);
        let collect = Collect { name: op.name.clone(), namespaces, labels };
        self.push("startCollectingMetrics", Deed::Start(collect));
    }

    fn stop(&mut self, place: Place) {
        if !std::mem::replace(&mut self.is_collecting, false) {
            self.wrong(place, "nothing is measured yet");
        }
        self.push("stopCollectingMetrics", Deed::Stop);
    }

    /// The objects of an operation on any kind.
    fn any(
        &mut self,
        (template, namespace): (&Spanned<String>, &str),
        count: usize,
        values: &Values,
    ) -> Option<Vec<New>> {
        let all = self.given.objects(template, count, values, self.session)?;
        let kind = all.first()?.kind;
        if kind.row().namespaced == namespace.is_empty() {
            let has =
                if namespace.is_empty() { "no namespace is set" } else { "a namespace is set" };
            let scope = if kind.row().namespaced { "has a namespace" } else { "has none" };
            let message = format!("{has}, and a {} {scope}", kind.name());
            self.wrong(template.place, message);
            return None;
        }
        let namespace = Name::new(namespace);
        Some(all.into_iter().map(|one| placed(one, &namespace)).collect())
    }

    fn create_any(&mut self, op: &spec::CreateAny, place: Place) -> Option<()> {
        let count = self.count(op.count, op.count_param.as_ref(), Some(1), place)?;
        let values = self.values(&op.params)?;
        let all = self.any((&op.template, &op.namespace), count, &values)?;
        if !op.namespace.is_empty() {
            self.need_namespace("createAny", &op.namespace);
        }
        self.push("createAny", Deed::Create(all));
        Some(())
    }

    fn update_any(&mut self, op: &spec::UpdateAny, place: Place) -> Option<()> {
        let count = self.count(op.count, op.count_param.as_ref(), Some(1), place)?;
        let subresources = &op.subresources;
        if let Some(other) = subresources.value.iter().find(|name| *name != "status") {
            let mistake = Mistake::not_modelled("subresource", other);
            self.session.report(subresources.place, mistake);
        }
        let values = self.values(&op.params)?;
        let objects = self.any((&op.template, &op.namespace), count, &values)?;
        let parts: &[Subresource] = if op.subresources.value.is_empty() {
            &[Subresource::Main, Subresource::Status]
        } else {
            &[Subresource::Status]
        };
        let update = Update { objects, per_second: op.per_second, parts };
        self.push("updateAny", Deed::Update(update));
        Some(())
    }
}

/// So many that are one and the same.
fn alike(value: Value, count: usize) -> Vec<Arc<Value>> {
    let one = Arc::new(value);
    std::iter::repeat_with(|| one.clone()).take(count).collect()
}

/// An object where an operation puts it: kinds that are the cluster's have no namespace.
fn placed(object: given::Object, namespace: &Name) -> New {
    let given::Object { kind, value } = object;
    let namespace = if kind.row().namespaced { namespace.clone() } else { Name::default() };
    New { kind, namespace, value }
}
