//! Programs, from the first line to the answer of the running program, and what the editor keeps.

use serde_json::{Value, json};
use testkit::browser::{BrowserError, keys};

use crate::learner::first_sign_in;
use crate::site::{Person, Site};

/// The semicolon of line 6 is missing.
const GREETING: &str = "\
#include <stdio.h>

int main(void) {
    char name[40];
    printf(\"What is your name? \");
    if (scanf(\"%39s\", name) != 1) return 1
    printf(\"Hello, %s!\\n\", name);
    return 0;
}
";
/// `data/words.txt` and `main.py`, in this order.
const ZIP: &str = "UEsDBBQAAAAIAAAAIVg3ZBgqEAAAAA4AAAAOAAAAZGF0YS93b3Jkcy50eHTLz0tVKCnPVyjJKEpN5QIAUEsDBBQAAAAIAAAAIVjPzBh3Lw\
     AAAC0AAAAHAAAAbWFpbi5weSsoyswr0cgvSM3TUE9JLEnUL88vSinWK6koUdfUK0pNTNHQ1CsuyMks0dDU5AIAUEsBAhQDFAAAAAgAAAAhWDdkGCoQAAA\
     ADgAAAA4AAAAAAAAAAAAAAIABAAAAAGRhdGEvd29yZHMudHh0UEsBAhQDFAAAAAgAAAAhWM/MGHcvAAAALQAAAAcAAAAAAAAAAAAAAIABPAAAAG1haW4u\
     cHlQSwUGAAAAAAIAAgBxAAAAkAAAAAAA";
/// The number of the line that the first mark in the gutter stands at.
const MARKED_LINE: &str = "(() => {
    const top = (element) => Math.round(element.getBoundingClientRect().top);
    const mark = document.querySelector('#editor .cm-lint-marker-error');
    const numbers = [...document.querySelectorAll('#editor .cm-lineNumbers .cm-gutterElement')];
    const row = mark.closest('.cm-gutterElement');
    return numbers.find((number) => number.checkVisibility() && top(number) === top(row))?.textContent;
})()";

/// Opens the editor with the example of a language.
async fn open_editor(person: &Person, language: &str) -> Result<(), BrowserError> {
    person.open(&format!("/programs/new?language={language}")).await?;
    person.browser.until("the editor", "document.querySelector('.cm-line')?.checkVisibility()").await.map(drop)
}

/// Puts a text in place of what stands in the open file.
async fn write(person: &Person, text: &str) -> Result<(), BrowserError> {
    person.browser.click("#editor .cm-content").await?;
    let script = "document.execCommand('selectAll'); return document.execCommand('insertText', false, arguments[0])";
    let done = person.browser.eval(script, &[json!(text)]).await?;
    assert_eq!(done, json!(true));
    Ok(())
}

/// Chooses from a list, as a person does.
async fn choose(person: &Person, id: &str, value: &str) -> Result<(), BrowserError> {
    let script = "const list = document.getElementById(arguments[0]);
        list.value = arguments[1];
        list.dispatchEvent(new Event('input', { bubbles: true }));";
    person.browser.eval(script, &[json!(id), json!(value)]).await.map(drop)
}

/// The lines of the open file.
async fn lines(person: &Person) -> Result<Value, BrowserError> {
    let lines = "return [...document.querySelectorAll('#editor .cm-line')].map((line) => line.textContent)";
    person.browser.eval(lines, &[]).await
}

#[tokio::test]
async fn a_learner_writes_mends_and_talks_to_a_program() -> Result<(), BrowserError> {
    let site = Site::start().await;
    let ada = site.visitor().await;
    first_sign_in(&ada, "ada", &site.account("ada", "learner").await).await?;
    ada.open("/programs").await?;
    ada.browser.click("#empty a[href='/programs/new']").await?;
    open_editor(&ada, "c").await?;
    write(&ada, GREETING).await?;
    mended(&ada).await?;
    answered(&ada).await?;
    let job = ada.browser.until("the address", "new URLSearchParams(location.search).get('from')").await?;
    let job = job.as_str().unwrap_or_default().to_owned();
    // The address leads back to program and run.
    ada.open(&format!("/programs/new?from={job}")).await?;
    ada.sees("#output", "Hello, Ada!").await?;
    ada.sees("#editor .cm-content", "!= 1) return 1;").await?;
    ada.open("/programs").await?;
    ada.sees(&format!("#job-{job} .state-good"), "completed").await?;
    shared(&site, &ada, &job).await
}

/// The compiler's error stands at its line; the list of errors leads there, and a semicolon mends it.
async fn mended(ada: &Person) -> Result<(), BrowserError> {
    ada.browser.press(keys::CONTROL_ENTER).await?;
    ada.sees("#result .state-bad", "error").await?;
    ada.sees("#output .is-compile", "main.c: In function").await?;
    ada.sees("#output .is-compile .out-stream", "compiler").await?;
    ada.sees("#result .marks", "expected").await?;
    let line = ada.browser.until("the marked line", MARKED_LINE).await?;
    assert_eq!(line, json!("6"));
    ada.browser.click("#result [data-line='6']").await?;
    ada.browser.press(keys::END).await?;
    ada.browser.press(";").await?;
    ada.sees("#editor .cm-content", "!= 1) return 1;").await?;
    ada.browser.press(keys::CONTROL_ENTER).await
}

/// The mended program asks, gets what is typed, and answers.
async fn answered(ada: &Person) -> Result<(), BrowserError> {
    ada.sees("#output .is-stdout", "What is your name?").await?;
    // What stops it stays in sight with the field that it is answered in.
    let are_seen = "['stop', 'input'].every((id) => {
        const { top, bottom } = document.getElementById(id).getBoundingClientRect();
        return top > 0 && bottom > top && bottom <= innerHeight;
    })";
    ada.browser.until("the field and the way to stop", are_seen).await?;
    ada.browser.fill("#input", "Ada").await?;
    ada.browser.press(keys::ENTER).await?;
    ada.sees("#output", "What is your name? Ada").await?;
    ada.sees("#output", "Hello, Ada!").await?;
    ada.sees("#result .state-good", "completed").await?;
    let facts = "[...document.querySelectorAll('#result dt')].map((fact) => fact.textContent)";
    let facts = ada.browser.until("the facts", facts).await?;
    for fact in ["Return status", "Ran for", "CPU time", "Memory", "Node"] {
        assert!(facts.as_array().is_some_and(|facts| facts.contains(&json!(fact))), "{fact} is not in {facts}");
    }
    let uid = ada.text("#result .uid").await?;
    assert_eq!(uid.len(), 36, "{uid}");
    ada.browser.until("no field for input", "document.getElementById('input-form').hidden").await?;
    let is_clean = "!document.querySelector('#editor .cm-lint-marker-error')";
    ada.browser.until("no mark", is_clean).await.map(drop)
}

