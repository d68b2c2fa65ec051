use super::*;

/// An elector and the lease that it competes for; requests are answered at once.
struct Table {
    elector: LeaderElector,
    lease: Option<LeaseRecord>,
    reachable: bool,
    log: Vec<String>,
}

impl Table {
    fn new(config: Config, lease: Option<LeaseRecord>) -> Table {
        let elector = LeaderElector::new(config, "me".into());
        Table { elector, lease, reachable: true, log: Vec::new() }
    }

    /// Hands the input in, answers what follows, and returns when to wake it.
    fn run(&mut self, input: Input, now: SimTime) -> SimTime {
        let mut input = input;
        loop {
            let step = self.elector.step(input, now, &mut |_| 0);
            if step.change != Change::None {
                self.log.push(format!("{now} {:?}", step.change));
            }
            input = match step.command {
                Command::Stay | Command::Stop => return SimTime::NEVER,
                Command::Wait(until) => return until,
                Command::Read | Command::Create(_) | Command::Update(_) if !self.reachable => {
                    Input::Failed
                }
                Command::Read => Input::Read(self.lease.clone()),
                Command::Create(record) | Command::Update(record) => {
                    self.lease = Some(record);
                    Input::Written
                }
            };
        }
    }

    /// Runs from `now` up to `end`.
    fn advance(&mut self, mut now: SimTime, end: SimTime) -> SimTime {
        while now <= end {
            now = self.run(Input::Timer, now);
        }
        now
    }
}

fn at(seconds: u64) -> SimTime {
    SimTime::ZERO + SimDuration::secs(seconds)
}

fn held_by(holder: &str) -> LeaseRecord {
    LeaseRecord { holder: holder.into(), lease_seconds: 15, transitions: 4, ..Default::default() }
}

#[test]
fn a_silent_leader_is_replaced_after_its_lease_as_seen_from_here() {
    let mut table = Table::new(Config::CORE, Some(held_by("other")));
    table.advance(at(100), at(130));
    assert_eq!(table.log, ["1m56s StartedLeading"]);
    let lease = table.lease.expect("there is a lease");
    assert_eq!((lease.holder.as_str(), lease.transitions), ("me", 5));
    assert_eq!(lease.acquired, Time::at(at(116)));
    assert_eq!(lease.renewed, Time::at(at(130)));
}

#[test]
fn a_leader_that_cannot_renew_gives_up_at_the_deadline() {
    let mut table = Table::new(Config::CORE, None);
    let next = table.advance(at(0), at(5));
    assert_eq!(next, at(6));
    table.reachable = false;
    assert_eq!(table.run(Input::Timer, at(6)), at(8));
    assert_eq!(table.elector.deadline(), Some(at(16)));
    table.advance(at(8), at(60));
    assert_eq!(table.log, ["0s StartedLeading", "16s StoppedLeading"]);
}

#[test]
fn a_lease_is_given_up_on_leaving_if_asked_for() {
    let config = Config { release_on_cancel: true, ..Config::CORE };
    let mut table = Table::new(config, None);
    table.run(Input::Timer, at(0));
    assert_eq!(table.run(Input::Cancel, at(1)), SimTime::NEVER);
    let lease = table.lease.expect("there is a lease");
    assert_eq!((lease.holder.as_str(), lease.lease_seconds), ("", 1));
    assert_eq!(table.log, ["0s StartedLeading", "1s StoppedLeading"]);
}

#[test]
fn a_conflict_of_the_leader_reads_and_tries_again() {
    let mut table = Table::new(Config::CORE, None);
    table.run(Input::Timer, at(0));
    let mut step = |input| table.elector.step(input, at(2), &mut |_| 0).command;
    assert!(matches!(step(Input::Timer), Command::Update(_)));
    assert_eq!(step(Input::Failed), Command::Read);
    assert_eq!(step(Input::Read(Some(held_by("other")))), Command::Wait(at(4)));
    assert!(table.elector.is_leading());
}
