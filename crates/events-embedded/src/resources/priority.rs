//! Threads that give way to others.

/// Lowers the priority of the calling thread to this niceness (1 to 19), which its threads inherit. Only
/// Linux has priorities of threads; elsewhere, and where it is not allowed, nothing changes.
pub(crate) fn lower(niceness: i32) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, niceness) {
        tracing::debug!(%error, "a thread of the event store runs at normal priority");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = niceness;
}
