#![no_main]

// covers: R6455-6.2-01, R6455-10.7-01
libfuzzer_sys::fuzz_target!(|data: &[u8]| chinwag_fuzz::frame_parser::check(data));
