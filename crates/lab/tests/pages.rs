//! The pages through every layer: who sees what, what a wrong form says, in which language.
#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute; what they stand on here has none")]

#[expect(dead_code, reason = "shared with the tests of the API, which use more of it")]
#[path = "integration/agent.rs"]
mod agent;
#[expect(dead_code, reason = "shared with the tests of the API, which use more of it")]
#[path = "integration/plane.rs"]
mod plane;

use std::time::Duration;

use axum::body::Body;
use axum::http::header;
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::plane::{Plane, Reply, request};

impl Plane {
    async fn page(&self, token: &str, path: &str) -> String {
        let reply = self.get(token, path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.text()
    }

    async fn form(&self, token: &str, path: &str, form: &str) -> Reply {
        let mut request = request(token, "POST", path, Value::Null);
        request.headers_mut().insert(header::CONTENT_TYPE, "application/x-www-form-urlencoded".parse().unwrap());
        *request.body_mut() = Body::from(form.to_owned());
        self.send(request).await
    }

    /// Submits as `token` and answers the job's id.
    async fn submit_as(&self, token: &str, name: &str) -> String {
        let body = json!({ "tool": "ping", "args": ["192.0.2.1"], "name": name });
        self.call(token, "POST", "/api/v1/jobs", body).await.expect(202)["id"].as_str().unwrap().to_owned()
    }
}

/// Where a redirect leads.
fn location(reply: &Reply) -> &str {
    assert_eq!(reply.status, 303, "{}", reply.text());
    reply.headers[header::LOCATION].to_str().unwrap()
}

/// The element of this id, up to its end.
fn element<'a>(page: &'a str, id: &str) -> &'a str {
    let at = page.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no {id} in {page}"));
    let begin = page[..at].rfind('<').unwrap();
    &page[begin..at + page[at..].find('>').unwrap()]
}

fn text_of<'a>(page: &'a str, id: &str) -> &'a str {
    let begin = page.find(element(page, id)).unwrap() + element(page, id).len() + 1;
    &page[begin..begin + page[begin..].find('<').unwrap()]
}

#[tokio::test]
async fn an_empty_overview_says_what_it_is_for() {
    let plane = Plane::new().await;
    let ada = plane.account("ada", "learner").await;
    let page = plane.page(&ada, "/lab").await;
    assert!(page.contains("Try the network out") && page.contains("amphi run ping -c 3 example.org"));
    assert!(element(&page, "jobs").contains("hidden") && !element(&page, "empty").contains("hidden"));
    assert!(!page.contains("<th scope=\"col\">Owner"), "a learner needs no column of owners");
    assert!(plane.page(&ada, "/lab?q=nothing").await.contains("No experiment matches."));
    assert_eq!(location(&plane.get("", "/").await), "/sign-in");
    assert!(location(&plane.get("", "/lab?q=a").await).starts_with("/sign-in?next=%2Flab"));
    assert_eq!(location(&plane.get(&ada, "/").await), "/lab");
}

#[tokio::test]
async fn a_learner_sees_their_own_and_the_pinned() {
    let plane = Plane::new().await;
    let _agent = Agent::join(&plane, "lab-a", 1).await;
    let (ada, bob) = (plane.account("ada", "learner").await, plane.account("bob", "learner").await);
    let teacher = plane.account("tea", "teacher").await;
    let own = plane.submit_as(&ada, "of ada").await;
    let pinned = plane.submit_as(&plane.admin, "the <example>").await;
    let path = format!("/lab/jobs/{pinned}");
    assert_eq!(plane.get(&bob, &path).await.status, 404);
    assert_eq!(plane.form(&bob, &format!("{path}/pin"), "pinned=true").await.status, 403);
    assert_eq!(location(&plane.form(&teacher, &format!("{path}/pin"), "pinned=true").await), path);
    let rows = plane.page(&bob, "/lab/rows").await;
    assert!(rows.contains("the &#60;example&#62;") && rows.contains("bi-star-fill") && !rows.contains("of ada"));
    let rows = plane.page(&ada, "/lab").await;
    assert!(rows.find(&pinned).unwrap() < rows.find(&own).unwrap(), "pinned first");
    let view = plane.page(&bob, &path).await;
    for action in ["/pin\"", "/delete\"", "/cancel\"", "/rename\""] {
        assert!(!view.contains(&format!("{path}{action}")), "{action}");
    }
    assert!(view.contains(&format!("{path}/again\"")));
    assert_eq!(plane.get(&bob, &format!("/lab/jobs/{own}")).await.status, 404);
    assert_eq!(plane.get(&bob, &format!("/lab/jobs/{own}/part")).await.status, 404);
    assert_eq!(plane.form(&bob, &format!("/lab/jobs/{own}/again"), "").await.status, 404);
    assert!(plane.page(&teacher, "/lab?scope=class").await.contains("of ada"));
}

