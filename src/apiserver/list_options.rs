//! What the options of a list or watch mean: which are allowed together, at which revision a list
//! is served and by whom, where a page begins, and where a watch starts.
//!
//! Pure: it decides, and neither holds objects nor asks for them.

use serde::{Deserialize, Serialize};

use crate::api::Name;
use crate::api::field::{FieldError, Path};
use crate::api::refusal::{GroupResource, Reason, Refusal};
use crate::api::request::{ListOptions, VersionMatch, WatchOptions};

/// Why a list at a revision is refused that was compacted away.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/etcd3/errors.go, `expired`
pub const EXPIRED: &str = "The resourceVersion for the provided list is too old.";

/// Why the first page of a list at a revision is refused that was compacted away.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/etcd3/errors.go,
/// `continueExpired`
pub const CONTINUE_EXPIRED: &str = "The provided continue parameter is too old to display a \
     consistent list result. You must start a new list without the continue parameter.";

/// Why a page is refused whose revision was compacted away, while a token to go on is given.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/etcd3/errors.go,
/// `inconsistentContinue`
pub const INCONSISTENT: &str = "The provided continue parameter is too old to display a consistent \
     list result. You can start a new list without the continue parameter, or use the continue \
     token in this response to retrieve the remainder of the results. Continuing with the \
     provided token results in an inconsistent list - objects that were created, modified, or \
     deleted between the time the first chunk was returned and now may show up in the list.";

/// The options of a list or a watch, as they are written in a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Query<'a> {
    /// Whether it is a watch.
    pub watch: bool,
    /// Empty, `0` or a revision.
    pub resource_version: &'a str,
    /// Empty, `Exact` or `NotOlderThan`.
    pub version_match: &'a str,
    /// At most so many; 0 for all.
    pub limit: usize,
    /// Where the last page ended.
    pub continue_token: &'a str,
    /// Whether a watch begins with what there is; none when nothing is said.
    pub send_initial_events: Option<bool>,
    /// Whether a watch may bring bookmarks.
    pub bookmarks: bool,
    /// Whether many keys are meant, not one.
    pub recursive: bool,
}

const EXACT: &str = "Exact";
const NOT_OLDER_THAN: &str = "NotOlderThan";

