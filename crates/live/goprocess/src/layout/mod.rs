//! Where the fields of the runtime's structures lie: `g.goid` is at byte 152 of a `g`.
//!
//! From a program's own debug information where it has some, else from a table by Go version that
//! `cargo xtask offsets` makes out of programs built by each Go (`table`). A Go newer than the table is
//! tried with its newest column; what is read is checked before it is believed.
//!
//! Not here: reading debug information (`binary::dwarf`). Start at [`Layout`].

mod table;

use crate::BuildInfo;
use crate::LinkAddr;
use crate::binary::{Architecture, Binary};
use crate::bytes::u64_at;

/// In the table: the field does not exist in this version.
pub(crate) const ABSENT: u16 = u16::MAX;

macro_rules! layout {
    ($($(#[doc = $doc:literal])* $field:ident: $kind:ident = $structure:literal . $path:literal,)*) => {
        /// Offsets in bytes; a field named `…_size` is a structure's size. Fields that some version
        /// lacks are options.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Layout {
            $(
                #[doc = concat!("`", $path, "` of `", $structure, "`.")]
                $(#[doc = $doc])*
                pub $field: layout!(@type $kind),
            )*
        }

        impl Layout {
            /// Every field: its name, its structure and the path in it (alternatives by `|`; empty
            /// for the structure's size).
            pub const FIELDS: &'static [(&'static str, &'static str, &'static str)] =
                &[$((stringify!($field), $structure, $path),)*];

            /// Fills the fields from `offset`, which is asked in the order of [`Self::FIELDS`]; the
            /// name of a field that must be there and is not.
            fn fill(
                mut offset: impl FnMut(&'static str, &'static str, &'static str) -> Option<u16>,
            ) -> Result<Layout, &'static str> {
                Ok(Layout {
                    $($field: layout!(@value $kind stringify!($field),
                        offset(stringify!($field), $structure, $path)),)*
                })
            }

            /// The offsets in the order of [`Self::FIELDS`], `None` where this Go has no such field.
            pub fn offsets(&self) -> Vec<Option<u16>> {
                vec![$(layout!(@option $kind self.$field),)*]
            }
        }
    };
    (@type always) => { u16 };
    (@type maybe) => { Option<u16> };
    (@value always $name:expr, $offset:expr) => { $offset.ok_or($name)? };
    (@value maybe $name:expr, $offset:expr) => { $offset };
    (@option always $value:expr) => { Some($value) };
    (@option maybe $value:expr) => { $value };
}

layout! {
    g_size: always = "runtime.g" . "",
    g_stack_lo: always = "runtime.g" . "stack.lo",
    g_stack_hi: always = "runtime.g" . "stack.hi",
    g_defer: always = "runtime.g" . "_defer",
    g_m: always = "runtime.g" . "m",
    g_sched_sp: always = "runtime.g" . "sched.sp",
    g_sched_pc: always = "runtime.g" . "sched.pc",
    g_sched_bp: always = "runtime.g" . "sched.bp",
    g_syscallsp: always = "runtime.g" . "syscallsp",
    g_syscallpc: always = "runtime.g" . "syscallpc",
    g_syscallbp: maybe = "runtime.g" . "syscallbp",
    g_atomicstatus: always = "runtime.g" . "atomicstatus",
    g_goid: always = "runtime.g" . "goid",
    g_waitsince: always = "runtime.g" . "waitsince",
    g_waitreason: always = "runtime.g" . "waitreason",
    g_tracking_seq: always = "runtime.g" . "trackingSeq",
    g_lockedm: always = "runtime.g" . "lockedm",
    g_parent_goid: always = "runtime.g" . "parentGoid",
    g_gopc: always = "runtime.g" . "gopc",
    g_startpc: always = "runtime.g" . "startpc",
    g_waiting: always = "runtime.g" . "waiting",
    g_labels: always = "runtime.g" . "labels",
    g_timer: always = "runtime.g" . "timer",
    g_sleep_when: maybe = "runtime.g" . "sleepWhen",
    m_g0: always = "runtime.m" . "g0",
    m_procid: always = "runtime.m" . "procid",
    m_gsignal: always = "runtime.m" . "gsignal",
    m_curg: always = "runtime.m" . "curg",
    m_p: always = "runtime.m" . "p",
    m_id: always = "runtime.m" . "id",
    m_alllink: always = "runtime.m" . "alllink",
    sudog_size: always = "runtime.sudog" . "",
    sudog_g: always = "runtime.sudog" . "g",
    sudog_next: always = "runtime.sudog" . "next",
    sudog_prev: always = "runtime.sudog" . "prev",
    sudog_elem: always = "runtime.sudog" . "elem.vu|elem",
    sudog_acquiretime: always = "runtime.sudog" . "acquiretime",
    sudog_is_select: always = "runtime.sudog" . "isSelect",
    sudog_waitlink: always = "runtime.sudog" . "waitlink",
    sudog_c: always = "runtime.sudog" . "c.vu|c",
    hchan_size: always = "runtime.hchan" . "",
    hchan_qcount: always = "runtime.hchan" . "qcount",
    hchan_dataqsiz: always = "runtime.hchan" . "dataqsiz",
    hchan_closed: always = "runtime.hchan" . "closed",
    hchan_elemtype: always = "runtime.hchan" . "elemtype",
    hchan_recvq: always = "runtime.hchan" . "recvq",
    hchan_sendq: always = "runtime.hchan" . "sendq",
    p_id: always = "runtime.p" . "id",
    p_gcw: always = "runtime.p" . "gcw",
    p_wbbuf: always = "runtime.p" . "wbBuf",
    wbbuf_size: always = "runtime.wbBuf" . "",
    mspan_size: always = "runtime.mspan" . "",
    mspan_start: always = "runtime.mspan" . "startAddr",
    mspan_npages: always = "runtime.mspan" . "npages",
    mspan_elemsize: always = "runtime.mspan" . "elemsize",
    mspan_spanclass: always = "runtime.mspan" . "spanclass",
    mspan_state: always = "runtime.mspan" . "state",
    moduledata_size: always = "runtime.moduledata" . "",
    moduledata_pcheader: always = "runtime.moduledata" . "pcHeader",
    moduledata_pclntable: always = "runtime.moduledata" . "pclntable",
    moduledata_ftab: always = "runtime.moduledata" . "ftab",
    moduledata_text: always = "runtime.moduledata" . "text",
    moduledata_etext: always = "runtime.moduledata" . "etext",
    moduledata_noptrdata: always = "runtime.moduledata" . "noptrdata",
    moduledata_enoptrdata: always = "runtime.moduledata" . "enoptrdata",
    moduledata_data: always = "runtime.moduledata" . "data",
    moduledata_edata: always = "runtime.moduledata" . "edata",
    moduledata_bss: always = "runtime.moduledata" . "bss",
    moduledata_ebss: always = "runtime.moduledata" . "ebss",
    moduledata_noptrbss: always = "runtime.moduledata" . "noptrbss",
    moduledata_enoptrbss: always = "runtime.moduledata" . "enoptrbss",
    moduledata_types: always = "runtime.moduledata" . "types",
    moduledata_etypes: always = "runtime.moduledata" . "etypes",
    moduledata_gofunc: always = "runtime.moduledata" . "gofunc",
    moduledata_next: always = "runtime.moduledata" . "next",
    /// Maps of Go 1.23 and before.
    hmap_flags: maybe = "runtime.hmap" . "flags",
    hmap_b: maybe = "runtime.hmap" . "B",
    hmap_buckets: maybe = "runtime.hmap" . "buckets",
    /// Maps of Go 1.24 and later.
    swiss_used: maybe = "internal/runtime/maps.Map" . "used",
    swiss_writing: maybe = "internal/runtime/maps.Map" . "writing",
}

