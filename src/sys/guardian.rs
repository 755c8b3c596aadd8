//! A process that keeps the input of a command from ending if this program is killed.
//!
//! A command takes the end of its input for the end of the data, and so does every process that it starts. If this
//! program is killed with SIGKILL, the kernel closes its end of the pipe. The guardian, a child forked before the
//! command starts, holds that end open, too. It notices the death of this program by the end of a second pipe,
//! which nobody else can write. Then it ends the command's process group, and closes the input only when nobody can
//! read it any more.
//!
//! The second pipe also carries instructions to the guardian. It works wherever pipes do; a pidfd would need Linux,
//! and a second implementation for other systems.

use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a command may take to end after SIGTERM; then it is killed.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// The input is complete: close it.
const WHOLE: i32 = 0;
/// Exit.
const LEAVE: i32 = -1;
/// This program ends by itself: leave the group alone, and hold the input while anybody can read it.
const HOLD: i32 = -2;
// Any other word is the number of the command's process group.

/// How often the guardian checks whether the group has ended.
const PAUSE: Duration = Duration::from_millis(5);

/// The guardian of one command's input. Unless told otherwise, it treats the end of this program as a crash.
#[derive(Debug)]
pub struct Guardian {
    process: libc::pid_t,
    /// Carries the words to the guardian. They are short enough for atomic writes to a pipe.
    words: PipeWriter,
    /// The input, until it is complete.
    input: Mutex<Option<OwnedFd>>,
}

impl Guardian {
    /// Starts the guardian of a command whose input is written to `input`.
    ///
    /// # Errors
    /// The system has no more descriptors or processes.
    pub fn start(input: &PipeWriter) -> io::Result<Self> {
        let input = OwnedFd::from(input.try_clone()?);
        let (heard, words) = io::pipe()?;
        let process = fork(&heard, &input)?;
        Ok(Guardian {
            process,
            words,
            input: Mutex::new(Some(input)),
        })
    }

    /// Makes a command, which must lead its own process group, tell the guardian the group's number between fork
    /// and exec, so that the guardian always knows a running group. If the guardian is gone, SIGPIPE kills the
    /// command.
    pub fn meets(&self, command: &mut Command) {
        // Stays open as long as the parent's `Guardian` lives, which starts the command.
        let words = self.words.as_raw_fd();
        let introduce = move || {
            // SAFETY: getpid and write are async-signal-safe; write reads the four bytes of a local.
            let written = unsafe {
                let group = libc::getpid();
                libc::write(words, (&raw const group).cast(), size_of_val(&group))
            };
            match written {
                -1 => Err(io::Error::last_os_error()),
                _ => Ok(()),
            }
        };
        // SAFETY: `introduce` makes only two system calls, which are allowed between fork and exec.
        unsafe { command.pre_exec(introduce) };
    }

    /// Lets the command see the end of its input when this program closes its own end.
    pub fn input_is_whole(&self) {
        self.tell(WHOLE);
        let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        *input = None;
    }

    /// Ends the guardian when this program ends by itself. If the input is not complete and some process can still
    /// read it, the guardian stays until no process can.
    pub fn end(&self) {
        let input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        if input.as_ref().is_some_and(has_reader) {
            self.tell(HOLD);
            return;
        }
        self.tell(LEAVE);
        // SAFETY: waitpid with a null status touches no memory; the child is ours, and this is the only wait for
        // it.
        unsafe { libc::waitpid(self.process, std::ptr::null_mut(), 0) };
    }

    fn tell(&self, word: i32) {
        // Fails if somebody has killed the guardian; then there is nobody to tell.
        let _ = (&self.words).write_all(&word.to_ne_bytes());
    }
}

fn has_reader(input: &OwnedFd) -> bool {
    let mut asked = libc::pollfd {
        fd: input.as_raw_fd(),
        events: 0,
        revents: 0,
    };
    // SAFETY: poll accesses only the one pollfd that it is given, and does not wait.
    unsafe { libc::poll(&raw mut asked, 1, 0) };
    asked.revents == 0
}

/// Starts the process that [`guard`]s.
fn fork(heard: &PipeReader, input: &OwnedFd) -> io::Result<libc::pid_t> {
    // SAFETY: all zeros are valid sets of signals.
    let [mut all, mut before]: [libc::sigset_t; 2] = unsafe { std::mem::zeroed() };
    // SAFETY: both calls write only the sets that they are given. Signals are blocked because a handler of ours in
    // the child would report them to this program, through a pipe that both share.
    unsafe {
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
    }
    // SAFETY: the child calls only `guard`, which never returns, takes no lock and allocates no memory.
    let process = unsafe { libc::fork() };
    if process == 0 {
        guard(heard.as_raw_fd(), input.as_raw_fd());
    }
    let error = io::Error::last_os_error();
    // SAFETY: the set is the one that was written above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut()) };
    match process {
        -1 => Err(error),
        _ => Ok(process),
    }
}

