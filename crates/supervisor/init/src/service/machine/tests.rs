//! The table is checked cell by cell, without a process, a file or a wait.

use servicedir::{LETTERS, Stamp};

use super::*;

mod oneshots;
mod properties;
mod restarts;

/// The clock of these tests, which moves only when one says so.
fn moment(start: Instant, milliseconds: u64) -> Moment {
    Moment {
        at: start + Duration::from_millis(milliseconds),
        stamp: Stamp::default(),
    }
}

const DECIDED: Event = Event::Decided {
    give_up: false,
    delay: None,
};
const FINISH_DIED: Event = Event::FinishDied {
    wait_status: WaitStatus(0),
};
const DIED: Event = Event::Died {
    wait_status: WaitStatus(0x0300),
};
/// `finish` asks that the service stay down.
const GIVES_UP: Event = Event::FinishDied {
    wait_status: WaitStatus(125 << 8),
};
const STARTED: Event = Event::Started { pid: 7 };
const COMPLETED: Event = Event::Completed { pid: 1 };
const FAILED: Event = Event::Failed {
    wait_status: WaitStatus(0x0300),
};
const FINISHING: Event = Event::FinishStarted { pid: 8 };

fn at(state: State) -> (Machine, Moment) {
    let now = moment(Instant::now(), 0);
    let mut machine = Machine::new(true, now);
    let last = Event::Letter(Letter::Exit);
    let way: &[Event] = match state {
        State::Down => &[],
        State::Up => &[STARTED],
        State::Done => &[STARTED, COMPLETED],
        State::Finish => &[STARTED, DIED, FINISHING],
        State::LastUp => &[STARTED, last],
        State::LastFinish => &[STARTED, last, DIED, FINISHING],
        State::Gone => &[last],
    };
    for event in way {
        machine.on(*event, now);
    }
    assert_eq!(machine.state(), state);
    (machine, now)
}

fn show(actions: &[Action]) -> String {
    let words: Vec<String> = actions.iter().map(word).collect();
    words.join(" ")
}

fn word(action: &Action) -> String {
    match action {
        Action::Start => "start".into(),
        Action::StartFinish => "finish".into(),
        Action::Decide { give_up: false } => "decide".into(),
        Action::Decide { give_up: true } => "decide:down".into(),
        Action::Signal(signal) => signal.as_str().into(),
        Action::GroupSignal(signal) => format!("group:{signal}"),
        Action::DownSignal => "down-signal".into(),
        Action::ReloadSignal => "reload-signal".into(),
        Action::ArmKill => "arm".into(),
        Action::SetNormallyUp(true) => "rm-down".into(),
        Action::SetNormallyUp(false) => "mk-down".into(),
        Action::WriteStatus(_) => "status".into(),
        Action::Notify(event) => String::from_utf8_lossy(event).into_owned(),
        Action::Tally => "tally".into(),
    }
}

fn on(state: State, byte: u8) -> (String, Machine) {
    let (mut machine, now) = at(state);
    let letter = Letter::parse(byte).unwrap();
    let actions = machine.on(Event::Letter(letter), now);
    (show(&actions), machine)
}

const UP: [State; 2] = [State::Up, State::LastUp];
const FINISH: [State; 2] = [State::Finish, State::LastFinish];

/// Each row: the letter, what is done when the service is up, when it is down and
/// while it finishes, and whether it is wanted up afterwards.
const TABLE: &[(u8, &str, &str, &str, bool)] = &[
    (b'a', "SIGALRM", "", "", true),
    (b'b', "SIGABRT", "", "", true),
    (b'q', "SIGQUIT", "", "", true),
    (b'h', "SIGHUP", "", "", true),
    (b'k', "SIGKILL", "", "", true),
    (b't', "SIGTERM", "", "", true),
    (b'i', "SIGINT", "", "", true),
    (b'1', "SIGUSR1", "", "", true),
    (b'2', "SIGUSR2", "", "", true),
    (b'y', "SIGWINCH", "", "", true),
    (b'P', "group:SIGSTOP status", "", "", true),
    (b'C', "group:SIGCONT status", "", "", true),
    (b'K', "group:SIGKILL", "", "", true),
    (b'p', "SIGSTOP status", "", "", true),
    (b'c', "SIGCONT status", "", "", true),
    (b'r', "down-signal", "", "", true),
    (b'l', "reload-signal", "", "", true),
    (b'o', "status", "status start", "status", false),
    (
        b'd',
        "down-signal SIGCONT status arm",
        "status",
        "status",
        false,
    ),
    (b'u', "status", "status start", "status", true),
    (
        b'D',
        "mk-down down-signal SIGCONT status arm",
        "mk-down status",
        "mk-down status",
        false,
    ),
    (
        b'U',
        "rm-down status",
        "rm-down status start",
        "rm-down status",
        true,
    ),
    (b'x', "", "x", "", true),
    (b'O', "status", "status", "status", false),
    (
        b'Q',
        "mk-down status",
        "mk-down status",
        "mk-down status",
        false,
    ),
];

