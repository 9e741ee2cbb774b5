//! Decisions that a seed makes.

/// What is left to chance, and can be had again.
pub(crate) struct Chance(fastrand::Rng);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// True once in `n` times.
    pub(crate) fn one_in(&mut self, n: u32) -> bool {
        self.0.u32(0..n) == 0
    }

    /// A number from `from` to `to`, both included.
    pub(crate) fn number(&mut self, from: usize, to: usize) -> usize {
        self.0.usize(from..=to)
    }

    pub(crate) fn pick<T: Clone>(&mut self, among: &[T]) -> T {
        among[self.0.usize(0..among.len())].clone()
    }

    pub(crate) fn shuffle<T>(&mut self, all: &mut [T]) {
        self.0.shuffle(all);
    }
}