/// Another learner sees it by its address once it is shared, and never in the list.
async fn shared(site: &Site, ada: &Person, job: &str) -> Result<(), BrowserError> {
    let bob = site.visitor().await;
    first_sign_in(&bob, "bob", &site.account("bob", "learner").await).await?;
    let page = format!("/lab/jobs/{job}");
    bob.open(&page).await?;
    bob.sees("h1", "Not found").await?;
    ada.open(&page).await?;
    ada.sees("#source .cm-content", "What is your name?").await?;
    ada.browser.click("#job-actions form[action$='/share'] button").await?;
    ada.sees("#job-facts .link-line", "Shared").await?;
    bob.open(&page).await?;
    bob.sees("#output", "Hello, Ada!").await?;
    bob.sees("#source .cm-content", "What is your name?").await?;
    bob.open("/programs").await?;
    bob.sees("#empty", "Write a program").await
}

#[tokio::test]
async fn the_editor_keeps_what_was_not_run_yet() -> Result<(), BrowserError> {
    let site = Site::start().await;
    let admin = site.admin().await?;
    let browser = &admin.browser;
    open_editor(&admin, "python").await?;
    write(&admin, "print('kept')\n").await?;
    // A name that nobody gave follows the language; what was written stays.
    choose(&admin, "f-language", "c").await?;
    admin.sees("#as-cli", "amphi run -i main.c").await?;
    choose(&admin, "f-language", "python").await?;
    admin.sees("#as-cli", "amphi run -i main.py").await?;
    browser.click("#file-new").await?;
    browser.fill("#file-name", "../out.txt").await?;
    browser.press(keys::ENTER).await?;
    admin.sees("#file-name-error", "Give a name").await?;
    browser.fill("#file-name", "notes.txt").await?;
    browser.press(keys::ENTER).await?;
    browser.fill("#f-args", "one 'two three'").await?;
    admin.sees("#as-cli", "amphi run --file notes.txt -i main.py one 'two three'").await?;
    admin.sees("#draft-state", "kept").await?;
    // A quote that nothing closes is refused beside the field, and nothing of it is lost or sent.
    browser.fill("#f-args", "one 'two three").await?;
    admin.sees("#as-cli", "-i main.py one 'two three").await?;
    browser.press(keys::CONTROL_ENTER).await?;
    admin.sees("#error-args", "The quote ' is not closed").await?;
    browser
        .until("nothing sent", "!document.querySelector('#result .run-line') && !location.search.includes('from')")
        .await?;
    browser.fill("#f-args", "one 'two three'").await?;
    browser.until("the refusal gone", "!document.getElementById('error-args').textContent").await?;
    admin.open("/programs/new").await?;
    admin.sees("#draft-note", "not run yet").await?;
    assert_eq!(lines(&admin).await?, json!(["print('kept')", ""]));
    admin.sees("[role=tab]:nth-of-type(2)", "notes.txt").await?;
    browser.until("the arguments", "document.getElementById('f-args').value === \"one 'two three'\"").await?;
    // Tab belongs to the editor, until Escape gives it back.
    browser.click("#editor .cm-content").await?;
    browser.press(keys::TAB).await?;
    browser.until("the editor's focus", "document.activeElement.matches('.cm-content')").await?;
    browser.press(keys::ESCAPE).await?;
    browser.press(keys::TAB).await?;
    browser.until("the focus behind the editor", "document.activeElement.id === 'f-args'").await?;
    browser.click("#draft-drop").await?;
    browser.until("the example again", "document.querySelector('.cm-line')?.textContent.includes('world')").await?;
    Ok(())
}

