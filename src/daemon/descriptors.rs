//! How many files and connections the daemon may have open at once. A shell gives it 1,024 as a rule, which as many devices
//! would use up: nothing would be left for models, verdicts and metrics.

use std::fs;

use rustix::process::{Resource, Rlimit, setrlimit};

/// What is open besides the devices' connections: the store, threads, models that are read, files of verdicts.
const BESIDE_CONNECTIONS: u64 = 128;

/// Raises how many may be open as far as so many devices and clients of the port take, and the system allows, and says so if it is not enough.
pub(crate) fn provide(devices: u32, clients: u32) {
    let needed = BESIDE_CONNECTIONS + u64::from(devices) + u64::from(clients);
    // What cannot be told is left as it is.
    let Some((current, maximum)) = fs::read_to_string("/proc/self/limits").ok().and_then(|text| limits(&text)) else {
        return;
    };
    if current >= needed {
        return;
    }
    let raised = Rlimit { current: Some(needed.min(maximum)), maximum: Some(maximum) };
    let may_open = if setrlimit(Resource::Nofile, raised).is_ok() { needed.min(maximum) } else { current };
    if may_open < needed {
        tracing::warn!(
            "{devices} devices may connect (mqtt.listen.max_connections) and {clients} clients of the page and the API \
             (http.max_connections), and this process may open {may_open} files and connections in all: raise that \
             to {needed} (ulimit -n, or LimitNOFILE= of the unit), or lower the others"
        );
    }
}

/// The two limits, the one that holds and the one that it may be raised to. One without a bound is as good as the largest.
fn limits(text: &str) -> Option<(u64, u64)> {
    let mut words = text.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace();
    let mut limit = || match words.next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    };
    Some((limit()?, limit()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_limits_are_read_as_the_system_writes_them() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max processes             31000                31000                processes \n\
                    Max open files            1024                 unlimited            files     \n";
        assert_eq!(limits(text), Some((1024, u64::MAX)));
        assert_eq!(limits("Max open files  few"), None);
        assert!(limits(&fs::read_to_string("/proc/self/limits").unwrap()).is_some());
    }
}
