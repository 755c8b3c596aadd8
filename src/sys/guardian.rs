//! A process that keeps the input of a command from ending when this program is killed.
//!
//! A command takes the end of its input for the end of the data, and so does every process that it
//! starts. When this program is killed with SIGKILL, the kernel closes its end of the pipe. The
//! guardian, a child forked before the command starts, holds that end open, too. It notices the
//! death of this program by the end of a second pipe, which nobody else can write, ends the
//! command's process group, and closes the input only when nobody can read it any more.
//!
//! That pipe also carries what the guardian is told, and it works wherever pipes do; a pidfd would
//! need a Linux of its own and a second way for other systems.

use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a command may take to end after it was told to; then it is killed.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// The input was given whole: close it.
const WHOLE: i32 = 0;
/// Exit.
const LEAVE: i32 = -1;
/// This program ends by itself: leave the group alone, and hold the input while anybody can read it.
const HOLD: i32 = -2;
// Any other word is the number of the command's process group.

/// How often the guardian looks whether the group has ended.
const PAUSE: Duration = Duration::from_millis(5);

/// The guardian of one command's input. Without a word it takes the end of this program for a
/// violent one.
#[derive(Debug)]
pub struct Guardian {
    process: libc::pid_t,
    /// What the guardian is told. Words are shorter than what a pipe takes at once.
    words: PipeWriter,
    /// The input, until it was given whole.
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

    /// Has a command that is to lead a group of its own tell the guardian the group's number, between fork
    /// and exec, so that no moment is left in which it is not known. Without a guardian the command is
    /// killed by SIGPIPE.
    pub fn meets(&self, command: &mut Command) {
        // Open for as long as the parent's `Guardian` lives, which starts the command.
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
        // SAFETY: between fork and exec it makes two system calls.
        unsafe { command.pre_exec(introduce) };
    }

    /// Lets the command see the end of its input, once this program closes its own end.
    pub fn input_is_whole(&self) {
        self.tell(WHOLE);
        let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        *input = None;
    }

    /// Ends the guardian when this program ends by itself. If the input was not given whole and
    /// some process can still read it, the guardian stays for as long as that is so.
    pub fn end(&self) {
        let input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        if input.as_ref().is_some_and(has_reader) {
            self.tell(HOLD);
            return;
        }
        self.tell(LEAVE);
        // SAFETY: waitpid with a null status touches no memory; the child is ours, and only waited
        // for here.
        unsafe { libc::waitpid(self.process, std::ptr::null_mut(), 0) };
    }

    fn tell(&self, word: i32) {
        // It fails if somebody has killed the guardian. Then there is nobody to tell.
        let _ = (&self.words).write_all(&word.to_ne_bytes());
    }
}

fn has_reader(input: &OwnedFd) -> bool {
    let mut asked = libc::pollfd {
        fd: input.as_raw_fd(),
        events: 0,
        revents: 0,
    };
    // SAFETY: poll looks at the one pollfd that it is given, and does not wait.
    unsafe { libc::poll(&raw mut asked, 1, 0) };
    asked.revents == 0
}

/// Starts the process that [`guard`]s.
fn fork(heard: &PipeReader, input: &OwnedFd) -> io::Result<libc::pid_t> {
    // SAFETY: all zeros are valid sets of signals.
    let [mut all, mut before]: [libc::sigset_t; 2] = unsafe { std::mem::zeroed() };
    // SAFETY: both calls write only the sets that they are given. No handler of ours may run in the
    // child: it would tell this program, through a pipe that both have.
    unsafe {
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
    }
    // SAFETY: the child calls only `guard`, which never returns, takes no lock and no memory.
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

/// The guardian: a copy of a process with several threads, of which only this one is left. So it
/// makes system calls, and nothing else. All signals but SIGKILL and SIGSTOP are blocked.
fn guard(heard: RawFd, input: RawFd) -> ! {
    /// Descriptors of the two pipes; nothing else stays open.
    const HEARD: RawFd = 0;
    const INPUT: RawFd = 1;
    // SAFETY: none of these calls touches memory, but for a name that is a constant. Both
    // descriptors are above 2, which Rust's runtime keeps open, so neither replaces the other.
    unsafe {
        libc::dup2(heard, HEARD);
        libc::dup2(input, INPUT);
        close_from(2);
        // Signals of the terminal and of the shell's jobs go elsewhere.
        libc::setsid();
        libc::chdir(c"/".as_ptr());
        // So that `pkill balance` does not take it for one.
        #[cfg(target_os = "linux")]
        libc::prctl(libc::PR_SET_NAME, c"guardian".as_ptr());
    }
    let mut group = None;
    let mut may_end_group = true;
    loop {
        match hear(HEARD) {
            // SAFETY: the descriptor is this process's own, and nothing else owns it.
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
    // SAFETY: _exit runs nothing of this program.
    unsafe { libc::_exit(0) }
}

/// Closes all descriptors from this number on.
fn close_from(first: libc::c_int) {
    /// More are rarely open, and some systems allow a billion.
    const MOST: libc::c_int = 1 << 16;
    #[cfg(target_os = "linux")]
    // SAFETY: close_range touches no memory; whoever owned the descriptors is in another process.
    if unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_int::MAX, 0) } == 0 {
        return;
    }
    for descriptor in first..MOST {
        // SAFETY: as above.
        unsafe { libc::close(descriptor) };
    }
}

/// The next word; none when nobody can say any more.
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
    // SAFETY: kill touches no memory. The number stays the group's own while it has members, and is
    // not given out again at once after that.
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
        // SAFETY: nanosleep reads the pause; what would be left of it is not asked for.
        unsafe { libc::nanosleep(&raw const pause, std::ptr::null_mut()) };
    }
    send(libc::SIGKILL);
}

/// Waits until nobody can read a pipe any more. A process that has left its group is not ended,
/// and may wait for more input until somebody ends it: a hung process does less harm than one that
/// commits half of the data.
fn await_no_reader(descriptor: RawFd) {
    let mut asked = libc::pollfd {
        fd: descriptor,
        events: 0,
        revents: 0,
    };
    // SAFETY: poll looks at the one pollfd that it is given. The pipe's error, or that of a
    // descriptor that was closed, ends the wait.
    while unsafe { libc::poll(&raw mut asked, 1, -1) } < 1 && is_interrupted() {}
}
