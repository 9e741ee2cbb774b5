//! Oneshots: up once their `run` has ended well, and down by their `finish`.

use servicedir::Stamp;

use super::*;

/// Each row: the state, the event, what is done, and the state afterwards.
const EVENTS: &[(State, Event, &str, State)] = &[
    (State::Up, COMPLETED, "status U", State::Done),
    // Without a `run` it is up as soon as what it needs is.
    (State::Down, COMPLETED, "status U", State::Done),
    (State::Up, FAILED, "tally status dOD", State::Down),
    (State::Down, FAILED, "tally status dOD", State::Down),
    // One that ends well while it is to go was up, and goes by its way down.
    (State::LastUp, COMPLETED, "finish", State::LastFinish),
    (State::LastUp, FAILED, "tally status dOD x", State::Gone),
    (State::Finish, COMPLETED, "", State::Finish),
    (State::Done, COMPLETED, "", State::Done),
    (State::Done, DIED, "", State::Done),
    (State::Done, Event::Ready, "", State::Done),
    (State::Done, Event::Due, "", State::Done),
    (State::Done, Event::NeedsMet, "", State::Done),
];

#[test]
fn every_event_does_what_the_table_says() {
    check_events(EVENTS);
}

#[test]
fn a_letter_that_brings_it_down_starts_its_finish_and_signals_reach_nobody() {
    for (byte, _) in LETTERS {
        let (actions, machine) = on(State::Done, *byte);
        let (expected, to) = match byte {
            b'd' => ("finish", State::Finish),
            b'D' => ("mk-down finish", State::Finish),
            b'x' => ("finish", State::LastFinish),
            b'u' | b'o' | b'O' => ("status", State::Done),
            b'U' => ("rm-down status", State::Done),
            b'Q' => ("mk-down status", State::Done),
            _ => ("", State::Done),
        };
        assert_eq!(actions, expected, "{}", char::from(*byte));
        assert_eq!(machine.state(), to, "{}", char::from(*byte));
    }
}

#[test]
fn its_record_shows_it_up_and_ready_with_the_supervisors_number() {
    let (machine, _) = at(State::Done);
    let status = machine.status();
    assert!(status.is_up() && status.ready && status.want_up);
    assert_eq!(status.pid, 1);
}

#[test]
fn one_that_has_failed_is_not_tried_again_until_somebody_asks() {
    let (mut machine, now) = at(State::Up);
    machine.on(FAILED, now);
    assert_eq!(machine.starts_at(), None);
    assert_eq!(machine.status().wait_status.exit_code(), Some(3));
    let actions = machine.on(Event::Letter(Letter::Up), now);
    assert_eq!(show(&actions), "status start");
}

#[test]
fn after_its_finish_it_is_down_and_can_be_started_again() {
    let (mut machine, now) = at(State::Done);
    machine.on(Event::Letter(Letter::Down), now);
    machine.on(FINISHING, now);
    assert!(machine.status().finishing && !machine.status().ready);
    machine.on(FINISH_DIED, now);
    machine.on(DECIDED, now);
    assert_eq!(machine.state(), State::Down);
    assert_eq!(machine.starts_at(), None);
}

#[test]
fn its_record_shows_when_it_began_to_go_down() {
    for (from, event) in [
        (State::Done, Event::Letter(Letter::Down)),
        (State::Done, Event::Letter(Letter::Exit)),
        (State::LastUp, COMPLETED),
    ] {
        let (mut machine, now) = at(from);
        let stamp = Stamp::now();
        machine.on(event, Moment { stamp, ..now });
        assert_eq!(machine.status().stamp, stamp, "{from:?} {event:?}");
    }
}

#[test]
fn one_that_was_asked_down_on_its_way_up_does_not_stay_up() {
    for (letters, expected, to) in [
        ("d", "finish", State::Finish),
        ("dO", "finish", State::Finish),
        ("du", "status U", State::Done),
        ("o", "status U", State::Done),
        ("r", "status U", State::Done),
    ] {
        let (mut machine, now) = at(State::Up);
        for byte in letters.bytes() {
            machine.on(Event::Letter(Letter::parse(byte).unwrap()), now);
        }
        assert_eq!(show(&machine.on(COMPLETED, now)), expected, "{letters}");
        assert_eq!(machine.state(), to, "{letters}");
    }
}