/// The guardian: a copy of a multi-threaded process that has only this thread left. So it makes system calls and
/// does nothing else. All signals but SIGKILL and SIGSTOP are blocked.
fn guard(heard: RawFd, input: RawFd) -> ! {
    /// Descriptors of the two pipes; no others stay open.
    const HEARD: RawFd = 0;
    const INPUT: RawFd = 1;
    // SAFETY: none of these calls touches memory, except to read constant names. Both descriptors are above 2,
    // because Rust's runtime keeps 0 to 2 open, so neither replaces the other.
    unsafe {
        libc::dup2(heard, HEARD);
        libc::dup2(input, INPUT);
        close_from(2);
        // Keeps signals of the terminal and of the shell's job control away.
        libc::setsid();
        libc::chdir(c"/".as_ptr());
        // Keeps `pkill balance` from matching the guardian.
        #[cfg(target_os = "linux")]
        libc::prctl(libc::PR_SET_NAME, c"guardian".as_ptr());
    }
    let mut group = None;
    let mut may_end_group = true;
    loop {
        match hear(HEARD) {
            // SAFETY: the descriptor belongs to this process, and nothing else owns it.
            Some(WHOLE) => unsafe {
                libc::close(INPUT);
            },
            Some(LEAVE) => exit(),
            Some(HOLD) => may_end_group = false,
            Some(number) => group = Some(number),
            None => break,
        }
    }
    if let (Some(group), true) = (group, may_end_group) {
        end_group(group);
    }
    await_no_reader(INPUT);
    exit()
}

fn exit() -> ! {
    // SAFETY: _exit runs no code of this program.
    unsafe { libc::_exit(0) }
}

/// Closes all descriptors from this number on.
fn close_from(first: libc::c_int) {
    /// Higher ones are rarely open, and some systems allow a billion.
    const MOST: libc::c_int = 1 << 16;
    #[cfg(target_os = "linux")]
    // SAFETY: close_range touches no memory; the owners of the descriptors are in another process.
    if unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_int::MAX, 0) } == 0 {
        return;
    }
    for descriptor in first..MOST {
        // SAFETY: as above.
        unsafe { libc::close(descriptor) };
    }
}

/// Returns the next word; `None` if nobody can write one any more.
fn hear(descriptor: RawFd) -> Option<i32> {
    let mut word = 0_i32;
    loop {
        // SAFETY: read writes at most four bytes to a local of that size.
        let read = unsafe { libc::read(descriptor, (&raw mut word).cast(), size_of::<i32>()) };
        match read {
            4 => return Some(word),
            -1 if is_interrupted() => {}
            _ => return None,
        }
    }
}

fn is_interrupted() -> bool {
    io::Error::last_os_error().raw_os_error() == Some(libc::EINTR)
}

/// Ends a process group whose leader's parent is dead.
fn end_group(group: libc::pid_t) {
    // SAFETY: kill touches no memory. The number belongs to the group while it has members, and is not reused at
    // once after that.
    let send = |signal| unsafe { libc::kill(-group, signal) };
    send(libc::SIGTERM);
    let pause = libc::timespec {
        tv_sec: 0,
        tv_nsec: PAUSE.as_nanos() as _,
    };
    for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
        if send(0) == -1 {
            return;
        }
        // SAFETY: nanosleep reads the pause; the remaining time is not requested.
        unsafe { libc::nanosleep(&raw const pause, std::ptr::null_mut()) };
    }
    send(libc::SIGKILL);
}

/// Waits until nobody can read a pipe any more. A process that has left its group is not ended, and may wait for
/// more input until somebody ends it: a hanging process does less harm than one that commits half of the data.
fn await_no_reader(descriptor: RawFd) {
    let mut asked = libc::pollfd {
        fd: descriptor,
        events: 0,
        revents: 0,
    };
    // SAFETY: poll accesses only the one pollfd that it is given. An error of the pipe, or of a descriptor that was
    // closed, ends the wait.
    while unsafe { libc::poll(&raw mut asked, 1, -1) } < 1 && is_interrupted() {}
}
