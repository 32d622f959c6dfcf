//! Lowers the priority of threads.

/// Sets the niceness (1 to 19) of the calling thread and the threads that it starts. Only Linux has a
/// niceness per thread; on other systems, and if it is not permitted, nothing changes.
pub(crate) fn lower(niceness: i32) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, niceness) {
        tracing::debug!(%error, "a thread of the event store runs at normal priority");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = niceness;
}
