use serde_json::json;

use super::*;
use crate::api::time::EPOCH;
use crate::client::view::Caches;

fn world(pods: usize) -> Caches {
    let mut caches = Caches::default();
    let mut put = |kind: Kind, value: serde_json::Value| {
        caches.of_mut(kind).put(Object::from_value(kind, value).unwrap());
    };
    put(Kind::NODE, json!({"metadata": {"name": "n"}}));
    put(
        Kind::SERVICE,
        json!({"metadata": {"name": "web", "namespace": "default", "uid": "s"},
        "spec": {"selector": {"app": "web"}, "clusterIP": "10.0.0.1", "ipFamilies": ["IPv4"],
            "ports": [{"port": 80, "protocol": "TCP", "targetPort": 8080}]}}),
    );
    for n in 0..pods {
        put(
            Kind::POD,
            json!({"metadata": {"name": format!("p{n}"), "namespace": "default",
                "uid": format!("p{n}"), "labels": {"app": "web"}},
            "spec": {"nodeName": "n", "containers": [{"name": "c"}]},
            "status": {"phase": "Running", "podIP": format!("10.1.{}.{}", n / 250, n % 250),
                "conditions": [{"type": "Ready", "status": "True"}]}}),
        );
    }
    caches
}

/// Looks at the service and makes the writes; gives what was written.
fn look(caches: &mut Caches) -> Vec<String> {
    let key = ObjectKey::new(Kind::SERVICE, "default", "web");
    let plan = EndpointSlices::default().reconcile(&key, View::new(caches, EPOCH));
    let mut told = Vec::new();
    for (n, write) in plan.writes().enumerate() {
        let (Verb::Create { object, .. } | Verb::Update { object, .. }) = &write.verb else {
            panic!("unexpected {}", write.verb.name())
        };
        let mut object = object.clone();
        let Object::EndpointSlice(slice) = &object else { panic!("no slice") };
        told.push(format!("{} {}", write.verb.name(), slice.endpoints.len()));
        if object.meta().name.is_empty() {
            let there = caches.of(Kind::ENDPOINT_SLICE).len();
            object.meta_mut().name = format!("web-{there}-{n}").into();
        }
        caches.of_mut(Kind::ENDPOINT_SLICE).put(object);
    }
    told
}

#[test]
fn a_service_without_pods_has_one_empty_slice() {
    let mut caches = world(0);
    assert_eq!(look(&mut caches), ["create 0"]);
    assert_eq!(look(&mut caches), Vec::<String>::new());
}

#[test]
fn the_empty_slice_is_taken_for_the_first_pods_and_a_settled_service_wants_nothing() {
    let mut caches = world(0);
    look(&mut caches);
    let more = world(150);
    for pod in more.of(Kind::POD).all() {
        caches.of_mut(Kind::POD).put(pod.clone());
    }
    let mut told = look(&mut caches);
    told.sort();
    assert_eq!(told, ["create 100", "update 50"]);
    assert_eq!(look(&mut caches), Vec::<String>::new());
}
