//! Sizes as people write them: whatever is read prints as something that reads back alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memtide_core::units::{Bytes, ParseBytesError};

fuzz_target!(|text: &str| {
    let Ok(bytes) = text.parse::<Bytes>() else { return };
    assert_eq!(format!("{bytes:#}").parse(), Ok(bytes), "exact bytes read back exactly");
    let shown = bytes.to_string();
    match shown.parse::<Bytes>() {
        // At most half of the last digit shown, which is a tenth below a hundred.
        Ok(back) => assert!(u128::from(back.0.abs_diff(bytes.0)) * 18 <= u128::from(bytes.0)),
        Err(ParseBytesError::TooLarge(_)) => assert!(bytes.0 > u64::MAX / 2, "{shown}"),
        Err(error) => panic!("{error}"),
    }
});
