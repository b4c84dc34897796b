//! The options that the race runtime knows, and what each takes.
//!
//! Source: `GORACE=help=1` of Go 1.26; the parsers in LLVM's `sanitizer_flag_parser.h`.

use super::GoraceError;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Bool,
    Int,
    Unsigned,
    Text,
}

pub(super) fn check(name: &str, value: &str, kind: Type) -> Result<(), GoraceError> {
    let digits = value.strip_prefix(['-', '+']).unwrap_or(value);
    let number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let (fine, expected) = match kind {
        Type::Bool => {
            (matches!(value, "0" | "no" | "false" | "1" | "yes" | "true"), "0 or 1 (no or yes)")
        }
        Type::Int => (number && value.parse::<i32>().is_ok(), "a whole number"),
        Type::Unsigned => (number && value.parse::<u64>().is_ok(), "a whole number, not negative"),
        Type::Text => (true, ""),
    };
    match fine {
        true => Ok(()),
        false => {
            Err(GoraceError::BadValue { name: name.to_owned(), value: value.to_owned(), expected })
        }
    }
}

pub(super) fn type_of(name: &str) -> Option<Type> {
    KNOWN.iter().find(|(_, names)| names.contains(&name)).map(|(kind, _)| *kind)
}

const KNOWN: [(Type, &[&str]); 4] = [
    (
        Type::Bool,
        &[
            "enable_annotations",
            "suppress_equal_stacks",
            "report_bugs",
            "report_thread_leaks",
            "report_destroy_locked",
            "report_mutex_bugs",
            "report_signal_unsafe",
            "report_atomic_races",
            "force_seq_cst_atomics",
            "force_background_thread",
            "halt_on_error",
            "stop_on_start",
            "running_on_valgrind",
            "die_after_fork",
            "ignore_interceptors_accesses",
            "ignore_noninstrumented_modules",
            "shared_ptr_interceptor",
            "print_full_thread_history",
            "second_deadlock_stack",
            "symbolize",
            "allow_addr2line",
            "fast_unwind_on_check",
            "fast_unwind_on_fatal",
            "fast_unwind_on_malloc",
            "handle_ioctl",
            "log_exe_name",
            "log_to_syslog",
            "strip_env",
            "verify_interceptors",
            "detect_leaks",
            "leak_check_at_exit",
            "allocator_may_return_null",
            "print_summary",
            "check_printf",
            "allow_user_segv_handler",
            "use_sigaltstack",
            "detect_deadlocks",
            "legacy_pthread_cond",
            "intercept_tls_get_addr",
            "help",
            "heap_profile",
            "can_use_proc_maps_statm",
            "coverage",
            "full_address_space",
            "print_suppressions",
            "disable_coredump",
            "use_madv_dontdump",
            "symbolize_inline_frames",
            "demangle",
            "decorate_proc_maps",
            "test_only_emulate_no_memorymap",
            "test_only_replace_dlopen_main_program",
            "enable_symbolizer_markup",
            "detect_invalid_join",
            "intercept_strstr",
            "intercept_strspn",
            "intercept_strtok",
            "intercept_strpbrk",
            "intercept_strcmp",
            "intercept_strlen",
            "intercept_strndup",
            "intercept_strchr",
            "intercept_memcmp",
            "strict_memcmp",
            "intercept_memmem",
            "intercept_intrin",
            "intercept_stat",
            "intercept_send",
            "abort_on_error",
            "detect_stack_use_after_return",
            "detect_write_exec",
            "html_cov_report",
        ],
    ),
    (
        Type::Int,
        &[
            "exitcode",
            "atexit_sleep_ms",
            "flush_memory_ms",
            "flush_symbolizer_ms",
            "memory_limit_mb",
            "io_sync",
            "malloc_context_size",
            "verbosity",
            "print_module_map",
            "allocator_release_to_os_interval_ms",
        ],
    ),
    (
        Type::Unsigned,
        &[
            "history_size",
            "clear_shadow_mmap_threshold",
            "mmap_limit_mb",
            "hard_rss_limit_mb",
            "soft_rss_limit_mb",
            "max_allocation_size_mb",
        ],
    ),
    (
        Type::Text,
        &[
            "log_path",
            "log_suffix",
            "suppressions",
            "strip_path_prefix",
            "external_symbolizer_path",
            "profile_memory",
            "color",
            "coverage_dir",
            "cov_8bit_counters_out",
            "cov_pcs_out",
            "dedup_token_length",
            "handle_segv",
            "handle_sigbus",
            "handle_abort",
            "handle_sigill",
            "handle_sigtrap",
            "handle_sigfpe",
            "stack_trace_format",
            "sanitizer_coverage_flags",
            "include",
            "include_if_exists",
        ],
    ),
];
