use std::hash::RandomState;
use std::sync::OnceLock;

use super::*;

const EVERY: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

/// A watch with a clock that the test moves.
struct Bench {
    watch: Watch,
    now: Instant,
}

fn bench() -> Bench {
    paced(None)
}

fn paced(again: Option<Duration>) -> Bench {
    let now = Instant::now();
    let mut watch = Watch::new(
        Pace {
            every: EVERY,
            again,
        },
        now,
    );
    watch.up(now);
    Bench { watch, now }
}

/// A list, which is the same for the same number.
fn list(number: u8) -> ListHash {
    static KEYS: OnceLock<RandomState> = OnceLock::new();
    let mut bytes = [&[0x81, 0xa7][..], b"Members", &[0x91, 0x85, 0xa4]].concat();
    bytes.extend(b"Name\xa1x\xa4Addr\xc0\xa4Port");
    bytes.push(number);
    bytes.extend(b"\xa4Tags\xc0\xa6Status\xa5alive");
    crate::wire::hash_of_list(&bytes, KEYS.get_or_init(RandomState::new)).unwrap()
}

impl Bench {
    fn steps(&mut self) -> Vec<Due> {
        std::iter::from_fn(|| self.watch.next(self.now)).collect()
    }

    fn pass(&mut self, time: Duration) -> Vec<Due> {
        self.now += time;
        self.steps()
    }

    fn answer(&mut self, number: u8) -> Vec<Due> {
        self.watch.answer(list(number), self.now);
        self.steps()
    }

    fn hint(&mut self) -> Vec<Due> {
        self.watch.hint(self.now);
        self.steps()
    }

    fn ended(&mut self, well: bool) -> Vec<Due> {
        self.watch.ended(well, None, self.now);
        self.steps()
    }

    /// After the first run, and after a question that has shown no change since.
    fn settled(mut self) -> Bench {
        assert_eq!(self.steps(), [Due::Ask]);
        assert_eq!(self.answer(1), [Due::Run]);
        self.pass(100 * MS);
        assert_eq!(self.ended(true), [Due::Ask]);
        assert_eq!(self.answer(1), []);
        self
    }

    /// Lets time pass until a step is due; returns how much passed, and the steps.
    fn wait(&mut self) -> (Duration, Vec<Due>) {
        let before = self.now;
        self.now = self
            .watch
            .wake_at()
            .expect("something is to come")
            .max(self.now);
        (self.now - before, self.steps())
    }
}

/// While the first run is under way.
fn running(again: Option<Duration>) -> Bench {
    let mut bench = paced(again);
    assert_eq!(bench.steps(), [Due::Ask]);
    assert_eq!(bench.answer(1), [Due::Run]);
    bench
}

#[test]
fn the_first_list_is_handled_at_once_and_looked_at_again() {
    bench().settled();
}

#[test]
fn the_same_list_runs_nothing() {
    let mut bench = bench().settled();
    for _ in 0..10 {
        assert_eq!(bench.wait(), (EVERY, vec![Due::Ask]));
        assert_eq!(bench.answer(1), []);
    }
}

#[test]
fn a_hint_is_followed_at_once_and_a_change_handled_at_once() {
    let mut bench = bench().settled();
    bench.pass(100 * MS);
    assert_eq!(bench.hint(), [Due::Ask]);
    assert_eq!(bench.answer(2), [Due::Run]);
}

#[test]
fn a_hint_that_came_before_the_change_is_looked_into_a_second_time() {
    let mut bench = bench().settled();
    bench.pass(100 * MS);
    bench.hint();
    bench.answer(1);
    assert_eq!(bench.wait(), (SECOND_LOOK, vec![Due::Ask]));
    bench.answer(1);
    assert_eq!(bench.wait(), (EVERY, vec![Due::Ask]));
}

#[test]
fn a_hint_that_comes_with_a_question_asks_again() {
    let mut bench = bench().settled();
    bench.pass(100 * MS);
    bench.hint();
    assert_eq!(bench.hint(), []);
    bench.answer(1);
    assert_eq!(bench.wait(), (CLOSEST, vec![Due::Ask]));
}