#[tokio::test]
async fn a_wrong_form_comes_back_whole_with_the_error_at_its_field() {
    let plane = Plane::new().await;
    let _agent = Agent::join(&plane, "lab-a", 1).await;
    let ada = plane.account("ada", "learner").await;
    let wrong = "tool=ping&destination=example.org&option.count=5000&name=keep+me&option.dont-fragment=on";
    let reply = plane.form(&ada, "/lab/new", wrong).await;
    assert_eq!(reply.status, 400);
    let page = reply.text();
    let field = element(&page, "f-count");
    assert!(field.contains("value=\"5000\"") && field.contains("aria-invalid=\"true\"") && field.contains("autofocus"));
    assert!(text_of(&page, "error-count").contains("5000 is out of range"));
    assert_eq!(text_of(&page, "error-destination"), "");
    assert!(
        element(&page, "f-name").contains("value=\"keep me\"") && element(&page, "f-dont-fragment").contains("checked")
    );
    let check = plane.form(&ada, "/lab/check", wrong).await.text();
    assert!(check.contains("data-field=\"count\"") && check.contains("5000 is out of range"));
    for (form, field) in [
        ("tool=ping&destination=example.org%3Bid", "destination"),
        ("tool=ping&destination=127.0.0.1", "destination"),
        ("tool=ping&destination=192.0.2.1&node=nowhere", "node"),
    ] {
        let page = plane.form(&ada, "/lab/new", form).await.text();
        assert!(element(&page, &format!("f-{field}")).contains("aria-invalid"), "{form}");
        assert!(text_of(&page, &format!("error-{field}")).ends_with('.'), "{form}");
    }
    assert_eq!(plane.count("lab_job").await, 0);
}

#[tokio::test]
async fn a_right_form_is_run_and_its_output_shown() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let ada = plane.account("ada", "learner").await;
    let form = "tool=ping&destination=192.0.2.1&option.count=2&option.ttl=&name=first&node=lab-a";
    let check = plane.form(&ada, "/lab/check", form).await.text();
    assert!(check.contains("amphi run --node lab-a --name first ping -c 2 192.0.2.1"), "{check}");
    let path = location(&plane.form(&ada, "/lab/new", form).await).to_owned();
    let waiting = plane.page(&ada, &path).await;
    assert!(element(&waiting, "output").contains("/live\""), "what goes on is read live");
    agent.carry_out().await;
    plane.job_is(path.rsplit('/').next().unwrap(), "completed").await;
    let page = plane.page(&ada, &path).await;
    assert!(page.contains("data-stream=\"stdout\">done\n"), "{page}");
    assert!(element(&page, "output").contains("data-live=\"\""), "what is there needs no stream");
    assert_eq!(location(&plane.form(&ada, &format!("{path}/cancel"), "").await), path);
    let form = plane.page(&ada, &format!("/lab/new?from={}", path.rsplit('/').next().unwrap())).await;
    assert!(element(&form, "f-count").contains("value=\"2\"") && element(&form, "f-node").contains("value=\"lab-a\""));
    let again = plane.form(&ada, &format!("{path}/again"), "").await;
    assert!(location(&again) != path && location(&again).starts_with("/lab/jobs/"));
    assert_eq!(location(&plane.form(&ada, &format!("{path}/delete"), "").await), "/lab");
    assert_eq!(plane.get(&ada, &path).await.status, 404);
}

