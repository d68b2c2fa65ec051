//! How containers behave, by image.

use crate::scenario::decode::object;
use crate::scenario::spec::metrics::Course;
use crate::sim::time::SimDuration;

object! {
    /// How a container of an image behaves; what is not given is as for any image.
    pub struct Image as "an image" {
        /// How long the pull takes.
        "pull" => pull: Option<SimDuration> = None;
        /// How long from created to running.
        "start" => start: Option<SimDuration> = None;
        /// How long after its start its probes succeed.
        "ready-after" => ready_after: Option<SimDuration> = None;
        /// The cpu that it uses, by its age: `150m`, or `{0s: 150m, 2m: 1}`.
        "cpu" => cpu: Option<Course> = None;
        /// The memory that it uses, by its age: `200Mi`, or growing: `50Mi + 10Mi/min`.
        "memory" => memory: Option<Course> = None;
        /// What it has written to the node's disk, by its age.
        "disk" => disk: Option<Course> = None;
        /// How long it takes to end once it is told to.
        "term" => term: Option<SimDuration> = None;
        /// That it exits by itself, when and how.
        "exit" => exit: Option<Exit> = None;
        /// That its pull fails, and with which text.
        "pull-error" => pull_error: Option<String> = None;
    }
}

object! {
    /// The end of a container by itself.
    pub struct Exit as "`exit`" {
        /// The exit code.
        "code" => code: i32 = 0;
        /// How long after its start.
        "after" => after: SimDuration = SimDuration::ZERO;
    }
}
