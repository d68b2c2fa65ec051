//! `kubectl events`, and the table of events at the end of a description.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Value;

use super::How;
use super::kind::{interval, seconds_of_last};
use super::look::{text, text_or};
use super::tab::{self, lay_out};
use crate::api::core::event::Event;
use crate::api::object::Object;
use crate::api::time::Time;

/// What `kubectl events` prints: the event that was told last comes last.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/events/event_printer.go,
/// `printOneEvent`
pub fn events(events: &[Arc<Event>], how: &How, now: Time) -> String {
    let mut lines = String::new();
    if !how.no_headers {
        lines.push_str(if how.all_namespaces { "NAMESPACE\t" } else { "" });
        lines.push_str("LAST SEEN\tTYPE\tREASON\tOBJECT\tMESSAGE\n");
    }
    for event in by_time(events) {
        if how.all_namespaces {
            let _ = write!(lines, "{}\t", text(&event, "metadata.namespace"));
        }
        let about = &event["involvedObject"];
        let _ = writeln!(
            lines,
            "{}\t{}\t{}\t{}/{}\t{}",
            interval(&event, now),
            text(&event, "type"),
            text(&event, "reason"),
            text(about, "kind"),
            text(about, "name"),
            text(&event, "message").trim()
        );
    }
    lay_out(&lines, tab::GET)
}

/// The events of a description, as tabbed text.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go, `DescribeEvents`
pub(super) fn described(events: &[Arc<Event>], now: Time) -> String {
    if events.is_empty() {
        return "Events:\t<none>\n".to_owned();
    }
    let mut out = "\x0cEvents:\n  Type\tReason\tAge\tFrom\tMessage\n".to_owned();
    out.push_str("  ----\t------\t----\t----\t-------\n");
    for event in by_time(events) {
        let _ = writeln!(
            out,
            "  {}\t{}\t{}\t{}\t{}",
            text(&event, "type"),
            text(&event, "reason"),
            interval(&event, now),
            text_or(&event, "source.component", text(&event, "reportingComponent")),
            text(&event, "message").trim()
        );
    }
    out
}

/// Events in the order in which they were last told.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/util/event/sorted_event_list.go,
/// `SortableEvents`
fn by_time(events: &[Arc<Event>]) -> Vec<Value> {
    let mut all: Vec<Value> =
        events.iter().map(|e| Object::Event(Arc::clone(e)).to_value()).collect();
    all.sort_by_key(seconds_of_last);
    all
}
