//! The signals that end a program, told to whoever ends it well.

use std::sync::{Once, OnceLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::sys::process::ignores;

/// What a signal does. The second argument says whether another one has come since it was last asked.
pub type SignalHandler = fn(signal: i32, is_again: &mut dyn FnMut() -> bool);

static WORK: OnceLock<SignalHandler> = OnceLock::new();

/// Has this done for a signal, once they are watched.
pub fn on_signal(work: SignalHandler) {
    let _ = WORK.set(work);
}

/// Watches the signals. One that is ignored, as `nohup` and background jobs have it, stays ignored. Whoever
/// leaves what must not stay calls it first; until then a signal does what it does to every program, and no
/// thread waits for one.
pub fn watch() {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(start);
}

fn start() {
    let wanted = [SIGHUP, SIGINT, SIGTERM].map(|signal| (signal, ignores(signal)));
    let wanted = wanted.iter().filter(|(_, ignored)| !ignored);
    let Ok(mut signals) = Signals::new(wanted.map(|(signal, _)| signal)) else {
        return;
    };
    let watch = move || {
        loop {
            // All that have come: later ones are a second signal.
            let came: Vec<_> = signals.wait().collect();
            if let Some(signal) = came.first() {
                take(*signal, &mut || signals.pending().count() > 0);
            }
        }
    };
    // Without the thread, the notes stay as they are, which is a bad end, too.
    let _ = std::thread::Builder::new()
        .name("signals".to_owned())
        .stack_size(128 * 1024)
        .spawn(watch);
}

fn take(signal: i32, is_again: &mut dyn FnMut() -> bool) {
    match WORK.get() {
        Some(work) => work(signal, is_again),
        None => {
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    }
}
