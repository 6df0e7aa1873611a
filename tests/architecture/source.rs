//! A source file as the rules see it: which paths, calls, functions and items stand on which line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

/// A parsed file, and everything in it that a rule may ask about.
pub(crate) struct Source {
    /// From the package's directory, with slashes.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) syntax: syn::File,
    /// Whether all of the file is compiled for tests only.
    pub(crate) is_test: bool,
    pub(crate) facts: Facts,
}

/// What stands in a file. `is_test`: below `#[cfg(test)]`.
#[derive(Default)]
pub(crate) struct Facts {
    /// Every path that is named, absolute as far as this file's own imports tell.
    pub(crate) paths: Vec<Fact<Vec<String>>>,
    /// Glob imports, as written.
    pub(crate) globs: Vec<Fact<String>>,
    /// Paths as written that begin with `super::super`.
    pub(crate) distant_supers: Vec<Fact<String>>,
    pub(crate) methods: Vec<Fact<String>>,
    pub(crate) macros: Vec<Fact<String>>,
    pub(crate) attributes: Vec<Fact<String>>,
    /// Functions, and how many lines each has from `fn` to its brace.
    pub(crate) functions: Vec<Fact<(String, usize)>>,
    /// Lines of items below `#[cfg(test)]`.
    pub(crate) test_lines: Vec<RangeInclusive<usize>>,
    /// Modules declared below `#[cfg(test)]` in a file of their own, as possible paths.
    pub(crate) test_files: BTreeSet<String>,
}

/// Something, and where it stands.
pub(crate) struct Fact<T> {
    pub(crate) what: T,
    pub(crate) line: usize,
    pub(crate) is_test: bool,
}

impl Source {
    pub(crate) fn parse(path: &str, text: &str) -> Self {
        let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut collector = Collector {
            module: module_path(path),
            aliases: BTreeMap::new(),
            test_depth: 0,
            facts: Facts::default(),
        };
        Imports(&mut collector).visit_file(&syntax);
        collector.visit_file(&syntax);
        let facts = collector.facts;
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            syntax,
            is_test: false,
            facts,
        }
    }

    /// All sources below a folder of the package, by path.
    pub(crate) fn read_all(folder: &str) -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut paths = Vec::new();
        list(&root.join(folder), &mut |path| {
            let relative = path.strip_prefix(root).expect("listed below it");
            paths.push(relative.to_str().expect("names are ASCII").to_owned());
        });
        paths.sort();
        let read = |path: &String| fs::read_to_string(root.join(path)).expect("a source");
        let mut sources: Vec<Self> = paths
            .iter()
            .map(|path| Self::parse(path, &read(path)))
            .collect();
        let test_files: BTreeSet<String> = sources
            .iter()
            .flat_map(|source| source.facts.test_files.iter().cloned())
            .collect();
        for source in &mut sources {
            // What a module of tests is made of stands below it.
            let is_below = |file: &String| {
                let directory = file.strip_suffix("mod.rs");
                directory.is_some_and(|directory| source.path.starts_with(directory))
            };
            source.is_test = test_files.contains(&source.path) || test_files.iter().any(is_below);
        }
        sources
    }

    /// The top-level module that the file belongs to; `lib` and `main` for the roots.
    pub(crate) fn layer(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let first = inside.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// How many lines hold code: not blank, not only comment, not below `#[cfg(test)]`.
    pub(crate) fn code_line_count(&self) -> usize {
        let is_test = |line: usize| {
            self.facts
                .test_lines
                .iter()
                .any(|range| range.contains(&line))
        };
        (1..)
            .zip(self.text.lines())
            .filter(|(number, line)| {
                let line = line.trim();
                !line.is_empty() && !line.starts_with("//") && !is_test(*number)
            })
            .count()
    }
}

fn list(folder: &Path, found: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            list(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found(&path);
        }
    }
}

/// `src/chat/hub.rs` and `src/chat/hub/mod.rs` are both `chat::hub`.
fn module_path(path: &str) -> Vec<String> {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    let mut module: Vec<String> = inside
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    if matches!(
        module.last().map(String::as_str),
        Some("mod" | "lib" | "main")
    ) {
        module.pop();
    }
    module
}

struct Collector {
    /// Where the visitor is.
    module: Vec<String>,
    /// What the file's imports call what.
    aliases: BTreeMap<String, Vec<String>>,
    test_depth: usize,
    facts: Facts,
}

/// The pass before the others that learns what imported names mean.
struct Imports<'c>(&'c mut Collector);

impl<'ast> Visit<'ast> for Imports<'_> {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        flatten(&item.tree, &mut Vec::new(), &mut |path, name, _| {
            // `use rand;` gives nothing another name.
            if let Some(name) = name
                && path != [name.as_str()]
            {
                self.0.aliases.insert(name, self.0.absolute(&path));
            }
        });
    }
}

impl Collector {
    fn fact<T>(&self, what: T, span: Span) -> Fact<T> {
        Fact {
            what,
            line: span.start().line,
            is_test: self.test_depth > 0,
        }
    }

    fn name(&mut self, path: &[String], span: Span) {
        if path == ["self"] {
            // The value, not the module.
            return;
        }
        if path.len() > 2 && path[0] == "super" && path[1] == "super" {
            let fact = self.fact(path.join("::"), span);
            self.facts.distant_supers.push(fact);
        }
        let fact = self.fact(self.absolute(path), span);
        self.facts.paths.push(fact);
    }

