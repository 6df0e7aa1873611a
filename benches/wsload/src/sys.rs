//! Thin wrappers over the system calls that the load generator needs. All `unsafe` code is here and
//! in `clock`; each call gets pointers to live locals or the pointer and length of one slice.
use std::io;
use std::mem;
use std::os::fd::RawFd;

/// Allows this process as many open files as it may have.
pub fn raise_nofile() {
    unsafe {
        let mut r: libc::rlimit = mem::zeroed();
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut r);
        let want = libc::rlimit {
            rlim_cur: 1_000_000,
            rlim_max: r.rlim_max.max(1_000_000),
        };
        if libc::setrlimit(libc::RLIMIT_NOFILE, &want) != 0 {
            r.rlim_cur = r.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &r);
        }
    }
}

/// CPU time (user + system, all threads, dead ones too) that a process has used, in ns.
pub fn proc_cpu_ns(pid: i32) -> Option<u64> {
    unsafe {
        let mut clk: libc::clockid_t = 0;
        if libc::clock_getcpuclockid(pid, &mut clk) != 0 {
            return None;
        }
        let mut ts: libc::timespec = mem::zeroed();
        if libc::clock_gettime(clk, &mut ts) != 0 {
            return None;
        }
        Some(ts.tv_sec as u64 * 1_000_000_000 + ts.tv_nsec as u64)
    }
}

pub fn self_cpu_ns() -> u64 {
    unsafe {
        let mut ts: libc::timespec = mem::zeroed();
        libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut ts);
        ts.tv_sec as u64 * 1_000_000_000 + ts.tv_nsec as u64
    }
}

pub fn mono_ns() -> u64 {
    unsafe {
        let mut ts: libc::timespec = mem::zeroed();
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut ts);
        ts.tv_sec as u64 * 1_000_000_000 + ts.tv_nsec as u64
    }
}

fn check(r: libc::c_int) -> io::Result<libc::c_int> {
    if r < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(r)
    }
}

fn addr(ip: [u8; 4], port: u16) -> libc::sockaddr_in {
    let mut a: libc::sockaddr_in = unsafe { mem::zeroed() };
    a.sin_family = libc::AF_INET as u16;
    a.sin_port = port.to_be();
    a.sin_addr.s_addr = u32::from_ne_bytes(ip);
    a
}

fn setopt(fd: RawFd, level: i32, opt: i32, v: i32) {
    unsafe {
        libc::setsockopt(fd, level, opt, (&raw const v).cast(), 4);
    }
}

/// Starts a non-blocking connect. `src` picks the source address so that more
/// than one range of ephemeral ports can be used.
pub fn connect_start(dst: [u8; 4], port: u16, src: Option<[u8; 4]>) -> io::Result<RawFd> {
    unsafe {
        let fd = check(libc::socket(
            libc::AF_INET,
            libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC,
            0,
        ))?;
        setopt(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1);
        // close with RST: no TIME_WAIT is left behind between runs
        let lg = libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        libc::setsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const lg).cast(),
            mem::size_of::<libc::linger>() as u32,
        );
        if let Some(s) = src {
            setopt(fd, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1);
            let a = addr(s, 0);
            check(libc::bind(
                fd,
                (&raw const a).cast(),
                mem::size_of_val(&a) as u32,
            ))?;
        }
        let a = addr(dst, port);
        let r = libc::connect(fd, (&raw const a).cast(), mem::size_of_val(&a) as u32);
        if r < 0 {
            let e = io::Error::last_os_error();
            if e.raw_os_error() != Some(libc::EINPROGRESS) {
                libc::close(fd);
                return Err(e);
            }
        }
        Ok(fd)
    }
}

pub struct Epoll(RawFd);

impl Epoll {
    pub fn new() -> Result<Self, String> {
        check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })
            .map(Self)
            .map_err(|e| format!("epoll: {e}"))
    }

    pub fn add(&self, fd: RawFd, events: u32, token: usize) -> Result<(), String> {
        self.control(libc::EPOLL_CTL_ADD, fd, events, token)
    }

    pub fn modify(&self, fd: RawFd, events: u32, token: usize) -> Result<(), String> {
        self.control(libc::EPOLL_CTL_MOD, fd, events, token)
    }

    pub fn remove(&self, fd: RawFd) -> Result<(), String> {
        self.control(libc::EPOLL_CTL_DEL, fd, 0, 0)
    }

    fn control(&self, operation: i32, fd: RawFd, events: u32, token: usize) -> Result<(), String> {
        let mut event = libc::epoll_event {
            events,
            u64: token as u64,
        };
        check(unsafe { libc::epoll_ctl(self.0, operation, fd, &mut event) })
            .map(drop)
            .map_err(|e| format!("epoll: {e}"))
    }

    /// Waits for events, at most `timeout_ms`.
    pub fn wait(&self, events: &mut Events, timeout_ms: i32) -> Result<(), String> {
        let buffer = &mut events.buffer;
        let result = unsafe {
            libc::epoll_wait(self.0, buffer.as_mut_ptr(), buffer.len() as i32, timeout_ms)
        };
        events.count = match check(result) {
            Ok(count) => count as usize,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => 0,
            Err(e) => return Err(format!("epoll: {e}")),
        };
        Ok(())
    }
}

