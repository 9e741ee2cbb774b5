//! The page, as a browser shows it. Pictures of it stay in the folder that `MUSTER_PICTURES`
//! names.

mod browser;
mod events;
mod fake;
mod faulty;
mod looks;
mod metrics;
mod never;
mod picture;
mod seen;
mod status;
mod stream;
mod times;
