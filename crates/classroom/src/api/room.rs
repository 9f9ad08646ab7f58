//! The REST API of rooms.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use portal::{ApiJson, ApiPath, ApiQuery, Caller, Listing, Problem, Problems};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Classroom;
use crate::model::room::{Entrance, Record, RoomId, RoomSettings};
use crate::queries::room::Whose;
use crate::service::ServiceError;
use crate::service::room::{RoomDraft, RoomView};

/// Rooms on a page where nobody says how many.
const PAGE: u32 = 50;

pub(super) fn router() -> OpenApiRouter<Classroom> {
    OpenApiRouter::new()
        .routes(routes!(room_list, room_create))
        .routes(routes!(room_get, room_change, room_delete))
        .routes(routes!(room_start))
        .routes(routes!(room_end))
        .routes(routes!(room_join))
        .routes(routes!(room_renew))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RoomQuery {
    /// Only rooms that you made.
    #[serde(default)]
    mine: bool,
    /// Items on a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// List the rooms that you may come to, newest first
///
/// Learners see the rooms of their tenant that take accounts, teachers all rooms of their tenant, operators all.
#[utoipa::path(get, path = "/api/v1/rooms", tag = "classrooms", params(RoomQuery),
    responses((status = 200, body = Listing<RoomView>), Problems))]
async fn room_list(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiQuery(query): ApiQuery<RoomQuery>,
) -> Result<Json<Listing<RoomView>>, Problem> {
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=200).contains(&limit) {
        return Err(Problem::bad_request("limit-invalid", "A page has 1 to 200 items.").field("limit"));
    }
    let whose = if query.mine { Whose::Of(caller.account.clone()) } else { Whose::Everybodys };
    let after = match &query.after {
        None => None,
        Some(text) => Some(RoomId::parse(text).ok_or(ServiceError::RoomUnknown)?),
    };
    let mut rooms = classroom.room_list(&caller, whose, after, i64::from(limit) + 1).await?;
    let is_more = rooms.len() > limit as usize;
    rooms.truncate(limit as usize);
    let next = rooms.last().filter(|_| is_more).map(|room| room.id.to_string());
    let items = rooms.iter().map(|room| classroom.room_view(&caller, room)).collect();
    Ok(Json(Listing { items, next }))
}

/// A room to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RoomCreate {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What is left out is off, or without a limit.
    #[serde(default)]
    settings: RoomSettings,
}

/// Make a room
#[utoipa::path(post, path = "/api/v1/rooms", tag = "classrooms", request_body = RoomCreate,
    responses((status = 201, body = RoomView), Problems))]
async fn room_create(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiJson(new): ApiJson<RoomCreate>,
) -> Result<(StatusCode, Json<RoomView>), Problem> {
    let draft = RoomDraft { name: new.name, settings: new.settings };
    let room = classroom.room_create(&caller, draft).await?;
    Ok((StatusCode::CREATED, Json(classroom.room_view(&caller, &room))))
}

/// Show a room and what goes on in it
#[utoipa::path(get, path = "/api/v1/rooms/{id}", tag = "classrooms", params(("id" = String, Path)),
    responses((status = 200, body = RoomView), Problems))]
async fn room_get(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<RoomView>, Problem> {
    let room = classroom.room_find(&caller, &id).await?;
    Ok(Json(classroom.room_view_fresh(&caller, &room).await?))
}

/// What is to be changed of a room; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RoomPatch {
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    settings: Option<RoomSettingsPatch>,
}

/// Settings that are to be changed; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RoomSettingsPatch {
    #[schema(max_length = 1000)]
    welcome: Option<String>,
    record: Option<Record>,
    lobby: Option<bool>,
    mute_on_start: Option<bool>,
    /// 0: no limit.
    #[schema(maximum = 1000)]
    people_max: Option<u32>,
    #[schema(maximum = 1440)]
    minutes: Option<u32>,
    entrance: Option<Entrance>,
    anyone_starts: Option<bool>,
}

