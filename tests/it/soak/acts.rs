//! Makes each fault happen, and undoes it.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use harness::wait::{pass, pass_until};
use harness::{family, send};
use nix::sys::signal::Signal::{SIGCONT, SIGKILL, SIGSTOP, SIGTERM};

use super::excuse::Happened;
use super::plan::{BALANCERS, Event, Fault, Round};
use super::processes::Process;
use super::stage::{Stage, template};

/// So long is waited for a connection that is to be idle, or to bring garbage.
const CONNECT: Duration = Duration::from_millis(300);
/// So many connections are opened that say nothing, or half a request.
const IDLE: usize = 60;

/// The programs of the chain, which come and go.
const CHAIN: [&str; 4] = [
    "member-event",
    "serf-nodes",
    "haproxy-gen",
    "haproxy-reload",
];
/// How often one of them is looked for: they run for some milliseconds.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// What is to be undone.
enum Undo {
    Nothing,
    /// The host ends by itself, and then starts again or not.
    Ended {
        is_back: bool,
    },
    Boot,
    Thaw(u32),
    Plug,
    Join,
    Template,
    Remove(PathBuf),
    Mode(PathBuf, u32),
    HangUp(Vec<TcpStream>),
    Stop(Arc<AtomicBool>, JoinHandle<()>),
}

/// Lets all of a round happen, whose beginning is `start`.
pub(super) fn play(stage: &mut Stage, round: &Round, start: Instant) -> Vec<Happened> {
    let begin = round.events.iter().map(|event| (event.at, true, event));
    let end = round
        .events
        .iter()
        .filter_map(|event| Some((event.until?, false, event)));
    let mut times: Vec<_> = begin.chain(end).collect();
    times.sort_by_key(|(at, ..)| *at);
    let mut happened: Vec<Happened> = Vec::new();
    let mut undone = Vec::new();
    for (at, begins, event) in times {
        pass_until(start + at);
        if begins {
            let from = start.elapsed();
            undone.push((*event, happen(stage, event)));
            let until = start.elapsed();
            let (host, fault) = (event.host, event.fault);
            happened.push(Happened {
                host,
                fault,
                from,
                until,
            });
        } else {
            over(stage, event, &mut undone, &mut happened, start);
        }
    }
    // Those that stay away.
    for event in &round.events {
        over(stage, event, &mut undone, &mut happened, start);
    }
    happened
}

fn over(
    stage: &mut Stage,
    event: &Event,
    undone: &mut Vec<(Event, Undo)>,
    happened: &mut [Happened],
    start: Instant,
) {
    let Some(place) = undone.iter().position(|(it, _)| it == event) else {
        return;
    };
    let (event, undo) = undone.remove(place);
    if matches!(undo, Undo::Nothing) {
        return;
    }
    undo_it(stage, &event, undo);
    let mut all = happened.iter_mut();
    if let Some(it) = all.find(|it| (it.host, it.fault) == (event.host, event.fault)) {
        it.until = start.elapsed();
    }
}

fn happen(stage: &mut Stage, event: &Event) -> Undo {
    let host = event.host;
    match event.fault {
        Fault::Starts => stage.boot(host),
        Fault::Leaves => {
            if let Some(init) = stage.lan.init_pid(host) {
                send(init, SIGTERM);
            }
            let is_back = event.until.is_some();
            return Undo::Ended { is_back };
        }
        Fault::Dies => {
            stage.lan.kill(host);
            if event.until.is_some() {
                return Undo::Boot;
            }
        }
        Fault::Killed(program) => {
            if let Some(pid) = stage.pid(host, program) {
                send(pid, SIGKILL);
            }
        }
        Fault::AnyKilled(number) => kill_any(stage, host, number),
        Fault::Frozen(program) => {
            if let Some(pid) = stage.pid(host, program) {
                send(pid, SIGSTOP);
                return Undo::Thaw(pid);
            }
        }
        Fault::CableCut => {
            stage.lan.cable(host, "down");
            return Undo::Plug;
        }
        Fault::SwitchesApart => {
            stage.lan.uplink("down");
            return Undo::Join;
        }
        Fault::DiskFull => return Undo::Remove(fill(stage, host)),
        Fault::TemplateChanged(number) => stage.write_template(host, &changed(number)),
        Fault::TemplateBroken(number) => {
            stage.write_template(host, &broken(number));
            return Undo::Template;
        }
        Fault::ChainKilled => return hunt(stage, host),
        Fault::Removed(file) => {
            // It need not be there, and may be a folder.
            let path = stage.lan.state(host).join(file);
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
        }
        Fault::Scribbled(file, seed) => {
            let mut dice = fastrand::Rng::with_seed(seed);
            let garbage: Vec<u8> = (0..dice.usize(..3000)).map(|_| dice.u8(..)).collect();
            let mut file = File::create(stage.lan.state(host).join(file)).unwrap();
            file.write_all(&garbage).unwrap();
        }
        Fault::Unreadable(file) => return hide(stage.lan.state(host).join(file)),
        Fault::Idle => return Undo::HangUp(idle(stage, host)),
        Fault::Garbage(seed) => garbage(stage, host, seed),
    }
    Undo::Nothing
}

