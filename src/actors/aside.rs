//! Work on a thread of its own, which may take a while: the end of the process does not wait for it.

use std::thread;

use rustix::process::setpriority_process;
use tokio::sync::oneshot;

use crate::warn_limited;

/// How much further down a thread is put that yields to others: nine tenths of a processor are theirs then.
pub(super) const NICER: i32 = 10;

/// How a thread shares the processor with others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Share {
    /// As they do.
    Equal,
    /// It yields to them.
    Yielding,
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
            // The result is ignored: without it the thread only gets more of the processor than it should.
            let _ = setpriority_process(None, NICER);
        }
        // A failure is ignored: the asker may have been stopped meanwhile.
        let _ = done.send(work());
    };
    if let Err(problem) = thread::Builder::new().name(thread_name.to_owned()).spawn(run) {
        warn_limited!("the system refused the thread of the {thread_name}: {problem}");
    }
    result.await.ok()
}