#[tokio::test]
async fn french_is_spoken_throughout() {
    let plane = Plane::new().await;
    let _agent = Agent::join(&plane, "lab-a", 1).await;
    let ada = plane.account("ada", "learner").await;
    plane.call(&ada, "PATCH", "/api/v1/me", json!({ "locale": "fr" })).await.expect(200);
    let page = plane.page(&ada, "/lab").await;
    assert!(page.contains("<html lang=\"fr\"") && page.contains("Mettez le réseau à l’épreuve"));
    let page = plane.form(&ada, "/lab/new", "tool=ping&destination=example.org&option.count=5000").await.text();
    assert!(
        text_of(&page, "error-count").contains("l’option « count »") || text_of(&page, "error-count").contains("5000")
    );
    assert!(!text_of(&page, "error-count").contains("out of range"), "{}", text_of(&page, "error-count"));
    // The one slot takes one of them at most, whenever it does.
    plane.submit_as(&ada, "une").await;
    plane.submit_as(&ada, "deux").await;
    assert!(plane.page(&ada, "/lab/rows").await.contains("1re dans la file"));
}

#[tokio::test]
async fn operators_change_nodes_and_policy_by_forms() {
    let plane = Plane::new().await;
    let _agent = Agent::join(&plane, "lab-a", 2).await;
    let ada = plane.account("ada", "learner").await;
    for path in ["/nodes/new", "/admin/policy"] {
        assert_eq!(plane.get(&ada, path).await.status, 403, "{path}");
    }
    assert!(plane.page(&ada, "/nodes").await.contains("lab-a"));
    assert!(!plane.page(&ada, "/nodes/lab-a").await.contains("/remove\""));
    let made = plane.form(&plane.admin, "/nodes/new", "minutes=60").await;
    assert!(text_of(&made.text(), "join").starts_with("amphi agent --join https://lab.example.org --token amphi1."));
    assert_eq!(made.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(location(&plane.form(&plane.admin, "/nodes/lab-a/state", "state=cordoned").await), "/nodes");
    assert!(plane.page(&ada, "/nodes/rows").await.contains("cordoned"));
    let wrong = plane.form(&plane.admin, "/nodes/lab-a/edit", "name=Lab+A&slots=2&labels=site%3Dparis").await;
    assert_eq!(wrong.status, 400);
    assert!(element(&wrong.text(), "f-name").contains("value=\"Lab A\"") && wrong.text().contains("site=paris"));
    let right = plane.form(&plane.admin, "/nodes/lab-a/edit", "name=paris-1&slots=2&labels=site%3Dparis").await;
    assert_eq!(location(&right), "/nodes/paris-1");
    let policy = "account_waiting_max=5&account_hourly_max=50&account_elements_max=100&in_flight_max=7&starts_per_minute_max=60\
        &waiting_max_s=60&programs_cpu_s=5&programs_wall_s=60&programs_memory_mib=128&programs_processes=32\
        &programs_file_mib=8&programs_output_kib=512&programs_network=on";
    let wrong = format!("{policy}&refused_networks=10.0.0.0%2F8%0D%0A10.0.0.0%2F99&refused_names=");
    let reply = plane.form(&plane.admin, "/admin/policy", &wrong).await;
    assert_eq!(reply.status, 400);
    assert!(element(&reply.text(), "f-refused_networks").contains("aria-invalid"));
    assert!(text_of(&reply.text(), "error-refused_networks").contains("10.0.0.0/99"));
    let right = format!("{policy}&refused_networks=10.0.0.0%2F8&refused_names=*.example.org");
    assert_eq!(location(&plane.form(&plane.admin, "/admin/policy", &right).await), "/admin/policy");
    let stored = plane.get(&plane.admin, "/api/v1/policy").await.expect(200);
    assert_eq!((&stored["in_flight_max"], &stored["refused_names"]), (&json!(7), &json!(["*.example.org"])));
    // Two have the form open: the second would undo what the first did.
    let form = plane.page(&plane.admin, "/admin/policy").await;
    assert!(form.contains(r#"name="version" value="1""#), "{form}");
    assert_eq!(
        location(&plane.form(&plane.admin, "/admin/policy", &format!("{right}&version=1")).await),
        "/admin/policy"
    );
    let late = plane.form(&plane.admin, "/admin/policy", &format!("{right}&version=1")).await;
    assert_eq!(late.status, 412);
    let stored = plane.get(&plane.admin, "/api/v1/policy").await;
    assert_eq!(stored.headers["etag"], "\"2\"");
    let put = async |tag: &'static str| {
        let mut request = request(&plane.admin, "PUT", "/api/v1/policy", stored.json());
        request.headers_mut().insert("if-match", tag.parse().unwrap());
        plane.send(request).await
    };
    assert_eq!(put("\"1\"").await.problem(412), "policy-changed");
    assert_eq!(put("2").await.problem(412), "policy-changed");
    assert_eq!(put("\"2\"").await.headers["etag"], "\"3\"");
}

#[tokio::test]
async fn the_status_is_public_and_names_nobody() {
    let plane = Plane::new().await;
    let _agent = Agent::join(&plane, "lab-a", 2).await;
    plane.node_is("lab-a", "up").await;
    plane.submit_as(&plane.admin, "secret plan").await;
    // What was read before the node came is old by then.
    plane.clock.advance(Duration::from_secs(1));
    for path in ["/status", "/status/part"] {
        let page = plane.page("", path).await;
        assert!(page.contains("Everything is up") && page.contains("lab-a"), "{page}");
        assert!(!page.contains("secret plan") && !page.contains(">admin"));
    }
}

#[tokio::test]
async fn no_page_needs_inline_script_or_style() {
    let plane = Plane::new().await;
    let _agent = Agent::join(&plane, "lab-a", 2).await;
    let job = plane.submit_as(&plane.admin, "one").await;
    let view = format!("/lab/jobs/{job}");
    for path in ["/lab", "/lab/new", &view, "/nodes", "/nodes/lab-a", "/nodes/new", "/status", "/admin/policy"] {
        let page = plane.page(&plane.admin, path).await;
        for inline in [" style=\"", "<style", " onclick=", " onchange=", "<script>", "hx-on"] {
            assert!(!page.contains(inline), "{inline} in {path}");
        }
        let forms = page.matches("<form ").count();
        assert!(
            page.matches("name=\"csrf_token\"").count()
                + page.matches("method=\"get\"").count()
                + page.matches("method=\"dialog\"").count()
                >= forms,
            "{path}"
        );
    }
}

#[tokio::test]
async fn each_role_has_its_lists() {
    let plane = Plane::new().await;
    let (learner, teacher) = (plane.account("ada", "learner").await, plane.account("tea", "teacher").await);
    for (token, scopes) in [
        (&learner, vec!["all", "mine", "pinned"]),
        (&teacher, vec!["class", "mine", "pinned"]),
        (&plane.admin, vec!["all", "class", "mine", "pinned"]),
    ] {
        let page = plane.page(token, "/lab").await;
        let offered: Vec<_> =
            page.match_indices("href=\"/lab?scope=").map(|(at, found)| &page[at + found.len()..]).collect();
        let offered: Vec<_> = offered.into_iter().map(|rest| &rest[..rest.find('"').unwrap()]).collect();
        assert_eq!(offered, scopes);
    }
}

#[tokio::test]
async fn a_batch_is_asked_for_watched_and_deleted() {
    let plane = Plane::new().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let (ada, bob) = (plane.account("ada", "learner").await, plane.account("bob", "learner").await);
    let empty = plane.page(&ada, "/lab/batches").await;
    assert!(empty.contains("The same many times over") && !element(&empty, "empty").contains("hidden"));
    let form = "tool=ping&destination=192.0.2.1&name=three&many=destinations&destinations=";
    let wrong = plane.form(&ada, "/lab/new", &format!("{form}192.0.2.2%0A127.0.0.1")).await;
    assert_eq!(wrong.status, 400);
    assert!(element(&wrong.text(), "f-destinations").contains("aria-invalid"), "{}", wrong.text());
    assert!(element(&wrong.text(), "f-destination").find("aria-invalid").is_none());
    let wrong = plane.form(&ada, "/lab/new", "tool=ping&destination=192.0.2.1&many=times&times=0").await.text();
    assert!(element(&wrong, "f-times").contains("aria-invalid"), "{wrong}");
    assert!(text_of(&wrong, "error-times").contains("1 to 100,000"), "{}", text_of(&wrong, "error-times"));
    assert_eq!(plane.count("lab_batch").await, 0);
    let form = format!("{form}192.0.2.2%0A192.0.2.3");
    let check = plane.form(&ada, "/lab/check", &form).await.text();
    assert!(check.contains("amphi run --name three --each-line destinations.txt ping"), "{check}");
    // What can't be submitted is not gone through first.
    plane.policy(json!({ "account_elements_max": 3 })).await;
    let check = plane.form(&ada, "/lab/check", &format!("{form}%0A192.0.2.4")).await.text();
    assert!(!check.contains("amphi run"), "{check}");
    plane.policy(json!({})).await;
    let path = location(&plane.form(&ada, "/lab/new", &form).await).to_owned();
    let waiting = plane.page(&ada, &path).await;
    assert!(waiting.contains("0 of 3 over") && waiting.contains("/cancel\"") && !waiting.contains("/delete\""));
    assert_eq!(plane.get(&bob, &path).await.status, 404);
    assert_eq!(plane.get(&bob, &format!("{path}/part")).await.status, 404);
    assert_eq!(plane.form(&bob, &format!("{path}/delete"), "").await.status, 404);
    assert_eq!(location(&plane.form(&ada, &format!("{path}/delete"), "").await), path, "it is not over");
    for code in [0, 0, 1] {
        let start = agent.start().await;
        agent.started(&start).await;
        agent.exited(&start, code).await;
    }
    agent.is_idle().await;
    let part = plane.page(&ada, &format!("{path}/part")).await;
    assert!(
        part.contains("3 of 3 over") && part.contains("1 failed") && part.contains("three [3: 192.0.2.3]"),
        "{part}"
    );
    assert!(element(&part, "batch-failures").find("hidden").is_none());
    let id = path.rsplit('/').next().unwrap();
    assert_eq!(plane.get(&ada, "/lab?status=done").await.status, 400);
    assert!(!plane.page(&ada, "/lab?status=failed").await.contains("three ["));
    let failed = plane.page(&ada, &format!("/lab?batch={id}&status=failed")).await;
    assert!(failed.contains("three [3: 192.0.2.3]") && !failed.contains("three [2:") && failed.contains(&path));
    assert!(!plane.page(&ada, "/lab").await.contains("three ["), "elements are listed with their batch alone");
    let rows = plane.page(&ada, "/lab/batches/rows").await;
    assert!(rows.contains("3 of 3 over") && rows.contains(&format!("{path}/delete\"")));
    assert!(!plane.page(&bob, "/lab/batches/rows").await.contains(id));
    assert!(!plane.page(&ada, "/programs/batches/rows").await.contains(id), "it is of experiments");
    assert_eq!(location(&plane.form(&ada, &format!("{path}/delete"), "").await), "/lab/batches");
    assert_eq!(plane.get(&ada, &path).await.status, 404);
    let swept = async {
        while plane.count("lab_batch").await > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), swept).await.expect("the batch is still there");
    assert_eq!((plane.count("lab_job").await, plane.count("lab_output").await), (0, 0));
}
