//! The number of nodes that a configuration is made for. What a template derives from
//! it seldom changes, while the number of nodes may go up and down all day.

use haproxy_config::capacity_of;

/// The least capacity: fewer nodes make no difference to anything.
const LEAST: usize = 16;
/// The largest capacity that is taken from a file. With a multiple of that many nodes
/// nothing else would work.
const MOST: usize = 1 << 24;

/// The capacity for so many nodes, after the file `old` was made for its own. It is a
/// power of two; it doubles when it is exceeded, and halves when less than a quarter of
/// it is used. So no number of nodes is one at which going back and forth changes it
/// each time.
pub(crate) fn capacity(nodes: usize, old: &str) -> usize {
    let kept = capacity_of(old).filter(|kept| kept.is_power_of_two());
    let kept = kept.filter(|kept| (LEAST..=MOST).contains(kept));
    let mut capacity = kept.unwrap_or(LEAST);
    while capacity < nodes {
        capacity *= 2;
    }
    while capacity > LEAST && nodes < capacity / 4 {
        capacity /= 2;
    }
    capacity
}

#[cfg(test)]
mod tests {
    use super::*;
    use haproxy_config::with_capacity;
    use proptest::prelude::*;

    fn made_for(capacity: usize) -> String {
        with_capacity("global\n", capacity)
    }

    #[test]
    fn it_doubles_when_it_is_exceeded_and_halves_when_less_than_a_quarter_is_used() {
        for (old, nodes, new) in [
            (16, 0, 16),
            (16, 16, 16),
            (16, 17, 32),
            (16, 100, 128),
            (128, 32, 128),
            (128, 31, 64),
            (128, 3, 16),
            (128, 0, 16),
        ] {
            assert_eq!(capacity(nodes, &made_for(old)), new, "{old} {nodes}");
        }
    }

    #[test]
    fn without_a_file_that_keeps_one_it_is_what_the_nodes_need() {
        for text in ["", "global\n", "# capacity 48\n", "# capacity 8\n"] {
            assert_eq!(capacity(33, text), 64, "{text}");
            assert_eq!(capacity(3, text), 16, "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_is_enough_and_never_more_than_four_times_what_is_needed(
            counts in proptest::collection::vec(0_usize..100_000, 1..20)
        ) {
            let mut text = String::new();
            for nodes in counts {
                let now = capacity(nodes, &text);
                prop_assert!(now >= nodes && (now == LEAST || now <= 4 * nodes));
                text = made_for(now);
                prop_assert_eq!(capacity(nodes, &text), now);
            }
        }

        #[test]
        fn going_back_and_forth_changes_it_once_at_most(old in 4_u32..18, nodes in 0_usize..300_000) {
            let mut text = made_for(1 << old);
            let mut seen = Vec::new();
            for step in 0..6 {
                seen.push(capacity(nodes + step % 2, &text));
                text = made_for(seen[step]);
            }
            // The first one comes from elsewhere.
            seen.dedup();
            prop_assert!(seen.len() <= 2, "{:?}", seen);
        }
    }
}
