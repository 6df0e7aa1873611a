//! The chat page, embedded in the program, and made ready to be sent: scripts are joined, texts
//! compressed, once and for all.

mod join;

use std::io::Write as _;
use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha1::{Digest as _, Sha1};

/// A file of the page.
#[derive(Debug)]
pub(crate) struct Asset {
    path: &'static str,
    pub(crate) content_type: &'static str,
    plain: Representation,
    /// `None` for a picture, which is compressed as it is.
    gzip: Option<Representation>,
}

/// A file as it is sent.
#[derive(Debug)]
pub(crate) struct Representation {
    /// The value of `Content-Encoding`.
    pub(crate) encoding: Option<&'static str>,
    pub(crate) body: Arc<[u8]>,
    /// What tells these bytes from any others (RFC 9110 §8.8.3).
    pub(crate) etag: String,
}

impl Asset {
    fn new(path: &'static str, content_type: &'static str, body: &[u8]) -> Self {
        let gzip = (content_type != PNG).then(|| gzip(body));
        Self {
            path,
            content_type,
            plain: Representation::new(None, body),
            gzip: gzip.map(|body| Representation::new(Some("gzip"), &body)),
        }
    }

    /// The asset at a path, if there is one.
    pub(crate) fn find(path: &str) -> Option<&'static Self> {
        ASSETS.iter().find(|asset| asset.path == path)
    }

    /// The file for somebody who takes gzip, or does not.
    pub(crate) fn representation(&self, takes_gzip: bool) -> &Representation {
        let gzip = self.gzip.as_ref().filter(|_| takes_gzip);
        gzip.unwrap_or(&self.plain)
    }
}

impl Representation {
    fn new(encoding: Option<&'static str>, body: &[u8]) -> Self {
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(Sha1::digest(body)));
        Self {
            encoding,
            body: body.into(),
            etag,
        }
    }
}

/// Makes all files ready, so that no worker has to while others wait for it.
pub(crate) fn prepare() {
    LazyLock::force(&ASSETS);
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder
        .write_all(body)
        .and_then(|()| encoder.finish())
        .expect("memory takes what is written to it")
}

/// What the server's first owner fills in; only behind the one-time link.
pub(crate) const CLAIM_PAGE: &[u8] = include_bytes!("ui/claim.html");

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const PNG: &str = "image/png";
const SVG: &str = "image/svg+xml";
const MANIFEST: &str = "application/manifest+json";

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let files = FILES.iter().copied();
    let files = files.map(|(path, kind, body)| Asset::new(path, kind, body));
    let scripts = SCRIPTS.map(|path| {
        let script = join::join(path, source);
        Asset::new(path, JS, script.as_bytes())
    });
    files.chain(scripts).collect()
});

/// The text of a module.
fn source(path: &str) -> Option<&'static str> {
    let module = MODULES.iter().find(|(it, _)| *it == path);
    module.map(|(_, source)| *source)
}

macro_rules! files {
    ($($path:literal $file:literal $content_type:ident)*) => {
        &[$(($path, $content_type, include_bytes!(concat!("ui/", $file)))),*]
    };
}

/// What is sent as it is.
const FILES: &[(&str, &str, &[u8])] = files! {
    "/" "index.html" HTML
    "/app.css" "app.css" CSS
    "/icon-192.png" "icon-192.png" PNG
    "/icon-512.png" "icon-512.png" PNG
    "/icon-maskable.png" "icon-maskable.png" PNG
    "/icon.svg" "icon.svg" SVG
    "/manifest.webmanifest" "manifest.webmanifest" MANIFEST
};

/// What is sent with all that it imports.
const SCRIPTS: [&str; 2] = ["/app.js", "/claim.js"];

macro_rules! modules {
    ($($name:literal)*) => {
        &[$((concat!("/", $name, ".js"), include_str!(concat!("ui/", $name, ".js")))),*]
    };
}

