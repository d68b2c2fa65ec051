//! The test of the operator: the cluster, what happens in it, and what must hold.

use wavetank::api::object::{Kind, ObjectKey};
use wavetank::client::reconciler::Reconciler;
use wavetank::testing::{Test, at_rest};

use super::operator::WEBSITE;

/// A cluster of one node, and a website that comes, grows, and goes.
pub(crate) const SCENARIO: &str = r#"
name: a website
about: A website gets its page, its servers and its route; it grows, and goes with all of them.
cluster:
  nodes: [{name: node}]
steps:
  - kubectl: create namespace edge
  - apply:
      apiVersion: example.com/v1
      kind: Website
      metadata: {name: shop}
      spec: {host: shop.example}
  - wait: 5s
  - kubectl: patch websites.example.com shop --type=merge -p '{"spec":{"servers":3}}'
  - wait: 5s
"#;

/// A test of an operator in that cluster: no route may be without its website.
pub(crate) fn tested(operator: impl Reconciler + 'static) -> Test {
    Test::new(SCENARIO).kind(*WEBSITE).operator(operator).property(at_rest(
        "every route has its website",
        |cluster| {
            let routes = cluster.store().iter(Kind::CONFIG_MAP);
            for route in routes.filter(|map| map.meta().namespace == "edge") {
                let Some((namespace, name)) = route.meta().name.split_once('.') else { continue };
                let website = ObjectKey::new(*WEBSITE, namespace, name);
                if cluster.store().get(&website).is_none() {
                    return Err(format!("{} leads nowhere", route.meta().name));
                }
            }
            Ok(())
        },
    ))
}
