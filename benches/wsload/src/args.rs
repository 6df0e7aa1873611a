//! The command line: `--name value` and `--flag`.
use std::collections::HashMap;
use std::str::FromStr;

use crate::open::Target;

const FLAGS: [&str; 3] = ["json", "raw", "text"];

pub struct Args {
    values: HashMap<String, String>,
}

impl Args {
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut values = HashMap::new();
        while let Some(word) = words.next() {
            let Some(name) = word.strip_prefix("--") else {
                return Err(format!("what is {word}?"));
            };
            let value = if FLAGS.contains(&name) {
                String::new()
            } else {
                words
                    .next()
                    .ok_or_else(|| format!("{word} needs a value"))?
            };
            values.insert(name.to_owned(), value);
        }
        Ok(Self { values })
    }

    pub fn flag(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    pub fn number<T: FromStr>(&self, name: &str, default: T) -> Result<T, String> {
        Ok(self.optional(name)?.unwrap_or(default))
    }

    pub fn optional<T: FromStr>(&self, name: &str) -> Result<Option<T>, String> {
        let Some(value) = self.values.get(name) else {
            return Ok(None);
        };
        value
            .parse()
            .map(Some)
            .map_err(|_| format!("bad value for --{name}: {value}"))
    }

    pub fn target(&self) -> Result<Target, String> {
        Target::parse(self.values.get("url").ok_or("--url is needed")?)
    }
}
