//! Breakpoints that the kernel itself plants in code, hundreds at once: `BPF_TRACE_UPROBE_MULTI`, Linux 6.6.
//!
//! For code that is seldom run. The kernel writes a trap over an instruction and runs what was there aside;
//! it takes everything back when the link is closed, also when we die (see `shield`). A signal sent by the program
//! comes when the instruction has been run, so the thread stops *behind* it: a probe belongs on the
//! instruction before the one that matters. An arrival costs as much as one at a breakpoint of the
//! processor, and cannot be silenced at once: a site that turns out to be hot is taken out. So that this happens
//! when a program that slept gets its load, not when somebody looks, the [`ALARM`]th arrival sends a signal, too.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use super::TraceError;
use super::bpf::{Code, Jump, Purpose, UPROBE_MULTI, link};
use super::program::{ALARMED, MOST_PROBES, PROBES, SEND_SIGNAL_THREAD, STOP, StopProgram};
use super::shield::shielded;

/// `bpf_get_attach_cookie` of `enum bpf_func_id`.
const GET_ATTACH_COOKIE: i32 = 174;
/// Words of a probe: arrivals, and whether it may stop.
const WORDS: usize = 2;
/// So many arrivals since a probe was looked at give the alarm.
const ALARM: i32 = 8;
/// What a probe that gives no alarm any more counts from.
const SILENT: u64 = 1 << 32;

/// The program that probes run.
#[derive(Debug)]
pub struct ProbeProgram {
    pub(super) program: OwnedFd,
    path: CString,
    pub(super) file: Option<File>,
    pid: u32,
}

/// Where to plant a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// In the file of the program.
    pub offset: u64,
    /// Its number: below [`Probe::MOST`], each used once at a time.
    pub number: usize,
}

/// Probes in place, until this is dropped; that takes some milliseconds.
#[derive(Debug)]
pub struct Planted {
    link: Option<OwnedFd>,
}

/// `union bpf_attr`, its part for making a link of many probes.
#[repr(C)]
#[derive(Default)]
struct LinkAttr {
    prog_fd: u32,
    target_fd: u32,
    attach_type: u32,
    flags: u32,
    path: u64,
    offsets: u64,
    ref_ctr_offsets: u64,
    cookies: u64,
    count: u32,
    multi_flags: u32,
    pid: u32,
    reserved: u32,
}

impl Probe {
    /// So many at a time.
    pub const MOST: usize = MOST_PROBES;
}

impl ProbeProgram {
    /// Loads it for process `pid`. Threads are stopped when `stop` is armed.
    ///
    /// # Errors
    /// The kernel has no such programs, or does not let us.
    pub fn load(pid: u32, stop: &StopProgram) -> Result<ProbeProgram, TraceError> {
        let mut code = Code::default();
        code.set_words(7, &stop.words);
        code.call(GET_ATTACH_COOKIE);
        code.and(0, MOST_PROBES as i32 - 1);
        code.multiply(0, (8 * WORDS) as i32);
        code.copy(8, 7);
        code.add_register(8, 0);
        code.add(8, (8 * PROBES) as i32);
        code.set(1, 1);
        code.fetch_add(8, 0, 1);
        code.jump(Jump::Equal, 1, ALARM - 1, "alarm");
        code.load(1, 8, 8);
        code.jump(Jump::Equal, 1, 0, "end");
        code.set(2, 0);
        code.exchange(7, 8 * STOP, 2);
        code.jump(Jump::Equal, 2, 0, "end");
        code.set(1, libc::SIGURG);
        code.call(SEND_SIGNAL_THREAD);
        code.label("end");
        code.return_value(0);
        code.label("alarm");
        code.set(2, 1);
        code.store(7, 8 * ALARMED, 2);
        code.set(1, libc::SIGURG);
        code.call(SEND_SIGNAL_THREAD);
        code.return_value(0);
        let program = code
            .load_program(Purpose::UprobeMulti)
            .map_err(|cause| TraceError::Program { cause })?;
        // In the target's root, whatever that is.
        let path = format!("/proc/{pid}/exe");
        let file = File::open(&path).ok();
        let path = CString::new(path).unwrap_or_default();
        Ok(ProbeProgram { program, path, file, pid })
    }

    /// Plants all of `probes`, or none. Takes some milliseconds.
    ///
    /// # Errors
    /// The kernel cannot plant one of them, or there is no such feature.
    pub fn plant(&self, probes: &[Probe]) -> Result<Planted, TraceError> {
        self.read_pages(probes);
        let offsets: Vec<u64> = probes.iter().map(|probe| probe.offset).collect();
        let cookies: Vec<u64> = probes.iter().map(|probe| probe.number as u64).collect();
        let attr = LinkAttr {
            prog_fd: self.program.as_raw_fd() as u32,
            attach_type: UPROBE_MULTI,
            path: self.path.as_ptr().expose_provenance() as u64,
            offsets: offsets.as_ptr().expose_provenance() as u64,
            cookies: cookies.as_ptr().expose_provenance() as u64,
            count: probes.len() as u32,
            pid: self.pid,
            ..LinkAttr::default()
        };
        let link = link(&attr).map_err(|cause| TraceError::Probe { cause })?;
        Ok(Planted { link: Some(link) })
    }

    /// Where the kernel has to read a page of the file itself, ext4 of Linux 6.18 complains in its log: a lock
    /// that it expects is not held.
    fn read_pages(&self, probes: &[Probe]) {
        let Some(file) = &self.file else { return };
        for probe in probes {
            // If it cannot be read, the kernel will say so.
            let _ = file.read_at(&mut [0], probe.offset);
        }
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        let Some(link) = self.link.take().map(IntoRawFd::into_raw_fd) else { return };
        // SAFETY: the descriptor was this link's alone, and nobody uses it afterwards.
        shielded(|| unsafe {
            libc::close(link);
        });
    }
}

impl StopProgram {
    /// Whether arrivals at a probe may be stopped.
    pub fn prepare_probe(&self, number: usize, may_stop: bool) {
        let at = PROBES + WORDS * (number % MOST_PROBES);
        self.words.word(at + 1).store(u64::from(may_stop), SeqCst);
    }

    /// Arrivals at a probe since the last call.
    pub fn probe_arrivals(&self, number: usize) -> u64 {
        self.arrivals_word(number).swap(0, SeqCst) % SILENT
    }

    /// A probe that is about to be taken back gives no alarm any more; its arrivals are counted on.
    pub fn silence_probe(&self, number: usize) {
        self.arrivals_word(number).fetch_or(SILENT, SeqCst);
    }

    /// Whether a probe has had many arrivals since it was looked at; the thread that came gets SIGURG.
    pub fn is_alarmed(&self) -> bool {
        self.words.word(ALARMED).load(SeqCst) != 0
    }

    /// The same, and it is over.
    pub fn take_alarm(&self) -> bool {
        self.words.word(ALARMED).swap(0, SeqCst) != 0
    }

    fn arrivals_word(&self, number: usize) -> &AtomicU64 {
        self.words.word(PROBES + WORDS * (number % MOST_PROBES))
    }
}
