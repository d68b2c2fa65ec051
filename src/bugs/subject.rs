//! What the models have in common: their kinds, what a rule may ask and want, and the scenarios.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value, json};

use crate::api::Name;
use crate::api::deletion::DeleteOptions;
use crate::api::edit::Edit;
use crate::api::meta::Meta;
use crate::api::object::{Kind, KindRow, Object, ObjectKey, Opaque, controller_reference};
use crate::api::request::{Patch, Subresource, Verb};
use crate::api::why::Why;
use crate::client::plan::{Expect, Plan, Write};
use crate::client::reconciler::{Observed, Reconciler, Settings, Watch};
use crate::client::view::View;
use crate::explore::Setting;

const GROUP: &str = "bugs.wavetank.dev";

const fn row(name: &'static str, plural: &'static str) -> KindRow {
    KindRow {
        name,
        group: GROUP,
        version: "v1",
        plural,
        short: &[],
        namespaced: true,
        status: true,
        generation: true,
        aggregated: false,
    }
}

fn kind(name: &'static str, plural: &'static str) -> Kind {
    Kind::custom(row(name, plural), Value::Null)
}

/// What a person wants: some replicas, a size, options.
pub(super) static DATABASE: LazyLock<Kind> = LazyLock::new(|| kind("Database", "databases"));
/// What keeps data.
pub(super) static VOLUME: LazyLock<Kind> = LazyLock::new(|| kind("Volume", "volumes"));
/// What runs replicas.
pub(super) static WORKLOAD: LazyLock<Kind> = LazyLock::new(|| kind("Workload", "workloads"));
/// One of many that are alike.
pub(super) static MACHINE: LazyLock<Kind> = LazyLock::new(|| kind("Machine", "machines"));

/// The rule of a model: what it wants for a database.
pub(super) type Rule = fn(&mut Ask<'_>) -> Plan;

/// A controller of a model.
#[derive(Clone)]
pub(super) struct Model {
    pub(super) name: &'static str,
    pub(super) rule: Rule,
    pub(super) wrong: bool,
    pub(super) settings: Settings,
    pub(super) watches: &'static [Watch],
    pub(super) memory: BTreeMap<Name, i64>,
}

/// What a rule is asked, and what it may look at.
pub(super) struct Ask<'a> {
    pub(super) key: &'a ObjectKey,
    pub(super) view: View<'a>,
    /// Whether it has the bug.
    pub(super) wrong: bool,
    /// What the process remembers.
    pub(super) memory: &'a mut BTreeMap<Name, i64>,
}

fn own(change: &Observed<'_>, _: View<'_>, keys: &mut crate::client::reconciler::Keys) {
    keys.add(change.latest().key());
}

fn owner(change: &Observed<'_>, _: View<'_>, keys: &mut crate::client::reconciler::Keys) {
    let meta = change.latest().meta();
    let Some(owner) = meta.controller().filter(|o| o.kind == "Database") else { return };
    let key = ObjectKey::new(*DATABASE, &meta.namespace, &owner.name);
    if change.old.is_none() {
        keys.created = Some(key.clone());
    }
    if change.new.is_none() {
        keys.deleted = Some((key.clone(), meta.uid));
    }
    keys.add(key);
}

/// Database, and everything that belongs to one.
pub(super) static WATCHES: LazyLock<Vec<Watch>> = LazyLock::new(|| {
    let children = [*VOLUME, *WORKLOAD, *MACHINE, Kind::SECRET, Kind::CONFIG_MAP, Kind::SERVICE];
    let of = children.map(|kind| Watch { kind, keys: owner });
    std::iter::once(Watch { kind: *DATABASE, keys: own }).chain(of).collect()
});

impl Model {
    pub(super) fn new(rule: Rule, wrong: bool) -> Model {
        Model {
            name: "database-operator",
            rule,
            wrong,
            settings: Settings { workers: 1, ..Settings::default() },
            watches: &WATCHES,
            memory: BTreeMap::new(),
        }
    }
}

impl Reconciler for Model {
    fn name(&self) -> &'static str {
        self.name
    }

    fn watches(&self) -> &'static [Watch] {
        self.watches
    }

    fn settings(&self) -> Settings {
        self.settings
    }

    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let ask = &mut Ask { key, view, wrong: self.wrong, memory: &mut self.memory };
        (self.rule)(ask)
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}

