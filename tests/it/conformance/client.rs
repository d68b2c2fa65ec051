//! Conformance units: client.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wavetank::api::Name;
use wavetank::api::refusal::{Cause, Details, Reason, Refusal};
use wavetank::client::backoff::Backoff;
use wavetank::client::delta_fifo::{Delta, DeltaFifo};
use wavetank::client::expectations::Expectations;
use wavetank::client::leader_election::{
    Command as Election, Config, Input as Ballot, LeaderElector, LeaseRecord,
};
use wavetank::client::rate_limiter::RateLimiter;
use wavetank::client::reflector::{
    Command, Failure, Input, Reflector, Revision, Start, Step, Store, page_limit,
};
use wavetank::client::slow_start::SlowStart;
use wavetank::client::token_bucket::TokenBucket;
use wavetank::client::work_queue::WorkQueue;
use wavetank::sim::time::{SimDuration, SimTime};

use super::{Case, Differs, Unit, same};

/// The units of this area, and the function that runs a case of each.
pub(crate) const UNITS: &[Unit] = &[
    ("client-go", client_go),
    ("flowcontrol-backoff", flowcontrol_backoff),
    ("workqueue-rate-limiters", rate_limiters),
    ("replicaset.workqueue-backoff", workqueue_backoff),
    ("replicaset.expectations", expectations),
    ("replicaset.slow-start-batch", slow_start),
];

/// Cases that are known to differ, with the reason.
pub(crate) const DIFFERS: &[Differs] = &[(
    "client-go",
    "has synced: an add before any replace",
    "the case is wrong: an Add populates the queue and nothing of a first replacement is pending; \
     tools/cache/delta_fifo_test.go, TestDeltaFIFO_HasSynced, second row, wants true",
)];

type Outcome = Result<(), String>;

fn client_go(case: &Case<'_>) -> Outcome {
    match case.whole["kind"].as_str() {
        Some("workqueue" | "delaying") => work_queue(case),
        Some("delta-fifo") => delta_fifo(case),
        Some("reflector") => reflector(case),
        Some("leader-election" | "leader-clock") => leader_election(case),
        Some("leader-config") => leader_config(case),
        other => Err(format!("unknown kind {other:?}")),
    }
}

// ── Reading ─────────────────────────────────────────────────────────────────────────────────────

fn number(value: &Value, field: &str) -> Result<u64, String> {
    value[field].as_u64().ok_or_else(|| format!("no number `{field}` in {value}"))
}

fn small(value: &Value, field: &str) -> Result<u32, String> {
    u32::try_from(number(value, field)?).map_err(|e| e.to_string())
}

fn texts(value: &Value) -> Result<Vec<&str>, String> {
    let list = value.as_array().ok_or_else(|| format!("{value} is no list"))?;
    list.iter().map(|v| v.as_str().ok_or_else(|| format!("{v} is no text"))).collect()
}

/// `50ms`, `1s`, `0`, `-5ms` (which is no time at all), `1000 h`.
fn span(text: &str) -> Result<SimDuration, String> {
    let text = text.trim();
    if text.starts_with('-') {
        return Ok(SimDuration::ZERO);
    }
    let cut = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, unit) = (&text[..cut], text[cut..].trim());
    let scale: u64 = match unit {
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "" if digits == "0" => 0,
        _ => return Err(format!("`{text}` is no span")),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let whole: u64 = whole.parse().map_err(|_| format!("`{text}` is no span"))?;
    let mut nanos = whole * scale;
    let mut unit = scale;
    for digit in part.bytes() {
        unit /= 10;
        nanos += u64::from(digit - b'0') * unit;
    }
    Ok(SimDuration(nanos))
}

/// Compares those fields of `got` that are wanted; one that is wanted and not known is an error.
fn same_wanted(got: &Value, want: &Value) -> Outcome {
    let wanted = want.as_object().ok_or("nothing is wanted")?;
    for field in wanted.keys() {
        if got.get(field).is_none() {
            return Err(format!("unknown outcome `{field}`"));
        }
        same(&json!({ field: got[field] }), &json!({ field: want[field] }))?;
    }
    Ok(())
}