impl<'a> Query<'a> {
    /// The options of a list. A list whose field selector names one object reads that key alone.
    ///
    /// Source: kubernetes v1.36
    /// staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go, `ListPredicate`
    pub fn of_list(options: &'a ListOptions) -> Query<'a> {
        let one = options.continue_token.is_empty()
            && options.fields.exact("metadata.name").is_some()
            && (!options.kind.row().namespaced
                || !options.namespace.is_empty()
                || options.fields.exact("metadata.namespace").is_some());
        Query {
            resource_version: &options.resource_version,
            version_match: match options.version_match {
                None => "",
                Some(VersionMatch::Exact) => EXACT,
                Some(VersionMatch::NotOlderThan) => NOT_OLDER_THAN,
            },
            limit: options.limit,
            continue_token: &options.continue_token,
            recursive: !one,
            ..Query::default()
        }
    }

    /// The options of a watch; a typed client that wants the initial events says `NotOlderThan`.
    pub fn of_watch(options: &'a WatchOptions) -> Query<'a> {
        Query {
            watch: true,
            resource_version: &options.resource_version,
            version_match: if options.send_initial_events { NOT_OLDER_THAN } else { "" },
            send_initial_events: options.send_initial_events.then_some(true),
            bookmarks: options.bookmarks,
            recursive: true,
            ..Query::default()
        }
    }

    /// What is wrong with the options; `watch_list` tells whether watches may begin with what
    /// there is.
    ///
    /// Source: kubernetes v1.36
    /// staging/src/k8s.io/apimachinery/pkg/apis/meta/internalversion/validation/validation.go,
    /// `ValidateListOptions`
    pub fn errors(&self, watch_list: bool) -> Vec<FieldError> {
        if self.watch { self.watch_errors(watch_list) } else { self.list_errors() }
    }

    fn list_errors(&self) -> Vec<FieldError> {
        let at = Path::new("resourceVersionMatch");
        let matching = self.version_match;
        let mut errors = Vec::new();
        let mut forbid = |holds: bool, detail: &str| {
            if holds && !matching.is_empty() {
                errors.push(FieldError::forbidden(&at, detail));
            }
        };
        forbid(
            self.resource_version.is_empty(),
            "resourceVersionMatch is forbidden unless resourceVersion is provided",
        );
        forbid(
            !self.continue_token.is_empty(),
            "resourceVersionMatch is forbidden when continue is provided",
        );
        if !matches!(matching, "" | EXACT | NOT_OLDER_THAN) {
            let allowed = [EXACT, NOT_OLDER_THAN, ""];
            errors.push(FieldError::not_supported(&at, matching, &allowed));
        }
        if matching == EXACT && self.resource_version == "0" {
            let detail = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            errors.push(FieldError::forbidden(&at, detail));
        }
        if self.send_initial_events.is_some() {
            let at = Path::new("sendInitialEvents");
            let detail = "sendInitialEvents is forbidden for list";
            errors.push(FieldError::forbidden(&at, detail));
        }
        errors
    }

    fn watch_errors(&self, watch_list: bool) -> Vec<FieldError> {
        let at = Path::new("resourceVersionMatch");
        let matching = self.version_match;
        let asks = self.send_initial_events.is_some();
        let mut errors = Vec::new();
        if asks && matching != NOT_OLDER_THAN {
            let detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
            errors.push(FieldError::forbidden(&at, detail));
        }
        if asks && !watch_list {
            let detail = "sendInitialEvents is forbidden for watch unless the WatchList feature \
                          gate is enabled";
            errors.push(FieldError::forbidden(&Path::new("sendInitialEvents"), detail));
        }
        if matching.is_empty() {
            return errors;
        }
        if !asks {
            let detail = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is \
                          provided";
            errors.push(FieldError::forbidden(&at, detail));
        }
        if matching != NOT_OLDER_THAN {
            errors.push(FieldError::not_supported(&at, matching, &[NOT_OLDER_THAN]));
        }
        if !self.continue_token.is_empty() {
            let detail = "resourceVersionMatch is forbidden when continue is provided";
            errors.push(FieldError::forbidden(&at, detail));
        }
        errors
    }

    /// Refuses options that do not go together.
    ///
    /// # Errors
    /// 422 with every mistake.
    pub fn validate(&self) -> Result<(), Refusal> {
        let errors = self.errors(true);
        if errors.is_empty() {
            return Ok(());
        }
        let of = GroupResource::new("meta.k8s.io", "ListOptions");
        Err(Refusal::invalid(&of, "", &errors))
    }

    /// At which revision the storage is read for a list, and from which key on.
    ///
    /// # Errors
    /// 400 for a revision or token that cannot be read, or for both together.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/interfaces.go,
    /// `ValidateListOptions`
    pub fn storage(&self) -> Result<Storage, Refusal> {
        if self.recursive && !self.continue_token.is_empty() {
            let token = ContinueToken::decode(self.continue_token)
                .map_err(|why| Refusal::bad_request(&format!("invalid continue token: {why}")))?;
            if !matches!(self.resource_version, "" | "0") {
                let why = "specifying resource version is not allowed when using continue";
                return Err(Refusal::bad_request(why));
            }
            let revision = u64::try_from(token.revision).unwrap_or(0);
            return Ok(Storage { revision, start: token.start });
        }
        if self.resource_version.is_empty() {
            return Ok(Storage::default());
        }
        let parsed = parse_revision(self.resource_version)
            .map_err(|e| Refusal::bad_request(&format!("invalid resource version: {e}")))?;
        let revision = match self.version_match {
            NOT_OLDER_THAN => 0,
            EXACT => parsed,
            "" if self.recursive && self.limit > 0 => parsed,
            "" => 0,
            other => return Err(internal(&format!("unknown ResourceVersionMatch value: {other}"))),
        };
        Ok(Storage { revision, start: Name::default() })
    }

    /// The revision that what is found must not be older than; 0 for any.
    ///
    /// # Errors
    /// 400 for a revision that cannot be read.
    pub fn minimum(&self) -> Result<u64, Refusal> {
        if self.resource_version.is_empty() {
            return Ok(0);
        }
        parse_revision(self.resource_version)
            .map_err(|e| Refusal::bad_request(&format!("invalid resource version: {e}")))
    }

    /// Whether a list goes to etcd or is answered from the watch cache.
    ///
    /// # Errors
    /// As [`Query::storage`].
    ///
    /// Source: kubernetes v1.36
    /// staging/src/k8s.io/apiserver/pkg/storage/cacher/delegator/interface.go,
    /// `ShouldDelegateList`
    pub fn route(&self, cache: &CacheState) -> Result<Route, Refusal> {
        let storage = self.storage()?;
        match self.version_match {
            EXACT => Ok(cache.exact(storage.revision, self.recursive)),
            NOT_OLDER_THAN => Ok(Route::Cache),
            "" if !self.continue_token.is_empty() => Ok(match storage.revision {
                _ if !self.recursive || cache.oldest_snapshot.is_none() => Route::Etcd,
                0 => Route::Consistent,
                revision => cache.exact(revision, true),
            }),
            "" if self.limit > 0 && !matches!(self.resource_version, "" | "0") => {
                Ok(cache.exact(self.minimum()?, self.recursive))
            }
            "" if self.resource_version.is_empty() => Ok(Route::Consistent),
            "" => Ok(Route::Cache),
            _ => Ok(Route::Etcd),
        }
    }

    /// How many objects the watch cache lists at most; 0 for all: it lists whole what may be of
    /// any revision.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/cacher/cacher.go,
    /// `computeListLimit`
    pub fn cache_limit(&self) -> usize {
        if self.resource_version == "0" { 0 } else { self.limit }
    }

    /// Where a watch begins, as far as the options tell.
    ///
    /// # Errors
    /// 500 for a revision that cannot be read.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/cacher/cacher.go,
    /// `getWatchCacheResourceVersion`
    pub fn watch_start(&self) -> Result<WatchStart, Refusal> {
        if !self.resource_version.is_empty() {
            return parse_revision(self.resource_version)
                .map(WatchStart::After)
                .map_err(|e| internal(&e.to_string()));
        }
        Ok(match self.send_initial_events {
            None => WatchStart::After(0),
            Some(_) => WatchStart::Present,
        })
    }

    /// Whether a watch that starts after a revision begins with what there is.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/cacher/watch_cache.go,
    /// `getAllEventsSinceLocked`
    pub fn begins_with_present(&self, after: u64) -> bool {
        self.send_initial_events.unwrap_or(after == 0)
    }

    /// The revision after which a watch is told that the initial events are over; none for a watch
    /// that is not told.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/cacher/cacher.go,
    /// `getBookmarkAfterResourceVersionLockedFunc`
    pub fn bookmark_after(&self, required: u64, cache: u64) -> Option<u64> {
        if self.send_initial_events != Some(true) || !self.bookmarks {
            return None;
        }
        Some(match parse_revision(self.resource_version) {
            _ if self.resource_version.is_empty() => required,
            Ok(0) | Err(_) => cache,
            Ok(revision) => revision,
        })
    }
}

/// An error that Kubernetes has no status for.
fn internal(message: &str) -> Refusal {
    Refusal { code: 500, reason: Reason::Unknown, message: message.into(), details: None }
}

/// What is read of the storage for a list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Storage {
    /// At which revision; 0 for the present one.
    pub revision: u64,
    /// The first key, within the scope of the list; empty for its beginning.
    pub start: Name,
}

/// What a watch cache can serve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CacheState {
    /// How far it has come.
    pub revision: u64,
    /// The oldest state that it can go back to; none when it keeps only the newest one.
    pub oldest_snapshot: Option<u64>,
}

