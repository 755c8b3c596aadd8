//! The main loop: blocks are read in order, processed by several threads, and delivered in order.
//!
//! There are no queues. Each thread takes the next block under the reader's lock, processes it, and waits until the
//! blocks before it were delivered. So at most one block per thread is in memory, order is kept, and one thread
//! runs the same code as many.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Flow, Input};
use crate::record::{Block, Fault};

/// Blocks that one thread processes before others are started: small or slow inputs do not pay for threads.
const ALONE: u64 = 8;

/// A shorter block means that the source is slower than this program, so more threads would only wait. A full pipe
/// of the usual 64 KiB yields a longer one.
const BUSY_BLOCK: usize = 60 * 1024;

/// How long a thread retries the reader's lock before it sleeps: about the time in which another thread reads a
/// block that is available. If none is, all threads but one should sleep.
const PATIENCE: Duration = Duration::from_micros(200);

/// The processing of each block, on any thread.
pub trait BlockWork: Sync {
    /// State that each thread keeps between blocks.
    type Scratch: Send;
    /// The result for a block; its memory is reused.
    type Yield: Send + Default;

    /// Returns the initial state of a thread.
    fn scratch(&self) -> Self::Scratch;

    /// Returns the longest block, in bytes, that one of several threads can handle.
    fn longest_block(&self) -> usize;

    /// Processes one block. If it fails, what it has yielded so far still counts.
    fn block(
        &self,
        scratch: &mut Self::Scratch,
        block: &mut Block,
        yielded: &mut Self::Yield,
    ) -> anyhow::Result<()>;

    /// Whether the block is only partly processed: the result so far is delivered before the rest is processed.
    fn is_part(&self, _yielded: &Self::Yield) -> bool {
        false
    }

    /// Processes the next part of a block.
    fn go_on(
        &self,
        _scratch: &mut Self::Scratch,
        _block: &mut Block,
        _yielded: &mut Self::Yield,
    ) -> anyhow::Result<()> {
        Ok(())
    }

    /// Processes a block again, up to its bad record number `allowed` (from 0). Called if earlier blocks turn out
    /// to have more bad records than were known when the block was processed.
    fn cut(
        &self,
        scratch: &mut Self::Scratch,
        block: &mut Block,
        yielded: &mut Self::Yield,
        allowed: usize,
    ) -> anyhow::Result<()>;

    /// Marks records as bad that were rejected after the block was processed.
    fn set_aside(
        &self,
        _scratch: &mut Self::Scratch,
        _block: &mut Block,
        _yielded: &mut Self::Yield,
        _refused: Vec<Refusal>,
    ) {
    }
}

/// A record that was rejected after its block was processed.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Its number among the records of the parcel, from 0.
    pub number: u64,
    /// Why.
    pub fault: Fault,
    /// Its source and line in the input, if they are not those in the block.
    pub place: Option<(Arc<str>, u64)>,
}

/// What remains to be done with a block whose turn has come.
enum Rework {
    Cut(usize),
    SetAside(Vec<Refusal>),
}

/// Receives the result for each block, in the order of the input.
pub type InOrder<'a, Y> = dyn FnMut(&mut Turned<'_, Y>) -> anyhow::Result<Flow> + Send + 'a;

/// A block whose turn has come.
pub struct Turned<'t, Y> {
    /// The block.
    pub block: &'t mut Block,
    /// The result of processing it.
    pub yielded: &'t mut Y,
    rework: &'t mut Reworker<'t, Y>,
}

type Reworker<'t, Y> = dyn FnMut(&mut Block, &mut Y, Rework) -> anyhow::Result<()> + 't;

impl<Y> Turned<'_, Y> {
    /// Processes the block again, up to its bad record number `allowed` (from 0).
    pub fn cut(&mut self, allowed: usize) -> anyhow::Result<()> {
        (self.rework)(self.block, self.yielded, Rework::Cut(allowed))
    }

    /// Marks the rejected records, in ascending order, as bad.
    pub fn set_aside(&mut self, refused: Vec<Refusal>) -> anyhow::Result<()> {
        (self.rework)(self.block, self.yielded, Rework::SetAside(refused))
    }
}

/// Runs `work` over all of `input`. Returns the state of every thread, the calling thread's first.
pub fn drive<W: BlockWork>(
    input: &mut Input,
    work: &W,
    threads: usize,
    in_order: &mut InOrder<'_, W::Yield>,
) -> anyhow::Result<Vec<W::Scratch>> {
    let shared = DriveState {
        input: Mutex::new(input),
        turn: Mutex::new(Turn {
            next: 0,
            in_order,
            failure: None,
        }),
        moved: Condvar::new(),
        is_over: AtomicBool::new(false),
    };
    let mut scratches = vec![];
    let mut own = work.scratch();
    let go_on = shared.run(work, &mut own, true);
    scratches.push(own);
    if go_on && threads > 1 {
        lock(&shared.input).share(threads, work.longest_block());
        std::thread::scope(|scope| {
            // If the system refuses more threads, those that exist do the work.
            let helpers: Vec<_> = (1..threads)
                .map_while(|_| {
                    std::thread::Builder::new()
                        .spawn_scoped(scope, || {
                            let mut scratch = work.scratch();
                            shared.run(work, &mut scratch, false);
                            scratch
                        })
                        .ok()
                })
                .collect();
            shared.run(work, &mut scratches[0], false);
            for helper in helpers {
                match helper.join() {
                    Ok(scratch) => scratches.push(scratch),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        });
    } else if go_on {
        shared.run(work, &mut scratches[0], false);
    }
    match lock(&shared.turn).failure.take() {
        Some(failure) => Err(failure),
        None => Ok(scratches),
    }
}

struct DriveState<'s, Y> {
    input: Mutex<&'s mut Input>,
    turn: Mutex<Turn<'s, Y>>,
    moved: Condvar,
    is_over: AtomicBool,
}

struct Turn<'s, Y> {
    /// The block that is delivered next.
    next: u64,
    in_order: &'s mut InOrder<'s, Y>,
    failure: Option<anyhow::Error>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks a mutex, yielding the processor and retrying for a while before it sleeps.
fn lock_patiently<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    if let Ok(free) = mutex.try_lock() {
        return free;
    }
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        std::thread::yield_now();
        if let Ok(free) = mutex.try_lock() {
            return free;
        }
    }
    lock(mutex)
}

