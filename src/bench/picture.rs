//! The file that latencies are drawn into.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use crate::bench::BenchError;

/// Opened before the run: a place that can't be written is told before hours of measuring.
#[derive(Debug)]
pub(super) struct Picture<'a> {
    path: &'a Path,
    file: File,
}

impl<'a> Picture<'a> {
    pub(super) fn open(path: &'a Path) -> Result<Self, BenchError> {
        // What is there stays until there is something better.
        let mut options = OpenOptions::new();
        let opened = options.write(true).create(true).truncate(false).open(path);
        let file = opened.map_err(|error| failure(path, error))?;
        Ok(Self { path, file })
    }

    pub(super) fn write(mut self, svg: &str) -> Result<(), BenchError> {
        let written = replace(&mut self.file, svg.as_bytes());
        written.map_err(|error| failure(self.path, error))
    }
}

fn replace(file: &mut File, content: &[u8]) -> io::Result<()> {
    // Pipes and the like have no length that could be cut.
    if file.metadata()?.len() > 0 {
        file.set_len(0)?;
    }
    file.write_all(content)
}

fn failure(path: &Path, error: io::Error) -> BenchError {
    BenchError::File {
        path: path.to_owned(),
        error,
    }
}
