//! The chat page, embedded in the program.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha1::{Digest as _, Sha1};

/// A file of the page.
#[derive(Debug)]
pub(crate) struct Asset {
    pub(crate) path: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) body: &'static [u8],
    /// Made once: a request of thirty bytes must not cost a hash of the whole file.
    etag: String,
}

impl Asset {
    /// The asset at a path, if there is one.
    pub(crate) fn find(path: &str) -> Option<&'static Self> {
        ASSETS.iter().find(|asset| asset.path == path)
    }

    /// What tells this content from any other (RFC 9110 §8.8.3).
    pub(crate) fn etag(&self) -> &str {
        &self.etag
    }
}

fn make_etag(body: &[u8]) -> String {
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(Sha1::digest(body)))
}

macro_rules! assets {
    ($($path:literal $file:literal $content_type:ident)*) => {
        LazyLock::new(|| vec![$(Asset {
            path: $path,
            content_type: $content_type,
            body: include_bytes!(concat!("ui/", $file)),
            etag: make_etag(include_bytes!(concat!("ui/", $file))),
        }),*])
    };
}

/// What the server's first owner fills in; only behind the one-time link.
pub(crate) const CLAIM_PAGE: &[u8] = include_bytes!("ui/claim.html");

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const PNG: &str = "image/png";
const SVG: &str = "image/svg+xml";
const MANIFEST: &str = "application/manifest+json";

static ASSETS: LazyLock<Vec<Asset>> = assets! {
    "/" "index.html" HTML
    "/app.css" "app.css" CSS
    "/app.js" "app.js" JS
    "/claim.js" "claim.js" JS
    "/icon-192.png" "icon-192.png" PNG
    "/icon-512.png" "icon-512.png" PNG
    "/icon-maskable.png" "icon-maskable.png" PNG
    "/icon.svg" "icon.svg" SVG
    "/manifest.webmanifest" "manifest.webmanifest" MANIFEST
    "/modules/backoff.js" "modules/backoff.js" JS
    "/modules/ban.js" "modules/ban.js" JS
    "/modules/connection.js" "modules/connection.js" JS
    "/modules/cookie.js" "modules/cookie.js" JS
    "/modules/device.js" "modules/device.js" JS
    "/modules/dom.js" "modules/dom.js" JS
    "/modules/entrance.js" "modules/entrance.js" JS
    "/modules/history.js" "modules/history.js" JS
    "/modules/invitation.js" "modules/invitation.js" JS
    "/modules/markdown.js" "modules/markdown.js" JS
    "/modules/memory.js" "modules/memory.js" JS
    "/modules/mention.js" "modules/mention.js" JS
    "/modules/notifier.js" "modules/notifier.js" JS
    "/modules/outbox.js" "modules/outbox.js" JS
    "/modules/permissions.js" "modules/permissions.js" JS
    "/modules/protocol.js" "modules/protocol.js" JS
    "/modules/pushes.js" "modules/pushes.js" JS
    "/modules/reading.js" "modules/reading.js" JS
    "/modules/room.js" "modules/room.js" JS
    "/modules/session.js" "modules/session.js" JS
    "/modules/store.js" "modules/store.js" JS
    "/modules/text.js" "modules/text.js" JS
    "/modules/thread.js" "modules/thread.js" JS
    "/modules/timeline.js" "modules/timeline.js" JS
    "/modules/views/actions.js" "modules/views/actions.js" JS
    "/modules/views/avatar.js" "modules/views/avatar.js" JS
    "/modules/views/bans.js" "modules/views/bans.js" JS
    "/modules/views/composer.js" "modules/views/composer.js" JS
    "/modules/views/deeds.js" "modules/views/deeds.js" JS
    "/modules/views/dialog.js" "modules/views/dialog.js" JS
    "/modules/views/drawers.js" "modules/views/drawers.js" JS
    "/modules/views/durations.js" "modules/views/durations.js" JS
    "/modules/views/form.js" "modules/views/form.js" JS
    "/modules/views/header.js" "modules/views/header.js" JS
    "/modules/views/invited.js" "modules/views/invited.js" JS
    "/modules/views/log.js" "modules/views/log.js" JS
    "/modules/views/login.js" "modules/views/login.js" JS
    "/modules/views/members.js" "modules/views/members.js" JS
    "/modules/views/menu.js" "modules/views/menu.js" JS
    "/modules/views/message.js" "modules/views/message.js" JS
    "/modules/views/message_actions.js" "modules/views/message_actions.js" JS
    "/modules/views/modal.js" "modules/views/modal.js" JS
    "/modules/views/qr.js" "modules/views/qr.js" JS
    "/modules/views/room/audit.js" "modules/views/room/audit.js" JS
    "/modules/views/room/invite.js" "modules/views/room/invite.js" JS
    "/modules/views/room/removal.js" "modules/views/room/removal.js" JS
    "/modules/views/room/retention.js" "modules/views/room/retention.js" JS
    "/modules/views/room/rules.js" "modules/views/room/rules.js" JS
    "/modules/views/room_settings.js" "modules/views/room_settings.js" JS
    "/modules/views/rooms.js" "modules/views/rooms.js" JS
    "/modules/views/search.js" "modules/views/search.js" JS
    "/modules/views/section.js" "modules/views/section.js" JS
    "/modules/views/settings.js" "modules/views/settings.js" JS
    "/modules/views/settings/guest.js" "modules/views/settings/guest.js" JS
    "/modules/views/settings/notifying.js" "modules/views/settings/notifying.js" JS
    "/modules/views/settings/password.js" "modules/views/settings/password.js" JS
    "/modules/views/settings/second_factor.js" "modules/views/settings/second_factor.js" JS
    "/modules/views/settings/server.js" "modules/views/settings/server.js" JS
    "/modules/views/settings/sessions.js" "modules/views/settings/sessions.js" JS
    "/modules/views/thread.js" "modules/views/thread.js" JS
    "/modules/views/toasts.js" "modules/views/toasts.js" JS
};

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_the_page_is_served() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server/ui");
        let mut folders = vec![root.clone()];
        let mut count = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
                // Behind the one-time link only.
                if name == "claim.html" {
                    continue;
                }
                let url = if name == "index.html" {
                    "/".into()
                } else {
                    format!("/{name}")
                };
                assert!(Asset::find(&url).is_some(), "{url} is not served");
                count += 1;
            }
        }
        assert_eq!(count, ASSETS.len());
    }
}
