//! Watches the signals that end a program, and passes them to a handler.

use std::sync::{Once, OnceLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::sys::process::ignores;

/// Handles a signal. The second argument returns whether another one has arrived since it was last called.
pub type SignalHandler = fn(signal: i32, is_again: &mut dyn FnMut() -> bool);

static WORK: OnceLock<SignalHandler> = OnceLock::new();

/// Sets the handler for signals; it is called once they are watched.
pub fn on_signal(work: SignalHandler) {
    let _ = WORK.set(work);
}

/// Starts to watch the signals. One that is ignored, as under `nohup` and in background jobs, stays ignored. Code
/// that creates something that needs cleaning up calls this first; until then signals have their default effect,
/// and no thread waits for them.
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
            // All that have arrived; later ones count as a second signal.
            let came: Vec<_> = signals.wait().collect();
            if let Some(signal) = came.first() {
                take(*signal, &mut || signals.pending().count() > 0);
            }
        }
    };
    // Without the thread the notes still say `running`, which counts as a failure, too.
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