// ── Queues ──────────────────────────────────────────────────────────────────────────────────────

/// A queue, and what the case's operations did with it.
struct QueueRun {
    queue: WorkQueue<String>,
    now: SimTime,
    drained_after: Option<String>,
    dones: usize,
}

impl QueueRun {
    fn op(&mut self, text: &str) -> Outcome {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words[..] {
            ["add", key] => self.queue.add(key.to_owned(), 0),
            ["addAfter", key, delay] => {
                self.queue.add_after(key.to_owned(), span(delay)?, self.now, 0);
            }
            ["addRateLimited", key] => {
                self.queue.add_rate_limited(key.to_owned(), self.now, 0);
            }
            ["forget", key] => self.queue.forget(&key.to_owned()),
            ["advance", by] => {
                self.now += span(by)?;
                self.queue.advance(self.now);
            }
            ["get", "->", key] => {
                let got = self.queue.pop(self.now).map(|(k, _)| k);
                if got.as_deref() != Some(key) {
                    return Err(format!("`{text}` got {got:?}"));
                }
            }
            ["done", key] => self.done(key),
            ["shutdown"] | ["shutdown", "with", "drain"] => self.queue.shut_down(),
            _ => return Err(format!("unknown operation `{text}`")),
        }
        Ok(())
    }

    fn done(&mut self, key: &str) {
        self.queue.done(&key.to_owned());
        self.dones += 1;
        if self.queue.is_drained() && self.drained_after.is_none() {
            let which = if self.dones > 1 { " (second)" } else { "" };
            self.drained_after = Some(format!("done {key}{which}"));
        }
    }

    /// Hands out all that is left, and takes each as done.
    fn drain(&mut self) -> Vec<String> {
        let mut order = Vec::new();
        while let Some((key, _)) = self.queue.pop(self.now) {
            self.done(&key);
            order.push(key);
        }
        order
    }
}

fn work_queue(case: &Case<'_>) -> Outcome {
    let queue = WorkQueue::new(RateLimiter::default_controller());
    let mut run = QueueRun { queue, now: SimTime::ZERO, drained_after: None, dones: 0 };
    let mut open = Vec::new();
    for op in texts(&case.input["ops"])? {
        run.op(op)?;
        match op.split_once(' ') {
            Some(("get", key)) => open.push(key.trim_start_matches("-> ").to_owned()),
            Some(("done", key)) => open.retain(|k| k != key),
            _ => {}
        }
    }
    let (length, pending) = (run.queue.len(), run.queue.waiting_len());
    if case.want.get("returns_after").is_some() {
        if run.queue.is_drained() {
            return Err("it is drained before the last done".to_owned());
        }
        for key in &open {
            run.done(key);
        }
    }
    let order = run.drain();
    let after = run.drained_after;
    let got =
        json!({"length": length, "pending": pending, "get_order": order, "returns_after": after});
    same_wanted(&got, case.want)
}

/// `foo=10`.
fn entry(text: &str) -> Result<(String, i64), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is no entry"))?;
    Ok((key.to_owned(), value.parse().map_err(|_| format!("`{text}` has no number"))?))
}

fn entries(words: &[&str]) -> Result<BTreeMap<String, i64>, String> {
    match words {
        ["(nothing)"] => Ok(BTreeMap::new()),
        _ => words.iter().map(|w| entry(w)).collect(),
    }
}

fn delta_text(delta: &Delta<i64>) -> String {
    match delta {
        Delta::Added(n) => format!("Added {n}"),
        Delta::Updated(n) => format!("Updated {n}"),
        Delta::Deleted(n) => format!("Deleted {n}"),
        Delta::DeletedFinalStateUnknown(n) => format!("Deleted final-state-unknown {n}"),
        Delta::Sync(n) => format!("Sync {n}"),
    }
}

