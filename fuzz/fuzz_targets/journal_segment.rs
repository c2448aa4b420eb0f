#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| anomalyd_fuzz::journal_segment(bytes));
