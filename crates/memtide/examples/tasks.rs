//! Waiting in tasks: `cargo run -p memtide --example tasks`.
//!
//! The wait is a plain future. It runs under tokio here and needs nothing of it.

use memtide::{Condition, Conditions, Error, Options};
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let conditions = Conditions::open(&Options::default())?;
    let set = conditions.until_any([Condition::HighMemory, Condition::LowMemory].into()).await?;
    println!("set: {set:?}");
    let low = conditions.until_any(Condition::LowMemory.into());
    match tokio::time::timeout(Duration::from_millis(500), low).await {
        Ok(set) => println!("low: {:?}", set?),
        Err(_) => println!("not low within half a second"),
    }
    Ok(())
}
