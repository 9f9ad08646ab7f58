//! Where `amphi volume get` puts what it downloads.

use crate::site::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_goes_into_a_directory_under_its_name_and_into_a_pipe_as_it_comes() {
    let Some(site) = Site::with_nodes(8).await else { return };
    let here = |name: &str| site.scratch.path().join(name);
    let text = |name: &str| here(name).to_str().unwrap().to_owned();
    std::fs::write(here("in"), "content\n").unwrap();
    site.done(&["volume", "put", &text("in"), "films:a.txt"]).await;

    std::fs::create_dir(here("directory")).unwrap();
    site.done(&["volume", "get", "films:a.txt", &text("directory")]).await;
    site.done(&["volume", "get", "films:a.txt", &text("in")]).await;
    assert_eq!(std::fs::read_dir(here("directory")).unwrap().count(), 1);
    assert_eq!(std::fs::read_to_string(here("directory/a.txt")).unwrap(), "content\n");

    // As /dev/null, a pipe is not to be replaced by a file.
    nix::unistd::mkfifo(&here("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let pipe = here("pipe");
    let reader = tokio::task::spawn_blocking(move || std::fs::read_to_string(pipe).unwrap());
    site.done(&["volume", "get", "films:a.txt", &text("pipe")]).await;
    assert_eq!(reader.await.unwrap(), "content\n");
    assert!(!here("pipe.part").exists());
}
