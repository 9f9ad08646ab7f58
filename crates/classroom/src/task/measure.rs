//! What Prometheus is told of servers and tenants. Every replica tells what it saw itself, so that any of them may be asked.

use std::collections::HashSet;

use placement::Health;

use crate::Classroom;

impl Classroom {
    /// Sets the gauges to what the last polls said.
    pub(crate) fn measure(&self) {
        let views = self.server_views();
        let mut told = HashSet::new();
        for server in &views {
            let is_up = f64::from(u8::from(server.health == Health::Up));
            server_gauges(&server.host, [is_up, server.meetings as f64, server.users.into(), server.load]);
        }
        told.extend(views.into_iter().map(|server| Measured::Server(server.host)));
        let attendance = self.attendance_by_tenant();
        for entry in self.directory().entries().tenants() {
            let (meetings, users) = attendance.get(&entry.settings.tenant).copied().unwrap_or_default();
            tenant_gauges(&entry.name, [meetings as f64, users.into()]);
            told.insert(Measured::Tenant(entry.name.clone()));
        }
        // The recorder forgets no gauge: of a server or a tenant that was removed it says so.
        for gone in self.measured_swap(told.clone()).difference(&told) {
            match gone {
                Measured::Server(host) => server_gauges(host, [f64::NAN; 4]),
                Measured::Tenant(name) => tenant_gauges(name, [f64::NAN; 2]),
            }
        }
    }
}

/// What Prometheus was told of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Measured {
    /// A server, by its host.
    Server(String),
    /// A tenant, by its name.
    Tenant(String),
}

/// Whether it is up, meetings, users, load.
fn server_gauges(host: &str, [is_up, meetings, users, load]: [f64; 4]) {
    let host = || host.to_owned();
    metrics::gauge!("amphi_conference_server_up_ratio", "server" => host()).set(is_up);
    metrics::gauge!("amphi_conference_server_meeting_count", "server" => host()).set(meetings);
    metrics::gauge!("amphi_conference_server_user_count", "server" => host()).set(users);
    metrics::gauge!("amphi_conference_server_load_count", "server" => host()).set(load);
}

/// Meetings, users.
fn tenant_gauges(name: &str, [meetings, users]: [f64; 2]) {
    let name = || name.to_owned();
    metrics::gauge!("amphi_conference_tenant_meeting_count", "tenant" => name()).set(meetings);
    metrics::gauge!("amphi_conference_tenant_user_count", "tenant" => name()).set(users);
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use testkit::conference::{Conference, ConferencePlan};

    use crate::plane::Plane;

    #[tokio::test]
    async fn servers_and_tenants_are_measured() {
        let plane = Plane::new().await;
        let conference = Conference::start(ConferencePlan::default()).await.unwrap();
        let new = json!({ "url": conference.url(), "secret": conference.secret() });
        let host = plane.post(&plane.admin, "/api/v1/conference/servers", new).await.expect(201)["host"].clone();
        assert!(plane.api("create", "meetingID=m-1&name=Algebra").await.expect_text(200).contains("SUCCESS"));
        (0..3).for_each(|_| drop(conference.attend("m-1", "Ada", false, false, false)));
        plane.classroom.servers_poll().await.unwrap();
        plane.classroom.measure();
        let told = plane.get(&plane.admin, "/metrics").await.expect_text(200);
        let tenant = plane.first().name.clone();
        for line in [
            format!("amphi_conference_server_up_ratio{{server={host}}} 1"),
            format!("amphi_conference_server_meeting_count{{server={host}}} 1"),
            format!("amphi_conference_server_user_count{{server={host}}} 3"),
            format!("amphi_conference_tenant_meeting_count{{tenant=\"{tenant}\"}} 1"),
            format!("amphi_conference_tenant_user_count{{tenant=\"{tenant}\"}} 3"),
        ] {
            assert!(told.lines().any(|told| told == line), "{line} is not in:\n{told}");
        }
        drop(conference);
        let id = plane.classroom.server_find(host.as_str().unwrap()).unwrap().server.id.clone();
        plane.post(&plane.admin, &format!("/api/v1/conference/servers/{id}/panic"), json!({})).await.expect(200);
        plane.call(&plane.admin, "DELETE", &format!("/api/v1/conference/servers/{id}"), json!(null)).await.expect(204);
        let law = plane.tenant("law").await;
        plane.classroom.measure();
        plane.delete(&plane.admin, &format!("/api/v1/tenants/{law}")).await.expect(204);
        plane.classroom.directory_reload().await.unwrap();
        plane.classroom.measure();
        let told = plane.get(&plane.admin, "/metrics").await.expect_text(200);
        for line in [
            format!("amphi_conference_server_up_ratio{{server={host}}} NaN"),
            "amphi_conference_tenant_user_count{tenant=\"law\"} NaN".to_owned(),
        ] {
            assert!(told.lines().any(|told| told == line), "{line} is not in:\n{told}");
        }
    }
}
