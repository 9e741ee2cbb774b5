//! The composed system in real containers, on Docker.
//!
//! One test at a time (`engine::turn`): each has a whole cluster, and machines
//! with two cores should see facts before their deadlines.

mod balancers;
mod engine;
mod evidence;
mod init;
mod lab;
mod life;
mod logs;
mod own_images;
mod project;