impl<Y: Send + Default> DriveState<'_, Y> {
    /// Processes blocks until there are no more (false) or, if `alone`, until the input has proved large and fast
    /// enough for more threads (true).
    fn run<W: BlockWork<Yield = Y>>(
        &self,
        work: &W,
        scratch: &mut W::Scratch,
        alone: bool,
    ) -> bool {
        let _waker = Waker(self);
        let mut yielded = Y::default();
        let mut spare = Vec::new();
        let mut busy = 0;
        while !self.is_over.load(Ordering::Acquire) {
            let (sequence, block) = match self.read(&mut spare) {
                Some(read) => read,
                None => return false,
            };
            let (mut block, result) = match block {
                Err(failure) => {
                    // The result of the previous block was already delivered.
                    yielded = Y::default();
                    (Block::default(), Err(failure))
                }
                Ok(mut block) => {
                    let result = work.block(scratch, &mut block, &mut yielded);
                    (block, result)
                }
            };
            busy = if block.bytes.len() < BUSY_BLOCK {
                0
            } else {
                busy + 1
            };
            let mut result = result;
            loop {
                let is_part = result.is_ok() && work.is_part(&yielded);
                let mut rework = |block: &mut Block, yielded: &mut Y, what| match what {
                    Rework::Cut(allowed) => work.cut(scratch, block, yielded, allowed),
                    Rework::SetAside(refused) => {
                        work.set_aside(scratch, block, yielded, refused);
                        Ok(())
                    }
                };
                let turned = Turned {
                    block: &mut block,
                    yielded: &mut yielded,
                    rework: &mut rework,
                };
                self.hand_on((sequence, is_part), turned, result);
                if !is_part || self.is_over.load(Ordering::Acquire) {
                    break;
                }
                result = work.go_on(scratch, &mut block, &mut yielded);
            }
            spare = std::mem::take(&mut block.bytes);
            if alone && busy == ALONE {
                return true;
            }
        }
        false
    }

    /// Reads the next block. A failure to read takes a place in the order as well, so that the blocks before it are
    /// delivered first.
    fn read(&self, spare: &mut Vec<u8>) -> Option<(u64, anyhow::Result<Block>)> {
        let mut input = lock_patiently(&self.input);
        let sequence = input.sequence();
        match input.next(spare) {
            Ok(None) => None,
            Ok(Some(block)) => Some((sequence, Ok(block))),
            Err(failure) => {
                input.stop();
                Some((sequence, Err(failure)))
            }
        }
    }

    /// Delivers the result of a block, or of a part of it, when its turn has come.
    fn hand_on(
        &self,
        (sequence, is_part): (u64, bool),
        mut turned: Turned<'_, Y>,
        result: anyhow::Result<()>,
    ) {
        let mut turn = lock(&self.turn);
        while turn.next != sequence && !self.is_over.load(Ordering::Acquire) {
            turn = self
                .moved
                .wait(turn)
                .unwrap_or_else(PoisonError::into_inner);
        }
        // Checked after the wait, because an earlier block may have ended the run, and then nothing of this one may
        // be delivered.
        if self.is_over.load(Ordering::Acquire) {
            return;
        }
        // A block that failed has yielded whole records before its failure; they belong to the output.
        let flow = (turn.in_order)(&mut turned);
        match (flow, result) {
            (Ok(Flow::More), Ok(())) => {}
            (Ok(Flow::Enough), _) => self.is_over.store(true, Ordering::Release),
            (Ok(Flow::More), Err(failure)) | (Err(failure), _) => {
                turn.failure = Some(failure);
                self.is_over.store(true, Ordering::Release);
            }
        }
        if !is_part {
            turn.next += 1;
        }
        self.moved.notify_all();
    }
}

/// Wakes the other threads if this one panics, so that none waits for it forever.
struct Waker<'s, 'a, Y>(&'s DriveState<'a, Y>);

impl<Y> Drop for Waker<'_, '_, Y> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.is_over.store(true, Ordering::Release);
            // Under the lock, so that no thread is between its check of `is_over` and its sleep.
            let _turn = lock(&self.0.turn);
            self.0.moved.notify_all();
        }
    }
}