#[tokio::test]
async fn a_zip_becomes_tabs_and_runs() -> Result<(), BrowserError> {
    let site = Site::start().await;
    let admin = site.admin().await?;
    open_editor(&admin, "python").await?;
    let upload = "const bytes = Uint8Array.from(atob(arguments[0]), (c) => c.charCodeAt(0));
        const files = new DataTransfer();
        files.items.add(new File([bytes], 'project.zip'));
        const input = document.getElementById('file-upload');
        input.files = files.files;
        input.dispatchEvent(new Event('change', { bubbles: true }));";
    admin.browser.eval(upload, &[json!(ZIP)]).await?;
    // The one named as the language has it is run, so it comes first.
    let tabs = "JSON.stringify([...document.querySelectorAll('[role=tab]')].map((tab) => tab.textContent))";
    let is_so = format!("{tabs} === '[\"main.py\",\"data/words.txt\"]'");
    admin.browser.until("two tabs", &is_so).await?;
    choose(&admin, "f-node", "lab-b").await?;
    admin.sees("#as-cli", "amphi run --node lab-b --file data/words.txt -i main.py").await?;
    admin.browser.click("#run").await?;
    admin.sees("#result dd a", "lab-b").await?;
    admin.sees("#output", "['one', 'two', 'three']").await?;
    admin.sees("#result .state-good", "completed").await?;
    // What is refused is said at its field, in the reader's language.
    admin.browser.click(".locales [lang=fr]").await?;
    admin
        .browser
        .until("French", "document.documentElement.lang === 'fr' && document.readyState === 'complete'")
        .await?;
    admin.sees("#output", "['one', 'two', 'three']").await?;
    admin.browser.until("the node kept", "document.getElementById('f-node').value === 'lab-b'").await?;
    let arguments = vec!["x"; 65].join(" ");
    admin.browser.fill("#f-args", &arguments).await?;
    admin.browser.click("#run").await?;
    admin.sees("#error-args", "Un programme peut avoir 64 arguments").await
}

#[tokio::test]
async fn a_kept_program_comes_back_from_ones_own_files() -> Result<(), BrowserError> {
    let site = Site::start().await;
    let admin = site.admin().await?;
    open_editor(&admin, "python").await?;
    write(&admin, "print(6 * 7)\n").await?;
    admin.browser.press(keys::CONTROL_ENTER).await?;
    admin.sees("#output", "42").await?;
    admin.sees("#result .state-good", "completed").await?;
    let job = admin.browser.until("the address", "new URLSearchParams(location.search).get('from')").await?;
    let job = job.as_str().unwrap_or_default().to_owned();
    admin.open(&format!("/lab/jobs/{job}")).await?;
    admin.browser.click("form[action$='/keep'] button").await?;
    admin.sees("#entries", "program").await?;
    // From the root over the folders; what is taken stands in place of the example.
    open_editor(&admin, "c").await?;
    admin.browser.click("#own-open").await?;
    for folder in ["runs/", job.as_str(), "program/"] {
        let button = format!(
            "[...document.querySelectorAll('.own-folder')].find((button) => button.textContent.startsWith('{folder}'))"
        );
        admin.browser.until(folder, &format!("Boolean({button})")).await?;
        admin.browser.eval(&format!("{button}.click()"), &[]).await?;
    }
    admin.sees("#own-entries", "main.py").await?;
    admin.browser.click("#own-entries input").await?;
    admin.browser.click("#own-take").await?;
    admin.browser.until("the dialog closed", "!document.getElementById('own-dialog').open").await?;
    admin.sees("#editor .cm-content", "print(6 * 7)").await?;
    admin.browser.until("its language", "document.getElementById('f-language').value === 'python'").await?;
    // A file that is gone by then is said so, and nothing is lost.
    admin.browser.click("#own-open").await?;
    admin.sees("#own-path", "home-admin:").await?;
    site.amphi(&["volume", "rm", "-r", "home-admin:runs"]).await;
    admin.browser.click(".own-folder").await?;
    admin.sees("#own-error", "runs").await?;
    admin.browser.click("#own-cancel").await?;
    admin.sees("#editor .cm-content", "print(6 * 7)").await
}
