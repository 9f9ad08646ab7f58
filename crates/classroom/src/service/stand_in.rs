//! Conference servers that stand in for real ones, made anew by the program at each start: `amphi up --demo`.

use db::{DbError, Write};
use placement::AdminState;
use portal::{Problem, Secret};

use super::{MOVED, SERVERS, ServiceError};
use crate::Classroom;
use crate::model::server::{Server, ServerId, ServerRefusal, WEIGHT_USUAL, secret_checked, url_checked};
use crate::queries::meeting::meetings_delete_on;
use crate::queries::server::{server_insert, server_list, server_update};

impl Classroom {
    /// Puts a server that has just been started under this id: one that was there under it keeps its state, tag and weight.
    /// The meetings it had ended with the process that held them, and are forgotten. Takes meetings when this returns.
    ///
    /// # Errors
    /// An id, an address or a secret that is none; another server has the address; the database's.
    pub async fn stand_in_put(&self, id: &str, url: &str, secret: &str) -> Result<(), Problem> {
        self.stand_in_write(id, url, secret_checked(secret).map_err(ServiceError::from)?).await.map_err(Problem::from)
    }

    async fn stand_in_write(&self, id: &str, url: &str, secret: Secret<String>) -> Result<(), ServiceError> {
        let id = ServerId::parse(id).ok_or_else(|| ServerRefusal::Id(id.to_owned()))?;
        let url = url_checked(url)?;
        let known = server_list(self.db(), &self.config().seal).await?.into_iter().find(|server| server.id == id);
        let seal = &self.config().seal;
        let step = match known {
            Some(known) => {
                let state = known.state;
                server_update(&Server { url, secret, ..known }, state, false, seal)
            }
            None => {
                let (tag, weight, state) = (String::new(), WEIGHT_USUAL, AdminState::Enabled);
                let created_ms = self.now_ms();
                server_insert(&Server { id: id.clone(), url, secret, tag, weight, state, created_ms }, seal)
            }
        };
        let mut write = Write::new().expect("server", step).event(SERVERS).event(MOVED);
        write.push_step(meetings_delete_on(&id));
        match self.db().write(write).await {
            Ok(_) => {}
            Err(DbError::Unmet { .. }) => return Err(ServiceError::ServerChanged),
            Err(DbError::Duplicate) => return Err(ServiceError::ServerTaken),
            Err(error) => return Err(error.into()),
        }
        self.servers_reload().await?;
        self.meetings_reload().await?;
        self.server_poll(&id).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use testkit::conference::{Conference, ConferencePlan};

    use crate::plane::Plane;
    use crate::service::server::ServerChange;

    #[tokio::test]
    async fn a_stand_in_that_began_anew_has_its_state_and_no_meetings() {
        let plane = Plane::new().await;
        let start = async || Conference::start(ConferencePlan::default()).await.unwrap();
        let first = start().await;
        plane.classroom.stand_in_put("rehearsal-a", &first.url(), first.secret()).await.unwrap();
        plane.api("create", "meetingID=algebra&name=Algebra").await.expect_text(200);
        assert_eq!(first.meetings().len(), 1);
        let admin = plane.caller(&plane.admin).await;
        let change = ServerChange { weight: Some(50), ..ServerChange::default() };
        plane.classroom.server_change(&admin, "rehearsal-a", change).await.unwrap();

        drop(first);
        let second = start().await;
        plane.classroom.stand_in_put("rehearsal-a", &second.url(), second.secret()).await.unwrap();
        let server = plane.classroom.server_find("rehearsal-a").unwrap().server;
        assert_eq!((server.url.clone(), server.weight), (second.url(), 50));
        assert_eq!(plane.count("classroom_meeting").await, 0);
        plane.api("create", "meetingID=algebra&name=Algebra").await.expect_text(200);
        assert_eq!(second.meetings().len(), 1);
        let twin = plane.classroom.stand_in_put("rehearsal-b", &second.url(), second.secret()).await;
        assert_eq!(twin.unwrap_err().code(), "conference-server-taken");
    }
}
