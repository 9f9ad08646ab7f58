//! The files page: sorted and filtered where a directory is read whole, by name where it is larger; links with their days.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use db::{Query, Write};

use crate::plane::{Plane, at, content};

const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];

async fn page(plane: &Plane, address: &str) -> String {
    let reply = plane.ask("GET", address, &[], Body::empty()).await;
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    assert_eq!(reply.status, StatusCode::OK, "{text}");
    text
}

/// The names that a page lists, in its order.
fn names(page: &str) -> Vec<String> {
    let rows = page.split("<tbody>").nth(1).map_or("", |rest| rest.split("</tbody>").next().unwrap());
    let name = |row: &str| {
        let link = row.split("</a>").next().unwrap();
        link.rsplit("</svg>").next().unwrap().to_owned()
    };
    rows.split("entry-name\">").skip(1).map(name).collect()
}

/// The addresses in the page that begin with this, as a browser reads them.
fn links(page: &str, begin: &str) -> Vec<String> {
    let page = page.replace("&amp;", "&").replace("&#38;", "&");
    let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    links.filter(|link| link.starts_with(begin)).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_directory_is_sorted_and_filtered() {
    let plane = Plane::new(0, 3).await;
    plane.files.directory_make(&at("folder"), false).await.unwrap();
    for (name, bytes) in [("b.txt", 300), ("a.txt", 4_000), ("Film.mkv", 20)] {
        plane.later(Duration::from_secs(60), &[]).await;
        plane.put(name, &content(bytes, 1)).await;
    }
    let by_name = page(&plane, "/files/v").await;
    assert_eq!(names(&by_name), ["Film.mkv", "a.txt", "b.txt", "folder"]);
    assert!(
        by_name.contains("<th scope=\"col\" aria-sort=\"ascending\"><a href=\"/files/v?desc=1\">Name</a>"),
        "{by_name}"
    );
    assert_eq!(names(&page(&plane, "/files/v?desc=1").await), ["folder", "b.txt", "a.txt", "Film.mkv"]);
    let by_size = page(&plane, "/files/v?sort=size&desc=1").await;
    assert_eq!(names(&by_size), ["a.txt", "b.txt", "Film.mkv", "folder"]);
    assert!(by_size.contains("3.9 KiB") && by_size.contains("aria-sort=\"descending\""), "{by_size}");
    assert_eq!(names(&page(&plane, "/files/v?sort=size").await), ["folder", "Film.mkv", "b.txt", "a.txt"]);
    let by_time = page(&plane, "/files/v?sort=changed&desc=1").await;
    assert_eq!(names(&by_time), ["Film.mkv", "a.txt", "b.txt", "folder"]);
    let filtered = page(&plane, "/files/v?sort=size&filter=+F").await;
    assert_eq!(names(&filtered), ["folder", "Film.mkv"]);
    assert!(links(&filtered, "/files/v?").contains(&"/files/v?sort=size&desc=1&filter=F".to_owned()), "{filtered}");
    let none = page(&plane, "/files/v?filter=%3Cx%2F").await;
    assert!(none.contains("No name here contains") && !none.contains("<x/"), "{none}");
    let wrong = plane.ask("GET", "/files/v?sort=colour", &[("accept", "text/html")], Body::empty()).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    // A change leads back to the same view.
    let form = "op=rename&name=b.txt&to=c.txt";
    let renamed = plane.ask("POST", "/files/v?sort=size&desc=1&filter=txt", &FORM, Body::from(form)).await;
    assert_eq!(renamed.headers["location"], "/files/v?sort=size&desc=1&filter=txt");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_directory_is_listed_by_name_and_filtered_by_how_names_begin() {
    let plane = Plane::new(0, 3).await;
    plane.put("m", &Bytes::from_static(b"x")).await;
    entries(&plane, 0, 999).await;
    // A thousand in all: it is still read whole.
    let whole = page(&plane, "/files/v?from=200").await;
    assert_eq!((names(&whole).len(), names(&whole)[0].as_str()), (200, "m00199"));
    assert!(whole.contains("201 to 400 of 1,000"), "{whole}");
    assert_eq!(links(&whole, "/files/v?from="), ["/files/v?from=400"]);
    assert_eq!(names(&page(&plane, "/files/v?from=800").await)[199], "m00998");
    assert_eq!(names(&page(&plane, "/files/v?filter=99").await).len(), 18, "any part of a name");
    entries(&plane, 999, 2_000).await;
    let large = page(&plane, "/files/v?sort=size&desc=1").await;
    assert_eq!((names(&large).len(), &names(&large)[..2]), (200, &["m".to_owned(), "m00000".to_owned()][..]));
    assert!(large.contains("more than 1,000 entries") && links(&large, "/files/v?sort").is_empty(), "{large}");
    let next = links(&large, "/files/v?after=");
    assert_eq!(next, ["/files/v?after=m00198"]);
    assert_eq!(names(&page(&plane, &next[0]).await)[0], "m00199");
    let found = page(&plane, "/files/v?filter=m0199").await;
    assert_eq!(names(&found), (1_990..2_000).map(|n| format!("m{n:05}")).collect::<Vec<_>>());
    assert_eq!(names(&page(&plane, "/files/v?filter=m01").await).len(), 200);
    let next = links(&page(&plane, "/files/v?filter=m01").await, "/files/v?");
    assert_eq!(next.last().unwrap(), "/files/v?filter=m01&after=m01199");
    assert_eq!(names(&page(&plane, next.last().unwrap()).await)[0], "m01200");
    assert_eq!(names(&page(&plane, "/files/v?filter=m").await)[0], "m", "one that is all of its name");
    let none = page(&plane, "/files/v?filter=99").await;
    assert!(none.contains("No name here begins with"), "{none}");
    for odd in ["filter=.", "filter=a%2Fb", "filter=%00", "after=%00"] {
        assert!(names(&page(&plane, &format!("/files/v?{odd}")).await).is_empty(), "{odd}");
    }
}

/// More names of the file `m`.
async fn entries(plane: &Plane, from: i64, to: i64) {
    let names = "WITH RECURSIVE many (n) AS (SELECT ? UNION ALL SELECT n + 1 FROM many WHERE n + 1 < ?) \
         INSERT INTO storage_entry (space, parent, name, ino) \
         SELECT e.space, e.parent, printf('m%05d', many.n), e.ino FROM many, storage_entry e WHERE e.name = 'm'";
    plane.storage.db().write(Write::new().step(Query::new(names).bind(from).bind(to))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_holds_as_many_days_as_were_chosen() {
    let plane = Plane::new(0, 3).await;
    plane.put("a", &content(10, 1)).await;
    let shared = plane.ask("POST", "/files/v", &FORM, Body::from("op=share&name=a&days=30")).await;
    let said = String::from_utf8(shared.body.to_vec()).unwrap();
    assert!(said.contains("for 30 days, without signing in. Copy it now"), "{said}");
    assert!(said.contains("<option value=\"7\" selected>for 7 days</option>"), "{said}");
    let json = [("content-type", "application/json")];
    let make = async |days: &str| {
        let body = format!("{{\"export\":\"v\",\"path\":\"a\"{days}}}");
        plane.ask("POST", "/api/v1/shares", &json, Body::from(body)).await
    };
    for (days, ms) in [("", 7), (",\"days\":1", 1), (",\"days\":90", 90)].map(|(text, days)| (text, days * 86_400_000))
    {
        let made = make(days).await;
        assert_eq!(made.status, StatusCode::CREATED);
        let expires = made.json()["expires"].as_str().unwrap().to_owned();
        assert_eq!(expires, portal::utc_text(plane.storage.db().clock().now_ms() + ms), "{days}");
    }
    for days in ["0", "91"] {
        let refused = make(&format!(",\"days\":{days}")).await;
        assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::BAD_REQUEST, &"share-days".into()));
        assert_eq!(refused.json()["message"], format!("A link holds for 1 to 90 days, not {days}."));
        let form = Body::from(format!("op=share&name=a&days={days}"));
        assert_eq!(plane.ask("POST", "/files/v", &FORM, form).await.status, StatusCode::BAD_REQUEST);
    }
    // The links that hold: one of the page and three of the API.
    let listed = page(&plane, "/shares").await;
    assert_eq!(listed.matches("/revoke").count(), 4);
    assert!(listed.contains("A link itself is shown only when it is made"), "{listed}");
    plane.later(Duration::from_secs(8 * 86_400), &[]).await;
    assert_eq!(page(&plane, "/shares").await.matches("/revoke").count(), 2);
}