fn check(state: State, byte: u8, expected: &str, want_up: bool) {
    let (actions, machine) = on(state, byte);
    let cell = format!("{} when {state:?}", char::from(byte));
    assert_eq!(actions, expected, "{cell}");
    assert_eq!(machine.status().want_up, want_up, "{cell}");
    if byte != b'x' {
        assert_eq!(machine.state(), state, "{cell}");
    }
}

#[test]
fn every_letter_does_in_every_state_what_the_table_says() {
    assert_eq!(TABLE.len(), LETTERS.len());
    for (byte, up, down, finish, want_up) in TABLE {
        for state in UP {
            check(state, *byte, up, *want_up);
        }
        check(State::Down, *byte, down, *want_up);
        for state in FINISH {
            check(state, *byte, finish, *want_up);
        }
    }
}

#[test]
fn nothing_happens_to_a_service_that_is_gone() {
    for (byte, ..) in LETTERS {
        let (actions, machine) = on(State::Gone, *byte);
        assert_eq!(actions, "");
        assert_eq!(machine.state(), State::Gone);
    }
    let (mut machine, now) = at(State::Gone);
    for event in [Event::NeedsMet, Event::Due, STARTED, DIED, DECIDED] {
        assert_eq!(machine.on(event, now), []);
    }
}

#[test]
fn exit_leads_from_each_state_to_its_last() {
    for (from, to) in [
        (State::Down, State::Gone),
        (State::Up, State::LastUp),
        (State::LastUp, State::LastUp),
        (State::Finish, State::LastFinish),
        (State::LastFinish, State::LastFinish),
    ] {
        assert_eq!(on(from, b'x').1.state(), to);
    }
}

/// Each row: the state, the event, what is done, and the state afterwards.
const EVENTS: &[(State, Event, &str, State)] = &[
    (State::Down, STARTED, "status u", State::Up),
    (State::Down, Event::Ready, "", State::Down),
    (State::Down, DIED, "", State::Down),
    (State::Down, DECIDED, "", State::Down),
    (State::Down, FINISHING, "", State::Down),
    (State::Down, Event::Due, "", State::Down),
    (State::Down, Event::NeedsMet, "start", State::Down),
    (State::Up, Event::NeedsMet, "", State::Up),
    (State::Up, Event::Due, "", State::Up),
    (State::Up, STARTED, "", State::Up),
    (State::Up, DECIDED, "", State::Up),
    (State::Up, Event::Ready, "status U", State::Up),
    (State::LastUp, Event::Ready, "status U", State::LastUp),
    (State::Up, DIED, "tally finish", State::Finish),
    (State::LastUp, DIED, "tally finish", State::LastFinish),
    (State::Finish, DIED, "", State::Finish),
    (State::Finish, Event::Ready, "", State::Finish),
    (State::Finish, Event::Due, "", State::Finish),
    (State::Finish, STARTED, "", State::Finish),
    (State::Finish, FINISHING, "status d", State::Finish),
    (State::LastFinish, FINISHING, "status d", State::LastFinish),
    (State::Up, FINISH_DIED, "", State::Up),
    (State::Finish, Event::NoFinish, "decide", State::Finish),
    (
        State::LastFinish,
        Event::NoFinish,
        "decide",
        State::LastFinish,
    ),
    (State::Finish, FINISH_DIED, "decide", State::Finish),
    (State::LastFinish, FINISH_DIED, "decide", State::LastFinish),
    (State::Finish, GIVES_UP, "decide:down", State::Finish),
    (State::Finish, DECIDED, "status D", State::Down),
    (State::LastFinish, DECIDED, "status D x", State::Gone),
    (
        State::Finish,
        Event::FinishNotStarted,
        "status dD",
        State::Down,
    ),
    (
        State::LastFinish,
        Event::FinishNotStarted,
        "status dD x",
        State::Gone,
    ),
];

