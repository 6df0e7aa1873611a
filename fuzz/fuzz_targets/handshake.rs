#![no_main]

// covers: R6455-10.1-01, R6455-4.2.1-01
libfuzzer_sys::fuzz_target!(|data: &[u8]| chinwag_fuzz::handshake::check(data));