#[test]
fn a_flood_of_hints_asks_no_more_than_every_20_ms() {
    let mut bench = bench().settled();
    bench.pass(100 * MS);
    let mut asked = 0;
    for _ in 0..10_000 {
        bench.now += MS / 10;
        if bench.hint() == [Due::Ask] {
            asked += 1;
            bench.answer(1);
        }
    }
    assert!((45..=52).contains(&asked), "{asked}");
}

#[test]
fn an_agent_that_takes_long_is_left_alone_for_longer() {
    let mut bench = bench().settled();
    bench.pass(100 * MS);
    bench.hint();
    bench.pass(50 * MS);
    bench.answer(1);
    assert_eq!(bench.hint(), []);
    assert_eq!(bench.wait(), (150 * MS, vec![Due::Ask]));
}

#[test]
fn a_burst_is_one_run_at_once_and_one_when_that_has_ended() {
    let mut bench = bench().settled();
    bench.pass(100 * MS);
    bench.hint();
    assert_eq!(bench.answer(2), [Due::Run]);
    for number in 3..50 {
        bench.hint();
        assert_eq!(bench.pass(30 * MS), [Due::Ask]);
        assert_eq!(bench.answer(number), []);
    }
    bench.pass(30 * MS);
    assert_eq!(bench.ended(true), [Due::Run, Due::Ask]);
    bench.answer(49);
    assert_eq!(bench.pass(30 * MS), []);
    assert_eq!(bench.ended(true), [Due::Ask]);
    assert_eq!(bench.answer(49), []);
}

#[test]
fn a_list_that_changed_and_changed_back_while_it_ran_is_looked_at_only() {
    let mut bench = bench().settled();
    bench.pass(EVERY);
    bench.answer(2);
    bench.pass(EVERY);
    bench.answer(3);
    bench.pass(EVERY);
    bench.answer(2);
    bench.pass(100 * MS);
    assert_eq!(bench.ended(true), [Due::Ask]);
}

#[test]
fn a_failed_run_is_tried_again_with_growing_pauses() {
    let mut bench = bench();
    bench.steps();
    assert_eq!(bench.answer(1), [Due::Run]);
    let mut pauses = Vec::new();
    for _ in 0..7 {
        bench.watch.ended(false, None, bench.now);
        let failed = bench.now;
        loop {
            let (_, steps) = bench.wait();
            if steps.contains(&Due::Run) {
                break;
            }
            bench.answer(1);
        }
        pauses.push((bench.now - failed).as_secs());
    }
    assert_eq!(pauses, [1, 2, 4, 8, 10, 10, 10]);
}

#[test]
fn a_change_does_not_wait_for_the_pause_after_a_failure() {
    let mut bench = bench().settled();
    bench.pass(EVERY);
    assert_eq!(bench.answer(2), [Due::Run]);
    bench.ended(false);
    bench.pass(100 * MS);
    assert_eq!(bench.answer(3), [Due::Run]);
}

#[test]
fn success_makes_the_next_pause_short_again() {
    let mut bench = bench().settled();
    for _ in 0..5 {
        bench.watch.ended(false, None, bench.now);
    }
    bench.watch.ended(true, None, bench.now);
    bench.watch.ended(false, None, bench.now);
    assert_eq!(bench.watch.run_at, Some(bench.now + EVERY));
}

#[test]
fn an_agent_that_is_back_has_the_failed_run_tried_at_once() {
    let mut bench = bench().settled();
    bench.pass(EVERY);
    bench.answer(2);
    for _ in 0..5 {
        bench.watch.ended(false, None, bench.now);
    }
    bench.watch.down();
    assert_eq!(bench.pass(60 * EVERY), []);
    assert_eq!(bench.watch.wake_at(), None);
    bench.watch.up(bench.now);
    assert_eq!(bench.steps(), [Due::Ask]);
    assert_eq!(bench.pass(EVERY), []);
    assert_eq!(bench.answer(2), [Due::Run]);
}