impl RoomSettingsPatch {
    fn of(self, present: RoomSettings) -> RoomSettings {
        RoomSettings {
            welcome: self.welcome.unwrap_or(present.welcome),
            record: self.record.unwrap_or(present.record),
            lobby: self.lobby.unwrap_or(present.lobby),
            mute_on_start: self.mute_on_start.unwrap_or(present.mute_on_start),
            people_max: self.people_max.or(present.people_max),
            minutes: self.minutes.unwrap_or(present.minutes),
            entrance: self.entrance.unwrap_or(present.entrance),
            anyone_starts: self.anyone_starts.unwrap_or(present.anyone_starts),
        }
    }
}

/// Change a room; a meeting that is held keeps what it began with
#[utoipa::path(patch, path = "/api/v1/rooms/{id}", tag = "classrooms", params(("id" = String, Path)), request_body = RoomPatch,
    responses((status = 200, body = RoomView), Problems))]
async fn room_change(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
    ApiJson(patch): ApiJson<RoomPatch>,
) -> Result<Json<RoomView>, Problem> {
    let room = classroom.room_own(&caller, &id).await?;
    let draft = RoomDraft {
        name: patch.name.unwrap_or_else(|| room.name.clone()),
        settings: match patch.settings {
            Some(settings) => settings.of(room.settings.clone()),
            None => room.settings.clone(),
        },
    };
    let room = classroom.room_change(&caller, room, draft).await?;
    Ok(Json(classroom.room_view(&caller, &room)))
}

/// Delete a room; the meeting that is held in it is ended first
#[utoipa::path(delete, path = "/api/v1/rooms/{id}", tag = "classrooms", params(("id" = String, Path)),
    responses((status = 204), Problems))]
async fn room_delete(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    classroom.room_delete(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Begin a meeting in a room, or find the one that is held
#[utoipa::path(post, path = "/api/v1/rooms/{id}/start", tag = "classrooms", params(("id" = String, Path)),
    responses((status = 200, body = RoomView), Problems))]
async fn room_start(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<RoomView>, Problem> {
    let room = classroom.room_find(&caller, &id).await?;
    classroom.room_start(&room, Some(&caller)).await?;
    Ok(Json(classroom.room_view(&caller, &room)))
}

/// End the meeting that is held in a room
#[utoipa::path(post, path = "/api/v1/rooms/{id}/end", tag = "classrooms", params(("id" = String, Path)),
    responses((status = 200, body = RoomView), Problems))]
async fn room_end(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<RoomView>, Problem> {
    let room = classroom.room_own(&caller, &id).await?;
    classroom.room_end(&caller, &room).await?;
    Ok(Json(classroom.room_view(&caller, &room)))
}

/// Where to go.
#[derive(Serialize, ToSchema)]
struct RoomEntry {
    /// An address on the conference server, for one person and for now.
    url: String,
}

/// Get the address by which you come into a room
///
/// Where no meeting is held one is begun, if you may. You are a moderator where you may change the room.
#[utoipa::path(post, path = "/api/v1/rooms/{id}/join", tag = "classrooms", params(("id" = String, Path)),
    responses((status = 200, body = RoomEntry), Problems))]
async fn room_join(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<RoomEntry>, Problem> {
    let room = classroom.room_find(&caller, &id).await?;
    Ok(Json(RoomEntry { url: classroom.room_join(&room, Some(&caller), ("", "")).await? }))
}

/// Renew a room's invitation; the link before leads nowhere from now on
#[utoipa::path(post, path = "/api/v1/rooms/{id}/renew", tag = "classrooms", params(("id" = String, Path)),
    responses((status = 200, body = RoomView), Problems))]
async fn room_renew(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<RoomView>, Problem> {
    let room = classroom.room_renew(&caller, &id).await?;
    Ok(Json(classroom.room_view(&caller, &room)))
}
