//! What Prometheus is told of servers and tenants. Every replica tells what it saw itself, so that any of them may be asked.

use placement::Health;

use crate::Classroom;

impl Classroom {
    /// Sets the gauges to what the last polls said.
    pub(crate) fn measure(&self) {
        for server in self.server_views() {
            let host = server.host;
            let is_up = server.health == Health::Up;
            metrics::gauge!("amphi_conference_server_up_ratio", "server" => host.clone())
                .set(f64::from(u8::from(is_up)));
            metrics::gauge!("amphi_conference_server_meeting_count", "server" => host.clone())
                .set(server.meetings as f64);
            metrics::gauge!("amphi_conference_server_user_count", "server" => host.clone())
                .set(f64::from(server.users));
            metrics::gauge!("amphi_conference_server_load_count", "server" => host).set(server.load);
        }
        let attendance = self.attendance_by_tenant();
        for entry in self.directory().entries().tenants() {
            let (meetings, users) = attendance.get(&entry.settings.tenant).copied().unwrap_or_default();
            let name = &entry.name;
            metrics::gauge!("amphi_conference_tenant_meeting_count", "tenant" => name.clone()).set(meetings as f64);
            metrics::gauge!("amphi_conference_tenant_user_count", "tenant" => name.clone()).set(f64::from(users));
        }
    }
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
    }
}