impl<'a> Ask<'a> {
    /// The database, as far as it is known.
    pub(super) fn database(&self) -> Option<&'a Arc<Opaque>> {
        let object = self.view.object(self.key)?;
        if let Object::Opaque(o) = object { Some(o) } else { None }
    }

    /// A child by kind and the end of its name.
    pub(super) fn child(&self, kind: Kind, suffix: &str) -> Option<&'a Object> {
        let name = format!("{}-{suffix}", self.key.name);
        self.view.cache(kind).get(&self.key.namespace, &name)
    }

    /// The children of a kind that belong to this incarnation.
    pub(super) fn children(&self, kind: Kind) -> Vec<&'a Object> {
        let Some(db) = self.database() else { return Vec::new() };
        self.view.cache(kind).controlled_by(db.meta.uid).collect()
    }

    /// A new child with a spec.
    pub(super) fn make(&self, kind: Kind, suffix: &str, spec: Value) -> Option<Object> {
        let db = self.database()?;
        let mut meta = Meta::named(&db.meta.namespace, &format!("{}-{suffix}", db.meta.name));
        meta.set_owners(vec![controller_reference(*DATABASE, &db.meta)]);
        Some(opaque(kind, meta, spec))
    }

    /// The creation of a child.
    pub(super) fn create(&self, kind: Kind, suffix: &str, spec: Value, plan: &mut Plan) {
        if let Some(object) = self.make(kind, suffix, spec) {
            plan.push(Write::create(object, Why::one("{} is missing", Name::new(suffix))));
        }
    }

    /// The creation of a child, unless it is there.
    pub(super) fn ensure(&self, kind: Kind, suffix: &str, spec: Value, plan: &mut Plan) {
        if self.child(kind, suffix).is_none() {
            self.create(kind, suffix, spec, plan);
        }
    }

    /// The creation of one of many, under a name that is drawn.
    pub(super) fn create_one_of_many(&self, kind: Kind, plan: &mut Plan) {
        let Some(mut object) = self.make(kind, "", json!({})) else { return };
        let prefix = format!("{}-", self.key.name);
        let meta = object.meta_mut();
        meta.name = Name::default();
        meta.generate_name = prefix.into();
        let why = Why::new("too few are there");
        plan.push(Write::create(object, why).expecting(Expect::Creation));
    }

    /// The deletion of whatever has this name, without looking which incarnation it is.
    pub(super) fn delete_by_name(&self, kind: Kind, suffix: &str, plan: &mut Plan) {
        let name = format!("{}-{suffix}", self.key.name);
        let key = ObjectKey::new(kind, &self.key.namespace, &name);
        let verb = Verb::Delete { key, options: DeleteOptions::default() };
        let why = Why::one("{} is not wanted", Name::new(suffix));
        plan.push(Write { verb, ..Write::delete(&opaque(kind, Meta::default(), json!({})), why) });
    }

    /// The deletion of a child that is known, of this incarnation of it and no other.
    pub(super) fn delete_known(&self, kind: Kind, suffix: &str, plan: &mut Plan) {
        if let Some(object) = self.child(kind, suffix).filter(|o| !o.meta().is_deleting()) {
            plan.push(Write::delete(object, Why::one("{} is not wanted", Name::new(suffix))));
        }
    }

    /// The status of the database, if it is another one.
    pub(super) fn status(&self, status: Value, plan: &mut Plan) {
        let Some(db) = self.database() else { return };
        if db.body.get("status") == Some(&status) {
            return;
        }
        let mut db = (**db).clone();
        Arc::make_mut(&mut db.body).insert("status".to_owned(), status);
        plan.push(Write::update_status(
            Object::Opaque(Arc::new(db)),
            Why::new("its status changed"),
        ));
    }

    /// A child with another spec, if it is another one.
    #[expect(clippy::unused_self, reason = "it reads like the other wishes of a rule")]
    pub(super) fn respec(&self, object: &Object, spec: &Value, plan: &mut Plan) {
        if spec_of(object) == *spec {
            return;
        }
        let Object::Opaque(o) = object else { return };
        let mut new = (**o).clone();
        Arc::make_mut(&mut new.body).insert("spec".to_owned(), spec.clone());
        plan.push(Write::update(Object::Opaque(Arc::new(new)), Why::new("another spec is wanted")));
    }

    /// A change of a child by its name, whatever it is by now.
    pub(super) fn patch(&self, kind: Kind, suffix: &str, change: Value, plan: &mut Plan) {
        let name = format!("{}-{suffix}", self.key.name);
        let key = ObjectKey::new(kind, &self.key.namespace, &name);
        let patch = Patch::Merge(Arc::new(change));
        let verb = Verb::Patch { key: key.clone(), part: Subresource::Main, patch, dry_run: false };
        let why = Why::one("{} is to be another one", Name::new(suffix));
        plan.push(Write { verb, ..Write::edit(key, Edit::UnblockOwners, why) });
    }

    /// The finalizer that holds the database until its children are gone.
    pub(super) fn hold(&self, plan: &mut Plan) -> bool {
        let Some(db) = self.database() else { return false };
        if db.meta.has_finalizer(FINALIZER) || db.meta.is_deleting() {
            return false;
        }
        self.set_finalizers(vec![Name::new_static(FINALIZER)], plan);
        true
    }

    /// Lets the database go.
    pub(super) fn release(&self, plan: &mut Plan) {
        self.set_finalizers(Vec::new(), plan);
    }

    fn set_finalizers(&self, finalizers: Vec<Name>, plan: &mut Plan) {
        let Some(db) = self.database() else { return };
        let mut db = (**db).clone();
        db.meta.set_finalizers(finalizers);
        plan.push(Write::update(
            Object::Opaque(Arc::new(db)),
            Why::new("its children are looked after"),
        ));
    }

    /// A number of the database's spec.
    pub(super) fn number(&self, field: &str) -> i64 {
        self.database().map_or(0, |db| spec_value(&db.body, field).as_i64().unwrap_or(0))
    }

    /// A truth of the database's spec.
    pub(super) fn flag(&self, field: &str) -> bool {
        self.database().is_some_and(|db| spec_value(&db.body, field) == Value::Bool(true))
    }

    /// Whether the database is to go.
    pub(super) fn is_deleting(&self) -> bool {
        self.database().is_some_and(|db| db.meta.is_deleting())
    }
}