    /// A path from `crate`, from a dependency or from `std`, if that can be told.
    fn absolute(&self, path: &[String]) -> Vec<String> {
        let mut module = self.module.clone();
        let mut rest = path;
        match path.first().map(String::as_str) {
            Some("crate" | "chinwag") => prefixed("crate", &path[1..]),
            Some("core" | "alloc") => prefixed("std", &path[1..]),
            Some("self" | "super") => {
                while let Some(first @ ("self" | "super")) = rest.first().map(String::as_str) {
                    if first == "super" {
                        module.pop();
                    }
                    rest = &rest[1..];
                }
                module.extend(rest.iter().cloned());
                prefixed("crate", &module)
            }
            Some(first) => match self.aliases.get(first) {
                Some(meaning) => [meaning, &path[1..]].concat(),
                None => path.to_vec(),
            },
            None => Vec::new(),
        }
    }

    fn in_tests(&mut self, is_test: bool, span: Span, visit: impl FnOnce(&mut Self)) {
        if is_test {
            self.facts
                .test_lines
                .push(span.start().line..=span.end().line);
        }
        self.test_depth += usize::from(is_test);
        visit(self);
        self.test_depth -= usize::from(is_test);
    }

    fn function(&mut self, signature: &syn::Signature, whole: Span) {
        let line_count = whole.end().line - signature.span().start().line + 1;
        let fact = self.fact((signature.ident.to_string(), line_count), signature.span());
        self.facts.functions.push(fact);
    }

    /// What a macro is given is code too, mostly: looks for paths, methods and macros in it.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is_punct = |at: usize, sign: char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == sign);
        let mut at = 0;
        while let Some(tree) = tokens.get(at) {
            let start = at;
            at += 1;
            match tree {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(first) => {
                    let mut path = vec![first.to_string()];
                    while is_punct(at, ':')
                        && is_punct(at + 1, ':')
                        && let Some(TokenTree::Ident(next)) = tokens.get(at + 2)
                    {
                        path.push(next.to_string());
                        at += 3;
                    }
                    let is_method = start > 0 && is_punct(start - 1, '.');
                    let is_call = matches!(tokens.get(at), Some(TokenTree::Group(_)));
                    if is_method && is_call {
                        let fact = self.fact(first.to_string(), first.span());
                        self.facts.methods.push(fact);
                    } else if is_punct(at, '!') {
                        let fact = self.fact(path.pop().expect("one at least"), first.span());
                        self.facts.macros.push(fact);
                    } else if path.len() > 1 {
                        self.name(&path, first.span());
                    }
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let is_test = is_for_tests(attributes(item));
        self.in_tests(is_test, item.span(), |this| visit::visit_item(this, item));
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        if self.test_depth > 0 && item.content.is_none() {
            let path = self.module.join("/");
            self.facts
                .test_files
                .extend([format!("src/{path}.rs"), format!("src/{path}/mod.rs")]);
        }
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let mut found = Vec::new();
        flatten(&item.tree, &mut Vec::new(), &mut |path, name, span| {
            found.push((path, name, span));
        });
        for (mut path, name, span) in found {
            if path.len() == 1 && name.is_some() {
                // As in `use rand::{self}`: an import is a use even of a single name.
                path.push("self".to_owned());
            }
            self.name(&path, span);
            if name.is_none() {
                let fact = self.fact(format!("{}::*", path.join("::")), span);
                self.facts.globs.push(fact);
            }
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path
            .segments
            .iter()
            .map(|it| it.ident.to_string())
            .collect();
        self.name(&names, path.span());
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {
        // `pub(crate)` is no use of the crate.
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let Some(name) = attribute.path().get_ident() {
            let fact = self.fact(name.to_string(), attribute.span());
            self.facts.attributes.push(fact);
        }
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let name = call.path.segments.last().map(|it| it.ident.to_string());
        let fact = self.fact(name.unwrap_or_default(), call.path.span());
        self.facts.macros.push(fact);
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone());
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let fact = self.fact(call.method.to_string(), call.method.span());
        self.facts.methods.push(fact);
        visit::visit_expr_method_call(self, call);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, item.span());
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        let is_test = is_for_tests(&item.attrs);
        self.in_tests(is_test, item.span(), |this| {
            this.function(&item.sig, item.span());
            visit::visit_impl_item_fn(this, item);
        });
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.function(&item.sig, item.span());
        visit::visit_trait_item_fn(self, item);
    }
}

fn prefixed(root: &str, path: &[String]) -> Vec<String> {
    [&[root.to_owned()], path].concat()
}

/// Hands out each import on its own: its path, the name it gets (`None`: a glob), its place.
fn flatten(
    tree: &syn::UseTree,
    path: &mut Vec<String>,
    found: &mut dyn FnMut(Vec<String>, Option<String>, Span),
) {
    let with = |path: &[String], last: &syn::Ident| match last.to_string().as_str() {
        "self" => path.to_vec(),
        last => [path, &[last.to_owned()]].concat(),
    };
    match tree {
        syn::UseTree::Path(step) => {
            path.push(step.ident.to_string());
            flatten(&step.tree, path, found);
            path.pop();
        }
        syn::UseTree::Name(name) => {
            let path = with(path, &name.ident);
            let last = path.last().cloned();
            found(path, last, name.ident.span());
        }
        syn::UseTree::Rename(rename) => found(
            with(path, &rename.ident),
            Some(rename.rename.to_string()),
            rename.ident.span(),
        ),
        syn::UseTree::Glob(glob) => found(path.clone(), None, glob.span()),
        syn::UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, path, found);
            }
        }
    }
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Exactly `#[cfg(test)]`, or `#[test]`: what any other condition guards counts as code.
fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::NameValue(_) => false,
    })
}
