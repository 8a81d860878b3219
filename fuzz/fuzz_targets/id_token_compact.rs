#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| doorward_fuzz::id_token_compact::run(data));