fn delta_fifo(case: &Case<'_>) -> Outcome {
    let known = match case.input.get("known") {
        Some(list) => entries(&texts(list)?)?,
        None => BTreeMap::new(),
    };
    let mut fifo: DeltaFifo<String, i64> = DeltaFifo::default();
    for op in texts(&case.input["ops"])? {
        let words: Vec<&str> = op.split_whitespace().collect();
        match words[..] {
            ["add", one] => entry(one).map(|(k, n)| fifo.add(k, n))?,
            ["update", one] => entry(one).map(|(k, n)| fifo.update(k, n))?,
            ["delete", one] => entry(one).map(|(k, n)| fifo.delete(k, n, &known))?,
            ["replace", ..] => fifo.replace(entries(&words[1..])?, &known),
            ["resync"] => fifo.resync(&known),
            ["pop"] => drop(fifo.pop().ok_or("nothing to pop")?),
            _ => return Err(format!("unknown operation `{op}`")),
        }
    }
    let deltas: BTreeMap<&String, Vec<String>> =
        fifo.keys().map(|k| (k, fifo.deltas(k).iter().map(delta_text).collect())).collect();
    same_wanted(&json!({"deltas": deltas, "has_synced": fifo.has_synced()}), case.want)
}

// ── Reflector ───────────────────────────────────────────────────────────────────────────────────

/// `410 Expired`, `504 Timeout, cause ResourceVersionTooLarge`, as the apiserver would say it.
fn failure(text: &str) -> Result<Failure, String> {
    if text == "connection refused" {
        return Ok(Failure::ConnectionRefused);
    }
    let (head, cause) = text.split_once(", cause ").unwrap_or((text, ""));
    let (code, reason) = head.split_once(' ').ok_or_else(|| format!("no failure: `{text}`"))?;
    let reason: Reason = serde_json::from_value(json!(reason)).map_err(|e| e.to_string())?;
    let cause = Cause { reason: cause.into(), message: "".into(), field: Name::default() };
    let details = Details { causes: vec![cause], ..Details::default() };
    let code = code.parse().map_err(|_| format!("no code: `{text}`"))?;
    let details = Some(details.into());
    Ok(Failure::of(&Refusal { code, reason, message: "".into(), details }))
}

fn revision(text: &str) -> Result<Revision, String> {
    match text {
        "" => Ok(Revision::Latest),
        "0" => Ok(Revision::Any),
        _ => text.parse().map(Revision::At).map_err(|_| format!("`{text}` is no revision")),
    }
}

fn revision_text(revision: Revision) -> String {
    match revision {
        Revision::Any => "0".to_owned(),
        Revision::Latest => String::new(),
        Revision::At(n) => n.to_string(),
    }
}

/// A reflector that watches from revision `last`, a minute after its start.
struct Watcher {
    reflector: Reflector,
    now: SimTime,
}

impl Watcher {
    fn at(last: u64) -> Watcher {
        let mut watcher = Watcher {
            reflector: Reflector::new(Start::List, 0, SimTime::ZERO),
            now: SimTime::ZERO,
        };
        watcher.say(Input::Timer);
        watcher.say(Input::Listed { revision: last });
        watcher.now += SimDuration::secs(60);
        watcher
    }

    fn say(&mut self, input: Input) -> Step {
        self.reflector.step(input, self.now, &mut |_| 0)
    }

    /// What comes next, after all waits.
    fn after_waits(&mut self, mut command: Command) -> Command {
        while let Command::Wait(span) = command {
            self.now += span;
            command = self.say(Input::Timer).command;
        }
        command
    }
}

/// The input of a case's `event`.
fn watch_input(text: &str) -> Result<Input, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words[..] {
        ["BOOKMARK", "rv", n] => {
            let revision = n.parse().map_err(|_| format!("`{text}` has no revision"))?;
            Ok(Input::Bookmark { revision, initial_events_end: false })
        }
        ["ADDED" | "MODIFIED" | "DELETED", "rv", n] => {
            let revision = n.parse().map_err(|_| format!("`{text}` has no revision"))?;
            Ok(Input::Event { revision })
        }
        ["object", "of", "another", "type"] => Ok(Input::Unexpected),
        ["ERROR", "Status"] => Ok(Input::WatchFailed(Failure::Other)),
        ["ERROR", ..] => Ok(Input::WatchFailed(failure(&words[1..].join(" "))?)),
        _ => Err(format!("unknown event `{text}`")),
    }
}

