//! The eviction subresource, against a store that does what a case says.

use serde_json::{Value, json};
use wavetank::api::deletion::{DeleteOptions, Preconditions};
use wavetank::api::object::{Kind, Object, ObjectKey};
use wavetank::api::policy::pod_disruption_budget::PodDisruptionBudget;
use wavetank::api::refusal::Refusal;
use wavetank::api::time::EPOCH;
use wavetank::apiserver::eviction::{Eviction, Heard, Next};

use super::super::{Case, same};

/// A store with one pod and some budgets.
struct Fake {
    pod: Value,
    budgets: Vec<Value>,
    /// How many writes of the pod meet a conflict.
    conflicts: usize,
    /// What the pod is after the first conflict.
    afterwards: Option<Value>,
    revision: u64,
    /// How often a deletion was tried: the condition and the deletion are one.
    deletions: usize,
    is_marked: bool,
}

impl Fake {
    fn new(pod: Value, budgets: Vec<Value>) -> Fake {
        let (conflicts, afterwards) = (0, None);
        Fake { pod, budgets, conflicts, afterwards, revision: 1, deletions: 0, is_marked: false }
    }

    fn pod(&self) -> Result<Object, String> {
        let mut value = self.pod.clone();
        value["metadata"]["resourceVersion"] = self.revision.to_string().into();
        Object::from_value(Kind::POD, value).map_err(|e| e.to_string())
    }

    fn budget(&self, number: usize) -> Result<Object, String> {
        let value = self.budgets.get(number).ok_or("no such budget")?.clone();
        Object::from_value(Kind::POD_DISRUPTION_BUDGET, value).map_err(|e| e.to_string())
    }

    fn budgets(&self) -> Result<Heard, String> {
        let all = (0..self.budgets.len()).map(|n| {
            let budget = self.budget(n)?;
            budget.as_a::<PodDisruptionBudget>().cloned().ok_or("no budget".to_owned())
        });
        Ok(Heard::Budgets(all.collect::<Result<_, _>>()?))
    }

    /// A write of the pod.
    fn write(&mut self, pod: Object) -> Result<Heard, String> {
        self.deletions += usize::from(!self.is_marked);
        self.is_marked = true;
        if self.conflicts > 0 {
            self.conflicts -= 1;
            self.revision += 1;
            self.is_marked = false;
            if let Some(pod) = self.afterwards.take() {
                self.pod = pod;
            }
            return Ok(Heard::Conflict(Some(self.pod()?)));
        }
        self.revision += 1;
        let mut pod = pod;
        pod.meta_mut().resource_version = self.revision;
        Ok(Heard::Written(pod))
    }

    fn evict(&mut self, options: DeleteOptions) -> Result<Result<(), Refusal>, String> {
        let key = ObjectKey::new(Kind::POD, "a", "p");
        let mut eviction = Eviction::new(key, options);
        let mut heard = Heard::Found(Some(self.pod()?));
        for _ in 0..1000 {
            heard = match eviction.hear(heard, EPOCH) {
                Next::ReadPod | Next::ReadPodLater => Heard::Found(Some(self.pod()?)),
                Next::ReadBudgets => self.budgets()?,
                Next::ReadBudgetLater(_) => Heard::Found(Some(self.budget(0)?)),
                Next::WriteBudget(budget) => {
                    *self.budgets.first_mut().ok_or("no budget")? = budget.to_value();
                    Heard::Written(budget)
                }
                Next::WritePod(pod) => self.write(pod)?,
                Next::RemovePod(pod) => self.write(pod)?,
                Next::Done => return Ok(Ok(())),
                Next::Refuse(refusal) => return Ok(Err(refusal)),
            };
        }
        Err("the eviction does not end".into())
    }
}

