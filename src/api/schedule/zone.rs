//! Time zones by name, from the built-in data, so that a run is the same on every machine.

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The zone of a name: `Europe/Berlin`; `UTC` and no name at all are UTC, as for Go's
/// `time.LoadLocation`.
///
/// Names are told apart by case, as files are on the machines that Kubernetes runs on.
///
/// # Errors
/// There is none of this name.
pub fn find(name: &str) -> Result<TimeZone, String> {
    if name.is_empty() || name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    let unknown = || format!("unknown time zone {name}");
    let zone = ZONES.get(name).map_err(|_| unknown())?;
    if zone.iana_name() == Some(name) { Ok(zone) } else { Err(unknown()) }
}

/// Whether there is a zone of this name.
pub fn is_known(name: &str) -> bool {
    find(name).is_ok()
}
