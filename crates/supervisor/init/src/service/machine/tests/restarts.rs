//! When a service starts again, and whether it does.

use super::*;

fn restart_after(ready_at: Option<u64>, died_at: u64, delay: Option<Duration>) -> Duration {
    let (mut machine, now) = at(State::Down);
    machine.on(Event::NeedsMet, now);
    machine.on(STARTED, now);
    if let Some(ready_at) = ready_at {
        machine.on(Event::Ready, moment(now.at, ready_at));
    }
    let end = moment(now.at, died_at);
    machine.on(DIED, end);
    machine.on(FINISHING, end);
    let decided = Event::Decided {
        give_up: false,
        delay,
    };
    let actions = machine.on(decided, end);
    let wait = machine
        .starts_at()
        .unwrap()
        .saturating_duration_since(end.at);
    assert_eq!(actions.contains(&Action::Start), wait.is_zero());
    wait
}

#[test]
fn the_throttle_is_that_of_s6() {
    let second = Duration::from_secs(1);
    assert_eq!(restart_after(None, 5000, None), second);
    assert_eq!(restart_after(Some(0), 1500, None), Duration::ZERO);
    let rest = Duration::from_millis(700);
    assert_eq!(restart_after(Some(100), 400, None), rest);
}

#[test]
fn a_service_may_have_its_own_delay() {
    let delay = Duration::from_secs(4);
    assert_eq!(restart_after(Some(0), 9000, Some(delay)), delay);
    let none = Some(Duration::ZERO);
    assert_eq!(restart_after(None, 10, none), Duration::ZERO);
}

#[test]
fn a_service_that_starts_again_at_once_does_not_wait_for_its_records() {
    let (mut machine, now) = at(State::Down);
    machine.on(Event::NeedsMet, now);
    machine.on(STARTED, now);
    machine.on(DIED, now);
    machine.on(Event::NoFinish, now);
    let decided = Event::Decided {
        give_up: false,
        delay: Some(Duration::ZERO),
    };
    let mut actions = machine.on(decided, now);
    actions.extend(machine.on(Event::Started { pid: 9 }, now));
    assert_eq!(show(&actions), "start status dD status u");
    let pids = actions.iter().filter_map(|action| match action {
        Action::WriteStatus(status) => Some(status.pid),
        _ => None,
    });
    assert_eq!(pids.collect::<Vec<_>>(), [0, 9]);
}

#[test]
fn one_that_gives_up_stays_down_and_says_so() {
    let (mut machine, now) = at(State::Finish);
    let decided = Event::Decided {
        give_up: true,
        delay: None,
    };
    assert_eq!(show(&machine.on(decided, now)), "status OD");
    assert!(!machine.status().want_up);
    assert_eq!(machine.starts_at(), None);
}
