//! The composed system in real containers, on Docker.
//!
//! One test runs at a time (`engine::turn`), since each has a whole cluster, and a machine
//! with two cores has to reach its facts before their deadlines.

mod balancers;
mod engine;
mod init;
mod life;
mod logs;
mod networks;
mod nodes;
mod own_images;
mod project;
mod students;
