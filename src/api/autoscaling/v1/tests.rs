use super::*;

fn annotated(name: &str, value: &Value) -> Value {
    json!({name: value.to_string()})
}

fn v1(annotations: Value, target: Value) -> Value {
    let mut object = json!({
        "apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"}, "spec": {"maxReplicas": 9},
    });
    if !annotations.is_null() {
        object["metadata"]["annotations"] = annotations;
    }
    if !target.is_null() {
        object["spec"][TARGET] = target;
    }
    object
}

fn cpu(percent: i32) -> Value {
    json!({"type": "Resource", "resource": {
        "name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent}}})
}

/// What v1 says in its annotation, and the same metric of v2.
fn metrics() -> Vec<(Value, Value)> {
    let ingress = json!({"kind": "Ingress", "name": "in"});
    let metric = |name: &str| json!({"name": name});
    vec![
        (
            json!({"type": "Pods", "pods": {"metricName": "rps", "targetAverageValue": "5"}}),
            json!({"type": "Pods", "pods": {"metric": metric("rps"),
                "target": {"type": "AverageValue", "averageValue": "5"}}}),
        ),
        (
            json!({"type": "Object", "object": {"target": ingress, "metricName": "rps",
                "targetValue": "2k", "selector": {"matchLabels": {"a": "b"}}}}),
            json!({"type": "Object", "object": {"describedObject": ingress,
                "target": {"type": "Value", "value": "2k"},
                "metric": {"name": "rps", "selector": {"matchLabels": {"a": "b"}}}}}),
        ),
        (
            json!({"type": "External", "external": {
                "metricName": "queue", "targetAverageValue": "30"}}),
            json!({"type": "External", "external": {"metric": metric("queue"),
                "target": {"type": "AverageValue", "averageValue": "30"}}}),
        ),
        (
            json!({"type": "External", "external": {
                "metricName": "queue", "metricSelector": {}, "targetValue": "30"}}),
            json!({"type": "External", "external": {
                "metric": {"name": "queue", "selector": {}},
                "target": {"type": "Value", "value": "30"}}}),
        ),
        (
            json!({"type": "Resource", "resource": {
                "name": "memory", "targetAverageUtilization": 70}}),
            json!({"type": "Resource", "resource": {"name": "memory",
                "target": {"type": "Utilization", "averageUtilization": 70}}}),
        ),
        (
            json!({"type": "Resource", "resource": {
                "name": "cpu", "targetAverageValue": "100m"}}),
            json!({"type": "Resource", "resource": {"name": "cpu",
                "target": {"type": "AverageValue", "averageValue": "100m"}}}),
        ),
        (
            json!({"type": "ContainerResource", "containerResource": {
                "name": "cpu", "targetAverageUtilization": 50, "container": "app"}}),
            json!({"type": "ContainerResource", "containerResource": {"name": "cpu",
                "target": {"type": "Utilization", "averageUtilization": 50},
                "container": "app"}}),
        ),
    ]
}

#[test]
fn a_target_of_cpu_is_a_metric_of_cpu() {
    let mut object = v1(Value::Null, json!(60));
    to_v2(&mut object);
    assert_eq!(object["spec"], json!({"maxReplicas": 9, "metrics": [cpu(60)]}));
    from_v2(&mut object);
    assert_eq!(object, v1(Value::Null, json!(60)));
}

#[test]
fn without_a_target_there_is_no_metric_and_the_default_of_v2_comes() {
    let mut object = v1(Value::Null, Value::Null);
    to_v2(&mut object);
    assert_eq!(object["spec"], json!({"maxReplicas": 9}));
    crate::api::defaults::apply("HorizontalPodAutoscaler", &mut object).expect("defaults");
    assert_eq!(object["spec"]["metrics"], json!([cpu(80)]));
    from_v2(&mut object);
    assert_eq!(object["spec"][TARGET], 80);
}

#[test]
fn metrics_of_other_sorts_are_carried_by_an_annotation_both_ways() {
    for (old, new) in metrics() {
        let told = v1(annotated(METRICS, &json!([old])), json!(60));
        let mut object = told.clone();
        to_v2(&mut object);
        assert_eq!(object["spec"]["metrics"], json!([new, cpu(60)]));
        assert_eq!(object["metadata"], json!({"name": "web"}));
        from_v2(&mut object);
        let mut shown = told;
        if new["resource"]["name"] == "cpu" {
            // The first metric of the CPU is no utilization: the target behind it is lost.
            shown["spec"] = json!({"maxReplicas": 9});
        }
        assert_eq!(object, shown);
    }
}

#[test]
fn an_annotation_that_cannot_be_read_is_dropped() {
    let mut object = v1(json!({METRICS: "[{", "mine": "kept"}), json!(60));
    to_v2(&mut object);
    assert_eq!(object["spec"]["metrics"], json!([cpu(60)]));
    assert_eq!(object["metadata"]["annotations"], json!({"mine": "kept"}));
}

#[test]
fn the_first_target_of_cpu_counts_and_an_average_before_it_hides_it() {
    let average = json!({"type": "Resource", "resource": {"name": "cpu",
        "target": {"type": "AverageValue", "averageValue": "100m"}}});
    let of = |metrics: Value| {
        let mut object = json!({"metadata": {}, "spec": {"metrics": metrics}});
        from_v2(&mut object);
        object["spec"][TARGET].clone()
    };
    assert_eq!(of(json!([cpu(60), cpu(70)])), 60);
    assert_eq!(of(json!([average, cpu(70)])), Value::Null);
}

#[test]
fn behaviour_is_carried_with_the_names_that_the_apiserver_has_for_it() {
    let behavior = json!({"scaleDown": {"stabilizationWindowSeconds": 60, "policies": [
        {"type": "Pods", "value": 1, "periodSeconds": 30}]}});
    let mut object = json!({"metadata": {}, "spec": {"behavior": behavior}});
    from_v2(&mut object);
    let text = object["metadata"]["annotations"][BEHAVIOR].as_str();
    assert_eq!(
        text,
        Some(
            "{\"ScaleUp\":null,\"ScaleDown\":{\"StabilizationWindowSeconds\":60,\
             \"SelectPolicy\":null,\"Policies\":[{\"Type\":\"Pods\",\"Value\":1,\
             \"PeriodSeconds\":30}],\"Tolerance\":null}}"
        )
    );
    to_v2(&mut object);
    assert_eq!(object["spec"]["behavior"], behavior);
}

#[test]
fn what_is_observed_goes_both_ways() {
    let status = json!({"currentReplicas": 3, "desiredReplicas": 4,
        "currentMetrics": [
            {"type": "Resource", "resource": {"name": "cpu",
                "current": {"averageValue": "120m", "averageUtilization": 60}}},
            {"type": "Pods", "pods": {"metric": {"name": "rps"},
                "current": {"averageValue": "7"}}},
        ],
        "conditions": [{"type": "AbleToScale", "status": "True"}]});
    let mut object = json!({"metadata": {"name": "web"}, "spec": {}, "status": status});
    from_v2(&mut object);
    let shown = json!({"currentReplicas": 3, "desiredReplicas": 4, CURRENT: 60});
    assert_eq!(object["status"], shown);
    to_v2(&mut object);
    assert_eq!(object["status"], status);
    let mut bare = json!({"status": {CURRENT: 60}});
    to_v2(&mut bare);
    let current = json!({"averageUtilization": 60});
    let figure = json!({"type": "Resource", "resource": {"name": "cpu", "current": current}});
    assert_eq!(bare["status"], json!({"currentMetrics": [figure]}));
}
