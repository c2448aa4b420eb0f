//! How fast messages are taken in while ten pages are open, beside the same daemon without a page, alternately in the same
//! run, once as fast as it goes and once at an offered million a second: a page asks for the status every two seconds and for its rows every ten, and listens to what happens. The load and
//! the pages share the machine with what is measured. Run with `cargo bench -- cockpit`.

use std::time::Instant;

use crate::Size;
use crate::ingest::{self, Load};
use crate::support::daemon::{Daemon, directory, free_port};
use crate::support::load::{self, Device};
use crate::support::page;

const PAGES: usize = 10;
/// Messages of one reading that a connection keeps unacknowledged.
const WINDOW: usize = 2_000;
/// Messages a second that are offered where it is not as fast as it goes.
const OFFERED: f64 = 1_000_000.0;

pub(crate) fn run(size: Size) {
    let devices = ingest::devices(Load::Millis, size.of(9_000_000, 6_400));
    println!("{} connections, QoS 1, {} cores shared with the load and the pages", ingest::DEVICES, ingest::cores());
    for offered in [None, Some(OFFERED)] {
        match offered {
            None => println!("as fast as it goes"),
            Some(rate) => println!("{rate:.0} messages/s offered"),
        }
        let turns = size.of(if offered.is_none() { 7 } else { 5 }, 1);
        let (mut alone, mut with_pages) = (Vec::new(), Vec::new());
        for turn in 0..turns {
            // Whatever drifts meets both alike.
            let order = if turn % 2 == 0 { [0, PAGES] } else { [PAGES, 0] };
            for pages in order {
                let (rate, answers) = taken_in(&devices, pages, offered);
                println!("  {pages:>2} pages {rate:>12.0} messages/s {answers:>6} answers to pages");
                if pages == 0 { alone.push(rate) } else { with_pages.push(rate) }
            }
        }
        let (alone, with_pages) = (ingest::middle(alone), ingest::middle(with_pages));
        println!("no page, median of {turns}         {alone:>12.0} messages/s");
        println!("{PAGES} pages, median of {turns}        {with_pages:>12.0} messages/s");
        println!("with pages beside without: {:.3} x (budget 0.98 x)", with_pages / alone);
    }
}

/// Messages a second that a fresh daemon takes in while so many pages are open, and how many answers they got.
fn taken_in(devices: &[Device], pages: usize, offered: Option<f64>) -> (f64, usize) {
    let [mqtt, http] = [free_port(), free_port()];
    let settings = format!(
        "{}[http]\nlisten = \"127.0.0.1:{http}\"\nmax_requests_per_second = 1000\n[mqtt.listen]\naddress = \
         \"127.0.0.1:{mqtt}\"\n{}",
        ingest::SETTINGS,
        ingest::ROUTES
    );
    let daemon = Daemon::start(directory(), &settings);
    daemon.await_ready();
    let (took, answers) = page::while_open(pages, http, "d1", || match offered {
        None => load::run(devices, mqtt, WINDOW),
        Some(rate) => {
            let began = Instant::now();
            load::paced(devices, mqtt, rate / devices.len() as f64);
            began.elapsed()
        }
    });
    drop(daemon.end());
    let messages: usize = devices.iter().map(Device::messages).sum();
    (messages as f64 / took.as_secs_f64(), answers)
}