#[test]
fn an_agent_that_is_back_with_the_same_list_runs_nothing() {
    let mut bench = bench().settled();
    bench.watch.down();
    bench.pass(EVERY);
    bench.watch.up(bench.now);
    assert_eq!(bench.steps(), [Due::Ask]);
    assert_eq!(bench.answer(1), []);
}

#[test]
fn a_change_seen_just_before_the_agent_went_is_handled_all_the_same() {
    let mut bench = bench().settled();
    bench.watch.answer(list(2), bench.now);
    bench.watch.down();
    assert_eq!(bench.steps(), [Due::Run]);
}

#[test]
fn it_runs_again_after_a_while_although_nothing_changed() {
    let mut bench = paced(Some(10 * EVERY)).settled();
    let ended = bench.now;
    let mut steps = bench.wait().1;
    while !steps.contains(&Due::Run) {
        bench.answer(1);
        steps = bench.wait().1;
    }
    assert_eq!(bench.now - ended, 10 * EVERY);
}

/// How long after the end of a run that asked for `due` the next one begins, if nothing
/// changes.
fn next_run(bench: &mut Bench, well: bool, due: Instant) -> Duration {
    bench.watch.ended(well, Some(due), bench.now);
    let ended = bench.now;
    let mut steps = bench.steps();
    while !steps.contains(&Due::Run) {
        if steps.contains(&Due::Ask) {
            bench.answer(1);
        }
        steps = bench.wait().1;
    }
    bench.now - ended
}

#[test]
fn it_runs_at_the_moment_that_the_command_asks_for() {
    for again in [None, Some(10 * EVERY)] {
        let mut bench = running(again);
        let due = bench.now + 7 * EVERY + 3 * MS;
        assert_eq!(next_run(&mut bench, true, due), 7 * EVERY + 3 * MS);
    }
}

#[test]
fn a_moment_after_the_next_run_makes_no_further_one() {
    let mut bench = running(Some(10 * EVERY));
    let due = bench.now + 25 * EVERY;
    let pauses: Vec<_> = (0..3).map(|_| next_run(&mut bench, true, due)).collect();
    assert_eq!(pauses, [10 * EVERY, 10 * EVERY, 5 * EVERY]);
}

#[test]
fn a_moment_during_the_run_makes_one_run_and_no_loop() {
    let mut bench = running(Some(10 * EVERY));
    let due = bench.now + 30 * MS;
    bench.now += 50 * MS;
    let pauses: Vec<_> = (0..3).map(|_| next_run(&mut bench, true, due)).collect();
    assert_eq!(pauses, [CLOSEST_DUE, 10 * EVERY, 10 * EVERY]);
}

#[test]
fn a_moment_in_the_past_is_no_reason_to_run() {
    let mut bench = running(Some(10 * EVERY));
    let due = bench.now;
    assert_eq!(next_run(&mut bench, true, due), 10 * EVERY);
}

#[test]
fn a_command_that_always_asks_for_the_next_moment_gets_ten_runs_a_second() {
    let mut bench = running(Some(10 * EVERY));
    for _ in 0..20 {
        let due = bench.now + MS;
        assert_eq!(next_run(&mut bench, true, due), CLOSEST_DUE);
    }
}

#[test]
fn after_a_failure_a_moment_makes_one_run_and_then_the_pauses_count() {
    let mut bench = running(None);
    let due = bench.now + 400 * MS;
    let pauses: Vec<_> = (0..4).map(|_| next_run(&mut bench, false, due)).collect();
    assert_eq!(pauses, [400 * MS, 2 * EVERY, 4 * EVERY, 8 * EVERY]);
}

#[test]
fn a_moment_without_an_agent_waits_for_it() {
    let mut bench = running(None);
    let due = bench.now + EVERY;
    bench.watch.ended(true, Some(due), bench.now);
    bench.watch.down();
    assert_eq!(bench.pass(10 * EVERY), []);
    assert_eq!(bench.watch.wake_at(), None);
    bench.watch.up(bench.now);
    assert_eq!(bench.steps(), [Due::Ask]);
    assert_eq!(bench.answer(1), [Due::Run]);
}
