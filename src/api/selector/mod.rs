//! Which objects are meant: by their labels, or by some of their fields.
//!
//! Responsible for reading selectors, writing them canonically and matching. Matching never
//! allocates: it is done for every object that is listed, watched or scheduled.

mod field;
mod object;
mod parse;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::api::Name;
use crate::api::labels::Labels;
use crate::api::names;

pub use field::{FieldRequirement, FieldSelector};
pub use object::{LabelSelector, LabelSelectorRequirement};

/// Requirements that must all hold, by key. The default has none and matches everything.
///
/// A clone shares the requirements.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/labels/selector.go
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Selector(Inner);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
enum Inner {
    #[default]
    Everything,
    Nothing,
    All(Arc<[Requirement]>),
}

/// One requirement on the value of one key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Requirement {
    key: Name,
    operator: Operator,
    values: Box<[Name]>,
    /// The number that `values` holds, for `Gt` and `Lt`.
    number: Option<i64>,
}

/// How a value is compared. On the wire, as in node affinity, it has the operator's name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Operator {
    /// The key is there and its value is one of the values.
    In,
    /// The key is not there, or its value is none of the values.
    NotIn,
    /// The key is there.
    Exists,
    /// The key is not there.
    DoesNotExist,
    /// The value is a number and greater than the one given.
    Gt,
    /// The value is a number and less than the one given.
    Lt,
    /// As `In`, written `=`.
    #[serde(skip)]
    Equals,
    /// As `In`, written `==`.
    #[serde(skip)]
    DoubleEquals,
    /// As `NotIn`, written `!=`.
    #[serde(skip)]
    NotEquals,
}

/// Why a text or an object is no selector, in Kubernetes' words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SelectorError(pub String);

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SelectorError {}

impl Selector {
    /// The selector that matches everything.
    pub const EVERYTHING: Selector = Selector(Inner::Everything);
    /// The selector that matches nothing.
    pub const NOTHING: Selector = Selector(Inner::Nothing);

    /// The selector of all these requirements.
    pub fn new(mut all: Vec<Requirement>) -> Selector {
        all.sort_by(|a, b| a.key.cmp(&b.key));
        Selector(if all.is_empty() { Inner::Everything } else { Inner::All(all.into()) })
    }

    /// The selector of objects that have all these labels. The labels are not validated.
    pub fn of_labels(labels: &Labels) -> Selector {
        let equals = |(key, value): (&Name, &Name)| Requirement {
            key: key.clone(),
            operator: Operator::Equals,
            values: Box::new([value.clone()]),
            number: None,
        };
        Selector::new(labels.iter().map(equals).collect())
    }

    /// Whether an object with these labels is meant.
    pub fn matches(&self, labels: &Labels) -> bool {
        match &self.0 {
            Inner::Everything => true,
            Inner::Nothing => false,
            Inner::All(all) => all.iter().all(|r| r.matches(labels)),
        }
    }

    /// Whether it leaves out nothing. The selector of nothing does leave out.
    pub fn is_everything(&self) -> bool {
        matches!(self.0, Inner::Everything)
    }

    /// Whether it is the selector of nothing.
    pub fn is_nothing(&self) -> bool {
        matches!(self.0, Inner::Nothing)
    }

    /// The requirements, by key.
    pub fn requirements(&self) -> &[Requirement] {
        match &self.0 {
            Inner::Everything | Inner::Nothing => &[],
            Inner::All(all) => all,
        }
    }

    /// The selector with one requirement more; nothing stays nothing.
    #[must_use]
    pub fn and(&self, more: Requirement) -> Selector {
        if self.is_nothing() {
            return self.clone();
        }
        Selector::new(self.requirements().iter().cloned().chain([more]).collect())
    }

    /// The one value that it requires of a key, by which an index can be asked.
    pub fn exact(&self, key: &str) -> Option<&Name> {
        let first = self.requirements().iter().find(|r| r.key == key)?;
        match (first.operator, &first.values[..]) {
            (Operator::Equals | Operator::DoubleEquals | Operator::In, [value]) => Some(value),
            _ => None,
        }
    }
}

impl Requirement {
    /// A requirement of a label.
    ///
    /// # Errors
    ///
    /// All reasons why it is none, in Kubernetes' words.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/labels/selector.go,
    /// `NewRequirement`
    pub fn new(key: Name, operator: Operator, values: Vec<Name>) -> Result<Self, SelectorError> {
        let mut why = Vec::new();
        let key_errors = names::qualified_name(&key);
        if !key_errors.is_empty() {
            why.push(format!("key: Invalid value: {key:?}: {}", key_errors.join("; ")));
        }
        let texts: Vec<&str> = values.iter().map(Name::as_str).collect();
        if let Some(problem) = operator.problem_with(&texts) {
            why.push(format!("values: Invalid value: {texts:?}: {problem}"));
        }
        let takes_number = matches!(operator, Operator::Gt | Operator::Lt);
        let number = values.first().filter(|_| takes_number).and_then(|v| v.parse().ok());
        if takes_number {
            for (i, v) in texts.iter().enumerate().filter(|(_, v)| v.parse::<i64>().is_err()) {
                why.push(format!(
                    "values[{i}]: Invalid value: {v:?}: for 'Gt', 'Lt' operators, the value must \
                     be an integer"
                ));
            }
        }
        for (i, v) in texts.iter().enumerate() {
            let errors = names::label_value(v);
            if !errors.is_empty() {
                why.push(format!(
                    "values[{i}][{key}]: Invalid value: {v:?}: {}",
                    errors.join("; ")
                ));
            }
        }
        if !why.is_empty() {
            return Err(SelectorError(aggregate(&why)));
        }
        Ok(Requirement { key, operator, values: values.into(), number })
    }

