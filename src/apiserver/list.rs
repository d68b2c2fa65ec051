//! Lists: selectors and pages.

use crate::api::Name;
use crate::api::object::Object;
use crate::api::refusal::Refusal;
use crate::api::request::{ListOptions, ObjectList};
use crate::apiserver::field;

/// The objects of a list that the options mean, a page of them at most.
///
/// # Errors
/// 410 for a continue token of another revision, 400 for one that cannot be read.
pub fn page(
    all: impl IntoIterator<Item = Object>,
    revision: u64,
    options: &ListOptions,
) -> Result<ObjectList, Refusal> {
    let after = match options.continue_token.split_once(':') {
        _ if options.continue_token.is_empty() => None,
        Some((_, key)) => Some(key.to_owned()),
        None => return Err(Refusal::bad_request("continue key is not valid")),
    };
    let mut matching: Vec<Object> =
        all.into_iter().filter(|object| matches(object, options)).collect();
    if let Some(after) = after {
        matching.retain(|o| position(o).as_str() > after.as_str());
    }
    let rest = matching.len().saturating_sub(options.limit);
    let paged = options.limit > 0 && rest > 0;
    let selective = !options.labels.is_everything() || !options.fields.is_everything();
    if paged {
        matching.truncate(options.limit);
    }
    let last = matching.last().filter(|_| paged);
    let continue_token =
        last.map(|o| smol_str::format_smolstr!("{revision}:{}", position(o))).unwrap_or_default();
    let remaining = (paged && !selective).then_some(rest);
    Ok(ObjectList { resource_version: revision, items: matching, continue_token, remaining })
}

/// Where an object stands in a list.
fn position(object: &Object) -> Name {
    let meta = object.meta();
    smol_str::format_smolstr!("{}/{}", meta.namespace, meta.name)
}

/// Whether an object is within the options.
pub fn matches(object: &Object, options: &ListOptions) -> bool {
    let meta = object.meta();
    (options.namespace.is_empty() || options.namespace == meta.namespace)
        && options.labels.matches(&meta.labels)
        && options.fields.matches(|name| field::value(object, name))
}