/// Where a [`Layout`] came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutSource {
    /// The program's own debug information.
    DebugInfo,
    /// The table's column for its Go version.
    Table,
    /// The table's newest column, since the program's Go is newer: right if it did not change.
    Guess,
}

impl Layout {
    /// The layout of the runtime in `binary`.
    pub(crate) fn of(binary: &Binary, build: &BuildInfo) -> Option<(Layout, LayoutSource)> {
        if let Some(layout) = Layout::from_debug_info(binary) {
            return Some((layout, LayoutSource::DebugInfo));
        }
        let minor = build.minor();
        let newest = table::VERSIONS.last().copied()?;
        let known = minor.filter(|minor| table::VERSIONS.contains(minor));
        let source = if known.is_some() { LayoutSource::Table } else { LayoutSource::Guess };
        Some((Layout::from_table(binary.architecture, known.unwrap_or(newest))?, source))
    }

    /// The layout as `binary`'s own debug information has it.
    pub fn from_debug_info(binary: &Binary) -> Option<Layout> {
        let structures = binary.structures(Layout::FIELDS.iter().map(|(_, name, _)| *name))?;
        let filled = Layout::fill(|_, name, path| {
            let structure = structures.get(name)?;
            if path.is_empty() {
                return Some(structure.size);
            }
            path.split('|').find_map(|path| structure.offset_of(path))
        });
        match filled {
            Ok(layout) => Some(layout),
            Err(field) => {
                tracing::debug!(field, "the debug information lacks a field of the runtime");
                None
            }
        }
    }

    /// The table's layout for Go 1.`minor`.
    pub fn from_table(architecture: Architecture, minor: u32) -> Option<Layout> {
        let column = table::VERSIONS.iter().position(|known| *known == minor)?;
        let rows = match architecture {
            Architecture::Amd64 => table::AMD64,
            Architecture::Arm64 => table::ARM64,
        };
        let offset = |field: &str| {
            let (_, row) = rows.iter().find(|(name, _)| *name == field)?;
            row.get(column).copied().filter(|offset| *offset != ABSENT)
        };
        Layout::fill(|field, _, _| offset(field)).ok()
    }
}

/// What the wait reasons are called, by number, as a program with symbols that is not position-independent
/// has them in its file: for making the table.
pub fn wait_reasons_in(binary: &Binary) -> Option<Vec<String>> {
    const LONGEST: u64 = 64;
    let symbol = binary.symbol("runtime.waitReasonStrings")?;
    let headers = binary.bytes(symbol.address, symbol.size)?;
    let text = |header: &[u8]| {
        let len = u64_at(header, 8).filter(|len| *len <= LONGEST)?;
        if len == 0 {
            return Some(String::new());
        }
        String::from_utf8(binary.bytes(LinkAddr(u64_at(header, 0)?), len)?).ok()
    };
    headers.chunks_exact(16).map(text).collect()
}

/// What the wait reasons of Go 1.`minor` are called, by number.
pub(crate) fn wait_reasons(minor: Option<u32>) -> &'static [&'static str] {
    let known = |minor| table::WAIT_REASONS.iter().find(|(known, _)| Some(*known) == minor);
    known(minor).or(table::WAIT_REASONS.last()).map_or(&[], |(_, reasons)| *reasons)
}