    /// A requirement whose key and values are not checked, as on fields of a node.
    pub fn unchecked(key: Name, operator: Operator, values: Vec<Name>) -> Requirement {
        let number = values.first().and_then(|v| v.parse().ok());
        Requirement { key, operator, values: values.into(), number }
    }

    /// The key.
    pub fn key(&self) -> &Name {
        &self.key
    }

    /// The operator.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// The values, in the order in which they were given.
    pub fn values(&self) -> &[Name] {
        &self.values
    }

    /// Whether it holds for an object with these labels.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matches_value(labels.get(&self.key).map(Name::as_str))
    }

    /// Whether it holds for the value of its key; none when the key is not there.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/labels/selector.go,
    /// `Requirement.Matches`
    pub fn matches_value(&self, value: Option<&str>) -> bool {
        let is_one = |value: &str| self.values.iter().any(|v| v == value);
        let number = || value.and_then(|v| v.parse::<i64>().ok()).zip(self.number);
        match self.operator {
            Operator::In | Operator::Equals | Operator::DoubleEquals => value.is_some_and(is_one),
            Operator::NotIn | Operator::NotEquals => !value.is_some_and(is_one),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::Gt => number().is_some_and(|(has, than)| has > than),
            Operator::Lt => number().is_some_and(|(has, than)| has < than),
        }
    }
}

impl Operator {
    /// What is wrong with the number of values.
    fn problem_with(self, values: &[&str]) -> Option<&'static str> {
        let (is_bad, problem) = match self {
            Operator::In | Operator::NotIn => {
                (values.is_empty(), "for 'in', 'notin' operators, values set can't be empty")
            }
            Operator::Equals | Operator::DoubleEquals | Operator::NotEquals => {
                (values.len() != 1, "exact-match compatibility requires one single value")
            }
            Operator::Exists | Operator::DoesNotExist => {
                (!values.is_empty(), "values set must be empty for exists and does not exist")
            }
            Operator::Gt | Operator::Lt => {
                (values.len() != 1, "for 'Gt', 'Lt' operators, exactly one value is required")
            }
        };
        is_bad.then_some(problem)
    }
}

/// Several errors as one text: `[a, b]`, and one alone as it is.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/errors/errors.go,
/// `aggregate.Error`
pub(crate) fn aggregate(errors: &[String]) -> String {
    let mut seen: Vec<&str> = Vec::new();
    for e in errors {
        if !seen.contains(&e.as_str()) {
            seen.push(e);
        }
    }
    match seen[..] {
        [one] => one.to_owned(),
        _ => format!("[{}]", seen.join(", ")),
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Selector, SelectorError> {
        parse::parse(text).map(Selector::new)
    }
}

/// The canonical text, which reads back as the same selector; that of nothing is empty too.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, r) in self.requirements().iter().enumerate() {
            write!(f, "{}{r}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Inner::Everything => f.write_str("<everything>"),
            Inner::Nothing => f.write_str("<nothing>"),
            Inner::All(_) => fmt::Display::fmt(self, f),
        }
    }
}

/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/labels/selector.go,
/// `Requirement.String`
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        let mut values: Vec<&str> = self.values.iter().map(Name::as_str).collect();
        values.sort_unstable();
        let values = values.join(",");
        match self.operator {
            Operator::Exists => f.write_str(key),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::Equals => write!(f, "{key}={values}"),
            Operator::DoubleEquals => write!(f, "{key}=={values}"),
            Operator::NotEquals => write!(f, "{key}!={values}"),
            Operator::Gt => write!(f, "{key}>{values}"),
            Operator::Lt => write!(f, "{key}<{values}"),
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_reads_back_from_its_text() {
        let text = "!a,b in (x,y),c=1,d>5";
        let selector: Selector = text.parse().expect("it is a selector");
        assert_eq!(selector.to_string(), text);
        assert_eq!(selector.exact("c").map(Name::as_str), Some("1"));
        assert!(selector.matches(&Labels::from([("b", "y"), ("c", "1"), ("d", "6")])));
        assert!(!selector.matches(&Labels::from([("b", "y"), ("c", "1"), ("d", "5")])));
    }

    #[test]
    fn no_label_selector_matches_nothing_and_an_empty_one_everything() {
        let labels = Labels::from([("a", "b")]);
        let of = |s: Option<&LabelSelector>| LabelSelector::to_selector(s).expect("valid");
        assert!(!of(None).matches(&labels));
        assert!(of(Some(&LabelSelector::default())).matches(&labels));
    }
}
