//! Tools that checks need, installed below the build folder once.

use std::path::PathBuf;

use anyhow::Result;

use crate::checkout::Checkout;
use crate::process;

/// A program that cargo can install.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool {
    /// Its package, which is also its program.
    pub(crate) name: &'static str,
    /// The version that its caller is written for.
    pub(crate) version: &'static str,
}

impl Tool {
    /// The program, installed first if it is absent.
    ///
    /// # Errors
    /// Where cargo cannot install it.
    pub(crate) fn program(self, checkout: &Checkout) -> Result<PathBuf> {
        let Self { name, version } = self;
        let tools = checkout.target().join("tools");
        let program = tools.join("bin").join(name);
        if !program.is_file() {
            println!("installing {name} {version} into {}; once", tools.display());
            let mut install = process::cargo();
            install.args(["install", name, "--version", version, "--locked", "--quiet"]);
            process::run(install.arg("--root").arg(&tools))?;
        }
        Ok(program)
    }
}
