//! Reading scenarios and what they name.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::scenario::diagnostic::{self, Look};
use crate::scenario::load::{Described, Override, load};
use crate::scenario::manifest::File;
use crate::trace::timeline::Options;

/// Scenarios are looked for here when they are named without a path.
const SHIPPED: &str = "scenarios";

/// Where a scenario is: a path, the name of one that is shipped, or `-`.
pub(crate) fn find(name: &str) -> PathBuf {
    let given = PathBuf::from(name);
    if name == "-" || given.exists() {
        return given;
    }
    for root in &roots() {
        for direct in [root.join(format!("{name}.yaml")), root.join(name)] {
            if direct.exists() {
                return direct;
            }
        }
        let wanted = format!("{name}.yaml");
        let found = all_below(root).into_iter().find(|p| p.ends_with(&wanted));
        if let Some(found) = found {
            return found;
        }
    }
    given
}

/// The folders of scenarios: the one here, and the one that is shipped with the sources.
pub(crate) fn roots() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(SHIPPED);
    let here = PathBuf::from(SHIPPED);
    let is_same = here.canonicalize().ok().is_some_and(|h| own.canonicalize().ok() == Some(h));
    let all = if is_same { vec![here] } else { vec![here, own] };
    all.into_iter().filter(|root| root.is_dir()).collect()
}

/// The scenario files below a path, in order.
pub(crate) fn all_below(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(path) = open.pop() {
        if path.is_file() {
            found.push(path);
            continue;
        }
        let Ok(entries) = std::fs::read_dir(&path) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            let yaml = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
            if path.is_dir() || (yaml && is_scenario(&path)) {
                open.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Manifests lie beside scenarios; a scenario has steps.
fn is_scenario(path: &Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().any(|line| line.starts_with("steps:") || line.starts_with("expect:"))
        || text.lines().any(|line| line.starts_with("cluster:") || line.starts_with("faults:"))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        return match std::io::stdin().read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(error.to_string()),
        };
    }
    std::fs::read(path).map_err(|error| error.to_string())
}

/// The name by which a scenario is shown.
pub(crate) fn shown(name: &str) -> String {
    if name == "-" { "<stdin>".to_owned() } else { find(name).display().to_string() }
}

/// The bytes of a scenario or a trace.
pub(crate) fn bytes(name: &str) -> Result<Vec<u8>, String> {
    let path = find(name);
    if path.is_dir() {
        return Err(format!(
            "error: `{name}` is a folder; `wavetank test {name}` runs all in it\n"
        ));
    }
    read(&path).map_err(|error| {
        let hint = near(name).map_or(String::new(), |near| format!(", did you mean `{near}`?"));
        format!("error: cannot read scenario `{name}`: {error}{hint}\n")
    })
}

/// The shipped scenario whose name is nearest.
fn near(name: &str) -> Option<String> {
    let roots = roots();
    let names = roots.iter().flat_map(|root| {
        let of = move |path: PathBuf| path.strip_prefix(root).ok().map(|p| p.with_extension(""));
        all_below(root).into_iter().filter_map(of)
    });
    let names: Vec<String> = names.map(|path| path.display().to_string()).collect();
    diagnostic::nearest(name, names.iter().map(String::as_str)).map(str::to_owned)
}

/// Reads a scenario and all that it names; `Err` is every mistake, to be shown.
pub(crate) fn described(name: &str, set: &[String]) -> Result<Arc<Described>, String> {
    read_as_scenario(name, bytes(name)?, set)
}

/// Reads bytes as a scenario; `Err` is every mistake, to be shown.
pub(crate) fn read_as_scenario(
    name: &str,
    bytes: Vec<u8>,
    set: &[String],
) -> Result<Arc<Described>, String> {
    let path = find(name);
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let overrides: Vec<Override> = set.iter().map(|text| Override { text: text.clone() }).collect();
    let mut loader = |wanted: &str| files_of(&folder, wanted);
    let loaded = load(&shown(name), bytes, &overrides, &mut loader);
    loaded.map(Arc::new).map_err(|problems| diagnostic::render(&problems, look()))
}

/// The files that a step names, from the scenario's folder.
fn files_of(folder: &Path, wanted: &str) -> Result<Vec<File>, String> {
    let path = folder.join(wanted);
    let mut paths = if path.is_dir() {
        let entries = std::fs::read_dir(&path).map_err(|error| error.to_string())?;
        entries.flatten().map(|entry| entry.path()).filter(|p| p.is_file()).collect()
    } else {
        vec![path]
    };
    paths.sort();
    let file = |path: PathBuf| {
        let name = path.display().to_string();
        std::fs::read(&path).map(|bytes| File { name, bytes }).map_err(|error| error.to_string())
    };
    paths.into_iter().map(file).collect()
}

/// Mistakes as they are shown.
pub(crate) fn rendered(problems: &[diagnostic::Problem]) -> String {
    diagnostic::render(problems, look())
}

fn look() -> Look {
    let colour = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    Look { colour, ..Look::default() }
}

/// Writes to standard error.
pub(crate) fn complain(text: &str) {
    anstream::eprint!("{text}");
}

/// The width that text is laid out for: the terminal's up to a limit that is easily read, and 80
/// where there is none.
pub(crate) fn width() -> usize {
    use std::io::IsTerminal as _;
    let size = std::io::stdout().is_terminal().then(ratatui::crossterm::terminal::size);
    size.and_then(Result::ok).map_or(80, |(width, _)| usize::from(width).clamp(40, 120))
}

/// Writes to standard output.
pub(crate) fn say(text: &str) {
    use std::io::Write as _;
    let written = anstream::stdout().write_all(text.as_bytes());
    // A reader that has gone away is no mistake; a full disk is one.
    if let Err(error) = written
        && error.kind() != std::io::ErrorKind::BrokenPipe
        && !UNWRITABLE.swap(true, Ordering::Relaxed)
    {
        complain(&format!("error: cannot write to standard output: {error}\n"));
    }
}

/// Whether something could not be written to standard output.
static UNWRITABLE: AtomicBool = AtomicBool::new(false);

/// Whether all that was said has been written.
pub(crate) fn was_heard() -> bool {
    !UNWRITABLE.load(Ordering::Relaxed)
}

/// The width of a timeline: the terminal's, and in a pipe a page's. In a narrow terminal its lines
/// are broken rather than cut.
pub(crate) fn timeline_width() -> usize {
    use std::io::IsTerminal as _;
    let page = Options::default().width;
    if std::io::stdout().is_terminal() { width().max(100) } else { page }
}

/// Whether text on standard output may have colours.
pub(crate) fn has_colour() -> bool {
    anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never
}