const MODULES: &[(&str, &str)] = modules! {
    "app" "claim" "modules/backoff" "modules/ban" "modules/connection" "modules/cookie"
    "modules/device" "modules/dom" "modules/entrance" "modules/history" "modules/invitation"
    "modules/markdown" "modules/memory" "modules/mention" "modules/notifier" "modules/outbox"
    "modules/permissions" "modules/protocol" "modules/pushes" "modules/reading" "modules/room"
    "modules/session" "modules/store" "modules/text" "modules/thread" "modules/timeline"
    "modules/views/actions" "modules/views/avatar" "modules/views/bans" "modules/views/composer"
    "modules/views/deeds" "modules/views/dialog" "modules/views/drawers" "modules/views/durations"
    "modules/views/form" "modules/views/header" "modules/views/invited" "modules/views/log"
    "modules/views/login" "modules/views/members" "modules/views/menu" "modules/views/message"
    "modules/views/message_actions" "modules/views/modal" "modules/views/qr"
    "modules/views/room/audit" "modules/views/room/invite" "modules/views/room/removal"
    "modules/views/room/retention" "modules/views/room/rules" "modules/views/room_settings"
    "modules/views/rooms" "modules/views/search" "modules/views/section" "modules/views/settings"
    "modules/views/settings/guest" "modules/views/settings/notifying"
    "modules/views/settings/password" "modules/views/settings/second_factor"
    "modules/views/settings/server" "modules/views/settings/sessions" "modules/views/thread"
    "modules/views/toasts"
};

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::{Path, PathBuf};

    use super::*;

    /// All files of the page, by what they are called below its folder.
    fn files() -> BTreeSet<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server/ui");
        let mut folders = vec![root.clone()];
        let mut files = BTreeSet::new();
        while let Some(folder) = folders.pop() {
            let entries = std::fs::read_dir(folder).unwrap();
            let (inner, found): (Vec<PathBuf>, Vec<PathBuf>) = entries
                .map(|entry| entry.unwrap().path())
                .partition(|path| path.is_dir());
            folders.extend(inner);
            let names = found.iter().map(|path| path.strip_prefix(&root).unwrap());
            files.extend(names.map(|name| format!("/{}", name.to_str().unwrap())));
        }
        files
    }

    fn script(path: &str) -> &'static str {
        let asset = Asset::find(path).unwrap();
        str::from_utf8(&asset.representation(false).body).unwrap()
    }

    #[test]
    fn every_file_of_the_page_is_sent() {
        let scripts = SCRIPTS.map(script).concat();
        for file in files() {
            let is_sent = match &*file {
                // Behind the one-time link only.
                "/claim.html" => true,
                "/index.html" => Asset::find("/").is_some(),
                file if file.ends_with(".js") => scripts.contains(&format!("// {file}\n")),
                file => Asset::find(file).is_some(),
            };
            assert!(is_sent, "{file} is not sent");
        }
    }

    /// A name that is imported and not exported would be `undefined`, without a word.
    #[test]
    fn scripts_are_whole_and_need_no_other_file() {
        for path in SCRIPTS {
            let mut exports: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
            let names = |list: &'static str| list.split(',').map(str::trim);
            let mut module = "";
            for line in script(path).lines() {
                let is_left = line.starts_with("import") || line.starts_with("export");
                assert!(!is_left, "{path}: {line}");
                if let Some(number) = line.strip_prefix("const module_") {
                    module = number.strip_suffix(" = (() => {").unwrap();
                } else if let Some(list) = line.strip_prefix("return { ") {
                    let list = list.strip_suffix(" };").unwrap();
                    exports.insert(module, names(list).collect());
                } else if let Some((list, from)) = line.split_once(" } = module_") {
                    let known = &exports[from.trim_end_matches(';')];
                    let list = list.strip_prefix("const { ").unwrap();
                    let unknown: Vec<_> = names(list).filter(|it| !known.contains(it)).collect();
                    assert_eq!(unknown, [""; 0], "{path}: {line}");
                }
            }
            assert!(exports.len() > 1, "{path} imports nothing");
        }
    }

    /// Code behind a comment on its line would go with it.
    #[test]
    fn comments_have_their_lines_to_themselves() {
        for (path, source) in MODULES {
            for line in source.lines() {
                let text = line.trim();
                let begins = text.starts_with("/**") || text.starts_with('*');
                let is_apart = !begins || !text.contains("*/") || text.ends_with("*/");
                assert!(is_apart, "{path}: {line}");
            }
        }
    }
}