/// What holds a database.
pub(super) const FINALIZER: &str = "bugs.wavetank.dev/children";

fn spec_value(body: &Map<String, Value>, field: &str) -> Value {
    body.get("spec").and_then(|spec| spec.get(field)).cloned().unwrap_or_default()
}

/// The spec of an object that is kept as JSON.
pub(super) fn spec_of(object: &Object) -> Value {
    body_of(object).and_then(|body| body.get("spec").cloned()).unwrap_or_default()
}

/// The members of an object that is kept as JSON.
pub(super) fn body_of(object: &Object) -> Option<&Map<String, Value>> {
    if let Object::Opaque(o) = object { Some(&o.body) } else { None }
}

fn opaque(kind: Kind, meta: Meta, spec: Value) -> Object {
    let field = if matches!(kind, Kind::SECRET | Kind::CONFIG_MAP) { "data" } else { "spec" };
    let body = Map::from_iter([(field.to_owned(), spec)]);
    Object::Opaque(Arc::new(Opaque { kind, meta, body: Arc::new(body) }))
}

/// What a person does in a model's scenario.
pub(super) enum Do {
    /// Applies the database with this spec.
    Apply(&'static str),
    /// Merges this into the database.
    Patch(&'static str),
    /// Deletes the database.
    Delete,
    /// Does something else.
    Kubectl(&'static str),
    /// Waits so many seconds.
    Wait(u32),
}

/// The setting of models in a cluster without nodes.
pub(super) fn setting(models: Vec<Model>, deeds: &[Do]) -> Setting {
    let mut text = "name: pair\nabout: A model.\ncluster: {nodes: []}\nsteps:\n".to_owned();
    for deed in deeds {
        let _ = match deed {
            Do::Apply(spec) => writeln!(
                text,
                "- apply: {{apiVersion: {GROUP}/v1, kind: Database, metadata: {{name: db}}, \
                 spec: {spec}}}"
            ),
            Do::Patch(patch) => {
                writeln!(text, "- kubectl: patch databases.{GROUP} db --type=merge -p '{patch}'")
            }
            Do::Delete => writeln!(text, "- kubectl: delete databases.{GROUP} db"),
            Do::Kubectl(command) => writeln!(text, "- kubectl: {command}"),
            Do::Wait(seconds) => writeln!(text, "- wait: {seconds}s"),
        };
    }
    let _ = (&*DATABASE, &*VOLUME, &*WORKLOAD, &*MACHINE);
    let mut setting = super::setting(&text);
    setting.extras.custom = vec![*DATABASE, *VOLUME, *WORKLOAD, *MACHINE];
    let rules = models.into_iter().map(|m| Box::new(m) as Box<dyn Reconciler>);
    setting.extras.operators = vec![(Name::new_static("database-operator"), rules.collect())];
    setting
}
