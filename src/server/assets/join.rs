//! Joins a module of the page and all that it imports into one script.
//!
//! A browser learns what a module imports when it has it. Where the way is long, that is one wait
//! after another, and a request for each of sixty files; so they leave the server together. Each
//! module is a function there, which is called once and returns what the module exports:
//!
//! ```js
//! const module_0 = (() => {
//! function h(tag) { … }
//! return { h };
//! })();
//! const module_1 = (() => {
//! const { h } = module_0;
//! …
//! ```
//!
//! This does not know JavaScript. It knows what the page's files are made of, and tests hold them to
//! that: at the beginning of a line `import { … } from '…';`, or `export` before a declaration; and
//! comments that have their lines to themselves, which stay behind: they are a quarter of all.

/// Makes one script of the module at `path`; `source` has the text of each.
///
/// A module that `source` does not have exports nothing.
pub(super) fn join<'a>(path: &str, source: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut joined = Joined {
        source,
        paths: Vec::new(),
        script: String::new(),
    };
    joined.add(path);
    joined.script
}

struct Joined<S> {
    source: S,
    /// Of the modules that are in the script, by number.
    paths: Vec<String>,
    script: String,
}

impl<'a, S: Fn(&str) -> Option<&'a str>> Joined<S> {
    /// Adds a module, unless it is there, behind those that it imports; returns its number.
    fn add(&mut self, path: &str) -> usize {
        if let Some(number) = self.paths.iter().position(|it| it == path) {
            return number;
        }
        let source = (self.source)(path).unwrap_or_default();
        let mut body = String::new();
        let mut exports = Vec::new();
        for line in code(source) {
            let line = match (import(line), line.strip_prefix("export ")) {
                (Some((names, from)), _) => {
                    let number = self.add(&resolve(path, from));
                    body.push_str(&format!("const {names} = module_{number};\n"));
                    continue;
                }
                (None, Some(declaration)) => {
                    exports.push(declared(declaration));
                    declaration
                }
                (None, None) => line,
            };
            body.push_str(line);
            body.push('\n');
        }
        let number = self.paths.len();
        self.paths.push(path.to_owned());
        // Whoever looks for an error finds the file by its name.
        self.script.push_str(&format!(
            "// {path}\nconst module_{number} = (() => {{\n{body}return {{ {} }};\n}})();\n",
            exports.join(", ")
        ));
        number
    }
}

/// The lines that are neither empty nor comment.
fn code(source: &str) -> impl Iterator<Item = &str> {
    let mut is_inside = false;
    source.lines().filter(move |line| {
        let text = line.trim();
        let begins = text.starts_with("/**");
        let is_code = !(is_inside || begins || text.starts_with("//") || text.is_empty());
        is_inside = (is_inside || begins) && !text.ends_with("*/");
        is_code
    })
}

/// What a line imports, in its braces, and from where.
fn import(line: &str) -> Option<(&str, &str)> {
    let (names, from) = line.strip_prefix("import ")?.split_once(" from ")?;
    Some((names, from.trim_matches([';', '\'', '"'])))
}

/// The name that a declaration declares.
fn declared(declaration: &str) -> &str {
    let words = declaration.trim_start_matches("async ");
    let (_, name) = words.split_once(' ').unwrap_or_default();
    let is_outside = |c: char| !(c.is_alphanumeric() || c == '_' || c == '$');
    name.split(is_outside).next().unwrap_or_default()
}

/// The path to which `relative` leads from the module at `base`.
fn resolve(base: &str, relative: &str) -> String {
    let mut steps: Vec<&str> = base.split('/').collect();
    steps.pop();
    for step in relative.split('/') {
        match step {
            "." => {}
            ".." => {
                steps.pop();
            }
            name => steps.push(name),
        }
    }
    steps.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_come_once_behind_what_they_import_and_without_comments() {
        let source = |path: &str| match path {
            "/app.js" => Some(
                "/** Begins. */\nimport { a, B } from './parts/a.js';\n\
                 import { c } from \"./parts/more/c.js\";\n// Go.\na(new B(), c);\n",
            ),
            "/parts/a.js" => Some(
                "import { c } from './more/c.js';\n\n/**\n * Does it.\n */\n\
                 export async function a(b, d) {\n  return c + d; // Really.\n}\n\
                 export class B {}\n",
            ),
            "/parts/more/c.js" => Some("export const c = 1;\n"),
            _ => None,
        };
        let expected = "// /parts/more/c.js\nconst module_0 = (() => {\nconst c = 1;\n\
             return { c };\n})();\n\
             // /parts/a.js\nconst module_1 = (() => {\nconst { c } = module_0;\n\
             async function a(b, d) {\n  return c + d; // Really.\n}\nclass B {}\n\
             return { a, B };\n})();\n\
             // /app.js\nconst module_2 = (() => {\nconst { a, B } = module_1;\n\
             const { c } = module_0;\na(new B(), c);\nreturn {  };\n})();\n";
        assert_eq!(join("/app.js", source), expected);
    }

    #[test]
    fn paths_lead_up_and_down() {
        for (base, relative, path) in [
            ("/app.js", "./modules/dom.js", "/modules/dom.js"),
            ("/modules/a.js", "./b.js", "/modules/b.js"),
            ("/modules/views/room/a.js", "../../b.js", "/modules/b.js"),
        ] {
            assert_eq!(resolve(base, relative), path);
        }
    }
}
