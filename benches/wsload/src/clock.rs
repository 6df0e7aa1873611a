//! Cheap time stamps: the processor's counter where there is an invariant one, else the clock.
use crate::sys;

/// Converts ticks to nanoseconds.
#[derive(Clone)]
pub struct Clock {
    ns_per_tick: f64,
}

impl Clock {
    /// Compares the counter with the clock for 30 ms.
    pub fn calibrate() -> Self {
        let (start_ns, start) = (sys::mono_ns(), ticks());
        while sys::mono_ns() - start_ns < 30_000_000 {
            std::hint::spin_loop();
        }
        let (end_ns, end) = (sys::mono_ns(), ticks());
        Self {
            ns_per_tick: (end_ns - start_ns) as f64 / (end - start) as f64,
        }
    }

    #[inline]
    pub fn since_ns(&self, earlier: u64, later: u64) -> u64 {
        (later.saturating_sub(earlier) as f64 * self.ns_per_tick) as u64
    }

    pub fn ticks_of_ns(&self, ns: f64) -> u64 {
        (ns / self.ns_per_tick) as u64
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
pub fn ticks() -> u64 {
    // SAFETY: reads a register; every x86-64 processor has it.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub fn ticks() -> u64 {
    sys::mono_ns()
}
