//! The service account controller: every namespace has a service account named `default`.
//!
//! Responsible for that account alone; tokens are not its business.

use std::sync::Arc;

use serde_json::Map;

use crate::api::core::namespace::Namespace;
use crate::api::meta::Meta;
use crate::api::object::{Kind, Object, ObjectKey, Opaque};
use crate::api::refusal::{Reason, Refusal};
use crate::api::why::Why;
use crate::client::plan::{Plan, Recovery, Write};
use crate::client::reconciler::{Keys, Observed, Reconciler, Settings, Watch};
use crate::client::view::View;

const DEFAULT: &str = "default";

/// The service account controller.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServiceAccounts;

impl Reconciler for ServiceAccounts {
    fn name(&self) -> &'static str {
        "service-account-controller"
    }

    fn watches(&self) -> &'static [Watch] {
        &[
            Watch { kind: Kind::NAMESPACE, keys: namespace_keys },
            Watch { kind: Kind::SERVICE_ACCOUNT, keys: account_keys },
        ]
    }

    fn settings(&self) -> Settings {
        Settings { workers: 1, ..Settings::default() }
    }

    /// Source: kubernetes v1.36 pkg/controller/serviceaccount/serviceaccounts_controller.go,
    /// `syncNamespace`
    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let mut plan = Plan::nothing();
        let Some(namespace) = view.get::<Namespace>("", &key.name) else { return plan };
        let has = view.cache(Kind::SERVICE_ACCOUNT).get(&key.name, DEFAULT).is_some();
        if namespace.status.phase != "Active" || has {
            return plan;
        }
        let account = Object::Opaque(Arc::new(Opaque {
            kind: Kind::SERVICE_ACCOUNT,
            meta: Meta::named(&key.name, DEFAULT),
            body: Arc::new(Map::new()),
        }));
        plan.push(Write::create(
            account,
            Why::one("namespace {} has no default account", &key.name),
        ));
        plan
    }

    fn recover(&mut self, write: &Write, refusal: &Refusal) -> Recovery {
        if refusal.reason == Reason::AlreadyExists || refusal.has_cause("NamespaceTerminating") {
            return Recovery::GoOn;
        }
        Recovery::usual(write, refusal)
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(*self)
    }
}

fn namespace_keys(change: &Observed<'_>, _view: View<'_>, out: &mut Keys) {
    if change.new.is_some() {
        out.add(change.latest().key());
    }
}

fn account_keys(change: &Observed<'_>, _view: View<'_>, out: &mut Keys) {
    let meta = change.latest().meta();
    if change.new.is_none() && meta.name == DEFAULT {
        out.add(ObjectKey::new(Kind::NAMESPACE, "", &meta.namespace));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::time::EPOCH;
    use crate::client::view::Caches;
    use serde_json::json;

    #[test]
    fn a_namespace_gets_a_default_account_once() {
        let mut caches = Caches::default();
        let value = json!({"metadata": {"name": "a"}, "status": {"phase": "Active"}});
        let namespace = Object::from_value(Kind::NAMESPACE, value).unwrap();
        caches.of_mut(Kind::NAMESPACE).put(namespace);
        let key = ObjectKey::new(Kind::NAMESPACE, "", "a");
        let plan = ServiceAccounts.reconcile(&key, View::new(&caches, EPOCH));
        let write = plan.writes().next().unwrap();
        let crate::api::request::Verb::Create { object, .. } = &write.verb else { panic!() };
        caches.of_mut(Kind::SERVICE_ACCOUNT).put(object.clone());
        assert!(ServiceAccounts.reconcile(&key, View::new(&caches, EPOCH)).is_empty());
    }
}