fn reflector(case: &Case<'_>) -> Outcome {
    let input = case.input;
    if let Some(text) = input["list_resourceVersion"].as_str() {
        let paged = input["last_list_was_paged"].as_bool().ok_or("no `last_list_was_paged`")?;
        let limit = page_limit(revision(text)?, small(input, "page_size")?, paged);
        return same_wanted(&json!({ "limit": limit }), case.want);
    }
    let state = input["state"].as_str().unwrap_or("last sync 1");
    let (state, closed) =
        state.strip_suffix(", watch closed").map_or((state, false), |s| (s, true));
    let last =
        state.strip_prefix("last sync ").ok_or_else(|| format!("unknown state `{state}`"))?;
    let last = input["last"].as_str().unwrap_or(last);
    let mut watcher = Watcher::at(last.parse().map_err(|_| format!("`{last}` is no revision"))?);
    let step = if closed {
        watcher.say(Input::Closed)
    } else if let Some(text) = input["list_error"].as_str() {
        watcher.say(Input::WatchFailed(Failure::Other));
        watcher.after_waits(Command::Wait(SimDuration::secs(1)));
        watcher.say(Input::ListFailed(failure(text)?))
    } else if let Some(text) = input["watch_error"].as_str() {
        watcher.say(Input::WatchFailed(failure(text)?))
    } else {
        watcher.say(watch_input(input["event"].as_str().ok_or("nothing happens")?)?)
    };
    same_wanted(&reflector_outcome(&mut watcher, step), case.want)
}

fn reflector_outcome(watcher: &mut Watcher, step: Step) -> Value {
    let backoff = matches!(step.command, Command::Wait(_));
    let mut got = json!({
        "error": step.failed,
        "backoff": backoff,
        "store_changed": step.store != Store::Keep,
        "last_revision": watcher.reflector.last_revision().map(|n| n.to_string()),
    });
    match watcher.after_waits(step.command) {
        Command::List { revision, .. } => {
            got["relist"] = json!(true);
            got["next_list_resourceVersion"] = json!(revision_text(revision));
        }
        Command::Watch { revision, .. } => {
            got["relist"] = json!(false);
            got["watch_resourceVersion"] = json!(revision_text(revision));
        }
        Command::Stay | Command::NextPage { .. } | Command::Wait(_) => {}
    }
    got
}

// ── Leader election ─────────────────────────────────────────────────────────────────────────────

/// A record of the case; the lease lasts as long as that of the candidates if it does not say.
fn lease_record(value: &Value) -> LeaseRecord {
    LeaseRecord {
        holder: value["holder"].as_str().unwrap_or_default().into(),
        lease_seconds: small(value, "lease_duration_s").unwrap_or(15),
        transitions: small(value, "transitions").unwrap_or(0),
        ..LeaseRecord::default()
    }
}

/// One attempt at the lease; what is written succeeds.
fn attempt(elector: &mut LeaderElector, lock: Option<&LeaseRecord>, now: SimTime) -> Election {
    let mut input = Ballot::Timer;
    loop {
        let command = elector.step(input, now, &mut |_| 0).command;
        if command != Election::Read {
            return command;
        }
        input = Ballot::Read(lock.cloned());
    }
}

