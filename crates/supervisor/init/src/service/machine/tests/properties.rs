//! What holds whatever happens.

use proptest::prelude::*;
use servicedir::LETTERS;

use super::*;

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        proptest::sample::select(LETTERS).prop_map(|(_, letter)| Event::Letter(letter)),
        Just(Event::NeedsMet),
        Just(Event::Due),
        Just(Event::Ready),
        Just(STARTED),
        Just(DIED),
        Just(COMPLETED),
        Just(FAILED),
        Just(FINISHING),
        Just(Event::NoFinish),
        Just(Event::FinishNotStarted),
        Just(FINISH_DIED),
        Just(DECIDED),
        Just(Event::Decided {
            give_up: true,
            delay: None,
        }),
    ]
}

/// Listeners rely on it: they read the status when an event is notified.
fn is_written_before_notified(actions: &[Action]) -> bool {
    let notified = actions.iter().position(|it| matches!(it, Notify(_)));
    let written = actions
        .iter()
        .position(|it| matches!(it, Action::WriteStatus(_)));
    notified.is_none_or(|it| actions[it] == Notify(b"x") || written.is_some_and(|at| at < it))
}

proptest! {
    #[test]
    fn whatever_happens_the_record_fits_the_state(
        events in proptest::collection::vec(any_event(), 0..60),
    ) {
        let now = moment(Instant::now(), 0);
        let mut machine = Machine::new(true, now);
        for event in events {
            let before = machine.state();
            let actions = machine.on(event, now);
            prop_assert!(is_written_before_notified(&actions), "{actions:?}");
            let starts = actions.contains(&Action::Start);
            prop_assert!(!starts || machine.state() == State::Down);
            prop_assert!(before != State::Gone || actions.is_empty());
            let status = machine.status();
            let is_up = machine.is_up() || machine.state() == State::Done;
            prop_assert_eq!(is_up, status.is_up() && before_finish(&machine));
            prop_assert!(machine.is_up() || !status.paused);
            if machine.state() == State::Down {
                prop_assert!(status.ready && status.pid == 0 && !status.finishing);
            }
        }
    }
}

/// Between the death and the start of `finish` the record in memory still has the
/// old process. Nobody sees it, since it is not written in that state.
fn before_finish(machine: &Machine) -> bool {
    !matches!(machine.state(), State::Finish | State::LastFinish)
}
