//! Static files: in the program, under an address with their content's hash, compressed once.

use std::collections::HashMap;
use std::io::Write as _;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

use crate::error::Problem;
use crate::model::secret::hex;
use crate::portal::Portal;

/// A file in the program.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// Its name, `app.css`.
    pub name: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// What is in it.
    pub bytes: &'static [u8],
}

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

macro_rules! web {
    ($name:literal, $media_type:expr, $path:literal) => {
        Asset { name: $name, media_type: $media_type, bytes: include_bytes!(concat!("../../../web/", $path)) }
    };
}

const OWN: [Asset; 8] = [
    web!("bootstrap.css", CSS, "vendor/bootstrap.min.css"),
    web!("bootstrap.js", JS, "vendor/bootstrap.bundle.min.js"),
    web!("htmx.js", JS, "vendor/htmx.min.js"),
    web!("htmx-sse.js", JS, "vendor/htmx-sse.min.js"),
    web!("icons.svg", "image/svg+xml", "vendor/icons.svg"),
    web!("app.css", CSS, "app.css"),
    web!("app.js", JS, "app.js"),
    web!("theme.js", JS, "theme.js"),
];

struct Served {
    asset: Asset,
    hash: String,
    gzip: Bytes,
}

/// All static files by name.
pub(crate) struct Assets(HashMap<&'static str, Served>);

impl Assets {
    pub(crate) fn new(more: impl IntoIterator<Item = Asset>) -> Self {
        let served = OWN.into_iter().chain(more).map(|asset| {
            let hash = hex(&Sha256::digest(asset.bytes)[..8]);
            (asset.name, Served { asset, hash, gzip: gzip(asset.bytes).into() })
        });
        Self(served.collect())
    }

    /// The address of `name`; one that answers 404 when there is no such file.
    pub(crate) fn url(&self, name: &str) -> String {
        let hash = self.0.get(name).map_or("none", |served| served.hash.as_str());
        format!("/static/{hash}/{name}")
    }
}

/// Compressed, or empty where that failed, which makes it be served plain.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 3), Compression::new(6));
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
}

/// `GET /static/{hash}/{file}`: an old hash is not found, so that no cache ever keeps new content under it.
pub(crate) async fn serve(
    State(portal): State<Portal>,
    Path((hash, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let served = portal
        .0
        .assets
        .0
        .get(file.as_str())
        .filter(|served| served.hash == hash)
        .ok_or_else(|| Problem::not_found("not-found", "There is nothing here by that name."))?;
    let takes_gzip =
        headers.get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("gzip"));
    let compressed = takes_gzip && !served.gzip.is_empty();
    let body = if compressed { served.gzip.clone() } else { Bytes::from_static(served.asset.bytes) };
    let mut response = body.into_response();
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(served.asset.media_type));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if compressed {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}
