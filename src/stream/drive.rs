//! The one loop: blocks are read in turn, worked on by as many threads as there are, and handed on
//! in turn.
//!
//! There are no queues. Each thread takes the next block under the reader's lock, works on it, and
//! waits until the blocks before it were handed on. So at most one block a thread is in memory,
//! order is kept, and one thread runs the very same code.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Flow, Input};
use crate::record::{Block, Fault};

/// Blocks that one thread does alone before others are woken: a small input never pays for them,
/// and a slow one never needs them.
const ALONE: u64 = 8;

/// A shorter block means that the source is slower than we are: other threads would only wait.
/// A full pipe of the usual 64 KiB makes one that is longer.
const BUSY_BLOCK: usize = 60 * 1024;

/// How long a thread tries to get at the reader before it sleeps: about as long as another takes to
/// read a block whose bytes are there. Where they are not, all but one should sleep.
const PATIENCE: Duration = Duration::from_micros(200);

/// What is done with each block, on any thread.
pub trait BlockWork: Sync {
    /// What one thread keeps from block to block.
    type Scratch: Send;
    /// What a block becomes; its memory is used again.
    type Yield: Send + Default;

    /// A thread's scratch at its start.
    fn scratch(&self) -> Self::Scratch;

    /// The longest block, in bytes, for which one thread of several is prepared.
    fn longest_block(&self) -> usize;

    /// Works on one block. If it fails, what it has yielded so far still counts.
    fn block(
        &self,
        scratch: &mut Self::Scratch,
        block: &mut Block,
        yielded: &mut Self::Yield,
    ) -> anyhow::Result<()>;

    /// Whether the work on the block is not done: what has become of its first part comes out before
    /// the rest is worked on.
    fn is_part(&self, _yielded: &Self::Yield) -> bool {
        false
    }

    /// Works on the next part of a block.
    fn go_on(
        &self,
        _scratch: &mut Self::Scratch,
        _block: &mut Block,
        _yielded: &mut Self::Yield,
    ) -> anyhow::Result<()> {
        Ok(())
    }

    /// Works on a block again, up to its bad record number `allowed` (from 0). It is called if earlier
    /// blocks turn out to have more bad records than were known when the work began.
    fn cut(
        &self,
        scratch: &mut Self::Scratch,
        block: &mut Block,
        yielded: &mut Self::Yield,
        allowed: usize,
    ) -> anyhow::Result<()>;

    /// Makes bad records of those that were refused after the work on the block.
    fn set_aside(
        &self,
        _scratch: &mut Self::Scratch,
        _block: &mut Block,
        _yielded: &mut Self::Yield,
        _refused: Vec<Refusal>,
    ) {
    }
}

/// A record that was refused after its block was worked on.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Its number among the records of the parcel, from 0.
    pub number: u64,
    /// Why.
    pub fault: Fault,
    /// Where it stood in the input, by source and line, if the block is not where it first stood.
    pub place: Option<(Arc<str>, u64)>,
}

/// What is still to be done with a block whose turn has come.
enum Rework {
    Cut(usize),
    SetAside(Vec<Refusal>),
}

/// Takes what each block became, in the order of the input.
pub type InOrder<'a, Y> = dyn FnMut(&mut Turned<'_, Y>) -> anyhow::Result<Flow> + Send + 'a;

/// A block whose turn has come.
pub struct Turned<'t, Y> {
    /// The block.
    pub block: &'t mut Block,
    /// The result of the work on it.
    pub yielded: &'t mut Y,
    rework: &'t mut Reworker<'t, Y>,
}

type Reworker<'t, Y> = dyn FnMut(&mut Block, &mut Y, Rework) -> anyhow::Result<()> + 't;

impl<Y> Turned<'_, Y> {
    /// Works on the block again, up to its bad record number `allowed` (from 0).
    pub fn cut(&mut self, allowed: usize) -> anyhow::Result<()> {
        (self.rework)(self.block, self.yielded, Rework::Cut(allowed))
    }

    /// Makes bad records of those that were refused, in ascending order.
    pub fn set_aside(&mut self, refused: Vec<Refusal>) -> anyhow::Result<()> {
        (self.rework)(self.block, self.yielded, Rework::SetAside(refused))
    }
}

/// Runs `work` over all of `input`, and gives back every thread's scratch, that of the calling
/// thread first.
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
            // Where the system gives no more threads, those that are there do the work.
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
    /// The block that is handed on next.
    next: u64,
    in_order: &'s mut InOrder<'s, Y>,
    failure: Option<anyhow::Error>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks, and tries for a while before it sleeps; whoever else wants to run here goes first.
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
    /// Takes blocks until there is none (false), or, where `alone`, until the input proved large
    /// and fast enough for more threads (true).
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
                    // What the block before it became was handed on already.
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

    /// The next block, or the failure to read it, which takes a place in the order as well: what
    /// stands before it must come out first.
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

    /// Hands on what a block became, or a part of it, when its turn has come.
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
        // Checked after the wait as well: an earlier block may have ended the run, and then nothing of
        // this one may come out.
        if self.is_over.load(Ordering::Acquire) {
            return;
        }
        // What a failed block made before it failed is whole records, and belongs to the output.
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

/// Lets no thread wait for one that panicked.
struct Waker<'s, 'a, Y>(&'s DriveState<'a, Y>);

impl<Y> Drop for Waker<'_, '_, Y> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.is_over.store(true, Ordering::Release);
            // Under the lock, so that no thread is between its look at `is_over` and its sleep.
            let _turn = lock(&self.0.turn);
            self.0.moved.notify_all();
        }
    }
}
