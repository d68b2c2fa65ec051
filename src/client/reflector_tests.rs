use super::*;

/// Runs the inputs, one each ten seconds, and tells the commands in short.
fn check(start: Start, inputs: &[Input], want: &[&str]) {
    let mut now = SimTime::ZERO;
    let mut reflector = Reflector::new(start, 0, now);
    let mut got = Vec::new();
    for input in inputs {
        let step = reflector.step(*input, now, &mut |_| 0);
        let store = match step.store {
            Store::Keep => String::new(),
            other @ (Store::Apply | Store::Hold | Store::Replace) => format!("{other:?} "),
        };
        got.push(store + &short(step.command));
        now += SimDuration::secs(10);
    }
    assert_eq!(got, want);
}

fn short(command: Command) -> String {
    match command {
        Command::Stay => "stay".to_owned(),
        Command::List { revision, limit } => format!("list {revision:?} by {limit}"),
        Command::NextPage { limit } => format!("next {limit}"),
        Command::Watch { revision, timeout, initial: false } => {
            format!("watch {revision:?} for {timeout}")
        }
        Command::Watch { revision, .. } => format!("stream {revision:?}"),
        Command::Wait(span) => format!("wait {span}"),
    }
}

#[test]
fn a_watch_that_ends_goes_on_where_it_was() {
    let inputs = [
        Input::Timer,
        Input::Listed { revision: 10 },
        Input::Event { revision: 12 },
        Input::Unexpected,
        Input::Bookmark { revision: 15, initial_events_end: false },
        Input::Closed,
        Input::WatchFailed(Failure::TooManyRequests),
        Input::Timer,
    ];
    let want = [
        "list Any by 500",
        "Replace watch At(10) for 5m0s",
        "Apply stay",
        "stay",
        "stay",
        "watch At(15) for 5m0s",
        "wait 800ms",
        "watch At(15) for 5m0s",
    ];
    check(Start::List, &inputs, &want);
}

#[test]
fn an_expired_watch_lists_at_the_last_revision_then_at_none() {
    let inputs = [
        Input::Timer,
        Input::Listed { revision: 10 },
        Input::WatchFailed(Failure::Expired),
        Input::Timer,
        Input::ListFailed(Failure::Expired),
        Input::ListFailed(Failure::Expired),
        Input::Timer,
        Input::Page,
        Input::ListFailed(Failure::Expired),
        Input::Listed { revision: 30 },
    ];
    let want = [
        "list Any by 500",
        "Replace watch At(10) for 5m0s",
        "wait 800ms",
        "list At(10) by 0",
        "list Latest by 0",
        "wait 1.6s",
        "list Latest by 500",
        "Hold next 500",
        "list Latest by 0",
        "Replace watch At(30) for 5m0s",
    ];
    check(Start::List, &inputs, &want);
}

#[test]
fn a_stream_holds_the_present_objects_until_their_bookmark() {
    let inputs = [
        Input::Timer,
        Input::Event { revision: 3 },
        Input::Bookmark { revision: 9, initial_events_end: true },
        Input::Event { revision: 10 },
        Input::WatchFailed(Failure::Expired),
        Input::Timer,
        Input::WatchFailed(Failure::TooLarge),
        Input::WatchFailed(Failure::Other),
        Input::Listed { revision: 20 },
    ];
    let want = [
        "stream Latest",
        "Hold stay",
        "Replace stay",
        "Apply stay",
        "wait 800ms",
        "stream At(10)",
        "stream Latest",
        "list Latest by 500",
        "Replace watch At(20) for 5m0s",
    ];
    check(Start::WatchList, &inputs, &want);
}

#[test]
fn a_watch_that_ends_at_once_counts_as_failed() {
    let mut reflector = Reflector::new(Start::List, 0, SimTime::ZERO);
    reflector.step(Input::Timer, SimTime::ZERO, &mut |_| 0);
    reflector.step(Input::Listed { revision: 1 }, SimTime::ZERO, &mut |_| 0);
    let step = reflector.step(Input::Closed, SimTime(999_999_999), &mut |_| 0);
    assert_eq!(step, Step::failed(Command::Wait(SimDuration::millis(800))));
}
