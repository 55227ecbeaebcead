//! The processes under measurement: started here, measured through /proc, stopped by their ids.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

/// A process that listens.
pub struct Process {
    pub name: &'static str,
    child: Child,
    pub address: SocketAddr,
}

impl Process {
    /// Starts it and waits until it listens.
    pub fn start(name: &'static str, command: &mut Command, address: SocketAddr, log: &Path) -> io::Result<Self> {
        let log = fs::File::create(log)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut process = Self { name, child: command.spawn()?, address };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            if process.child.try_wait()?.is_some() || began.elapsed() > Duration::from_secs(20) {
                return Err(io::Error::other(format!("{name} does not listen on {address}; see its log")));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(process)
    }

    /// CPU time used so far, user and system, of all its threads.
    pub fn cpu(&self) -> io::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // Fields are counted behind the name, which may hold anything but ends in the last bracket.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
        // utime and stime; Linux counts them in hundredths of a second everywhere we run.
        Ok(Duration::from_millis((ticks(11) + ticks(12)) * 10))
    }

    /// Memory in use, in MB: now and at most.
    pub fn memory_mb(&self) -> io::Result<(f64, f64)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kb = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0)
        };
        Ok((kb("VmRSS:") / 1024.0, kb("VmHWM:") / 1024.0))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A loopback address that is free now.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}
