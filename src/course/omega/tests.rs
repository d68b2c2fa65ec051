//! The published shapes, seen again.

use super::*;

fn measured(architecture: Architecture, t_job: SimDuration) -> Measured {
    let cell = Cell::default();
    let service = Kind { t_job, ..cell.service };
    let batch = if architecture == Architecture::SinglePath {
        Kind { t_job, ..cell.batch }
    } else {
        cell.batch
    };
    run(architecture, &Cell { batch, service, ..cell })
}

fn secs(n: u64) -> SimDuration {
    SimDuration::secs(n)
}

#[test]
fn a_monolithic_scheduler_gets_busier_in_a_line_and_saturates() {
    let busy = |millis| {
        let m = measured(Architecture::SinglePath, SimDuration::millis(millis));
        m.batch.busy_percent + m.service.busy_percent
    };
    let (half, one, two, ten) = (busy(500), busy(1_000), busy(2_000), busy(10_000));
    // A second more of decision costs (1/4 + 1/40) s each second.
    assert!((one - half).abs_diff(13) <= 3, "{half} {one}");
    assert!((two - one).abs_diff(27) <= 4, "{one} {two}");
    assert!(ten >= 98, "{ten}");
    // Saturated, it falls behind for good: the waiting time grows with the length of the run.
    let wait = |n| measured(Architecture::SinglePath, secs(n)).batch.wait;
    assert!(wait(1) < secs(1) && wait(10) > secs(3_600), "{} {}", wait(1), wait(10));
}

#[test]
fn batch_jobs_wait_behind_slow_service_jobs_unless_they_have_a_scheduler_of_their_own() {
    let fine = Architecture::SharedState(Detection::Fine);
    let wait = |architecture| measured(architecture, secs(10)).batch.wait;
    let (blocked, free) = (wait(Architecture::MultiPath), wait(fine));
    assert!(blocked > secs(1), "{blocked}");
    assert!(free < SimDuration::millis(200), "{free}");
    assert_eq!(measured(fine, SimDuration::millis(100)).batch.wait.as_millis() / 100, 0);
}

#[test]
fn offers_starve_batch_jobs_while_a_slow_framework_holds_them() {
    let two = measured(Architecture::TwoLevel, secs(20));
    let shared = measured(Architecture::SharedState(Detection::Fine), secs(20));
    assert!(two.batch.busy_percent > 2 * shared.batch.busy_percent, "{two:?} {shared:?}");
}

#[test]
fn conflicts_rise_with_the_decision_time_and_pass_one_a_job() {
    let coarse = Architecture::SharedState(Detection::Coarse);
    let conflicts = |t_job| measured(coarse, t_job).service.conflicts_percent;
    let all = [secs(1), secs(3), secs(10), secs(20)].map(conflicts);
    assert!(all.is_sorted(), "{all:?}");
    assert!(all[3] > 100, "{all:?}");
    // The fine check passes one a job, too, only later.
    let fine = |t_job| measured(Architecture::SharedState(Detection::Fine), t_job);
    let fine = [secs(1), secs(3), secs(10), secs(20)].map(|t| fine(t).service.conflicts_percent);
    assert!(fine.is_sorted() && fine[2] < 100 && fine[3] > 100, "{fine:?}");
}

#[test]
fn finer_detection_has_two_to_three_times_fewer_conflicts() {
    for t_job in [3, 6, 10] {
        let at = |d| measured(Architecture::SharedState(d), secs(t_job)).service.conflicts_percent;
        let (fine, coarse) = (at(Detection::Fine), at(Detection::Coarse));
        let times = coarse * 100 / fine;
        assert!((200..=300).contains(&times), "at {t_job} s: {fine} and {coarse} per cent");
    }
}

#[test]
fn a_run_repeats_itself() {
    let twice = [(); 2].map(|()| measured(Architecture::TwoLevel, secs(2)));
    assert_eq!(twice[0], twice[1]);
}