impl CacheState {
    /// A revision that is still to come is waited for; an older one needs a snapshot.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/cacher/cacher.go,
    /// `ShouldDelegateExactRV`
    fn exact(&self, revision: u64, recursive: bool) -> Route {
        let Some(oldest) = self.oldest_snapshot.filter(|_| recursive) else { return Route::Etcd };
        if revision > self.revision || revision >= oldest { Route::Cache } else { Route::Etcd }
    }
}

/// Who answers a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    /// etcd.
    Etcd,
    /// The watch cache.
    Cache,
    /// The watch cache, once it has come as far as etcd is now.
    Consistent,
}

/// Where a watch begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WatchStart {
    /// After a revision; 0 for what there is and then every change.
    After(u64),
    /// After the revision that etcd has now.
    Present,
}

/// Reads a resourceVersion.
///
/// # Errors
/// When it is no number.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/api_object_versioner.go,
/// `ParseResourceVersion`
#[expect(clippy::result_large_err, reason = "refusals are rare and written out at once")]
pub fn parse_revision(text: &str) -> Result<u64, FieldError> {
    if matches!(text, "" | "0") {
        return Ok(0);
    }
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| {
        let why = if digits { "value out of range" } else { "invalid syntax" };
        let detail = format!("strconv.ParseUint: parsing {text:?}: {why}");
        FieldError::invalid(&Path::new("resourceVersion"), text, &detail)
    })
}

