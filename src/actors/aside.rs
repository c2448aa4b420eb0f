//! Work on a thread of its own, which may take a while: the end of the process does not wait for it.

use std::sync::Once;
use std::thread;

use rustix::process::{Pid, setpriority_process};
use tokio::sync::oneshot;

use crate::warn_limited;

/// How much further down a thread is put that yields to others: nine tenths of a processor are theirs then.
const NICER: i32 = 10;

/// How a thread shares the processor with others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Share {
    /// As they do.
    Equal,
    /// It yields to them.
    Yielding,
}

/// Has a thread yield to others; the calling one when none is named. Where the system does not let it, that is logged
/// once: the thread works as well, and gets more of the processor than it should.
pub(crate) fn yield_to_others(thread: Option<Pid>) {
    static LOGGED: Once = Once::new();
    match setpriority_process(thread, NICER) {
        // A thread that has ended takes nothing from others.
        Ok(()) | Err(rustix::io::Errno::SRCH) => {}
        Err(problem) => LOGGED.call_once(|| {
            tracing::warn!(
                "the system does not let a thread yield to others ({problem}), so what takes long may delay what is short; \
                 allow the system call setpriority (SystemCallFilter= in the service's unit)"
            );
        }),
    }
}

/// Does `work` on a thread with this name. `None` when the system refused the thread, or the work panicked.
pub(crate) async fn aside<R: Send + 'static>(
    thread_name: &str,
    share: Share,
    work: impl FnOnce() -> R + Send + 'static,
) -> Option<R> {
    let (done, result) = oneshot::channel();
    let run = move || {
        if share == Share::Yielding {
            yield_to_others(None);
        }
        // A failure is ignored: the asker may have been stopped meanwhile.
        let _ = done.send(work());
    };
    if let Err(problem) = thread::Builder::new().name(thread_name.to_owned()).spawn(run) {
        warn_limited!("the system refused the thread of the {thread_name}: {problem}");
    }
    result.await.ok()
}
