//! What `amphi volume put`, `get`, `rm` and `mv` make of names, and where a download goes.

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_taken_as_they_are_and_dots_lead_nowhere() {
    let Some(site) = Site::start().await else { return };
    let here = |name: &str| site.scratch.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(here("one"), "one\n").unwrap();
    std::fs::write(here("two"), "two\n").unwrap();
    site.done(&["volume", "put", &here("one"), "films:hello.txt"]).await;
    let odd = "films:hel\tlo\n%2e.txt";
    site.done(&["volume", "put", &here("two"), odd]).await;
    assert_eq!(site.done(&["volume", "get", "films:hello.txt", "-"]).await, b"one\n");
    assert_eq!(site.done(&["volume", "get", odd, "-"]).await, b"two\n");
    let listed = String::from_utf8(site.done(&["volume", "ls", "films"]).await).unwrap();
    assert!(listed.contains(r"hel\tlo\n%2e.txt"), "{listed}");

    site.done(&["volume", "mkdir", "films:d/e"]).await;
    site.done(&["volume", "put", &here("one"), "films:d/keep"]).await;
    for wrong in [
        &["rm", "-r", "films:d/e/../keep"][..],
        &["rm", "-r", "films:d/.."],
        &["rm", "-r", "films:d/e/.."],
        &["rm", "-r", "films:."],
        &["rm", "-r", "films:/"],
        &["rm", "-r", "films"],
        &["put", &here("two"), "films:../d/keep"],
        &["put", &here("two"), "films:d/./keep"],
        &["get", "films:d/e/../keep", "-"],
        &["mv", "films:d/keep", "films:d/../gone"],
        &["ls", "films:d/.."],
        &["mkdir", "films:d/../f"],
    ] {
        let refused = site.amphi(&[&["volume"], wrong].concat()).await;
        assert_eq!(refused.status.code(), Some(2), "{wrong:?}: {}", String::from_utf8_lossy(&refused.stderr));
    }
    assert_eq!(site.done(&["volume", "get", "films:d/keep", "-"]).await, b"one\n");
    let listed = String::from_utf8(site.done(&["volume", "ls", "films"]).await).unwrap();
    assert_eq!(listed.lines().count(), 4, "{listed}");

    // The others are removed although one is not there; into a directory it goes under its name.
    let some = site.amphi(&["volume", "rm", "films:nothing", odd]).await;
    assert!(some.status.code() == Some(4) && String::from_utf8_lossy(&some.stderr).contains("1 of 2 were not removed"));
    site.done(&["volume", "mv", "films:hello.txt", "films:d/"]).await;
    assert_eq!(site.done(&["volume", "get", "films:d/hello.txt", "-"]).await, b"one\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_goes_up_and_comes_back_as_it_was() {
    let Some(site) = Site::start().await else { return };
    let here = |name: &str| site.scratch.path().join(name);
    let text = |name: &str| here(name).to_str().unwrap().to_owned();
    std::fs::create_dir_all(here("project/empty")).unwrap();
    std::fs::create_dir_all(here("project/a b/\tc")).unwrap();
    for number in 0..40 {
        std::fs::write(here(&format!("project/a b/{number}")), vec![number; 3_000 * usize::from(number)]).unwrap();
    }
    std::fs::write(here("project/a b/\tc/.part"), "deep").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", here("project/link")).unwrap();

    let refused = site.amphi(&["volume", "put", &text("project"), "films:"]).await;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("volume put -r"), "{refused:?}");
    let put = site.amphi(&["volume", "put", "-r", &text("project"), "films:"]).await;
    assert!(
        put.status.success() && String::from_utf8_lossy(&put.stderr).contains("1 entry was passed over"),
        "{put:?}"
    );
    let refused = site.amphi(&["volume", "get", "films:project", "-"]).await;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("volume get -r"), "{refused:?}");

    // A file can't take the place of a directory; what was stored beside it is told.
    std::fs::create_dir(here("mixed")).unwrap();
    std::fs::write(here("mixed/empty"), "").unwrap();
    std::fs::write(here("mixed/whole"), "whole").unwrap();
    let some = site.amphi(&["volume", "put", "-r", &text("mixed"), "films:project", "--output", "json"]).await;
    let told: serde_json::Value = serde_json::from_slice(&some.stdout).unwrap();
    assert_eq!((some.status.code(), &told[0]["path"]), (Some(5), &"project/whole".into()), "{some:?}");
    site.done(&["volume", "rm", "films:project/whole"]).await;
    let whole = site.amphi(&["volume", "get", "-r", "films", "-"]).await;
    assert_eq!(whole.status.code(), Some(2), "{whole:?}");

    std::fs::create_dir(here("back")).unwrap();
    site.done(&["volume", "get", "-r", "films:project/", &text("back")]).await;
    std::fs::remove_file(here("project/link")).unwrap();
    let compared = std::process::Command::new("diff").arg("-r").arg(here("project")).arg(here("back/project")).output();
    let compared = compared.unwrap();
    assert!(compared.status.success(), "{}", String::from_utf8_lossy(&compared.stdout));
    site.done(&["volume", "get", "-r", "films", &text("whole")]).await;
    assert!(here("whole/project/empty").is_dir());
}