fn undo_it(stage: &mut Stage, event: &Event, undo: Undo) {
    let host = event.host;
    match undo {
        Undo::Nothing => {}
        Undo::Ended { is_back } => {
            stage.lan.stop(host);
            if is_back {
                stage.boot(host);
            }
        }
        Undo::Boot => stage.boot(host),
        Undo::Thaw(pid) => send(pid, SIGCONT),
        Undo::Plug => stage.lan.cable(host, "up"),
        Undo::Join => stage.lan.uplink("up"),
        Undo::Template => stage.write_template(host, &template()),
        Undo::Remove(path) => fs::remove_file(path).unwrap(),
        Undo::Mode(path, mode) => {
            // It may have gone meanwhile.
            let _ = fs::set_permissions(path, Permissions::from_mode(mode));
        }
        Undo::HangUp(connections) => drop(connections),
        Undo::Stop(over, hunter) => {
            over.store(true, Ordering::Relaxed);
            hunter.join().unwrap();
        }
    }
}

/// Kills one of all processes that somebody starts again, but for HAProxy.
fn kill_any(stage: &Stage, host: u8, number: u32) {
    let init = stage.lan.init_pid(host);
    let pids = stage.lan.pids(host).into_iter().filter_map(Process::of);
    let mut pids: Vec<u32> = pids
        .filter(|it| Some(it.pid) != init && it.name != "haproxy")
        .map(|it| it.pid)
        .collect();
    pids.sort_unstable();
    if let Some(pid) = pids.get(number as usize % pids.len().max(1)) {
        send(*pid, SIGKILL);
    }
}

/// Kills the first program of the chain that it sees, until it is over.
fn hunt(stage: &Stage, host: u8) -> Undo {
    let over = Arc::new(AtomicBool::new(false));
    let (is_over, init) = (Arc::clone(&over), stage.lan.init_pid(host));
    let hunt = move || {
        while let (false, Some(init)) = (is_over.load(Ordering::Relaxed), init) {
            let name = |pid: u32| fs::read_to_string(format!("/proc/{pid}/comm"));
            let is_prey = |pid: &u32| name(*pid).is_ok_and(|it| CHAIN.contains(&it.trim_end()));
            if let Some(pid) = family(init).into_iter().rfind(is_prey) {
                send(pid, SIGKILL);
                return;
            }
            pass(LOOK_EVERY);
        }
    };
    Undo::Stop(over, std::thread::spawn(hunt))
}

fn fill(stage: &Stage, host: u8) -> PathBuf {
    let path = stage.lan.state(host).join("filler");
    let mut file = File::create(&path).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    while file.write_all(&[0]).is_ok() {}
    path
}

/// Another good template: HAProxy has to be reloaded for it.
fn changed(number: u32) -> String {
    let queue = format!("timeout queue {}s", 5 + number % 5);
    let inter = format!("inter {}ms", 600 - number % 3);
    let text = template().replace("timeout queue 5s", &queue);
    text.replace("inter 600ms", &inter)
}

fn broken(number: u32) -> String {
    match number % 4 {
        0 => template() + "{% if %}",
        1 => template() + "{{ nobody.knows }}\n",
        2 => template().replace("mode http", "mode gopher"),
        // As it is while somebody saves it.
        _ => {
            let whole = template();
            let cut = number as usize % whole.len();
            whole[..cut].trim_end_matches('\n').to_owned()
        }
    }
}

fn hide(path: PathBuf) -> Undo {
    let Ok(metadata) = fs::metadata(&path) else {
        return Undo::Nothing;
    };
    let mode = metadata.permissions().mode();
    fs::set_permissions(&path, Permissions::from_mode(0o0)).unwrap();
    Undo::Mode(path, mode & 0o7777)
}

fn ports(host: u8) -> [SocketAddr; 3] {
    let served = if BALANCERS.contains(&host) { 80 } else { 3000 };
    [
        SocketAddr::from(([127, 0, 0, 1], served)),
        SocketAddr::from(([127, 0, 0, 1], 7373)),
        SocketAddr::from(([10, 77, 0, host], 7946)),
    ]
}

fn idle(stage: &Stage, host: u8) -> Vec<TcpStream> {
    let open = move || {
        let mut connections = Vec::new();
        for (number, address) in ports(host).iter().cycle().take(IDLE).enumerate() {
            let Ok(mut connection) = TcpStream::connect_timeout(address, CONNECT) else {
                continue;
            };
            if number % 2 == 0 {
                let _ = connection.write_all(b"GET / HTTP/1.1\r\nHo");
            }
            connections.push(connection);
        }
        connections
    };
    stage.lan.within(host, open).join().unwrap()
}

/// Bytes by chance, half of which begin as a message of the gossip would.
fn garbage(stage: &Stage, host: u8, seed: u64) {
    let pour = move || {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut bytes = |longest: usize| -> Vec<u8> {
            let mut bytes: Vec<u8> = (0..dice.usize(1..longest)).map(|_| dice.u8(..)).collect();
            if dice.bool() {
                bytes[0] = dice.u8(..14);
            }
            bytes
        };
        let gossip = ports(host)[2];
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        for _ in 0..300 {
            let _ = socket.send_to(&bytes(1400), gossip);
        }
        for _ in 0..10 {
            if let Ok(mut stream) = TcpStream::connect_timeout(&gossip, CONNECT) {
                let _ = stream.set_write_timeout(Some(CONNECT));
                let _ = stream.write_all(&bytes(65_536));
            }
        }
    };
    stage.lan.within(host, pour).join().unwrap();
}