fn check_events(rows: &[(State, Event, &str, State)]) {
    for (from, event, expected, to) in rows {
        let (mut machine, now) = at(*from);
        let actions = machine.on(*event, now);
        assert_eq!(show(&actions), *expected, "{from:?} {event:?}");
        assert_eq!(machine.state(), *to, "{from:?} {event:?}");
    }
}

#[test]
fn every_event_does_what_the_table_says() {
    check_events(EVENTS);
}

#[test]
fn a_service_begins_down_and_ready_to_be_started() {
    let (machine, _) = at(State::Down);
    let status = machine.status();
    assert!(status.want_up && status.ready && !status.is_up());
    assert!(machine.waits_for_needs());
    assert_eq!(machine.starts_at(), None);
}

#[test]
fn one_that_is_normally_down_waits_to_be_asked() {
    let now = moment(Instant::now(), 0);
    let mut machine = Machine::new(false, now);
    assert_eq!(machine.on(Event::NeedsMet, now), []);
    assert_eq!(machine.starts_at(), None);
    assert!(!machine.waits_for_needs());
}

#[test]
fn a_service_that_cannot_be_started_is_tried_again() {
    let (mut machine, now) = at(State::Down);
    machine.on(Event::NeedsMet, now);
    let wait = Duration::from_secs(10);
    assert_eq!(machine.on(Event::NotStarted { wait }, now), []);
    assert_eq!(machine.starts_at(), Some(now.at + wait));
    assert_eq!(machine.on(Event::Due, now), []);
    let later = moment(now.at, 10_000);
    assert_eq!(machine.on(Event::Due, later), [Action::Start]);
}

#[test]
fn without_a_finish_both_events_are_told_together_after_one_record() {
    for (give_up, expected) in [(false, "status dD"), (true, "status dOD")] {
        let (mut machine, now) = at(State::Up);
        machine.on(DIED, now);
        assert_eq!(show(&machine.on(Event::NoFinish, now)), "decide");
        let decided = Event::Decided {
            give_up,
            delay: None,
        };
        assert_eq!(show(&machine.on(decided, now)), expected);
        let status = machine.status();
        assert!(status.ready && status.pid == 0);
        assert_eq!(status.want_up, !give_up);
    }
}

#[test]
fn the_record_follows_the_states() {
    let (mut machine, now) = at(State::Up);
    assert!(machine.status().is_up() && !machine.status().ready);
    machine.on(Event::Ready, now);
    machine.on(Event::Letter(Letter::Pause), now);
    assert!(machine.status().ready && machine.status().paused);
    machine.on(DIED, now);
    machine.on(FINISHING, now);
    let status = *machine.status();
    assert!(status.finishing && !status.ready && !status.paused);
    assert_eq!((status.pid, status.wait_status), (8, WaitStatus(0x0300)));
    machine.on(DECIDED, now);
    let status = machine.status();
    assert!(!status.finishing && status.ready);
    assert_eq!((status.pid, status.wait_status.exit_code()), (0, Some(3)));
}

#[test]
fn down_and_continue_lift_a_pause() {
    for (pause, lift) in [
        (Letter::Pause, Letter::Down),
        (Letter::Pause, Letter::Continue),
        (Letter::PauseGroup, Letter::ContinueGroup),
    ] {
        let (mut machine, now) = at(State::Up);
        machine.on(Event::Letter(pause), now);
        assert!(machine.status().paused, "{pause:?}");
        machine.on(Event::Letter(lift), now);
        assert!(!machine.status().paused, "{lift:?}");
    }
}

#[test]
fn a_service_that_is_asked_for_does_not_wait_for_what_it_needs() {
    for byte in *b"uUo" {
        let (actions, machine) = on(State::Down, byte);
        assert!(actions.ends_with("start"));
        assert!(!machine.waits_for_needs());
    }
}

#[test]
fn a_wish_during_finish_decides_what_comes_after() {
    let (mut machine, now) = at(State::Finish);
    machine.on(Event::Letter(Letter::Down), now);
    machine.on(DECIDED, now);
    assert_eq!(machine.starts_at(), None);
}