fn pod(phase: &str, is_ready: bool, is_terminating: bool) -> Value {
    let ready = if is_ready { "True" } else { "False" };
    let mut pod = json!({
        "metadata": {"name": "p", "namespace": "a", "uid": "p", "labels": {"app": "web"}},
        "spec": {"containers": [], "nodeName": "n", "terminationGracePeriodSeconds": 30},
        "status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]}});
    if is_terminating {
        pod["metadata"]["deletionTimestamp"] = EPOCH.to_string().into();
        pod["metadata"]["deletionGracePeriodSeconds"] = 30.into();
    }
    pod
}

fn budget(number: usize, selector: &Value, status: &Value, policy: &Value) -> Value {
    let mut spec = json!({"minAvailable": 1, "selector": selector});
    if policy.as_str().is_some_and(|p| !p.is_empty()) {
        spec["unhealthyPodEvictionPolicy"] = policy.clone();
    }
    let generation = status["generation"].as_i64().unwrap_or(1);
    let mut own = json!({"observedGeneration": status["observedGeneration"].as_i64().unwrap_or(1)});
    for field in ["currentHealthy", "desiredHealthy", "disruptionsAllowed"] {
        own[field] = status[field].as_i64().unwrap_or(0).into();
    }
    json!({"metadata": {"name": format!("b{number}"), "namespace": "a", "generation": generation},
        "spec": spec, "status": own})
}

/// `pdb.eviction-request`.
pub(super) fn request(case: &Case<'_>) -> Result<(), String> {
    let input = case.input;
    let phase = input["podPhase"].as_str().ok_or("no podPhase")?;
    let pod = pod(phase, input["podReady"] == true, input["podTerminating"] == true);
    let count = input["pdbsSelectingPod"].as_u64().ok_or("no pdbsSelectingPod")?;
    let count = usize::try_from(count).map_err(|e| e.to_string())?;
    let given = &input["pdb"];
    let selector = json!({"matchLabels": {"app": "web"}});
    let policy = &given["unhealthyPodEvictionPolicy"];
    let budgets = (0..count).map(|n| budget(n, &selector, given, policy)).collect();
    let mut fake = Fake::new(pod, budgets);
    let result = fake.evict(DeleteOptions::default())?;
    let mut got = json!({"evicted": result.is_ok(), "podDeleteCalled": fake.deletions > 0});
    if let Some(first) = fake.budgets.first() {
        got["disruptionsAllowedAfter"] = first["status"]["disruptionsAllowed"].clone();
        got["podListedAsDisrupted"] = (!first["status"]["disruptedPods"]["p"].is_null()).into();
    }
    if let Err(refusal) = &result {
        got["code"] = refusal.code.into();
        got["reason"] = json!(refusal.reason);
        got["message"] = refusal.message.to_string().into();
    }
    let wanted = case.want.as_object().ok_or("want is a map")?;
    if let Some(got) = got.as_object_mut() {
        got.retain(|name, _| wanted.contains_key(name));
    }
    same(&got, case.want)
}

/// `pod-eviction`: rows of Kubernetes' own table.
pub(super) fn upstream(case: &Case<'_>) -> Result<(), String> {
    let input = case.input;
    if input.get("url_name").is_some() {
        return Err("an eviction has one name".into());
    }
    let phase = input["pod_phase"].as_str().unwrap_or("Running");
    let ready = input["ready"].as_bool().unwrap_or(true);
    let (first, then) = phase.split_once(" then ").unwrap_or((phase, ""));
    let rows = input["pdbs"].as_array().cloned().unwrap_or_default();
    let budgets = rows.iter().enumerate().map(|(n, row)| {
        let selector = match (row["selector"].as_str(), row["matches"] == true) {
            (Some("{}"), _) => json!({}),
            (_, true) => json!({"matchLabels": {"app": "web"}}),
            (_, false) => json!({"matchLabels": {"app": "db"}}),
        };
        budget(n, &selector, row, &input["unhealthyPodEvictionPolicy"])
    });
    let mut fake = Fake::new(pod(first, ready, false), budgets.collect());
    fake.conflicts = match &input["delete_conflicts"] {
        Value::String(_) => usize::MAX,
        other => usize::try_from(other.as_u64().unwrap_or(0)).map_err(|e| e.to_string())?,
    };
    fake.afterwards = (!then.is_empty()).then(|| pod(then, ready, false));
    let mut options = DeleteOptions::default();
    if input["preconditions"]["resourceVersion"].is_string() {
        let resource_version = Some(fake.revision.to_string().into());
        options.preconditions = Some(Preconditions { uid: None, resource_version });
    }
    let result = fake.evict(options)?;
    let want = case.want;
    if let Some(calls) = want.get("delete_calls") {
        let calls = calls.as_u64().or(Some(20)).and_then(|n| usize::try_from(n).ok());
        if Some(fake.deletions) != calls {
            return Err(format!("{} deletions, not {calls:?}", fake.deletions));
        }
    }
    let Some(error) = want["error"].as_str() else {
        return result.map_err(|r| r.message.to_string());
    };
    let refusal = result.err().ok_or("it was accepted")?;
    let code = error.split(' ').next().unwrap_or_default();
    let cause = error.split_once("cause ").map(|(_, cause)| cause);
    let said = error.split_once(": ").map_or("", |(_, text)| text);
    let is_so = refusal.code.to_string() == code
        && cause.is_none_or(|cause| refusal.has_cause(cause))
        && refusal.message.contains(said);
    if is_so { Ok(()) } else { Err(format!("want {error}, got {refusal:?}")) }
}