fn leader_election(case: &Case<'_>) -> Outcome {
    let me = case.input["me"].as_str().unwrap_or("me");
    let lock = &case.input["lock"];
    if !lock.is_null() && !lock.is_object() {
        return Err(format!("unknown lock {lock}"));
    }
    let lock = lock.is_object().then(|| lease_record(lock));
    let mut elector = LeaderElector::new(Config::CORE, me.into());
    let observed = case.input["observed"].as_str().unwrap_or("just now");
    let ago = match observed {
        "just now" | "in the future" => SimDuration::ZERO,
        _ => span(observed.strip_suffix(" ago").ok_or_else(|| format!("when is {observed}?"))?)?,
    };
    let mut command = Election::Wait(SimTime::ZERO);
    if let Some(before) = case.input.get("observed_record") {
        command = attempt(&mut elector, Some(&lease_record(before)), SimTime::ZERO);
    }
    if let Election::Wait(until) = command {
        command = attempt(&mut elector, lock.as_ref(), (SimTime::ZERO + ago).max(until));
    }
    let written = match command {
        Election::Create(record) | Election::Update(record) => Some(record),
        Election::Wait(_) => None,
        other @ (Election::Stay | Election::Read | Election::Stop) => {
            return Err(format!("an attempt ended with {other:?}"));
        }
    };
    let before = lock.unwrap_or_default();
    let after = written.as_ref().unwrap_or(&before);
    let got = json!({
        "acquired": written.is_some(),
        "holder": after.holder,
        "transition": after.transitions > before.transitions,
    });
    same_wanted(&got, case.want)
}

/// A number with decimals as a span of seconds.
fn seconds(value: &Value, field: &str) -> Result<SimDuration, String> {
    span(&format!("{}s", value[field]))
}

fn leader_config(case: &Case<'_>) -> Outcome {
    let factor = seconds(case.input, "jitter_factor")?.as_nanos() / 10_000_000;
    let config = Config {
        lease_duration: seconds(case.input, "lease_duration_s")?,
        renew_deadline: seconds(case.input, "renew_deadline_s")?,
        retry_period: seconds(case.input, "retry_period_s")?,
        jitter_percent: u32::try_from(factor).map_err(|e| e.to_string())?,
        release_on_cancel: false,
    };
    same_wanted(&json!({"valid": config.is_valid()}), case.want)
}

// ── Waits ───────────────────────────────────────────────────────────────────────────────────────

fn flowcontrol_backoff(case: &Case<'_>) -> Outcome {
    match case.whole["kind"].as_str() {
        Some("doubling") => {
            let [initial, max] = ["initial", "max"].map(|f| number(case.input, f));
            let mut backoff = Backoff::new(SimDuration(initial?), SimDuration(max?));
            for step in 0..number(case.input, "steps")? {
                backoff.next(&"id", SimTime(step), SimTime(step));
            }
            same_wanted(&json!({"backoff": backoff.get(&"id").0}), case.want)
        }
        Some("in-backoff") => in_backoff(case),
        other => Err(format!("unknown kind {other:?}")),
    }
}

/// The id is looked at on each tick up to the 35th, then not before the 56th.
fn in_backoff(case: &Case<'_>) -> Outcome {
    let tick = number(case.input, "tick")?;
    if (36..56).contains(&tick) {
        return Err(format!("tick {tick} is in the quiet time"));
    }
    let mut backoff = Backoff::new(SimDuration(1), SimDuration(10));
    let mut inside = false;
    for now in (0..=tick).filter(|t| !(36..56).contains(t)).map(SimTime) {
        inside = backoff.is_in_backoff_since_update(&"id", now);
        if !inside {
            backoff.next(&"id", now, now);
        }
    }
    same_wanted(&json!({"in_backoff": inside, "backoff": backoff.get(&"id").0}), case.want)
}

