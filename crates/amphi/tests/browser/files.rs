//! Files in the browser: dropped onto the page, watched while they are stored, downloaded, renamed, shared, deleted.

use testkit::browser::BrowserError;

use crate::pages::over;
use crate::site::Site;

/// Bytes of the file: several stripes and a rest.
const BYTES: u64 = 700_001;

#[tokio::test]
async fn a_file_is_dropped_and_downloaded_with_the_same_bytes() -> Result<(), BrowserError> {
    let site = Site::start().await;
    let admin = site.admin().await?;
    let browser = &admin.browser;
    admin.open("/files").await?;
    admin.sees("#main, main", "home-admin").await?;
    admin.open("/files/home-admin").await?;
    admin.sees("#entries", "Nothing in this folder").await?;
    // What a mouse does, with content that says where it comes from.
    let drop = "const bytes = new Uint8Array(arguments[0]).map((_, place) => (place * 31 + (place >> 8)) & 255);
        const carried = new DataTransfer();
        carried.items.add(new File([bytes], 'film 1.bin'));
        const box = document.getElementById('files');
        const seen = new MutationObserver(() => {
            window.wasSeen ||= Boolean(document.querySelector('#uploads progress'));
        });
        seen.observe(document.getElementById('uploads'), { childList: true, subtree: true });
        for (const kind of ['dragenter', 'dragover', 'drop']) {
            box.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: carried }));
        }";
    browser.eval(drop, &[BYTES.into()]).await?;
    browser.until("progress", "window.wasSeen").await?;
    admin.sees("#entries", "film 1.bin").await?;
    admin.sees("#entries", "684 KiB").await?;
    let same = "const at = document.querySelector('#entries .entry-name a').href;
        window.isSame = null;
        fetch(at).then((answer) => answer.arrayBuffer()).then((buffer) => {
            const bytes = new Uint8Array(buffer);
            window.isSame = bytes.length === arguments[0]
                && bytes.every((byte, place) => byte === ((place * 31 + (place >> 8)) & 255));
        });";
    browser.eval(same, &[BYTES.into()]).await?;
    browser.until("the same bytes", "window.isSame === true").await?;

    browser.click("#entries .entry-menu summary").await?;
    browser.fill("#entries input[name=to]", "film-2.bin").await?;
    browser.click("#entries button[value=rename]").await?;
    admin.sees("#entries", "film-2.bin").await?;
    let command = site.amphi(&["volume", "get", "home-admin:/film-2.bin", "-"]).await;
    assert_eq!(command.len() as u64, BYTES);

    browser.click("#entries .entry-menu summary").await?;
    browser.click("#entries button[value=share]").await?;
    let link = admin.text("#share-link").await?;
    let stranger = site.visitor().await;
    stranger.open("/sign-in").await?;
    let fetched = "window.answered = null;
        fetch(arguments[0]).then(async (answer) => { window.answered = [answer.status, (await answer.arrayBuffer()).byteLength]; });";
    stranger.browser.eval(fetched, &[link.clone().into()]).await?;
    stranger.browser.until("the file", "window.answered && window.answered.join() === '200,700001'").await?;

    browser.click("#entries .entry-menu summary").await?;
    browser.click("#entries form[data-confirm] button").await?;
    admin.confirm().await?;
    admin.sees("#entries", "Nothing in this folder").await?;
    stranger.browser.eval(fetched, &[link.into()]).await?;
    stranger.browser.until("no file any more", "window.answered && window.answered[0] === 404").await?;

    admin.open("/volumes").await?;
    admin.sees("#storage-part", "healthy").await?;
    admin.sees("#store-1", "up").await
}

#[tokio::test]
async fn snapshots_are_restored_links_and_keys_revoked_and_output_kept() -> Result<(), BrowserError> {
    let site = Site::start().await;
    let admin = site.admin().await?;
    let browser = &admin.browser;
    let notes = site.file("notes.txt", "of the first week\n");
    site.amphi(&["volume", "put", &notes, "home-admin:/"]).await;
    admin.open("/files/home-admin").await?;
    browser.fill("#snapshots input[name=name]", "monday").await?;
    browser.click("#snapshots .file-tools button").await?;
    admin.sees("#snapshots", "monday").await?;
    site.amphi(&["volume", "rm", "home-admin:/notes.txt"]).await;
    admin.open("/files/home-admin@monday").await?;
    admin.sees("#entries", "notes.txt").await?;
    admin.open("/files/home-admin").await?;
    admin.sees("#entries", "Nothing in this folder").await?;
    browser.click("#snapshots form[data-confirm] button").await?;
    admin.confirm().await?;
    admin.sees("#entries", "notes.txt").await?;

    browser.click("#entries .entry-menu summary").await?;
    browser.eval("document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }))", &[]).await?;
    browser.until("no open menu", "!document.querySelector('.entry-menu[open]')").await?;
    browser.click("#entries .entry-menu summary").await?;
    browser.eval("document.querySelector('#entries select[name=days]').value = '30'", &[]).await?;
    browser.click("#entries button[value=share]").await?;
    admin.sees(".share-link", "for 30 days").await?;
    assert!(admin.text("#share-link").await?.contains("://"), "a link is whole");
    admin.open("/shares").await?;
    admin.sees("main table", "home-admin:notes.txt").await?;
    browser.click("main form[data-confirm] button").await?;
    admin.confirm().await?;
    admin.sees("main", "Nothing is shared").await?;

    admin.open("/s3-keys").await?;
    browser.fill("#f-name", "laptop").await?;
    browser.click("main form[action='/s3-keys'] button").await?;
    admin.sees("#fresh-key", "AWS_SECRET_ACCESS_KEY=").await?;
    admin.sees("main table", "laptop").await?;
    browser.click("main form[data-confirm] button").await?;
    admin.confirm().await?;
    browser
        .until("no key any more", "document.readyState === 'complete' && !document.querySelector('main table')")
        .await?;

    let job = site.amphi_line(&["run", "--detach", "--node", "lab-a", "ping", "-c", "1", "127.0.0.1"]).await;
    over(&site, "job", &job).await;
    admin.open(&format!("/lab/jobs/{job}")).await?;
    browser.click("form[action$='/keep'] button").await?;
    admin.sees("#entries", "stdout.txt").await?;
    let kept = site.amphi(&["volume", "get", &format!("home-admin:runs/{job}/stdout.txt"), "-"]).await;
    assert!(String::from_utf8_lossy(&kept).contains("1 packets transmitted"));
    Ok(())
}
