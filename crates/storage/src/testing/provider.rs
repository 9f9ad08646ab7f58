//! An S3-compatible service in this process, of other make than ours, that fails as it is told.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::store::{Bucket, BucketKey, BucketOffer, Keeping as _};

/// What it does with requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// It answers this status and code.
    Refusing(u16, &'static str),
    /// The same, of what would store something.
    RefusingWrites(u16, &'static str),
    /// It answers something else.
    Babbling,
    /// It answers never.
    Silent,
    /// It deletes nothing before its mood is another.
    Hesitant,
    /// It stores, and breaks off before it says so.
    Forgetful,
}

pub(crate) struct Provider {
    dir: TempDir,
    address: String,
    state: Arc<Served>,
}

struct Served {
    service: S3Service,
    mood: Mutex<Mood>,
    puts: AtomicUsize,
    moods: Notify,
    hesitating: Notify,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        // Whichever test comes first installs it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let mut builder = S3ServiceBuilder::new(FileSystem::new(dir.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single("reader", "hush"));
        let (mood, puts) = (Mutex::new(Mood::Well), AtomicUsize::new(0));
        let state =
            Arc::new(Served { service: builder.build(), mood, puts, moods: Notify::new(), hesitating: Notify::new() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { dir, address, state }
    }

    pub(crate) fn mood_set(&self, mood: Mood) {
        *self.state.mood.lock().unwrap() = mood;
        self.state.moods.notify_one();
    }

    /// Until it was asked to delete something and has not.
    pub(crate) async fn hesitates(&self) {
        self.state.hesitating.notified().await;
    }

    /// Objects that it was asked to store.
    pub(crate) fn puts(&self) -> usize {
        self.state.puts.load(Ordering::Relaxed)
    }

    /// A bucket's directory; made when it is missing.
    pub(crate) fn dir(&self, bucket: &str) -> PathBuf {
        let dir = self.dir.path().join(bucket);
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    pub(crate) fn offer(&self, bucket: &str) -> BucketOffer {
        self.dir(bucket);
        format!("s3://{bucket}/amphi?endpoint=http://{}:1G", self.address).parse().unwrap()
    }

    /// A gateway to a bucket, not yet opened.
    pub(crate) fn gateway(&self, bucket: &str) -> Arc<Bucket> {
        gateway(self.offer(bucket))
    }

    /// Files of a bucket's units, in order.
    pub(crate) fn objects(&self, bucket: &str) -> Vec<PathBuf> {
        let (mut dirs, mut objects) = (vec![self.dir(bucket).join("amphi/units")], Vec::new());
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(dir).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { dirs.push(path) } else { objects.push(path) }
            }
        }
        objects.sort();
        objects
    }
}

/// A gateway, not yet opened.
pub(crate) fn gateway(offer: BucketOffer) -> Arc<Bucket> {
    let key = key(&offer);
    Arc::new(Bucket::new(offer, &key, Handle::current()).unwrap())
}

/// One that does not wait for long.
pub(crate) fn impatient(offer: BucketOffer) -> Arc<Bucket> {
    let key = key(&offer);
    Arc::new(Bucket::impatient(offer, &key, Handle::current()).unwrap())
}

fn key(offer: &BucketOffer) -> BucketKey {
    let variable = |name: &str| match name {
        "AWS_ACCESS_KEY_ID" => Some("reader".to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some("hush".to_owned()),
        _ => None,
    };
    BucketKey::find(offer, None, variable).unwrap()
}

/// Does `work` where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    bucket: &Arc<Bucket>,
    work: impl FnOnce(&Bucket) -> T + Send + 'static,
) -> T {
    let bucket = Arc::clone(bucket);
    tokio::task::spawn_blocking(move || work(&bucket)).await.unwrap()
}

/// Looks how the service is, although it may not be time to.
pub(crate) async fn cared(bucket: &Arc<Bucket>) {
    blocking(bucket, |bucket| {
        bucket.look_soon();
        bucket.care().unwrap();
    })
    .await;
}

async fn answer(State(served): State<Arc<Served>>, request: Request) -> Response {
    let is_write = request.method() != "GET";
    served.puts.fetch_add(usize::from(request.method() == "PUT"), Ordering::Relaxed);
    let mood = *served.mood.lock().unwrap();
    match mood {
        Mood::Refusing(status, code) => refusal(status, code),
        Mood::RefusingWrites(status, code) if is_write => refusal(status, code),
        Mood::Well | Mood::RefusingWrites(..) => served_well(&served, request).await,
        Mood::Babbling => "<html><body>Welcome to the hotel's network</body></html>".into_response(),
        Mood::Silent => std::future::pending().await,
        Mood::Hesitant if request.method() == "DELETE" => {
            served.hesitating.notify_one();
            while *served.mood.lock().unwrap() == Mood::Hesitant {
                served.moods.notified().await;
            }
            // For the next that waits.
            served.moods.notify_one();
            served_well(&served, request).await
        }
        Mood::Hesitant => served_well(&served, request).await,
        Mood::Forgetful => {
            let stored = served_well(&served, request).await;
            // Half an answer, then nothing.
            let body = futures::stream::once(async { Err::<String, _>(std::io::Error::other("cut off")) });
            let mut broken = Response::new(Body::from_stream(body));
            *broken.status_mut() = stored.status();
            broken
        }
    }
}

fn refusal(status: u16, code: &str) -> Response {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message></Error>");
    (axum::http::StatusCode::from_u16(status).unwrap(), body).into_response()
}

async fn served_well(served: &Served, request: Request) -> Response {
    match tower::ServiceExt::oneshot(served.service.clone(), request).await {
        Ok(response) => response.map(Body::new).into_response(),
        Err(error) => panic!("{error:?}"),
    }
}