/// `exponential 5ms..1000s`, `fast-slow 5ms/10s after 3`, `bucket qps 10 burst 100`,
/// `max(.., ..)`.
fn limiter(text: &str) -> Result<RateLimiter<u8>, String> {
    let unknown = || format!("unknown limiter `{text}`");
    if let Some(inner) = text.strip_prefix("max(").and_then(|t| t.strip_suffix(')')) {
        let rules: Result<Vec<_>, String> = inner.split(", ").map(limiter).collect();
        return Ok(RateLimiter::MaxOf(rules?));
    }
    let count = |n: &str| n.parse::<u32>().map_err(|_| unknown());
    match text.split_whitespace().collect::<Vec<_>>()[..] {
        ["exponential", range] => {
            let (base, max) = range.split_once("..").ok_or_else(unknown)?;
            Ok(RateLimiter::exponential(span(base)?, span(max)?))
        }
        ["fast-slow", pair, "after", n] => {
            let (fast, slow) = pair.split_once('/').ok_or_else(unknown)?;
            Ok(RateLimiter::fast_slow(span(fast)?, span(slow)?, count(n)?))
        }
        ["bucket", "qps", qps, "burst", n] => {
            Ok(RateLimiter::Bucket(TokenBucket::per_second(count(qps)?, count(n)?)))
        }
        ["bucket", rate, "burst", n] => {
            let qps = count(rate.strip_suffix("/s").ok_or_else(unknown)?)?;
            Ok(RateLimiter::Bucket(TokenBucket::per_second(qps, count(n)?)))
        }
        _ => Err(unknown()),
    }
}

/// The delay of the n-th call at the same instant.
fn nth_delay(mut limiter: RateLimiter<u8>, n: u64) -> Result<SimDuration, String> {
    let delays = (0..n).map(|_| limiter.when(&0, SimTime::ZERO));
    delays.last().ok_or_else(|| "no call is made".to_owned())
}

fn rate_limiters(case: &Case<'_>) -> Outcome {
    let calls = number(case.input, "failures_including_this");
    let calls = calls.or_else(|_| number(case.input, "call"))?;
    let limiter = limiter(case.input["limiter"].as_str().ok_or("no limiter")?)?;
    same_wanted(&json!({"delay_ns": nth_delay(limiter, calls)?.as_nanos()}), case.want)
}

fn workqueue_backoff(case: &Case<'_>) -> Outcome {
    let [base, max] = ["baseMillis", "maxMillis"].map(|f| number(case.input, f));
    let limiter = RateLimiter::exponential(SimDuration::millis(base?), SimDuration::millis(max?));
    let delay = nth_delay(limiter, number(case.input, "consecutiveFailures")?)?;
    same_wanted(&json!({"delayMillis": delay.as_millis()}), case.want)
}

// ── Expectations and batches ────────────────────────────────────────────────────────────────────

fn expectations(case: &Case<'_>) -> Outcome {
    let mut all: Expectations<u8, String> = Expectations::default();
    let mut now = SimTime::ZERO;
    let mut satisfied = vec![all.satisfied(&0, now)];
    for op in case.input["ops"].as_array().ok_or("no operations")? {
        match op["op"].as_str() {
            Some("expectCreations") => all.expect_creations(&0, small(op, "n")?, now),
            Some("expectDeletions") => {
                let keys = texts(&op["keys"])?;
                all.expect_deletions(&0, keys.into_iter().map(str::to_owned), now);
            }
            Some("creationObserved") => all.creation_observed(&0),
            Some("deletionObserved") => {
                texts(&op["keys"])?
                    .iter()
                    .for_each(|k| all.deletion_observed(&0, &(*k).to_owned()));
            }
            Some("delete") => all.delete(&0),
            Some("advance") => now += span(op["by"].as_str().ok_or("no `by`")?)?,
            other => return Err(format!("unknown operation {other:?}")),
        }
        satisfied.push(all.satisfied(&0, now));
    }
    same_wanted(&json!({"satisfiedInitiallyAndAfterEachOp": satisfied}), case.want)
}

fn slow_start(case: &Case<'_>) -> Outcome {
    let never = case.input.get("everyCallFailsAfterNSuccesses").is_some_and(Value::is_null);
    let fails_after =
        if never { u32::MAX } else { small(case.input, "everyCallFailsAfterNSuccesses")? };
    let initial = small(case.input, "initialBatch")?;
    let mut start = SlowStart::new(small(case.input, "count")?, initial);
    let mut calls = 0;
    while start.batch() > 0 {
        calls += start.batch();
        start.settle(start.batch().min(fails_after - start.successes()));
    }
    let (error, successes) = (start.failed(), start.successes());
    same_wanted(&json!({"calls": calls, "error": error, "successes": successes}), case.want)
}
