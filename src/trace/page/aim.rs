//! What is desired and what is observed of objects that keep no number of pods themselves.
//!
//! Responsible for autoscalers, claims, budgets, clocks of jobs and groups of nodes, as a short
//! text for the page: `D|want|have|is it apart|unit|in words`.

use serde_json::Value;

use crate::api::object::Kind;

/// What is wanted, what is there, whether that is apart, what is counted, and that in words.
pub(crate) struct Aim {
    pub(crate) want: i64,
    pub(crate) have: i64,
    pub(crate) apart: bool,
    pub(crate) unit: &'static str,
    pub(crate) say: String,
}

/// The text of an object; empty when it desires nothing that can be counted.
pub(super) fn aim(kind: Kind, value: &Value) -> String {
    aim_of(kind, value).map_or(String::new(), |aim| {
        let Aim { want, have, apart, unit, say } = aim;
        format!("D|{want}|{have}|{}|{unit}|{say}", u8::from(apart))
    })
}

/// What an object desires; none when that cannot be counted.
pub(super) fn aim_of(kind: Kind, value: &Value) -> Option<Aim> {
    let (spec, status) = (&value["spec"], &value["status"]);
    match kind.name() {
        "HorizontalPodAutoscaler" => Some(autoscaler(spec, status)),
        "PersistentVolumeClaim" => Some(claim(spec, status)),
        "PodDisruptionBudget" => Some(budget(status)),
        "CronJob" => Some(clock(spec, status)),
        "ConfigMap" => groups(&value["data"]["status"]),
        _ => replicas(spec, status),
    }
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn autoscaler(spec: &Value, status: &Value) -> Aim {
    let (want, have) = (number(&status["desiredReplicas"]), number(&status["currentReplicas"]));
    let (least, most) = (spec["minReplicas"].as_i64().unwrap_or(1), number(&spec["maxReplicas"]));
    let metrics = spec["metrics"].as_array().map_or(&[][..], Vec::as_slice);
    let found = status["currentMetrics"].as_array().map_or(&[][..], Vec::as_slice);
    let mut said: Vec<String> = Vec::new();
    for (n, metric) in metrics.iter().enumerate() {
        let source = text(&metric["type"]);
        let field = format!(
            "{}{}",
            source[..1.min(source.len())].to_lowercase(),
            source.get(1..).unwrap_or("")
        );
        let (metric, now) = (&metric[&field], found.get(n).map(|f| &f[&field]["current"]));
        let name = metric["name"].as_str().or_else(|| metric["metric"]["name"].as_str());
        let amount = |of: &Value| {
            let percent = of["averageUtilization"].as_i64().map(|n| format!("{n} %"));
            percent
                .or_else(|| of["averageValue"].as_str().map(str::to_owned))
                .or_else(|| of["value"].as_str().map(str::to_owned))
        };
        let is = now.and_then(amount).unwrap_or_else(|| "unknown".to_owned());
        let aim = amount(&metric["target"]).unwrap_or_default();
        said.push(format!("{} {is}, target {aim}", name.unwrap_or(source)));
    }
    said.push(format!("between {least} and {most} replicas"));
    let apart = want != have || found.len() < metrics.len();
    Aim { want, have, apart, unit: "replicas", say: said.join("; ") }
}

fn claim(spec: &Value, status: &Value) -> Aim {
    let phase = status["phase"].as_str().unwrap_or("Pending");
    let volume = text(&spec["volumeName"]);
    let is = phase == "Bound";
    let say = match (is, volume) {
        (true, volume) => format!("Bound to {volume}"),
        (false, _) => format!("{phase}: it has no volume"),
    };
    Aim { want: 1, have: i64::from(is), apart: !is, unit: "volume bound", say }
}

fn budget(status: &Value) -> Aim {
    let (want, have) = (number(&status["desiredHealthy"]), number(&status["currentHealthy"]));
    let allowed = number(&status["disruptionsAllowed"]);
    let say = format!(
        "{have} healthy, at least {want} must stay: {allowed} {} be evicted now",
        if allowed == 1 { "pod may" } else { "pods may" }
    );
    Aim { want, have, apart: have < want, unit: "healthy", say }
}

fn clock(spec: &Value, status: &Value) -> Aim {
    let active = status["active"].as_array().map_or(0, Vec::len);
    let active = i64::try_from(active).unwrap_or(i64::MAX);
    let rest = match (spec["suspend"].as_bool(), status["lastScheduleTime"].as_str()) {
        (Some(true), _) => "suspended".to_owned(),
        (_, Some(time)) => format!("last started at {time}"),
        (_, None) => "not yet started".to_owned(),
    };
    let say = format!("{}, {active} running, {rest}", text(&spec["schedule"]));
    Aim { want: active, have: active, apart: false, unit: "jobs running", say }
}

/// Of what the autoscaler of nodes tells about itself: machines that it asked for beside nodes
/// that are ready.
fn groups(told: &Value) -> Option<Aim> {
    let told = told.as_str().filter(|text| text.contains("cloudProviderTarget:"))?;
    let (mut want, mut have, mut said) = (0, 0, Vec::new());
    let (mut target, mut ready) = (0, 0);
    let groups = told.split_once("nodeGroups:").map_or("", |(_, rest)| rest);
    for line in groups.lines() {
        let Some((field, value)) = line.trim().trim_start_matches("- ").split_once(": ") else {
            continue;
        };
        match field {
            "cloudProviderTarget" => target = value.parse().unwrap_or(0),
            "ready" => ready = value.parse().unwrap_or(0),
            "name" => {
                (want, have) = (want + target, have + ready);
                said.push(format!("{value}: {ready} of {target}"));
            }
            _ => {}
        }
    }
    Some(Aim { want, have, apart: want != have, unit: "nodes ready", say: said.join(", ") })
}

/// Of whatever else has a number of replicas, kinds of the user's own among them.
fn replicas(spec: &Value, status: &Value) -> Option<Aim> {
    let want = spec["replicas"].as_i64()?;
    let have = status["readyReplicas"].as_i64().or_else(|| status["replicas"].as_i64())?;
    let say = if want == have { "as desired".to_owned() } else { format!("{have} of {want}") };
    Some(Aim { want, have, apart: want != have, unit: "replicas", say })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(kind: &str, value: &Value) -> String {
        aim(Kind::named(kind).expect("a kind"), value)
    }

    #[test]
    fn an_autoscaler_tells_its_metric_beside_its_target() {
        let cpu = |of: &Value| json!([{"type": "Resource", "resource": of}]);
        let value = json!({
            "spec": {
                "minReplicas": 2, "maxReplicas": 9,
                "metrics": cpu(&json!({"name": "cpu", "target": {"averageUtilization": 60}})),
            },
            "status": {
                "currentReplicas": 2, "desiredReplicas": 4,
                "currentMetrics": cpu(&json!({"name": "cpu", "current": {"averageUtilization": 95}})),
            },
        });
        assert_eq!(
            told("HorizontalPodAutoscaler", &value),
            "D|4|2|1|replicas|cpu 95 %, target 60 %; between 2 and 9 replicas"
        );
    }

    #[test]
    fn claims_budgets_and_clocks_are_told() {
        let claim = json!({"spec": {"volumeName": "pv-1"}, "status": {"phase": "Bound"}});
        assert_eq!(told("PersistentVolumeClaim", &claim), "D|1|1|0|volume bound|Bound to pv-1");
        let budget =
            json!({"status": {"desiredHealthy": 2, "currentHealthy": 3, "disruptionsAllowed": 1}});
        assert_eq!(
            told("PodDisruptionBudget", &budget),
            "D|2|3|0|healthy|3 healthy, at least 2 must stay: 1 pod may be evicted now"
        );
        let clock = json!({"spec": {"schedule": "*/5 * * * *"}, "status": {}});
        assert_eq!(
            told("CronJob", &clock),
            "D|0|0|0|jobs running|*/5 * * * *, 0 running, not yet started"
        );
        assert_eq!(told("ConfigMap", &json!({"data": {"a": "b"}})), "");
        assert_eq!(told("Service", &json!({"spec": {}})), "");
    }

    #[test]
    fn groups_of_nodes_are_read_from_what_the_autoscaler_tells() {
        let status = "clusterWide:\n  health:\n    nodeCounts:\n      registered:\n        ready: 4\n\
                      nodeGroups:\n- health:\n    cloudProviderTarget: 3\n    nodeCounts:\n      \
                      registered:\n        notStarted: 0\n        ready: 2\n  name: pool\n";
        assert_eq!(
            told("ConfigMap", &json!({"data": {"status": status}})),
            "D|3|2|1|nodes ready|pool: 2 of 3"
        );
    }
}