/// Where a list goes on.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/continue.go
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContinueToken {
    /// The revision of the list; below 0 for whatever is there now.
    pub revision: i64,
    /// The first key of the next page, within the scope of the list.
    pub start: Name,
}

const TOKEN_VERSION: &str = "meta.k8s.io/v1";

#[derive(Serialize, Deserialize)]
struct Encoded {
    #[serde(default)]
    v: Name,
    #[serde(default)]
    rv: i64,
    #[serde(default)]
    start: Name,
}

impl ContinueToken {
    /// As it goes over the wire.
    pub fn encode(&self) -> Name {
        let token = Encoded {
            v: Name::new_static(TOKEN_VERSION),
            rv: self.revision,
            start: self.start.clone(),
        };
        let json = serde_json::to_string(&token).expect("a token is JSON");
        base64_encode(json.as_bytes()).into()
    }

    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(text: &str) -> Result<ContinueToken, String> {
        let invalid = "continue key is not valid";
        let bytes = base64_decode(text).ok_or(invalid)?;
        let token: Encoded =
            serde_json::from_slice(&bytes).map_err(|e| format!("{invalid}: {e}"))?;
        if token.v != TOKEN_VERSION {
            let version = token.v;
            return Err(format!(
                "{invalid}: server does not recognize this encoded version {version}"
            ));
        }
        if token.rv == 0 {
            let why = "incorrect encoded start resourceVersion";
            return Err(format!("{invalid}: {why} (version {TOKEN_VERSION})"));
        }
        if token.start.is_empty() {
            return Err(format!("{invalid}: encoded start key empty (version {TOKEN_VERSION})"));
        }
        let start = token.start.strip_prefix('/').unwrap_or(&token.start);
        if start.is_empty() || !start.split('/').all(|part| !matches!(part, "" | "." | "..")) {
            return Err(format!("{invalid}: {}", token.start));
        }
        Ok(ContinueToken { revision: token.rv, start: start.into() })
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Base64 for addresses, without padding.
fn base64_encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |n: usize| u32::from(chunk.get(n).copied().unwrap_or(0));
        let group = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..=chunk.len() {
            let six = (group >> (18 - 6 * place)) & 63;
            text.push(char::from(ALPHABET[six as usize]));
        }
    }
    text
}

fn base64_decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for chunk in text.as_bytes().chunks(4) {
        if chunk.len() == 1 {
            return None;
        }
        let mut group = 0;
        for (place, letter) in chunk.iter().enumerate() {
            let six = u32::try_from(ALPHABET.iter().position(|a| a == letter)?).ok()?;
            group |= six << (18 - 6 * place);
        }
        bytes.extend_from_slice(&group.to_be_bytes()[1..chunk.len()]);
    }
    Some(bytes)
}

/// Refuses to show a state that is older than what the client asks for.
///
/// # Errors
/// 504, to be tried again after a second.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/etcd3/store.go,
/// `validateMinimumResourceVersion`
pub fn at_least(minimum: u64, present: u64) -> Result<(), Refusal> {
    if minimum > present {
        return Err(Refusal::too_large_resource_version(minimum, present, 1));
    }
    Ok(())
}
