//! Counts allocations and allocated bytes, for each thread separately.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    // Below zero on a thread that frees what another thread allocated.
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

fn live(change: isize) {
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + change);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

// SAFETY: each call is passed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        live(layout.size().cast_signed());
        // SAFETY: the caller keeps the contract of this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        live(-layout.size().cast_signed());
        // SAFETY: the caller keeps the contract of this function.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

pub fn on_this_thread() -> usize {
    COUNT.get()
}

/// The bytes that this thread allocated, minus those that it freed.
#[allow(dead_code, reason = "the benches only count allocations")]
pub fn held_by_this_thread() -> isize {
    LIVE.get()
}

/// The largest rise of this thread's allocated bytes since a moment.
pub struct PeakSince(isize);

impl PeakSince {
    pub fn now() -> Self {
        PEAK.set(LIVE.get());
        Self(LIVE.get())
    }

    pub fn bytes(&self) -> usize {
        usize::try_from(PEAK.get() - self.0).unwrap_or(0)
    }
}
