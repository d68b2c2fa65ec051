//! Selectors by field: `spec.nodeName=a,status.phase!=Running`.

use std::fmt;
use std::str::FromStr;

use super::SelectorError;
use crate::api::Name;

/// Fields that must have, or must not have, a value. The default matches everything.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/fields/selector.go
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct FieldSelector(Vec<FieldRequirement>);

/// One field and its value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FieldRequirement {
    /// The field's path: `metadata.name`.
    pub field: Name,
    /// Whether the field must not have the value.
    pub is_negated: bool,
    /// The value.
    pub value: Name,
}

impl FieldSelector {
    /// The selector of one field that has a value.
    pub fn equals(field: &str, value: &str) -> FieldSelector {
        let one = FieldRequirement { field: field.into(), is_negated: false, value: value.into() };
        FieldSelector(vec![one])
    }

    /// The selector of fields that each have a value.
    pub fn all_of(fields: &[(&str, &str)]) -> FieldSelector {
        let one = |(field, value): &(&str, &str)| FieldRequirement {
            field: (*field).into(),
            is_negated: false,
            value: (*value).into(),
        };
        FieldSelector(fields.iter().map(one).collect())
    }

    /// Whether an object is meant; `field` looks up its fields, one that is not there is empty.
    pub fn matches<'a>(&self, field: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|r| (field(&r.field).unwrap_or("") == r.value) != r.is_negated)
    }

    /// Whether it leaves out nothing.
    pub fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// The requirements, by text.
    pub fn requirements(&self) -> &[FieldRequirement] {
        &self.0
    }

    /// The one value that it requires of a field, by which an index can be asked.
    pub fn exact(&self, field: &str) -> Option<&Name> {
        self.0.iter().find(|r| !r.is_negated && r.field == field).map(|r| &r.value)
    }
}

/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/fields/selector.go,
/// `parseSelector`
impl FromStr for FieldSelector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<FieldSelector, SelectorError> {
        let mut terms = split_terms(text);
        terms.sort_unstable();
        let all = terms.into_iter().filter(|t| !t.is_empty()).map(|term| {
            let (field, operator, value) = split_term(term).ok_or_else(|| {
                SelectorError(format!("invalid selector: '{text}'; can't understand '{term}'"))
            })?;
            Ok(FieldRequirement {
                field: field.into(),
                is_negated: operator == "!=",
                value: unescape(value)?.into(),
            })
        });
        all.collect::<Result<_, _>>().map(FieldSelector)
    }
}

/// Cuts at the commas that no backslash precedes.
fn split_terms(text: &str) -> Vec<&str> {
    let (mut terms, mut start, mut is_escaped) = (Vec::new(), 0, false);
    for (i, c) in text.char_indices() {
        if c == ',' && !is_escaped {
            terms.push(&text[start..i]);
            start = i + 1;
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    terms.push(&text[start..]);
    terms
}

/// Cuts at the first operator.
fn split_term(term: &str) -> Option<(&str, &str, &str)> {
    term.char_indices().find_map(|(i, _)| {
        let operator = ["!=", "==", "="].into_iter().find(|op| term[i..].starts_with(op))?;
        Some((&term[..i], operator, &term[i + operator.len()..]))
    })
}

/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/fields/selector.go,
/// `UnescapeValue`
fn unescape(value: &str) -> Result<String, SelectorError> {
    let bad = |what: String| Err(SelectorError(format!("invalid field selector: {what}")));
    let mut plain = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ ('\\' | ',' | '=')) => plain.push(c),
                Some(c) => return bad(format!("invalid escape sequence: \\{c}")),
                None => return bad("invalid escape sequence: \\".to_owned()),
            },
            ',' | '=' => {
                return bad(format!("unescaped character in value: {}", u32::from(c)));
            }
            _ => plain.push(c),
        }
    }
    Ok(plain)
}

/// The canonical text, which reads back as the same selector.
impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, r) in self.0.iter().enumerate() {
            let operator = if r.is_negated { "!=" } else { "=" };
            write!(f, "{}{}{operator}", if i == 0 { "" } else { "," }, r.field)?;
            for c in r.value.chars() {
                if matches!(c, '\\' | ',' | '=') {
                    f.write_str("\\")?;
                }
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}