impl Drop for Epoll {
    fn drop(&mut self) {
        close(self.0);
    }
}

/// What a wait found.
pub struct Events {
    buffer: Vec<libc::epoll_event>,
    count: usize,
}

impl Events {
    pub fn new() -> Self {
        Self {
            buffer: vec![libc::epoll_event { events: 0, u64: 0 }; 1024],
            count: 0,
        }
    }

    /// The sockets' tokens and flags.
    pub fn iter(&self) -> impl Iterator<Item = (usize, u32)> {
        self.buffer[..self.count]
            .iter()
            .map(|event| (event.u64 as usize, event.events))
    }
}

/// Closes a socket; no other code holds its descriptor any more.
pub fn close(fd: RawFd) {
    unsafe { libc::close(fd) };
}

pub const ET: u32 = libc::EPOLLET as u32;
pub const IN: u32 = libc::EPOLLIN as u32;
pub const OUT: u32 = libc::EPOLLOUT as u32;
pub const HUP: u32 = (libc::EPOLLHUP | libc::EPOLLERR | libc::EPOLLRDHUP) as u32;
pub const RDHUP: u32 = libc::EPOLLRDHUP as u32;

/// `Ok(None)`: there is nothing; `Ok(Some(0))`: the peer has closed.
#[inline]
pub fn recv(fd: RawFd, b: &mut [u8]) -> io::Result<Option<usize>> {
    let r = unsafe { libc::recv(fd, b.as_mut_ptr().cast(), b.len(), libc::MSG_DONTWAIT) };
    if r < 0 {
        let e = io::Error::last_os_error();
        return if e.kind() == io::ErrorKind::WouldBlock {
            Ok(None)
        } else {
            Err(e)
        };
    }
    Ok(Some(r as usize))
}

/// `Ok(None)`: there is no room.
#[inline]
pub fn send(fd: RawFd, b: &[u8]) -> io::Result<Option<usize>> {
    let r = unsafe {
        libc::send(
            fd,
            b.as_ptr().cast(),
            b.len(),
            libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
        )
    };
    if r < 0 {
        let e = io::Error::last_os_error();
        return if e.kind() == io::ErrorKind::WouldBlock {
            Ok(None)
        } else {
            Err(e)
        };
    }
    Ok(Some(r as usize))
}

/// As `send`, from several places.
pub fn send_vectored(fd: RawFd, pieces: &[io::IoSlice<'_>]) -> io::Result<Option<usize>> {
    // SAFETY: `IoSlice` has the layout of `iovec`; 1,024 is as many as the kernel takes.
    let result = unsafe {
        libc::writev(
            fd,
            pieces.as_ptr().cast(),
            pieces.len().min(1024) as libc::c_int,
        )
    };
    if result < 0 {
        let e = io::Error::last_os_error();
        return if e.kind() == io::ErrorKind::WouldBlock {
            Ok(None)
        } else {
            Err(e)
        };
    }
    Ok(Some(result as usize))
}

/// Sends all of a small message; a socket that stays full for seconds is an error.
pub fn send_all(fd: RawFd, mut bytes: &[u8]) -> io::Result<()> {
    let start_ns = mono_ns();
    while !bytes.is_empty() {
        match send(fd, bytes)? {
            Some(sent) => bytes = &bytes[sent..],
            None if mono_ns() - start_ns > 5_000_000_000 => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            None => std::thread::yield_now(),
        }
    }
    Ok(())
}

/// Memory that a process has for itself: its heap and stacks, without what is mapped from files.
pub fn proc_anonymous_kib(pid: i32) -> u64 {
    kib_in(&format!("/proc/{pid}/smaps_rollup"), "Anonymous:")
}

pub fn mem_available_kib() -> u64 {
    kib_in("/proc/meminfo", "MemAvailable:")
}

fn kib_in(path: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
