//! An operator of one's own.
//!
//! A `Website` wants a page (a ConfigMap), servers (a Deployment), and a route in the namespace
//! `edge`, which no owner reference reaches: a finalizer holds the website until its route is gone.
//! Its status says how many servers are ready.

use std::sync::LazyLock;

use serde_json::{Value, json};
use wavetank::api::apps::deployment::Deployment;
use wavetank::api::object::{Kind, Object, ObjectKey};
use wavetank::api::why::Why;
use wavetank::client::plan::{Plan, Write};
use wavetank::client::reconciler::{Reconciler, Watch};
use wavetank::client::view::View;
use wavetank::testing::definition;
use wavetank::testing::object::{field, hold, object, owned_by, release, status, with};

/// The kind, from the definition that a real cluster would get.
pub(crate) static WEBSITE: LazyLock<Kind> = LazyLock::new(|| {
    definition(
        "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: websites.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Website, plural: websites}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              required: [host]
              properties:
                host: {type: string, minLength: 1, pattern: '^[a-z]{1,8}[.]example$'}
                servers: {type: integer, minimum: 1, maximum: 4, default: 2}
            status:
              type: object
              properties:
                observedGeneration: {type: integer}
                servers: {type: integer}
",
    )
});

/// What it watches: websites, and what belongs to one.
static WATCHES: LazyLock<Vec<Watch>> = LazyLock::new(|| {
    vec![Watch::own(*WEBSITE), Watch::owned(Kind::CONFIG_MAP), Watch::owned(Kind::DEPLOYMENT)]
});

const FINALIZER: &str = "example.com/route";

/// The operator.
#[derive(Clone)]
pub(crate) struct Operator;

/// The name of a website's route in the namespace `edge`.
fn route(key: &ObjectKey) -> String {
    format!("{}.{}", key.namespace, key.name)
}

fn deployment(key: &ObjectKey, servers: &Value) -> Object {
    let labels = json!({"website": key.name.as_str()});
    let container = json!({"name": "web", "image": "registry.local/web:v1"});
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [container]}});
    let spec = json!({
        "replicas": servers, "selector": {"matchLabels": labels}, "template": template,
    });
    object(Kind::DEPLOYMENT, &key.namespace, &key.name, json!({"spec": spec}))
}

/// Makes an object that is missing, or sets right the field that is not as it should be.
fn ensure(new: Object, pointer: &str, view: View<'_>, plan: &mut Plan) {
    let (key, wanted) = (new.key(), field(&new, pointer));
    match view.object(&key) {
        None => plan.push(Write::create(new, Why::one("{} is missing", &key.name))),
        Some(found) if field(found, pointer) != wanted => {
            let new = with(found, pointer, wanted);
            plan.push(Write::update(new, Why::one("{} is not as it should be", &key.name)));
        }
        Some(_) => {}
    }
}

impl Operator {
    /// The page, the route and the servers.
    fn children(key: &ObjectKey, website: &Object, view: View<'_>, plan: &mut Plan) {
        let data = json!({"data": {"host": field(website, "/spec/host")}});
        let page = object(Kind::CONFIG_MAP, &key.namespace, &key.name, data.clone());
        ensure(owned_by(page, website), "/data/host", view, plan);
        let route = object(Kind::CONFIG_MAP, "edge", &route(key), data);
        ensure(route, "/data/host", view, plan);
        let servers = deployment(key, &field(website, "/spec/servers"));
        ensure(owned_by(servers, website), "/spec/replicas", view, plan);
    }

    /// What it saw of the website, and how many of its servers are ready.
    fn status(key: &ObjectKey, website: &Object, view: View<'_>, plan: &mut Plan) {
        let servers = view.get::<Deployment>(&key.namespace, &key.name);
        let ready = servers.map_or(0, |deployment| deployment.status.ready_replicas);
        let new = json!({"observedGeneration": website.meta().generation, "servers": ready});
        plan.extend(status(website, new, Why::one("{} servers are ready", ready)));
    }

    /// Takes the route away, and lets the website go.
    fn clean_up(key: &ObjectKey, website: &Object, view: View<'_>, plan: &mut Plan) {
        if let Some(route) = view.cache(Kind::CONFIG_MAP).get("edge", &route(key)) {
            plan.push(Write::delete(route, Why::new("its website goes")));
        }
        plan.extend(release(website, FINALIZER, Why::new("its route is gone")));
    }
}

impl Reconciler for Operator {
    fn name(&self) -> &'static str {
        "website-operator"
    }

    fn watches(&self) -> &'static [Watch] {
        &WATCHES
    }

    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let mut plan = Plan::nothing();
        let Some(website) = view.object(key).filter(|o| o.kind() == *WEBSITE) else { return plan };
        if website.meta().is_deleting() {
            Operator::clean_up(key, website, view, &mut plan);
            return plan;
        }
        // Nothing is made that a deletion could leave behind, before the website is held.
        plan.extend(hold(website, FINALIZER, Why::new("its route has to be taken away")));
        if plan.is_empty() {
            Operator::children(key, website, view, &mut plan);
            Operator::status(key, website, view, &mut plan);
        }
        plan
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}
